// Package stack says what should run: a Config resolved against a Release. It has no effects. Config and Release go in; Stack and
// diagnostics come out.
//
// One package because each feature of the config changes one stack in the making, and the features of both targets share the builder and
// its secrets.
package stack

import (
	"berth/catalogue"
	"berth/internal/diag"
)

// Stack is everything that should run.
type Stack struct {
	Name      string
	URL       string
	Release   string
	Target    catalogue.Target
	Instances []Instance // ordered by name
	Volumes   []string   // named volumes, ordered
	Secrets   []Secret   // that instances need, ordered by name
	Settings  Settings   // of the files that instances mount
	Cluster   *Cluster   // what only Kubernetes has; nil on Compose
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
	Image      string // reference by digest
	Hostname   string
	Command    []string
	CPUs       float64 // cores; 0: no limit
	Memory     int64   // bytes; 0: no limit
	Env        []EnvVar
	Ports      []string // "0.0.0.0:80:80"
	Expose     []string
	Mounts     []Mount // ordered by path
	Health     *catalogue.Health
	Probe      *catalogue.Probe // how berth checks readiness where there is no health check
	DependsOn  []Dependency     // ordered by name
	Restart    string
	StopGrace  string
	ShmSize    string
	Pid        string
	Privileged bool
	Devices    []string
	User       string
	Other      map[string]any // the other settings of the release's Compose file, by its key
	OneShot    bool           // runs to its end: the migrator
	Patches    []Patch        // the admin's own, in order
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
	Shipped bool // the release's value; only on Kubernetes, where it is in the release's object
}

// Part is a piece of a value: a text or a secret.
type Part struct {
	Text   string
	Secret string // name of a Secret
	JSON   bool   // the secret is inside a JSON string
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
	ReadOnly bool
}

// File is a file of the rendered project.
type File struct {
	Path    string
	Content []byte
	Reload  bool // the service that mounts it reloads it by itself; no restart is needed
}

// Patch is the admin's change to the rendered form of an instance.
type Patch struct {
	Compose map[string]any
	Reason  string
	Range   diag.Range
}
