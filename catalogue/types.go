package catalogue

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Target names where an installation runs.
type Target string

// The two targets. Some releases exist for one of them only.
const (
	Compose    Target = "compose"
	Kubernetes Target = "kubernetes"
)

// Shard in names and values stands for a shard's number.
const Shard = "{i}"

func containsIndex(text string) bool { return strings.Contains(text, Shard) }

// Release is one Sourcegraph version with everything that one target needs: services, images by digest, and the settings files that
// services mount.
type Release struct {
	Version string            // "7.5.4453"
	Minor   string            // "7.5"
	Tags    map[Target]Tag    // where and when each target was tagged; a target without a tag can't run this release
	Images  map[string]string // by image name, for the target it was loaded for: "index.docker.io/sourcegraph/frontend:7.5.4453@sha256:…"
	// Services by name: the Compose name without its shard number ("gitserver", not "gitserver-0").
	Services map[string]Service
	// Kubernetes objects that belong to no service (storage class, connection test), by "Kind/name". Only loaded for Kubernetes.
	Objects map[string]any
	Files   Files
	// Overlays are the changes that Sourcegraph's override files make to services of the base file, by overlay ("jaeger") and service. Only
	// changed fields are set, and single variables of Env. Services that an overlay adds are among Services, with their Overlay set. The
	// default installation has neither. Only loaded for Compose.
	Overlays map[string]map[string]ComposeService
	// ObjectOverlays are the changes that an overlay makes to Kubernetes objects, by overlay and "Kind/name", as JSON merge patches. See
	// With. Only loaded for Kubernetes.
	ObjectOverlays map[string]map[string]any
	// Relations are the catalogue's that hold for the release. Catalogue.Release sets them.
	Relations *Relations `json:"-"`
}

// Tag is the source of one target's form of a release.
type Tag struct {
	Date   string `yaml:"date" json:"date"`     // of the tagged commit, yyyy-mm-dd
	Commit string `yaml:"commit" json:"commit"` // of the public repository
}

// Service is one part of Sourcegraph. What differs between targets is in the target's field.
type Service struct {
	Compose    *ComposeService    `json:",omitempty" yaml:"compose,omitempty"`    // nil: not part of a Compose installation
	Kubernetes *KubernetesService `json:",omitempty" yaml:"kubernetes,omitempty"` // nil: not part of a Kubernetes installation, or not loaded
}

// ComposeService is a service as in Sourcegraph's Compose file, with Compose's own escapes undone ("$$" is "$" here). "{i}" in a text is
// the shard's number, from 0.
type ComposeService struct {
	Image      string               `json:",omitempty" yaml:"image,omitempty"`     // a key of Release.Images
	Container  string               `json:",omitempty" yaml:"container,omitempty"` // container and Compose service name: "gitserver-{i}"
	Hostname   string               `json:",omitempty" yaml:"hostname,omitempty"`  // where it is set
	Command    []string             `json:",omitempty" yaml:"command,omitempty"`
	CPUs       string               `json:",omitempty" yaml:"cpus,omitempty"`   // limit, in cores: "0.5"
	Memory     string               `json:",omitempty" yaml:"memory,omitempty"` // limit, as Compose writes it: "500m", "8g"
	Env        map[string]Value     `json:",omitempty" yaml:"env,omitempty"`
	Ports      []string             `json:",omitempty" yaml:"ports,omitempty"`   // published: "0.0.0.0:80:80"
	Expose     []string             `json:",omitempty" yaml:"expose,omitempty"`  // documented, not published
	Volumes    map[string]Mount     `json:",omitempty" yaml:"volumes,omitempty"` // by path in the container
	Health     *Health              `json:",omitempty" yaml:"health,omitempty"`
	Probe      *Probe               `json:",omitempty" yaml:"probe,omitempty"`     // the Helm chart's probe of the same image, where the Compose file has no health check
	DependsOn  map[string]Condition `json:",omitempty" yaml:"dependsOn,omitempty"` // by service name (not container name)
	Restart    string               `json:",omitempty" yaml:"restart,omitempty"`
	StopGrace  string               `json:",omitempty" yaml:"stopGrace,omitempty"` // a duration: "120s"
	ShmSize    string               `json:",omitempty" yaml:"shmSize,omitempty"`
	Pid        string               `json:",omitempty" yaml:"pid,omitempty"`
	Privileged bool                 `json:",omitempty" yaml:"privileged,omitempty"`
	Devices    []string             `json:",omitempty" yaml:"devices,omitempty"`
	User       string               `json:",omitempty" yaml:"user,omitempty"`
	// Overlay is the override file of Sourcegraph's that adds the service ("executors", "jaeger", "embeddings"); "": every installation has
	// it.
	Overlay string `json:",omitempty" yaml:"overlay,omitempty"`
	// Other has the Compose keys that this type has no field for. They are rendered unchanged, so that a new release needs no new code.
	Other map[string]any `json:",omitempty" yaml:"other,omitempty"`
}

// Scalable reports whether the service can have several containers: Sourcegraph numbers those.
func (s *ComposeService) Scalable() bool { return containsIndex(s.Container) }

// SharesVolume reports whether two scalable services share a volume. A nil service shares none.
func (s *ComposeService) SharesVolume(other *ComposeService) bool {
	if s == nil || other == nil || !s.Scalable() || !other.Scalable() {
		return false
	}
	for _, m := range s.Volumes {
		for _, o := range other.Volumes {
			if m.Volume != "" && m.Volume == o.Volume {
				return true
			}
		}
	}
	return false
}

// HostPort is the port of the host that is published for a port of the service; 0 for none, and for a nil service.
func (s *ComposeService) HostPort(inside string) int {
	if s == nil {
		return 0
	}
	for _, p := range s.Ports {
		if parts := strings.Split(p, ":"); len(parts) >= 2 && parts[len(parts)-1] == inside {
			n, _ := strconv.Atoi(parts[len(parts)-2])
			return n
		}
	}
	return 0
}

// Condition is what a service waits for in another service before it starts.
type Condition string

// The conditions of the Compose specification.
const (
	Started   Condition = "service_started"
	Healthy   Condition = "service_healthy"
	Completed Condition = "service_completed_successfully"
)

// Value is an environment value: a text, or a list whose items may repeat for each shard of a service.
type Value struct {
	Text  string `json:",omitempty"`
	Items []Item `json:",omitempty"` // not nil: a list
	Join  string `json:",omitempty"` // between Items: a separator, or "json" for a JSON array of the items, which are JSON texts themselves
}

// Item is one item of a list.
type Item struct {
	Each string `json:",omitempty" yaml:"each,omitempty"` // a service: the item repeats for each of its shards, with "{i}" its number; "": once
	Text string `yaml:"text"`
}

// Mount is the source of a mounted path: exactly one of the three.
type Mount struct {
	Volume   string `json:",omitempty" yaml:"volume,omitempty"` // a named volume: "gitserver-{i}"
	File     string `json:",omitempty" yaml:"file,omitempty"`   // a file or folder of the rendered project: "caddy/builtins/http.Caddyfile", "prometheus"
	Host     string `json:",omitempty" yaml:"host,omitempty"`   // a path of the host
	ReadOnly bool   `json:",omitempty" yaml:"readOnly,omitempty"`
}

// Health is a container's health check in Sourcegraph's Compose file.
type Health struct {
	Shell       string   `json:",omitempty" yaml:"shell,omitempty"`    // run by a shell
	Exec        []string `json:",omitempty" yaml:"exec,omitempty"`     // run without a shell
	Interval    string   `json:",omitempty" yaml:"interval,omitempty"` // durations: "5s"
	Timeout     string   `json:",omitempty" yaml:"timeout,omitempty"`
	Retries     int      `json:",omitempty" yaml:"retries,omitempty"`
	StartPeriod string   `json:",omitempty" yaml:"startPeriod,omitempty"`
}

// Probe is a request that a ready service answers.
type Probe struct {
	Port int    `yaml:"port"`
	Path string `json:",omitempty" yaml:"path,omitempty"` // of an HTTP request; "": a TCP connection is enough
}

// KubernetesService is a service as Sourcegraph's Helm chart renders it with default values, or with the values of an overlay.
type KubernetesService struct {
	// Objects by "Kind/name". Images are written as "image:NAME", a key of Release.Images. The data of ConfigMaps and Secrets is parsed
	// where it has a format of its own: settings of a postgresql.conf as a map, YAML as YAML. Labels that name the release contain
	// "{version}", and the namespace is "{namespace}". Release.Object returns an object as berth applies it; Branch returns a part of it as
	// it is here.
	Objects map[string]any `json:",omitempty" yaml:"objects,omitempty"`
	// Container is the service's own container in its pods, as Workload finds it. It is set when a release is read.
	Container Container `json:",omitzero" yaml:"-"`
	// In is the service in whose pods this one runs, as an additional container; "" when it has pods of its own.
	In string `json:",omitempty" yaml:"in,omitempty"`
	// Overlay is the overlay that has the service ("jaeger", "executors"); "": every installation has it.
	Overlay string `json:",omitempty" yaml:"overlay,omitempty"`
}

// Container says which container of which Kubernetes object runs a service. The zero Container means none.
type Container struct {
	Object    string   // "Deployment/sourcegraph-frontend"
	Name      string   // "frontend"
	Init      bool     // it runs before the others
	Variables []string // the names of its environment, in order
	// Leads are the variables that lead to other services, by service.
	Leads map[string][]string `json:",omitempty"`
}

// Files are the facts of the settings files that services mount. Rendering writes the files from them.
type Files struct {
	// Postgres settings by database service: shared_buffers: 1GB.
	Postgres map[string]map[string]string `json:",omitempty" yaml:"postgres,omitempty"`
	// PrometheusTargets are the targets that Prometheus scrapes on Compose: job, and addresses ("gitserver-{i}:6060").
	PrometheusTargets []ScrapeJob `json:",omitempty" yaml:"prometheusTargets,omitempty"`
	// YAML files, parsed, by path in the project ("prometheus/prometheus.yml", "grafana/datasources/datasources.yaml",
	// "otel-collector/config.yaml", "prometheus/docker_rules.yml").
	YAML map[string]any `json:",omitempty" yaml:"yaml,omitempty"`
	// Caddyfiles by path in the project, as directives without comments, one entry for each line.
	Caddyfiles map[string][]string `json:",omitempty" yaml:"caddyfiles,omitempty"`
}

// ScrapeJob is one group of Prometheus targets.
type ScrapeJob struct {
	Job     string            `yaml:"job"`
	Labels  map[string]string `json:",omitempty" yaml:"labels,omitempty"` // further labels
	Targets []Item            `yaml:"targets"`
}

// PrometheusTargetsFile is the path of PrometheusTargets in the project.
const PrometheusTargetsFile = "prometheus/prometheus_targets.yml"

// Paths lists the files' paths in the project, ordered.
func (f *Files) Paths() []string {
	paths := []string{PrometheusTargetsFile}
	for service := range f.Postgres {
		paths = append(paths, service+"/conf/postgresql.conf")
	}
	paths = slices.AppendSeq(paths, maps.Keys(f.YAML))
	paths = slices.AppendSeq(paths, maps.Keys(f.Caddyfiles))
	slices.Sort(paths)
	return paths
}
