// Package config reads the site admin's one file, sourcegraph.yaml, a few lines of intent. Its input is a file; its output is a Config and
// all problems, each with its place. The structs here are the schema: the decoder, `berth explain`, the JSON Schema and the config
// reference are all made from them and from their tags:
//
//	yaml    the key
//	doc     what it means, in plain words; becomes the reference
//	needed  the file must have it
//	default the value without it; the release has all others
//	example a value that a reader can copy
//	enum    the values that it may have, separated by "|"
//	on      the only target that the key is for
//	min,max the bounds of a number
//	unit    what a quantity counts: cores or bytes
//	file    it names a file: certificates, private (a key), json (with comments), or text
//	names   the names that are allowed below the key
//	each    what the reference calls the names below the key
//
// Pointers and empty values mean "not set": the release's default is in force.
//
// One package because the structs, their decoder and their explanation read the same tags, and share the places of keys. The rules about
// values are in package check, the reference in package reference.
package config

import "berth/catalogue"

// Config is what the site admin wants.
type Config struct {
	On      catalogue.Target `yaml:"on" needed:"true" enum:"compose|kubernetes" doc:"Where Sourcegraph runs: a Docker Engine with Docker Compose, or a Kubernetes cluster." example:"compose"`
	Release string           `yaml:"release" doc:"The Sourcegraph release. Pin it, so that upgrades happen when you say so." default:"the newest for this target" example:"7.5.4453"`
	URL     string           `yaml:"url" needed:"true" doc:"The address that people use, with http:// or https://." example:"https://sourcegraph.example.com"`
	Name    string           `yaml:"name" doc:"The name of the installation: the Compose project or the Helm-style release. Change it only to run two on one machine." default:"sourcegraph" example:"sourcegraph"`
	Size    string           `yaml:"size" doc:"How many resources the services may use. demo: for a laptop, no limits." default:"as Sourcegraph ships them" enum:"demo" example:"demo"`

	TLS      TLS                `yaml:"tls" doc:"The certificate of the front page. Without it: plain HTTP, for a trial or behind your own load balancer."`
	Ports    Ports              `yaml:"ports" doc:"Ports of the host that are opened." on:"compose"`
	Services map[string]Service `yaml:"services" each:"SERVICE" doc:"Settings of single services, by the service's name (berth catalogue show RELEASE lists them)."`

	Databases     map[string]Database `yaml:"databases" each:"DATABASE" names:"pgsql|codeintel-db|codeinsights-db" doc:"The three Postgres databases by name: pgsql, codeintel-db, codeinsights-db. Tune the built-in ones, or use your own."`
	Redis         map[string]Redis    `yaml:"redis" each:"STORE" names:"redis-cache|redis-store" doc:"The two Redis stores by name: redis-cache, redis-store. Only to use your own."`
	ObjectStorage *ObjectStorage      `yaml:"objectStorage" doc:"An S3 or Google Cloud Storage bucket instead of the built-in blobstore."`

	Images                 Images      `yaml:"images" doc:"Where images come from. Without it: Docker Hub, as Sourcegraph publishes them."`
	CertificateAuthorities []string    `yaml:"certificateAuthorities" file:"certificates" doc:"Files with further certificate authorities (PEM) that Sourcegraph trusts, for code hosts with a private one." example:"[ca.pem]"`
	Proxy                  *Proxy      `yaml:"proxy" doc:"The HTTP proxy through which Sourcegraph reaches code hosts. Addresses inside the installation are excluded automatically."`
	Git                    Git         `yaml:"git" doc:"How gitserver reaches code hosts."`
	SiteConfig             *ConfigFile `yaml:"siteConfig" doc:"Sourcegraph's site configuration as a file. Without it, people edit it in Sourcegraph's own pages."`
	CodeHosts              *ConfigFile `yaml:"codeHosts" doc:"Sourcegraph's code host connections as a file."`
	Settings               *ConfigFile `yaml:"settings" doc:"Sourcegraph's global settings as a file."`
	License                *Secret     `yaml:"license" doc:"The license key. Needed above 10 users."`
	Executors              *Executors  `yaml:"executors" doc:"Runs batch changes and auto-indexing jobs on this installation."`
	Tracing                *Tracing    `yaml:"tracing" doc:"Where traces of requests go. Without it they are only logged."`
	Upgrades               *Upgrades   `yaml:"upgrades" doc:"What berth agent may upgrade automatically, when, and how. Without it, the agent only reports new releases."`

	Kubernetes *KubernetesOptions `yaml:"kubernetes" doc:"Settings that only Kubernetes has." on:"kubernetes"`
	Patches    []Patch            `yaml:"patches" each:"N" doc:"The escape hatch: your own changes to what berth renders, applied last, on every render. A patch that matches nothing is an error."`
}

// TLS is one of: nothing (plain HTTP), the admin's certificate, Let's Encrypt, or TLS by another program.
type TLS struct {
	Certificate string       `yaml:"certificate" file:"certificates" doc:"File with your certificate and its chain (PEM). Needs key." example:"tls/sourcegraph.pem"`
	Key         string       `yaml:"key" file:"private" doc:"File with the certificate's private key (PEM)." example:"tls/sourcegraph.key"`
	External    bool         `yaml:"external" doc:"Something in front of Sourcegraph, such as a load balancer, terminates TLS; Sourcegraph itself speaks HTTP."`
	LetsEncrypt *LetsEncrypt `yaml:"letsEncrypt" doc:"A certificate from Let's Encrypt, issued and renewed automatically. Ports 80 and 443 must be reachable from the internet." on:"compose"`
}

// LetsEncrypt requests a certificate by ACME.
type LetsEncrypt struct {
	Email   string `yaml:"email" doc:"Where Let's Encrypt writes when something is wrong." example:"ops@example.com"`
	Staging bool   `yaml:"staging" doc:"Use Let's Encrypt's test service first: its certificates are not trusted, but its limits are higher."`
}

// Ports are ports of the host.
type Ports struct {
	Bind       string `yaml:"bind" doc:"The host's address on which ports are opened, Prometheus' included. 0.0.0.0 is every address of the host." default:"0.0.0.0; 127.0.0.1 where url is of this machine, as http://localhost" example:"127.0.0.1"`
	HTTP       *int   `yaml:"http" min:"1" max:"65535" doc:"Port for HTTP." default:"80" example:"8080"`
	HTTPS      *int   `yaml:"https" min:"1" max:"65535" doc:"Port for HTTPS." default:"443" example:"8443"`
	Prometheus *int   `yaml:"prometheus" min:"0" max:"65535" doc:"Port for Prometheus, which has no password; 0 closes it." default:"as the release ships it: 9090" example:"0"`
	Grafana    *int   `yaml:"grafana" min:"0" max:"65535" doc:"Port for Grafana; 0 closes it." default:"as the release ships it: closed since 6.4" example:"3370"`
}

// Service has the settings that every service has.
type Service struct {
	Enabled       *bool            `yaml:"enabled" doc:"false leaves the service out. Only for services that Sourcegraph does not require."`
	Replicas      *int             `yaml:"replicas" min:"1" doc:"The number of instances. Volumes, addresses and scrape targets follow. Not for services with a single instance." example:"2"`
	CPU           Quantity         `yaml:"cpu" unit:"cores" doc:"The limit of processor cores: 4, 0.5 or 500m." example:"4"`
	Memory        Quantity         `yaml:"memory" unit:"bytes" doc:"The memory limit: 8Gi, 500Mi. G and M count in thousands, Gi and Mi in 1024s." example:"8Gi"`
	Storage       Quantity         `yaml:"storage" unit:"bytes" doc:"The size of its volume. On Compose a volume is a folder of the host, so this is checked against the disk, not enforced." example:"400Gi"`
	CPURequest    Quantity         `yaml:"cpuRequest" unit:"cores" doc:"The requested processor cores." on:"kubernetes" default:"as the release ships it, at most cpu" example:"2"`
	MemoryRequest Quantity         `yaml:"memoryRequest" unit:"bytes" doc:"The requested memory." on:"kubernetes" default:"as the release ships it, at most memory" example:"4Gi"`
	StorageClass  string           `yaml:"storageClass" doc:"The storage class of its volume." on:"kubernetes" default:"kubernetes.storageClass" example:"fast"`
	Pods          *Pods            `yaml:"pods" doc:"Where and how its pods run, over kubernetes.pods." on:"kubernetes"`
	Env           map[string]Value `yaml:"env" each:"NAME" doc:"Further environment variables, or other values for Sourcegraph's own. A value is a text, or {env: NAME} or {file: PATH} for a secret. berth refuses a text that looks like a secret; {public: TEXT} says that it is not one."`
}

// Value is a text or a secret.
type Value struct {
	Text   string
	Secret *Secret
	Public bool // the text looks like a secret but is none: {public: TEXT}
}

// forms are the keys of a Value that is no plain text.
type forms struct {
	Env    string `yaml:"env" doc:"The environment variable that holds the value when berth runs." example:"SOURCEGRAPH_TOKEN"`
	File   string `yaml:"file" doc:"The file that holds the value." example:"secrets/token.txt"`
	Public string `yaml:"public" doc:"A text that looks like a secret, and that anybody may see." example:"not-a-secret"`
}

// Quantity is an amount as Kubernetes writes it ("500m", "8Gi"); checked when read.
type Quantity string

// Secret says where a secret value is; the value itself is never in the config.
type Secret struct {
	Env  string `yaml:"env" doc:"The environment variable that holds the value when berth runs." example:"SOURCEGRAPH_LICENSE"`
	File string `yaml:"file" doc:"The file that holds the value." example:"secrets/license.txt"`
}

// Database tunes a built-in Postgres, or replaces it.
type Database struct {
	External *ExternalDatabase `yaml:"external" doc:"Your own Postgres. The built-in one then does not run."`
	Settings map[string]string `yaml:"settings" each:"SETTING" doc:"postgresql.conf settings of the built-in one, over Sourcegraph's own." example:"{shared_buffers: 4GB}"`
}

// Bundled are the databases' settings as if all of them were bundled.
func (c *Config) Bundled() map[string]Database {
	out := map[string]Database{}
	for name, d := range c.Databases {
		out[name] = Database{Settings: d.Settings}
	}
	return out
}

// ExternalDatabase is a Postgres outside the installation.
type ExternalDatabase struct {
	Host     string  `yaml:"host" doc:"Host name or address." example:"pg.example.com"`
	Port     *int    `yaml:"port" min:"1" max:"65535" doc:"The server's port." default:"5432" example:"5432"`
	User     string  `yaml:"user" doc:"The role. It owns the database." example:"sourcegraph"`
	Password *Secret `yaml:"password" doc:"The role's password."`
	Database string  `yaml:"database" doc:"The database's name. pgsql and codeintel-db must not share one." example:"sourcegraph"`
	SSLMode  string  `yaml:"sslmode" doc:"How the connection is encrypted (sslmode)." default:"require" enum:"disable|require|verify-ca|verify-full" example:"require"`
}

// Redis is a Redis outside the installation.
type Redis struct {
	External *Secret `yaml:"external" doc:"Where its address is, as host:port or redis:// or rediss:// URL; it may contain a password, so it is a secret."`
}

// ObjectStorage is a bucket outside the installation.
type ObjectStorage struct {
	Backend         string  `yaml:"backend" enum:"s3|gcs" doc:"s3 (and compatible stores) or gcs." example:"s3"`
	Bucket          string  `yaml:"bucket" doc:"The bucket's name." example:"sourcegraph-uploads"`
	Region          string  `yaml:"region" doc:"The region (s3)." example:"us-east-1"`
	Endpoint        string  `yaml:"endpoint" doc:"The store's address, for stores other than AWS." example:"https://minio.example.com"`
	AccessKeyID     *Secret `yaml:"accessKeyID" doc:"The access key (s3)."`
	SecretAccessKey *Secret `yaml:"secretAccessKey" doc:"The access key's secret (s3)."`
	InstanceRole    bool    `yaml:"instanceRole" doc:"Use the machine's own role instead of keys (s3 on AWS)."`
	Project         string  `yaml:"project" doc:"The project (gcs)."`
	Credentials     *Secret `yaml:"credentials" doc:"The service account's JSON (gcs)."`
	ManageBucket    bool    `yaml:"manageBucket" doc:"Let Sourcegraph create the bucket."`
}

// Images says where images come from.
type Images struct {
	Registry string `yaml:"registry" doc:"Your registry and folder with Sourcegraph's images." default:"index.docker.io/sourcegraph" example:"registry.example.com/sourcegraph"`
	Login    *Login `yaml:"login" doc:"The registry's login. Without it: the login of docker login on this host."`
}

// Login is a name and a password for a registry.
type Login struct {
	Username string  `yaml:"username" doc:"The user name." example:"robot"`
	Password *Secret `yaml:"password" doc:"The password or token."`
}

// Proxy is an outbound HTTP proxy.
type Proxy struct {
	HTTP  *Value   `yaml:"http" doc:"Proxy for http:// addresses. With a password: {env: NAME} or {file: PATH}." example:"http://proxy.example.com:3128"`
	HTTPS *Value   `yaml:"https" doc:"Proxy for https:// addresses. With a password: {env: NAME} or {file: PATH}." example:"{env: HTTPS_PROXY}"`
	None  []string `yaml:"none" doc:"Further hosts to reach directly." example:"[git.example.com]"`
}

// Git is what gitserver needs to reach code hosts.
type Git struct {
	SSHKey     *Secret `yaml:"sshKey" doc:"The private SSH key."`
	KnownHosts string  `yaml:"knownHosts" file:"text" doc:"File with the code hosts' SSH keys (known_hosts). Needed with sshKey." example:"known_hosts"`
	Config     string  `yaml:"config" file:"text" doc:"File with git's configuration (.gitconfig)." example:"gitconfig"`
	Netrc      *Secret `yaml:"netrc" doc:"Passwords for HTTP (.netrc)."`
}

// ConfigFile is one of Sourcegraph's own configuration files.
type ConfigFile struct {
	File       string `yaml:"file" file:"json" doc:"The file (JSON, comments allowed)." example:"site-config.json"`
	AllowEdits bool   `yaml:"allowEdits" doc:"Let people edit it in Sourcegraph's pages too. Such edits are lost when the service restarts."`
}

// Executors run jobs.
type Executors struct {
	Queues []string `yaml:"queues" enum:"batches|codeintel" doc:"What they work on." default:"[batches, codeintel]" example:"[batches]"`
}

// Tracing sends traces to another system.
type Tracing struct {
	Jaeger    bool   `yaml:"jaeger" doc:"Run Jaeger in the installation and show traces there."`
	Collector string `yaml:"collector" file:"text" doc:"File with an OpenTelemetry collector configuration, to send traces elsewhere." example:"otel.yaml"`
}

// Upgrades says what berth agent may do.
type Upgrades struct {
	Channel   string `yaml:"channel" doc:"Which releases to consider. stable: the newest in berth's catalogue for your target." default:"stable" enum:"stable" example:"stable"`
	Window    string `yaml:"window" doc:"When an upgrade may start: days, hours, and their time zone. Sun, Mon-Fri, Sat,Sun or daily; hours may pass midnight. An upgrade that started is finished, also after the window." example:"Sun 02:00-05:00 Europe/Berlin"`
	Automatic string `yaml:"automatic" doc:"What it upgrades automatically. patch: to later patches of your minor release. minor: also to the next minor release, one at a time. off: nothing. Every other upgrade waits for you." default:"off" enum:"patch|minor|off" example:"patch"`
	Hold      *bool  `yaml:"hold" doc:"Whether a proxy in front of the frontends holds requests while an upgrade without downtime replaces services with one instance. Set false if your load balancer follows pod changes slowly, or lets no request wait for a minute." on:"kubernetes" default:"true; false in a mesh" example:"false"`
}

// HoldsRequests reports whether requests are held while an upgrade restarts services with one instance. In a mesh they can't be: its proxies answer
// for services that don't run.
func (c *Config) HoldsRequests() bool {
	meshed := c.Kubernetes != nil && c.Kubernetes.Mesh != ""
	return c.On == catalogue.Kubernetes && !meshed && (c.Upgrades == nil || c.Upgrades.Hold == nil || *c.Upgrades.Hold)
}

// Patch changes what berth renders for one service.
type Patch struct {
	Service    string         `yaml:"service" doc:"The service to change." example:"cadvisor"`
	Reason     string         `yaml:"reason" doc:"The reason, for the next reader; plans show it." example:"our hosts have no /dev/kmsg"`
	Public     bool           `yaml:"public" doc:"The patch has a text that looks like a secret, and that anybody may see. Without it, berth refuses such a text."`
	Kind       string         `yaml:"kind" doc:"The kind of the object to change, if the service has several." default:"the one with the pods" on:"kubernetes" example:"Service"`
	Compose    map[string]any `yaml:"compose" doc:"Merged into the service of the Compose file: maps merge, lists and values replace, null removes." on:"compose" example:"{privileged: false}"`
	Kubernetes map[string]any `yaml:"kubernetes" doc:"Merged into the object: maps merge, lists of named items (containers, env, volumes, ports) merge by name, other lists and values replace, null removes." on:"kubernetes" example:"{spec: {template: {spec: {hostNetwork: true}}}}"`
}

// Title is a target's name for people.
func Title(t catalogue.Target) string {
	if t == catalogue.Compose {
		return "Docker Compose"
	}
	return "Kubernetes"
}
