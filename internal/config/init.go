package config

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"berth/catalogue"
)

// Certified says who provides the certificate of a new config's address.
type Certified string

// Who provides a certificate.
const (
	CertifiedByLetsEncrypt Certified = "letsencrypt" // the front proxy requests it
	CertifiedByFiles       Certified = "files"       // the admin has it and its key in files
	CertifiedBySecret      Certified = "secret"      // a Secret of the cluster has it
	CertifiedInFront       Certified = "front"       // a load balancer in front ends TLS
	NotCertified           Certified = "none"        // people use plain HTTP
)

// Answers are the choices for a new config.
type Answers struct {
	On               catalogue.Target
	Release          string
	URL              string
	Certified        Certified
	Email            string // for Let's Encrypt
	Certificate, Key string // files
	TLSSecret        string // on Kubernetes
	Size             string // "": the release's sizes
	Name             string // "": the default
	Context          string // on Kubernetes; "": the current one
	Namespace        string // on Kubernetes; "": the context's

	Services map[string]catalogue.Need // that need more than the release gives them
	For      string                    // what they need it for

	DatabaseHost string // of the admin's own Postgres, perhaps with a port; "": the bundled ones
	DatabaseUser string
}

// DatabasePassword is the variable that a new config takes the password of the admin's own databases from.
const DatabasePassword = "SOURCEGRAPH_DB_PASSWORD"

// SchemaFile is the file with the schema that a new config names for editors, below its folder.
const SchemaFile = ".berth/sourcegraph.schema.json"

// ownDatabases are the names of the databases on the admin's own server, by service. The first two must differ.
var ownDatabases = map[string]string{"pgsql": "sourcegraph", "codeintel-db": "codeintel", "codeinsights-db": "codeinsights"}

// Init writes a new config: a few lines, and comments about what most people do next.
func Init(a Answers) []byte {
	b := &page{}
	b.WriteString("# yaml-language-server: $schema=" + SchemaFile + "\n")
	b.WriteString("# What you want of Sourcegraph; everything else has Sourcegraph's default. See: berth explain, berth plan\n")
	b.line("target", string(a.On), "")
	b.line("release", scalar(a.Release), "upgrade with: berth upgrade")
	b.line("url", scalar(a.URL), "")
	if a.Name != "" {
		b.line("name", scalar(a.Name), "")
	}
	b.tls(a)
	if fields := b.cluster(a); fields != "" {
		comment := ""
		if a.Namespace != "" {
			comment = "the namespace is created if it does not exist"
		}
		b.line("kubernetes", "{"+fields+"}", comment)
	}
	if a.Size != "" {
		b.line("size", scalar(a.Size), "demo: for a laptop, no limits")
	}
	b.services(a)
	b.databases(a)
	return []byte(b.String())
}

// page is a config that is written.
type page struct{ strings.Builder }

func (b *page) line(key, value, comment string) {
	text := strings.TrimSuffix(key+": "+value, " ")
	if comment != "" {
		text = fmt.Sprintf("%-42s # %s", text, comment)
	}
	b.WriteString(text + "\n")
}

func (b *page) tls(a Answers) {
	switch a.Certified {
	case CertifiedByFiles:
		b.line("tls", fmt.Sprintf("{certificate: %s, key: %s}", scalar(a.Certificate), scalar(a.Key)), "")
	case CertifiedByLetsEncrypt:
		b.line("tls", fmt.Sprintf("{letsEncrypt: {email: %s}}", scalar(a.Email)), "")
	case CertifiedInFront:
		b.line("tls", "{external: true}", "the proxy in front terminates TLS")
	}
}

// cluster are the fields of the key kubernetes.
func (b *page) cluster(a Answers) string {
	if a.On != catalogue.Kubernetes {
		return ""
	}
	var fields []string
	if a.Context != "" {
		fields = append(fields, "context: "+scalar(a.Context))
	}
	if a.Namespace != "" {
		fields = append(fields, "namespace: "+scalar(a.Namespace))
	}
	if a.Certified == CertifiedBySecret {
		fields = append(fields, "ingress: {tlsSecret: "+scalar(a.TLSSecret)+"}")
	}
	return strings.Join(fields, ", ")
}

func (b *page) services(a Answers) {
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(a.Services)), func(name string) bool {
		return a.DatabaseHost != "" && ownDatabases[name] != "" // it does not run
	})
	if len(names) == 0 {
		return
	}
	b.line("services", "", a.For)
	for _, name := range names {
		b.line("  "+name, NeedText(a.Services[name]), "")
	}
}

// NeedText is what the services key says for a service's need.
func NeedText(n catalogue.Need) string {
	var fields []string
	for _, f := range []struct {
		key    string
		amount int
		unit   string
	}{{"replicas", n.Replicas, ""}, {"cpu", n.CPU, ""}, {"memory", n.Memory, "Gi"}, {"cpuRequest", n.CPURequest, ""}, {"memoryRequest", n.MemoryRequest, "Gi"}, {"storage", n.Storage, "Gi"}} {
		if f.amount > 0 {
			fields = append(fields, fmt.Sprintf("%s: %d%s", f.key, f.amount, f.unit))
		}
	}
	return "{" + strings.Join(fields, ", ") + "}"
}

func (b *page) databases(a Answers) {
	if a.DatabaseHost == "" {
		return
	}
	host, port, err := net.SplitHostPort(a.DatabaseHost)
	if err != nil {
		host = strings.Trim(a.DatabaseHost, "[]")
	}
	if port != "" {
		port = ", port: " + scalar(port)
	}
	b.line("databases", "", "they must exist; see docs/stores.md")
	for _, name := range slices.Sorted(maps.Keys(ownDatabases)) {
		b.line("  "+name, fmt.Sprintf("{external: {host: %s%s, user: %s, password: {env: %s}, database: %s}}", scalar(host), port, scalar(a.DatabaseUser), DatabasePassword,
			ownDatabases[name]), "")
	}
}

// plainForm is a text that YAML reads the same without quotes, also within braces; a URL has its colon before a slash.
var plainForm = lazy(`^[A-Za-z0-9./][A-Za-z0-9._/-]*(://[A-Za-z0-9._/-]*)?(:[0-9]+)?$`)

func scalar(text string) string {
	if reserved := slices.Contains([]string{"true", "false", "null"}, strings.ToLower(text)); !reserved && plainForm().MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}
