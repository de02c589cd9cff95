package catalogue

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Target names where an installation runs.
type Target string

// The two targets. A release may be had on one of them only.
const (
	Compose    Target = "compose"
	Kubernetes Target = "kubernetes"
)

// Shard stands in names and values for a shard's number.
const Shard = "{i}"

func containsIndex(text string) bool { return strings.Contains(text, Shard) }

// Release is one Sourcegraph version with everything that one target needs: its services, images by digest, and
// the settings files that its services mount.
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
	// Overlays is what Sourcegraph's override files change in services of the base file, by overlay ("jaeger") and service: only the
	// fields that are set, and of Env single variables. Services that an overlay adds are among Services, with their Overlay set. An
	// untouched installation has nothing of either. Only loaded for Compose.
	Overlays map[string]map[string]ComposeService
	// ObjectOverlays is what an overlay changes in Kubernetes objects, by overlay and "Kind/name", as JSON merge patches. See With. Only
	// loaded for Kubernetes.
	ObjectOverlays map[string]map[string]any
}

// Tag is where one target's form of a release comes from.
type Tag struct {
	Date   string `yaml:"date" json:"date"`     // of the tagged commit, yyyy-mm-dd
	Commit string `yaml:"commit" json:"commit"` // of the public repository
}

// Service is one part of Sourcegraph. It stands once; what differs between targets stands under it.
type Service struct {
	Compose    *ComposeService    `json:",omitempty" yaml:"compose,omitempty"`    // nil: not part of a Compose installation
	Kubernetes *KubernetesService `json:",omitempty" yaml:"kubernetes,omitempty"` // nil: not part of a Kubernetes installation, or not loaded
}

// ComposeService is a service as Sourcegraph's Compose file ships it, with Compose's own escapes undone ("$$" is "$" here). "{i}" in a
// text is the shard's number, from 0.
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
	Probe      *Probe               `json:",omitempty" yaml:"probe,omitempty"`     // what the Helm chart asks the same image, where the Compose file has no health check
	DependsOn  map[string]Condition `json:",omitempty" yaml:"dependsOn,omitempty"` // by service name (not container name)
	Restart    string               `json:",omitempty" yaml:"restart,omitempty"`
	StopGrace  string               `json:",omitempty" yaml:"stopGrace,omitempty"` // a duration: "120s"
	ShmSize    string               `json:",omitempty" yaml:"shmSize,omitempty"`
	Pid        string               `json:",omitempty" yaml:"pid,omitempty"`
	Privileged bool                 `json:",omitempty" yaml:"privileged,omitempty"`
	Devices    []string             `json:",omitempty" yaml:"devices,omitempty"`
	User       string               `json:",omitempty" yaml:"user,omitempty"`
	// Overlay is the override file of Sourcegraph's that adds the service ("executors", "jaeger", "embeddings"); "": every
	// installation has it.
	Overlay string `json:",omitempty" yaml:"overlay,omitempty"`
	// Other holds what the Compose file sets and this type has no field for, by its Compose key. It is rendered as it is, so that a
	// new release needs no new code.
	Other map[string]any `json:",omitempty" yaml:"other,omitempty"`
}

// Scalable reports whether more than one container of the service can run: Sourcegraph numbers those.
func (s *ComposeService) Scalable() bool { return containsIndex(s.Container) }

// SharesVolume reports whether two services of which more than one container can run have a volume in common. One that is not there shares none.
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

// HostPort is the host's port that is opened for a port inside the service; 0 for none, and where there is no service.
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

// Condition is what a service waits for in another one before it starts.
type Condition string

// The conditions of the Compose specification.
const (
	Started   Condition = "service_started"
	Healthy   Condition = "service_healthy"
	Completed Condition = "service_completed_successfully"
)

// Value is an environment value: a text, or a list whose items may stand once for each shard of a service.
type Value struct {
	Text  string `json:",omitempty"`
	Items []Item `json:",omitempty"` // not nil: a list
	Join  string `json:",omitempty"` // between Items: a separator, or "json" for a JSON array of the items, which are JSON texts themselves
}

// Item is one item of a list.
type Item struct {
	Each string `json:",omitempty" yaml:"each,omitempty"` // a service: the item stands once for each of its shards, with "{i}" its number; "" : once
	Text string `yaml:"text"`
}

// Mount is what is mounted at a path: exactly one of the three.
type Mount struct {
	Volume   string `json:",omitempty" yaml:"volume,omitempty"` // a named volume: "gitserver-{i}"
	File     string `json:",omitempty" yaml:"file,omitempty"`   // a file or folder of the rendered project: "caddy/builtins/http.Caddyfile", "prometheus"
	Host     string `json:",omitempty" yaml:"host,omitempty"`   // a path of the host
	ReadOnly bool   `json:",omitempty" yaml:"readOnly,omitempty"`
}

// Health is a container's health check, as Sourcegraph ships it.
type Health struct {
	Shell       string   `json:",omitempty" yaml:"shell,omitempty"`    // run by a shell
	Exec        []string `json:",omitempty" yaml:"exec,omitempty"`     // run as it is
	Interval    string   `json:",omitempty" yaml:"interval,omitempty"` // durations: "5s"
	Timeout     string   `json:",omitempty" yaml:"timeout,omitempty"`
	Retries     int      `json:",omitempty" yaml:"retries,omitempty"`
	StartPeriod string   `json:",omitempty" yaml:"startPeriod,omitempty"`
}

// Probe is a request that a service answers when it is ready.
type Probe struct {
	Port int    `yaml:"port"`
	Path string `json:",omitempty" yaml:"path,omitempty"` // of an HTTP request; "": a TCP connection is enough
}

// KubernetesService is a service as Sourcegraph's Helm chart renders it with default values, or with those that an overlay stands for.
type KubernetesService struct {
	// Objects by "Kind/name". Images stand as "image:NAME", a key of Release.Images. The data of ConfigMaps and Secrets is parsed
	// where it has a format of its own: settings of a postgresql.conf as a map, YAML as YAML. Labels that name the release hold
	// "{version}", and the namespace is "{namespace}". Release.Object gives one as it is applied, Branch one as it is here.
	Objects map[string]any `json:",omitempty" yaml:"objects,omitempty"`
	// Container is the service's own among the containers of its pods, as Workload finds it; it is worked out when a release is read.
	Container Container `json:",omitzero" yaml:"-"`
	// In is the service in whose pods this one runs, as a container of its own; "" when it has pods of its own.
	In string `json:",omitempty" yaml:"in,omitempty"`
	// Overlay is what has to be asked for ("jaeger", "executors"); "": every installation has the service.
	Overlay string `json:",omitempty" yaml:"overlay,omitempty"`
}

// Container is where a service's container stands in Kubernetes objects; the zero Container where it has none.
type Container struct {
	Object    string   // "Deployment/sourcegraph-frontend"
	Name      string   // "frontend"
	Init      bool     // it runs before the others
	Variables []string // the names of its environment, in order
}

// Files are the facts of the settings files that services mount. Rendering makes files of them.
type Files struct {
	// Postgres settings by database service: shared_buffers: 1GB.
	Postgres map[string]map[string]string `json:",omitempty" yaml:"postgres,omitempty"`
	// PrometheusTargets is what Compose scrapes: job, and addresses ("gitserver-{i}:6060").
	PrometheusTargets []ScrapeJob `json:",omitempty" yaml:"prometheusTargets,omitempty"`
	// YAML files, parsed, by path in the project ("prometheus/prometheus.yml", "grafana/datasources/datasources.yaml",
	// "otel-collector/config.yaml", "prometheus/docker_rules.yml").
	YAML map[string]any `json:",omitempty" yaml:"yaml,omitempty"`
	// Caddyfiles by path in the project, as directives without comments, one line an entry.
	Caddyfiles map[string][]string `json:",omitempty" yaml:"caddyfiles,omitempty"`
}

// ScrapeJob is one group of targets of Prometheus.
type ScrapeJob struct {
	Job     string            `yaml:"job"`
	Labels  map[string]string `json:",omitempty" yaml:"labels,omitempty"` // further labels
	Targets []Item            `yaml:"targets"`
}

// PrometheusTargetsFile is where PrometheusTargets stand in the project.
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
