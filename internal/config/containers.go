package config

import (
	"maps"
	"slices"
)

// Attributes can be said of all of Sourcegraph's services (allServices), of one (services.SERVICE), and of one instance
// (services.SERVICE.instances.N). Maps merge name by name, and the narrower place wins; mounts merge by their path in the container, networks
// add up, and dns, logging and timezone are replaced as a whole.
type Attributes struct {
	Env         map[string]Value  `yaml:"env" each:"NAME" doc:"Further environment variables, or other values for Sourcegraph's own. A value is a text, or {env: NAME} or {file: PATH} for a secret. On Kubernetes also {secretKey: {name, key}} and {configMapKey: {name, key}}. berth refuses a text that looks like a secret; {public: TEXT} says that it is not one." example:"{SRC_LOG_LEVEL: info}"`
	Labels      map[string]string `yaml:"labels" each:"LABEL" doc:"Further labels: of the container on Compose, of the pods on Kubernetes." example:"{team: code-search}"`
	Annotations map[string]string `yaml:"annotations" each:"ANNOTATION" doc:"Further annotations of the pods." on:"kubernetes" example:"{prometheus.io/scrape: 'false'}"`
	ExtraHosts  map[string]string `yaml:"extraHosts" each:"HOST" doc:"Host names and their addresses, for names that no DNS server knows. On Compose, host-gateway is the address of the host." example:"{git.internal: 10.0.0.5}"`
	DNS         *DNS              `yaml:"dns" doc:"DNS servers and search domains, besides those that the engine or the cluster sets."`
	Mounts      []Mount           `yaml:"mounts" each:"N" doc:"Further files and folders in the container."`
	Timezone    string            `yaml:"timezone" doc:"The time zone of logs and schedules, as the variable TZ." example:"Europe/Berlin"`
	Sysctls     map[string]string `yaml:"sysctls" each:"SYSCTL" doc:"Kernel parameters of the container's network and IPC namespaces; on Kubernetes, of the pod." example:"{net.core.somaxconn: '1024'}"`
	Ulimits     map[string]Ulimit `yaml:"ulimits" each:"LIMIT" doc:"Limits of the container's processes. Kubernetes has none: there the container runtime of the node sets them." on:"compose" example:"{nofile: {soft: 65536}}"`
	Logging     *Logging          `yaml:"logging" doc:"Where the container's log goes, and how large it may become. On Kubernetes the nodes decide." on:"compose"`
	Networks    []string          `yaml:"networks" each:"N" doc:"Further networks that exist already, such as that of your reverse proxy. The container stays in Sourcegraph's own network." on:"compose" example:"[traefik]"`
}

// Apart are the attributes without those that lead out of an installation: a copy of it in another place has no use for labels by which others find
// it, others' networks, mounts of the host, and objects of the cluster.
func (a Attributes) Apart() Attributes {
	a.Labels, a.Annotations, a.Networks = nil, nil, nil
	a.Mounts = slices.DeleteFunc(slices.Clone(a.Mounts), func(m Mount) bool { return m.File == "" })
	a.Env = maps.Clone(a.Env)
	maps.DeleteFunc(a.Env, func(_ string, v Value) bool { return v.SecretKey != nil || v.ConfigMapKey != nil })
	return a
}

// DNS is where names are looked up.
type DNS struct {
	Servers []string `yaml:"servers" main:"yes" each:"N" doc:"Addresses of DNS servers." example:"[10.0.0.2]"`
	Search  []string `yaml:"search" each:"N" doc:"Domains that are tried after a short name." example:"[corp.example.com]"`
	Options []string `yaml:"options" each:"N" doc:"Options of the resolver, as in resolv.conf." example:"['ndots:2']"`
}

// Mount is a file or a folder in a container: at, and one of the others.
type Mount struct {
	At        string `yaml:"at" doc:"The path in the container." example:"/etc/ssl/corp"`
	Path      string `yaml:"path" doc:"A file or a folder of the host; on Kubernetes, of the node. It must exist." example:"/etc/ssl/corp"`
	Volume    string `yaml:"volume" doc:"A volume that exists; on Kubernetes, a PersistentVolumeClaim." example:"shared"`
	File      string `yaml:"file" file:"text" doc:"A text file beside this config. berth handles its content as a secret." example:"gitattributes"`
	Secret    string `yaml:"secret" doc:"A Secret of the namespace: a folder with a file for each key, or with key a single file." on:"kubernetes" example:"corp-tls"`
	ConfigMap string `yaml:"configMap" doc:"A ConfigMap of the namespace: a folder with a file for each key, or with key a single file." on:"kubernetes" example:"corp-settings"`
	Key       string `yaml:"key" doc:"The one key of the Secret or the ConfigMap that is mounted, as a file." on:"kubernetes" example:"tls.crt"`
	ReadOnly  bool   `yaml:"readOnly" doc:"The container can't write there. Files, Secrets and ConfigMaps are always read-only." example:"true"`
	SELinux   string `yaml:"selinux" enum:"z|Z" doc:"Relabel the path for SELinux: z for several containers, Z for this one alone." on:"compose" example:"Z"`
}

// Ulimit is a limit of processes.
type Ulimit struct {
	Soft *int `yaml:"soft" main:"yes" min:"-1" doc:"The limit in force. -1 is no limit." example:"65536"`
	Hard *int `yaml:"hard" min:"-1" doc:"The limit up to which a process may raise it." default:"as soft" example:"65536"`
}

// Logging is how Docker keeps a container's log.
type Logging struct {
	Driver  string            `yaml:"driver" main:"yes" doc:"Docker's logging driver." default:"the engine's own" example:"json-file"`
	Options map[string]string `yaml:"options" each:"OPTION" doc:"The driver's options." example:"{max-size: 10m, max-file: '3'}"`
}

// Instance has the settings of one of a service's containers.
type Instance struct {
	Attributes
	CPU    Quantity `yaml:"cpu" unit:"cores" doc:"The limit of processor cores of this instance." example:"8"`
	Memory Quantity `yaml:"memory" unit:"bytes" doc:"The memory limit of this instance." example:"16Gi"`
	Volume *Volume  `yaml:"volume" doc:"Where this instance's volume is."`
}

// Volume is where the data of a service is: one of path, nfs, driver and name. {i} in a text is the instance's number.
type Volume struct {
	Path      string            `yaml:"path" main:"yes" doc:"A folder of the host, for example on a second disk; on Kubernetes, of the node that nodeSelector or singleNode chooses. It must exist, and belong to the user of the image. {i} is the instance's number." example:"/mnt/repos"`
	NFS       *NFS              `yaml:"nfs" doc:"A folder of an NFS server. On Kubernetes berth creates a PersistentVolume for it."`
	Driver    string            `yaml:"driver" doc:"A volume driver of the engine. On Kubernetes, use storageClass." on:"compose" example:"local"`
	Options   map[string]string `yaml:"options" each:"OPTION" doc:"The driver's options." on:"compose" example:"{type: tmpfs, device: tmpfs}"`
	Name      string            `yaml:"name" doc:"A volume that exists (docker volume ls); on Kubernetes, a PersistentVolumeClaim of the namespace. {i} is the instance's number." example:"old-repos"`
	SELinux   string            `yaml:"selinux" enum:"z|Z" doc:"Relabel the path for SELinux: z for several containers, Z for this one alone." on:"compose" example:"Z"`
	HoldsData bool              `yaml:"holdsData" doc:"The data is there: you copied it. Without it, berth refuses to start a database or gitserver of an existing installation in another place." example:"true"`
}

// NFS is a folder of an NFS server.
type NFS struct {
	Server  string `yaml:"server" doc:"The server's name or address." example:"nfs.example.com"`
	Path    string `yaml:"path" doc:"The exported folder. {i} is the instance's number." example:"'/export/repos-{i}'"`
	Options string `yaml:"options" doc:"Mount options, with commas between them." example:"'nfsvers=4,hard'"`
}

// Network is the one network of an installation on Compose.
type Network struct {
	Subnet  string            `yaml:"subnet" main:"yes" doc:"Its range of addresses, where Docker's own choice is in use elsewhere." example:"10.213.0.0/24"`
	Options map[string]string `yaml:"options" each:"OPTION" doc:"Options of Docker's bridge driver." example:"{com.docker.network.driver.mtu: '1450'}"`
}

// KeyRef is a key of a Secret or a ConfigMap of the namespace.
type KeyRef struct {
	Name string `yaml:"name" doc:"The object's name." example:"code-host"`
	Key  string `yaml:"key" doc:"The key in it." example:"token"`
}
