// Package stack says what should run: a Config resolved against a Release. It has no effects. Config and Release go in; Stack and
// diagnostics come out.
//
// One package because each feature of the config changes one stack in the making, and the features of both targets share the builder and
// its secrets.
package stack

import (
	"berth/catalogue"
	"berth/internal/address"
	"berth/internal/config"
	"berth/internal/diag"
)

// Stack is everything that should run.
type Stack struct {
	Name      string
	Prefix    string          // of every container's name on Compose
	URL       string          // that people and links use
	Address   address.Address // the same in parts, with what is behind it
	Release   string
	Target    catalogue.Target
	Instances []Instance // ordered by name
	Volumes   []string   // named volumes, ordered
	// VolumeOptions has the volumes that are not simply made by the engine, by name.
	VolumeOptions map[string]VolumeOptions
	Network       *config.Network // how the installation's network differs from Docker's default; nil: in nothing
	Secrets       []Secret        // that instances need, ordered by name
	Settings      Settings        // of the files that instances mount
	// Databases are those that Sourcegraph uses, bundled or not, as in Databases().
	Databases []string
	// Fetched are the images in the admin's registry that Sourcegraph fetches by itself while it runs. Those without a tag get it from Sourcegraph.
	Fetched []string
	Cluster *Cluster // what only Kubernetes has; nil on Compose
	Patches []Patch  // the admin's own changes to what is rendered, in order
	Part    bool     // only a part runs, behind a front: a patch may have nothing to change here
}

// Settings are the facts of the files that instances mount; rendering writes the files from them.
type Settings struct {
	Postgres   map[string]map[string]string // settings by database service
	Scrape     []Scrape                     // what Prometheus scrapes
	YAML       map[string]any               // by path in the project
	Caddyfiles map[string][]string          // directive lines by path in the project
	Files      []File                       // the admin's own, ordered by path
}

// Scrape is one group of Prometheus targets.
type Scrape struct {
	Job     string
	Labels  map[string]string
	Targets []string
}

// Instance is one container: a service, or one shard of it. On Kubernetes it is a service's container, and has only the differences from
// the release.
type Instance struct {
	Name       string // container name: "gitserver-0"
	Service    string // "gitserver"
	Index      int
	Own        bool   // a container of the admin's own, beside Sourcegraph's
	Pool       string // of workers, that it is the worker of
	Image      string // reference by digest; of the admin's own as the config has it
	Hostname   string
	Entrypoint []string // in place of the image's own
	Command    []string
	Args       []string // further arguments, behind those of the release; only on Kubernetes, where these are in the release's object
	CPUs       float64  // cores; 0: no limit
	Memory     int64    // bytes; 0: no limit
	Env        []EnvVar
	Ports      []string // "0.0.0.0:80:80"
	Expose     []string
	Mounts     []Mount // ordered by path
	Health     *catalogue.Health
	Probe      *catalogue.Probe // how berth checks readiness where there is no health check
	DependsOn  []Dependency     // ordered by name
	Skips      []string         // instances of these that it does not wait for behind the front that the stack has
	Restart    string
	StopGrace  string
	ShmSize    string
	Pid        string
	Privileged bool
	Devices    []string
	User       string
	Other      map[string]any // the other settings of the release's Compose file, by its key
	OneShot    bool           // runs to its end: the migrator
	// Attributes are what the config says of the container, merged; its variables and mounts are in Env and Mounts.
	Attributes config.Attributes
	// Before and After are the services, and other containers of the admin's own, that start after and before one of those.
	Before, After []string
	Storage       config.Quantity // of each volume of a container of the admin's own; only on Kubernetes
	Serves        bool            // it starts before the others in its pod; only of sidecars
	// Origins are the lines of the config that changed this instance, for plans: "memory 8g -> 16Gi".
	Origins []Origin
}

// Origin is one line of the config and what it changed.
type Origin struct {
	Text  string
	Range diag.Range
}

// EnvVar is a variable whose value may have secrets.
type EnvVar struct {
	Name    string
	Value   []Part
	Shipped bool   // the release's value; only on Kubernetes, where it is in the release's object
	Field   string // the value is a field of the pod, such as status.hostIP; only on Kubernetes
}

// Part is a piece of a value: a text, a secret, or on Kubernetes another variable.
type Part struct {
	Text     string
	Secret   string // name of a Secret
	JSON     bool   // the secret is inside a JSON string
	Basic    string // the user whose password the secret is: the value is both in the form of HTTP's basic authentication
	From, To int    // of a secret, only these bytes; To 0: all
	Variable string // of the same container, or of those that Kubernetes gives every container
	Object   string // "Secret/code-host" or "ConfigMap/corp", of the cluster: its Key is the whole value
	Key      string
}

// Secret is a value that berth generates once for the installation, that the admin keeps elsewhere, or that consists of texts and other
// secrets: exactly one of the three.
type Secret struct {
	Name      string     // "pgsql-password"; also names the variable of the .env file
	Env, File string     // where the admin keeps it: a variable or a file; both "" and no Parts: generated, letters and digits only
	Parts     []Part     // a value that consists of texts and other secrets, such as a settings file with a key in it
	Range     diag.Range // the config's line that asks for it
}

// Dependency is another instance that must first reach a condition.
type Dependency struct {
	Name      string
	Condition catalogue.Condition
}

// Mount is a volume, project file, host path, or secret at a path.
type Mount struct {
	Path     string
	Volume   string
	File     string // path in the rendered project
	Host     string
	Secret   string // name of a Secret that becomes a file
	Object   string // "Secret/corp", "ConfigMap/corp" or "PersistentVolumeClaim/shared", of the cluster
	Key      string // the one key of Object that is mounted
	ReadOnly bool
	Strict   bool   // the host path must exist; Docker makes others
	SELinux  string // "z" or "Z": how the host path is relabelled
	// Data is the release's name for the volume, where it has one there, wherever the config puts it; "" for other mounts. HoldsData: the admin
	// says that the data is there already.
	Data      string
	HoldsData bool
}

// VolumeOptions say how a named volume is made. Existing is the engine's name of one that is not made at all.
type VolumeOptions struct {
	Existing string
	Driver   string
	Options  map[string]string
}

// File is a file of the rendered project.
type File struct {
	Path    string
	Content []byte
	Reload  bool // the service that mounts it reloads it by itself; no restart is needed
}

// Patch is one change of the admin's to what is rendered.
type Patch struct {
	Service string         // a service, one instance of it, or config.AllServices; "" for the top level of the Compose file
	Kind    string         // of the object; "": the one with the pods
	Change  map[string]any // in the target's form
	Add     bool           // it may add what the release does not have
	Reason  string
	At      func(keys ...string) diag.Range // the place of a key in it, or of the closest key above that is set; of the patch without keys
}

// Names reports whether a patch is for a service or its instance.
func (p Patch) Names(service, instance string) bool {
	return p.Service != "" && (p.Service == service || p.Service == instance || p.Service == config.AllServices)
}
