// Package config reads the site admin's one file, sourcegraph.yaml, a few lines of intent. Its input is a file; its output is a Config and
// all problems, each with its place. The structs here are the schema: the decoder, `berth explain`, the JSON Schema and the config
// reference are all made from them and from their tags:
//
//	yaml    the key
//	also    its older name, which files may still have
//	doc     what it means, in plain words; becomes the reference
//	needed  the file must have it
//	default the value without it; the release has all others
//	example a value that a reader can copy
//	enum    the values that it may have, separated by "|"
//	on      the only target that the key is for
//	min,max the bounds of a number
//	unit    what a quantity counts: cores or bytes
//	pattern the form of a text, for editors; the decoder says more
//	file    it names a file: certificates, private (a key), json (with comments), or text
//	names   the names that are allowed below the key
//	each    what the reference calls the names below the key
//
// Pointers and empty values mean "not set": the release's default is in force.
//
// One package because the structs, their decoder and their explanation read the same tags, and share the places of keys. The rules about
// values are in package check, the reference in package reference.
package config

import (
	"net/netip"
	"time"

	"berth/catalogue"
)

// Config is what the site admin wants.
type Config struct {
	On      catalogue.Target `yaml:"target" also:"on" needed:"true" enum:"compose|kubernetes" doc:"Where Sourcegraph runs: a Docker Engine with Docker Compose, or a Kubernetes cluster." example:"compose"`
	Release string           `yaml:"release" doc:"The Sourcegraph release. Pin it, so that you decide when to upgrade." default:"the newest for this target" example:"7.5.4453"`
	URL     string           `yaml:"url" needed:"true" pattern:"^https?://[^\\s/]+" doc:"The address that people use, with http:// or https://." example:"https://sourcegraph.example.com"`
	Name    string           `yaml:"name" doc:"The name of the installation: the Compose project or the Helm-style release. Change it only to run two on one machine." default:"sourcegraph" example:"sourcegraph-test"`
	// ContainerPrefix is a pointer because the empty text says something.
	ContainerPrefix *string `yaml:"containerPrefix" doc:"The prefix of all container names. berth adopt sets it to empty if containers keep their names from before berth." default:"nothing; where name is set, that and a hyphen" on:"compose" example:"sg-"`
	Size            string  `yaml:"size" doc:"How many resources the services may use. demo: for a laptop, no limits. xs to 3xl: what Sourcegraph's estimator says for so many people and repositories (docs/sizes.md); 2xl and 3xl are for clusters. Values of services win over it." default:"as Sourcegraph ships them" enum:"demo|xs|s|m|l|xl|2xl|3xl" example:"m"`

	TLS      TLS                `yaml:"tls" doc:"The certificate of the front page. Without it: plain HTTP, for a trial or behind your own load balancer."`
	Front    Front              `yaml:"front" doc:"The front proxy, besides url and tls: further host names, headers, and who may reach it."`
	Ports    Ports              `yaml:"ports" doc:"Ports of the host that are opened." on:"compose"`
	Network  *Network           `yaml:"network" doc:"Sourcegraph's network on this engine." on:"compose"`
	Services map[string]Service `yaml:"services" each:"SERVICE" doc:"Settings of single services, by the service's name (berth catalogue show RELEASE lists them)."`

	AllServices *Attributes           `yaml:"allServices" doc:"Settings for the containers of all services. services.SERVICE wins over it, and services.SERVICE.instances.N over both."`
	Containers  map[string]Container  `yaml:"containers" each:"NAME" doc:"Containers of your own beside Sourcegraph's, such as a proxy of a database or a tunnel. berth starts, shows and removes them with the rest."`
	Workers     map[string]WorkerPool `yaml:"workers" each:"POOL" doc:"Further deployments of the worker, each for some of its jobs, named worker-POOL."`

	Databases     map[string]Database `yaml:"databases" each:"DATABASE" names:"pgsql|codeintel-db|codeinsights-db" doc:"The three Postgres databases by name: pgsql, codeintel-db, codeinsights-db. Tune the bundled ones, or use your own."`
	Redis         map[string]Redis    `yaml:"redis" each:"STORE" names:"redis-cache|redis-store" doc:"The two Redis stores by name: redis-cache, redis-store. Only to use your own."`
	ObjectStorage *ObjectStorage      `yaml:"objectStorage" doc:"An S3 or Google Cloud Storage bucket instead of the bundled blobstore."`

	Images                 Images      `yaml:"images" doc:"Where images come from. Without it: Docker Hub, as Sourcegraph publishes them."`
	CertificateAuthorities []string    `yaml:"certificateAuthorities" file:"certificates" doc:"Files with further certificate authorities (PEM) that Sourcegraph trusts, for code hosts with a private one." example:"[ca.pem]"`
	Proxy                  *Proxy      `yaml:"proxy" doc:"The HTTP proxy through which Sourcegraph reaches code hosts. Addresses inside the installation are excluded automatically."`
	Git                    Git         `yaml:"git" doc:"How gitserver reaches code hosts."`
	SiteConfig             *ConfigFile `yaml:"siteConfig" doc:"Sourcegraph's site configuration as a file. Without it, people edit it in Sourcegraph's own pages."`
	CodeHosts              *ConfigFile `yaml:"codeHosts" doc:"Sourcegraph's code host connections as a file."`
	Settings               *ConfigFile `yaml:"settings" doc:"Sourcegraph's global settings as a file."`
	License                *Secret     `yaml:"license" doc:"The license key. Needed above 10 users." example:"{file: secrets/license.txt}"`
	Executors              *Executors  `yaml:"executors" doc:"Runs batch changes and auto-indexing jobs on this installation."`
	Tracing                *Tracing    `yaml:"tracing" doc:"Where traces of requests go. Without it they are only logged."`
	Doctor                 *Doctor     `yaml:"doctor" doc:"How berth doctor treats its findings."`
	Backup                 *Backup     `yaml:"backup" doc:"Where berth backup writes, who can read it, and which backups are kept."`
	Report                 *Report     `yaml:"report" doc:"What berth report says about this installation, and where it sends the report. Without it, nothing is sent anywhere."`
	Upgrades               *Upgrades   `yaml:"upgrades" doc:"What berth agent may upgrade automatically, when, and how. Without it, the agent only reports new releases."`

	Kubernetes *KubernetesOptions `yaml:"kubernetes" doc:"Settings that only Kubernetes has." on:"kubernetes"`
	Patches    []Patch            `yaml:"patches" each:"N" doc:"The escape hatch: your own changes to what berth renders, applied last, on every render. A patch that matches nothing is an error."`
}

// TLS is one of: nothing (plain HTTP), the admin's certificate, Let's Encrypt, or TLS by another program.
type TLS struct {
	Certificate string       `yaml:"certificate" file:"certificates" doc:"File with your certificate and its chain (PEM). Needs key." example:"tls/sourcegraph.pem"`
	Key         string       `yaml:"key" file:"private" doc:"File with the certificate's private key (PEM)." example:"tls/sourcegraph.key"`
	External    bool         `yaml:"external" doc:"A proxy in front of Sourcegraph, such as a load balancer, terminates TLS; Sourcegraph itself speaks HTTP." example:"true"`
	LetsEncrypt *LetsEncrypt `yaml:"letsEncrypt" doc:"A certificate from Let's Encrypt, issued and renewed automatically. Ports 80 and 443 must be reachable from the internet." on:"compose"`
}

// LetsEncrypt requests a certificate by ACME.
type LetsEncrypt struct {
	Email   string `yaml:"email" main:"yes" doc:"Where Let's Encrypt writes when something is wrong." example:"ops@example.com"`
	Staging bool   `yaml:"staging" doc:"Use Let's Encrypt's test service first: its certificates are not trusted, but its limits are higher." example:"true"`
}

// Front is what answers people: the front proxy on Compose, the Ingress or the load balancer on Kubernetes.
type Front struct {
	Hosts   []string          `yaml:"hosts" doc:"Further host names that lead to this installation. Links and single sign-on use url. Your own certificate must have these names, too." example:"[code.example.com]"`
	Headers map[string]string `yaml:"headers" each:"HEADER" on:"compose" doc:"HTTP headers that every answer gets, such as security headers. On Kubernetes the Ingress controller sets them: docs/ingress.md." example:"{Strict-Transport-Security: max-age=31536000}"`
	Allow   []string          `yaml:"allow" doc:"The ranges of addresses that may reach Sourcegraph; others are refused. On Kubernetes for the controllers and load balancers that can do it: docs/ingress.md." default:"everybody" example:"[10.0.0.0/8]"`
}

// Set reports whether any of it is set.
func (f Front) Set() bool { return len(f.Hosts)+len(f.Headers)+len(f.Allow) > 0 }

// Ports are ports of the host.
type Ports struct {
	Bind       string `yaml:"bind" doc:"The host's address on which ports are opened, Prometheus' included. 0.0.0.0 is every address of the host." default:"0.0.0.0; 127.0.0.1 where url is of this machine, as http://localhost" example:"127.0.0.1"`
	HTTP       *int   `yaml:"http" min:"1" max:"65535" doc:"Port for HTTP." default:"that of an http:// url, else 80" example:"8080"`
	HTTPS      *int   `yaml:"https" min:"1" max:"65535" doc:"Port for HTTPS. It is open only where tls has a certificate, or requests one." default:"that of url, else 443" example:"8443"`
	Prometheus *int   `yaml:"prometheus" min:"0" max:"65535" doc:"Port for Prometheus, which has no password; 0 closes it." default:"as the release ships it: 9090" example:"0"`
	Grafana    *int   `yaml:"grafana" min:"0" max:"65535" doc:"Port for Grafana; 0 closes it." default:"as the release ships it: closed since 6.4" example:"3370"`
}

// Service has the settings that every service has.
type Service struct {
	Enabled       *bool              `yaml:"enabled" doc:"false leaves the service out. Only for services that Sourcegraph does not require." example:"false"`
	Replicas      *int               `yaml:"replicas" min:"1" doc:"The number of instances. Volumes, addresses and scrape targets follow. Not for services with a single instance." example:"2"`
	CPU           Quantity           `yaml:"cpu" unit:"cores" doc:"The limit of processor cores: 4, 0.5 or 500m." example:"8"`
	Memory        Quantity           `yaml:"memory" unit:"bytes" doc:"The memory limit: 8Gi, 500Mi. G and M count in thousands, Gi and Mi in 1024s." example:"16Gi"`
	Storage       Quantity           `yaml:"storage" unit:"bytes" doc:"The size of its volume. On Compose a volume is a folder of the host, so this is checked against the disk, not enforced." example:"400Gi"`
	CPURequest    Quantity           `yaml:"cpuRequest" unit:"cores" doc:"The requested processor cores." on:"kubernetes" default:"as the release ships it, at most cpu" example:"2"`
	MemoryRequest Quantity           `yaml:"memoryRequest" unit:"bytes" doc:"The requested memory." on:"kubernetes" default:"as the release ships it, at most memory" example:"4Gi"`
	StorageClass  string             `yaml:"storageClass" doc:"The storage class of its volume." on:"kubernetes" default:"kubernetes.storageClass" example:"fast"`
	Pods          *Pods              `yaml:"pods" doc:"Where and how its pods run, over kubernetes.pods." on:"kubernetes"`
	Sidecars      map[string]Sidecar `yaml:"sidecars" each:"NAME" doc:"Containers of your own in its pods. Most keys are as in containers.NAME; berth explain services.SERVICE.sidecars.NAME has all." on:"kubernetes"`
	Volume        *Volume            `yaml:"volume" doc:"Where its volume is: a folder, an NFS server, a driver's, or one that exists. Without it, the engine or the cluster creates one."`
	Attributes
	Instances map[string]Instance `yaml:"instances" each:"NUMBER" doc:"Settings of single instances, by number from 0: cpu, memory, volume, and all of allServices. On Kubernetes one template defines all pods of a service." on:"compose"`
}

// Value is a text or a secret.
type Value struct {
	Text         string
	Secret       *Secret
	Public       bool    // the text looks like a secret but is none: {public: TEXT}
	SecretKey    *KeyRef // in a Secret of the cluster
	ConfigMapKey *KeyRef // in a ConfigMap of the cluster
	PasswordOf   string  // one of Sourcegraph's databases, whose password it is
}

// Literal reports whether the value is in the file itself.
func (v *Value) Literal() bool {
	return v.Secret == nil && v.SecretKey == nil && v.ConfigMapKey == nil && v.PasswordOf == ""
}

// forms are the keys of a Value that is no plain text.
type forms struct {
	Env    string `yaml:"env" doc:"The environment variable that holds the value when berth runs." example:"SOURCEGRAPH_TOKEN"`
	File   string `yaml:"file" doc:"The file that holds the value." example:"secrets/token.txt"`
	Public string `yaml:"public" doc:"A text that looks like a secret, and that anybody may see." example:"not-a-secret"`

	SecretKey    *KeyRef `yaml:"secretKey" doc:"A key of a Secret that is in the namespace." on:"kubernetes" example:"{name: code-host, key: token}"`
	ConfigMapKey *KeyRef `yaml:"configMapKey" doc:"A key of a ConfigMap that is in the namespace." on:"kubernetes" example:"{name: corp, key: endpoint}"`
	PasswordOf   string  `yaml:"passwordOf" enum:"pgsql|codeintel-db|codeinsights-db" doc:"A database whose password is the value: the one that berth generated, or that of your external database." example:"pgsql"`
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
	External *ExternalDatabase `yaml:"external" doc:"Your own Postgres. The bundled one then does not run."`
	Password string            `yaml:"password" enum:"generated|shipped" doc:"The password of the bundled one. generated: a random one. shipped: as Sourcegraph's own Compose file has it, a well-known one or none, so everybody in the installation's network gets in: berth adopt writes it." default:"generated" on:"compose" example:"shipped"`
	Settings map[string]string `yaml:"settings" each:"SETTING" doc:"postgresql.conf settings of the bundled one, over Sourcegraph's own." example:"{work_mem: 32MB}"`
}

// Bundled are the databases' settings as if all of them were bundled.
func (c *Config) Bundled() map[string]Database {
	out := map[string]Database{}
	for name, d := range c.Databases {
		out[name] = Database{Password: d.Password, Settings: d.Settings}
	}
	return out
}

// ExternalDatabase is a Postgres outside the installation.
type ExternalDatabase struct {
	Host              string  `yaml:"host" main:"yes" doc:"Host name or address." example:"pg.example.com"`
	Port              *int    `yaml:"port" min:"1" max:"65535" doc:"The server's port." default:"5432" example:"6432"`
	User              string  `yaml:"user" doc:"The role. It owns the database." example:"sourcegraph"`
	Password          *Secret `yaml:"password" doc:"The role's password." example:"{env: PG_PASSWORD}"`
	Auth              string  `yaml:"auth" doc:"How Sourcegraph signs in. password: with the password, or with a client certificate. aws-iam: with the identity of its pods or its host at AWS, to RDS; then there is no password. It applies to all databases." default:"password" enum:"password|aws-iam" example:"aws-iam"`
	Database          string  `yaml:"database" doc:"The database's name. pgsql and codeintel-db must not share one." example:"sourcegraph"`
	SSLMode           string  `yaml:"sslmode" doc:"How the connection is encrypted (sslmode)." default:"require" enum:"disable|require|verify-ca|verify-full" example:"verify-full"`
	CA                string  `yaml:"ca" file:"certificates" doc:"File with the certificate authority of the server's certificate (PEM). Sourcegraph trusts those of all databases for each, and no others." example:"rds-ca.pem"`
	ClientCertificate string  `yaml:"clientCertificate" file:"certificates" doc:"File with a certificate to sign in with (PEM). Needs clientKey. Sourcegraph has one for all databases." example:"client.pem"`
	ClientKey         string  `yaml:"clientKey" file:"private" doc:"File with the private key of clientCertificate (PEM)." example:"client.key"`
}

// Beside reports a database that services reach through a container beside each of them, such as a proxy of a cloud. No task of berth reaches it.
func (d *ExternalDatabase) Beside() bool {
	address, err := netip.ParseAddr(d.Host)
	return err == nil && address.IsLoopback() || d.Host == "localhost"
}

// PasswordShipped is the password of a bundled database as Sourcegraph's own Compose file has it.
const PasswordShipped = "shipped"

// How Sourcegraph signs in to a store.
const (
	AuthPassword = "password"
	AuthAWSIAM   = "aws-iam"
	AuthKeys     = "keys"
	AuthIdentity = "identity"
)

// Redis is a Redis outside the installation.
type Redis struct {
	External *Value `yaml:"external" doc:"Its address, as host:port or redis:// or rediss:// URL. With a password: {env: NAME} or {file: PATH}." example:"redis.example.com:6379"`
	CA       string `yaml:"ca" file:"certificates" doc:"File with the certificate authority of the server's certificate (PEM), for a rediss:// URL. The services that use it trust it for other connections too." example:"redis-ca.pem"`
}

// ObjectStorage is a bucket outside the installation.
type ObjectStorage struct {
	Backend         string  `yaml:"backend" enum:"s3|gcs" doc:"s3 (and compatible stores) or gcs." example:"s3"`
	Bucket          string  `yaml:"bucket" doc:"The bucket's name." example:"sourcegraph-uploads"`
	Region          string  `yaml:"region" doc:"The region (s3)." example:"us-east-1"`
	Endpoint        string  `yaml:"endpoint" doc:"The store's address, for stores other than AWS." example:"https://minio.example.com"`
	Auth            string  `yaml:"auth" doc:"How Sourcegraph signs in. keys: accessKeyID and secretAccessKey, or credentials. identity: with the identity of its pods or its host in the cloud." default:"keys; identity where gcs has no credentials" enum:"keys|identity" example:"identity"`
	AccessKeyID     *Secret `yaml:"accessKeyID" doc:"The access key (s3)." example:"{env: AWS_ACCESS_KEY_ID}"`
	SecretAccessKey *Secret `yaml:"secretAccessKey" doc:"The access key's secret (s3)." example:"{env: AWS_SECRET_ACCESS_KEY}"`
	InstanceRole    bool    `yaml:"instanceRole" doc:"The older name of auth: identity (s3)." example:"true"`
	Project         string  `yaml:"project" doc:"The project (gcs)." example:"my-project"`
	Credentials     *Secret `yaml:"credentials" doc:"The service account's JSON (gcs)." example:"{file: gcs.json}"`
	CA              string  `yaml:"ca" file:"certificates" doc:"File with the certificate authority of the store's certificate (PEM). The services that use it trust it for other connections too." example:"minio-ca.pem"`
	ManageBucket    bool    `yaml:"manageBucket" doc:"Let Sourcegraph create the bucket." example:"true"`
}

// ByIdentity reports whether Sourcegraph signs in with its identity in the cloud.
func (o *ObjectStorage) ByIdentity() bool {
	return o.Auth == AuthIdentity || o.InstanceRole || o.Auth == "" && o.Backend == "gcs" && o.Credentials == nil
}

// Images says where images come from.
type Images struct {
	Registry string `yaml:"registry" main:"yes" doc:"Your registry and folder with Sourcegraph's images." default:"index.docker.io/sourcegraph" example:"registry.example.com/sourcegraph"`
	Login    *Login `yaml:"login" doc:"The registry's login. Without it: the login of docker login on this host."`
}

// Login is a name and a password for a registry.
type Login struct {
	Username string  `yaml:"username" doc:"The user name." example:"robot"`
	Password *Secret `yaml:"password" doc:"The password or token." example:"{env: REGISTRY_PASSWORD}"`
}

// Proxy is an outbound HTTP proxy.
type Proxy struct {
	HTTP  *Value   `yaml:"http" doc:"Proxy for http:// addresses. With a password: {env: NAME} or {file: PATH}." example:"http://proxy.example.com:3128"`
	HTTPS *Value   `yaml:"https" main:"yes" doc:"Proxy for https:// addresses. With a password: {env: NAME} or {file: PATH}." example:"{env: HTTPS_PROXY}"`
	None  []string `yaml:"none" doc:"Further hosts to reach directly." example:"[git.example.com]"`
}

// Git is what gitserver needs to reach code hosts.
type Git struct {
	SSHKey     *Secret `yaml:"sshKey" doc:"The private SSH key." example:"{file: id_ed25519}"`
	KnownHosts string  `yaml:"knownHosts" file:"text" doc:"File with the code hosts' SSH keys (known_hosts). Needed with sshKey." example:"known_hosts"`
	Config     string  `yaml:"config" file:"text" doc:"File with git's configuration (.gitconfig)." example:"gitconfig"`
	Netrc      *Secret `yaml:"netrc" doc:"Passwords for HTTP (.netrc)." example:"{file: netrc}"`
}

// ConfigFile is one of Sourcegraph's own configuration files.
type ConfigFile struct {
	File       string `yaml:"file" main:"yes" file:"json" doc:"The file (JSON, comments allowed)." example:"config.json"`
	AllowEdits bool   `yaml:"allowEdits" doc:"Let people edit it in Sourcegraph's pages too. Such edits are lost when the service restarts." example:"true"`
}

// Executors run jobs.
type Executors struct {
	Queues []string `yaml:"queues" main:"yes" enum:"batches|codeintel" doc:"What they work on." default:"[batches, codeintel]" example:"[batches]"`
	Token  *Secret  `yaml:"token" doc:"The token that executors sign in with, for your own executors outside the installation." default:"one that berth generates" example:"{env: EXECUTORS_TOKEN}"`
}

// Tracing sends traces to another system.
type Tracing struct {
	Jaeger    bool   `yaml:"jaeger" doc:"Run Jaeger in the installation and show traces there." example:"true"`
	Collector string `yaml:"collector" main:"yes" file:"text" doc:"File with an OpenTelemetry collector configuration, to send traces elsewhere." example:"otel.yaml"`
}

// Doctor says what berth doctor makes of its findings.
type Doctor struct {
	Mute []Mute `yaml:"mute" each:"N" doc:"Findings that you know about, and that do not count until a day. Findings that mean danger for data can't be muted."`
}

// Mute keeps a finding from counting until a day.
type Mute struct {
	Code    string `yaml:"code" needed:"true" pattern:"^BERTH[0-9]{4}$" doc:"The code of the finding, or of the check." example:"BERTH5053"`
	Subject string `yaml:"subject" doc:"The service or instance that it is about." default:"all" example:"gitserver"`
	Reason  string `yaml:"reason" needed:"true" doc:"Why it does not matter. It is shown with the finding." example:"this machine has no DNS"`
	Until   string `yaml:"until" needed:"true" pattern:"^[0-9]{4}-[0-9]{2}-[0-9]{2}$" doc:"The last day on which it does not count." example:"'2027-01-31'"`
}

// Ends is the first moment at which a mute does not count any more: its day ends in UTC.
func (m Mute) Ends() (time.Time, error) {
	day, err := time.Parse(time.DateOnly, m.Until)
	return day.AddDate(0, 0, 1), err
}

// Upgrades says what berth agent may do.
type Upgrades struct {
	Channel   string `yaml:"channel" doc:"Which releases to consider. stable: the newest in berth's catalogue for your target." default:"stable" enum:"stable" example:"stable"`
	Window    string `yaml:"window" main:"yes" pattern:"^\\S+ [0-9]{1,2}:[0-9]{2}-[0-9]{1,2}:[0-9]{2} \\S+$" doc:"When an upgrade may start: days, hours, and their time zone. Sun, Mon-Fri, Sat,Sun or daily; hours may pass midnight. An upgrade that started is finished, also after the window." example:"Sun 02:00-05:00 Europe/Berlin"`
	Automatic string `yaml:"automatic" doc:"What it upgrades automatically. patch: to later patches of your minor release. minor: also to the next minor release, one at a time. off: nothing. Every other upgrade waits for you." default:"off" enum:"patch|minor|off" example:"patch"`
	Hold      *bool  `yaml:"hold" doc:"Whether requests wait while services that exist once are replaced: in a cluster during upgrades without downtime, at a proxy in front of the frontends; with Docker Compose always, at Caddy. Set false if your load balancer follows pod changes slowly, or lets no request wait for a minute." default:"true; false in a mesh" example:"false"`
}

// HoldsRequests reports whether requests are held while services with one instance restart. In a mesh they can't be: its proxies answer for services
// that don't run.
func (c *Config) HoldsRequests() bool {
	meshed := c.Kubernetes != nil && c.Kubernetes.Mesh != ""
	return !meshed && (c.Upgrades == nil || c.Upgrades.Hold == nil || *c.Upgrades.Hold)
}

// Backup says where backups are kept.
type Backup struct {
	To         string    `yaml:"to" main:"yes" doc:"Where backups are written to: a folder of the host that berth runs on, or s3://BUCKET/PREFIX. A backup on this machine's disk is lost with the disk." example:"/mnt/backups/sourcegraph"`
	S3         *BackupS3 `yaml:"s3" doc:"The store of s3://BUCKET/PREFIX, where it is not AWS, and who signs in."`
	Recipients []string  `yaml:"recipients" doc:"Public keys of age, one for each who may read the backups; age-keygen makes them. Then this host can write backups, but not read them. Without any, backups are not encrypted, and secrets are left out of them." default:"not encrypted, without secrets" example:"[age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]"`
	Keep       *Keep     `yaml:"keep" doc:"Which backups are kept. The newest one and the last proven one always are." default:"all"`
}

// Report says what berth report tells, and whom.
type Report struct {
	To  string `yaml:"to" main:"yes" pattern:"^https?://[^\\s/]+" doc:"Where berth report --send sends the report: the address of the HQ server, with https://." example:"https://hq.example.com"`
	Use string `yaml:"use" doc:"What this installation is for: production, or a trial." default:"not said" enum:"production|trial" example:"production"`
}

// BackupS3 says how the store of backups is reached.
type BackupS3 struct {
	Endpoint        string  `yaml:"endpoint" doc:"The store's address, for stores other than AWS." example:"https://minio.example.com"`
	Region          string  `yaml:"region" doc:"The region." default:"us-east-1" example:"eu-central-1"`
	AccessKeyID     *Secret `yaml:"accessKeyID" doc:"The access key. It may write below the prefix, list and read; delete, if keep removes old backups." default:"the environment variables AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN" example:"{env: BACKUP_ACCESS_KEY_ID}"`
	SecretAccessKey *Secret `yaml:"secretAccessKey" doc:"The access key's secret." example:"{env: BACKUP_SECRET_ACCESS_KEY}"`
	CA              string  `yaml:"ca" file:"certificates" doc:"File with the certificate authority of the store's certificate (PEM)." example:"minio-ca.pem"`
}

// Keep says which backups are kept.
type Keep struct {
	Count *int `yaml:"count" min:"1" doc:"How many are kept: the newest ones." default:"all" example:"14"`
	Days  *int `yaml:"days" min:"1" doc:"How many days they are kept." default:"forever" example:"30"`
}

// Patch changes what berth renders for one service, or for all.
type Patch struct {
	Service    string         `yaml:"service" doc:"The service to change; or one instance of it, such as gitserver-1 (Compose); or all: every service." example:"cadvisor"`
	Reason     string         `yaml:"reason" doc:"The reason, for the next reader; plans show it." example:"our hosts have no /dev/kmsg"`
	Public     bool           `yaml:"public" doc:"The patch has a text that looks like a secret, and that anybody may see. Without it, berth refuses such a text." example:"true"`
	Add        bool           `yaml:"add" doc:"The patch adds what the release does not have: a container, a volume, a mount, a key of a Compose service. Without it, berth refuses such a patch, because the name may be misspelt. Variables, labels and ports need no add." example:"true"`
	Kind       string         `yaml:"kind" doc:"The kind of the object to change, if the service has several." default:"the one with the pods" on:"kubernetes" example:"Service"`
	Compose    map[string]any `yaml:"compose" doc:"Merged into the service of the Compose file as Compose merges override files: lists are added to; variables, labels and mounts merge by name. null removes, as !reset; !override replaces a whole list. {i} stands for the instance's number." on:"compose" example:"{privileged: false}"`
	Project    map[string]any `yaml:"project" doc:"Merged into the top level of the Compose file in the same way: networks, volumes, secrets, configs. Such a patch needs no service." on:"compose" example:"{networks: {sourcegraph: {driver_opts: {com.docker.network.driver.mtu: '1450'}}}}"`
	Kubernetes map[string]any `yaml:"kubernetes" doc:"Merged into the object as kubectl patch does: maps merge; lists of containers, variables, volumes and mounts merge by name and keep the patch's order; other lists and values replace. null removes, and so does $patch: delete in a list's item." on:"kubernetes" example:"{spec: {template: {spec: {hostNetwork: true}}}}"`
}

// AllServices is the name that stands for every service in a patch.
const AllServices = "all"

// Override is the key of a map whose one value replaces what a patch would merge into: !override of a Compose file. Reset is the value for
// !reset, which removes.
const (
	Override = "!override"
	Reset    = "!reset"
)

// Title is a target's name for people.
func Title(t catalogue.Target) string {
	if t == catalogue.Compose {
		return "Docker Compose"
	}
	return "Kubernetes"
}
