package proposal

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/support"
)

// piece is a part of the config that a requirement asks for.
type piece struct {
	subjects []string         // of the record, one of which the line names
	says     string           // a regular expression that the line has to match, too; "": none
	but      string           // one that it may not match
	target   catalogue.Target // "": both
	key      string           // of the config; "kubernetes" joins the fields of all its pieces
	value    func(q question) string
	asks     string // what the customer has to say or to provide; "": nothing
}

// question is a line of the list as the pieces see it.
type question struct {
	text string
	all  *Proposal
}

// is is a value that is always the same.
func is(value string) func(question) string { return func(question) string { return value } }

var (
	quoted  = regexp.MustCompile(`"([A-Za-z0-9.-]+)"`)
	weekly  = regexp.MustCompile(`(?i)(mon|tue|wed|thu|fri|sat|sun)\w*\s+(\d\d:\d\d)\s+(?:to|-|until)\s+(?:\w+\s+)?(\d\d:\d\d)`)
	sidecar = regexp.MustCompile(`(?i)linkerd`)
)

// pieces are all parts that a list can ask for. Of several with the same key the first one counts, but for kubernetes.
var pieces = []piece{
	{subjects: []string{"certificates"}, says: `(?i)let.?s encrypt|acme`, target: catalogue.Compose, key: "tls", value: is("{letsEncrypt: {email: ops@example.com}}"),
		asks: "Who gets the mails of Let's Encrypt (tls.letsEncrypt.email)? Ports 80 and 443 must be reachable from the internet."},
	{subjects: []string{"database-iam"}, key: "databases", value: databases("auth: aws-iam", "sourcegraph.abcdefghijkl.eu-central-1.rds.amazonaws.com"), asks: "Which endpoint has RDS (databases), and which role of IAM do pods or hosts have?"},
	{subjects: []string{"postgres", "managed-postgres"}, but: `(?i)bundled|built-in|share`, key: "databases", value: databases("password: {env: SOURCEGRAPH_DB_PASSWORD}", "postgres.example.com"),
		asks: "At which host is PostgreSQL (databases)? The three databases and their owner must exist, each with its extensions: `berth docs stores`. With a private authority, its certificate: `databases.DATABASE.external.ca`."},
	{subjects: []string{"redis"}, but: `(?i)sentinel|cluster`, key: "redis", value: is("{redis-cache: {external: {env: REDIS_CACHE_URL}}, redis-store: {external: {env: REDIS_STORE_URL}}}"),
		asks: "The addresses of the two Redis stores, with their passwords, in the variables REDIS_CACHE_URL and REDIS_STORE_URL (rediss:// with TLS)."},
	{subjects: []string{"s3"}, but: `(?i)no s3|azure blob`, key: "objectStorage", value: bucket, asks: "Which bucket, in which region, takes uploads (objectStorage)?"},
	{subjects: []string{"gcs"}, key: "objectStorage", value: is("{backend: gcs, bucket: sourcegraph-uploads, project: my-project, auth: identity}"), asks: "Which bucket of which project takes uploads (objectStorage)?"},
	{subjects: []string{"private-registry", "airgap"}, key: "images", value: is("{registry: registry.example.com/sourcegraph}"),
		asks: "At which address does the registry have Sourcegraph's images (images.registry)? `berth lock` records them."},
	{subjects: []string{"proxy"}, key: "proxy", value: is("{http: {env: PROXY_URL}, https: {env: PROXY_URL}}"), asks: "The address of the proxy, with its user and password, in the variable PROXY_URL."},
	{subjects: []string{"window", "upgrades"}, says: weekly.String(), key: "upgrades", value: window, asks: "In which time zone is the change window (upgrades.window)?"},
	{subjects: []string{"backup", "recovery"}, key: "backup", value: backups, asks: "Where do backups go (backup.to), and whose keys may read them (backup.recipients)?"},

	{subjects: []string{"openshift"}, target: catalogue.Kubernetes, key: "kubernetes", value: is("openshift: true")},
	{subjects: []string{"clusterless"}, target: catalogue.Kubernetes, key: "kubernetes", value: is("clusterScoped: false")},
	{subjects: []string{"pod-security"}, target: catalogue.Kubernetes, key: "kubernetes", value: is("podSecurity: restricted")},
	{subjects: []string{"network-policies"}, says: `(?i)polic|egress`, target: catalogue.Kubernetes, key: "kubernetes", value: is("networkPolicy: true")},
	{subjects: []string{"mesh"}, target: catalogue.Kubernetes, key: "kubernetes", value: func(q question) string {
		if sidecar.MatchString(q.text) {
			return "mesh: linkerd"
		}
		return "mesh: istio"
	}},
	{subjects: []string{"ssd"}, says: `(?i)storage class`, target: catalogue.Kubernetes, key: "kubernetes", value: func(q question) string {
		name := "encrypted"
		if m := quoted.FindStringSubmatch(q.text); m != nil {
			name = m[1]
		}
		return "storageClass: {name: " + name + "}"
	}},
	{subjects: []string{"ingress"}, says: `(?i)nginx`, target: catalogue.Kubernetes, key: "kubernetes", value: is("ingress: {class: nginx, tlsSecret: sourcegraph-tls}"), asks: "The Secret sourcegraph-tls with the certificate, in the namespace."},
	{subjects: []string{"certificates", "database-tls"}, says: `(?i)own ca\b|private authority`, value: is(""), asks: "The certificate of your authority as a file, for code hosts: `certificateAuthorities` with `siteConfig`."},
	{subjects: []string{"executors"}, value: is(""), asks: "Executors are set up once Sourcegraph runs: `executors`, with a token in `siteConfig`: `berth explain executors`."},
	{subjects: []string{"saml", "oidc", "ldap", "scim"}, value: is(""), asks: "The settings of the identity provider: they are in Sourcegraph's site configuration: `berth explain siteConfig`."},
	{subjects: []string{"licence"}, value: is(""), asks: "The licence key, from Sourcegraph: `licenseKey` in the site configuration."},
	{subjects: []string{"single-container", "helm", "machine-images"}, says: `(?i)\d+\.\d+`, value: is(""), asks: "Take over or move the current installation before anything else: `berth docs move`, `berth adopt`, `berth upgrade path`."},
}

// databases are the three databases on a server of the customer's own.
func databases(signIn, host string) func(question) string {
	return func(q question) string {
		tls := ""
		if slices.ContainsFunc(q.all.in.Answers, func(a support.Answer) bool { return has(a, "database-tls") }) || strings.Contains(host, "rds.") {
			tls = ", sslmode: verify-full"
		}
		var b strings.Builder
		for _, d := range [][2]string{{"pgsql", "sourcegraph"}, {"codeintel-db", "codeintel"}, {"codeinsights-db", "codeinsights"}} {
			fmt.Fprintf(&b, "\n  %s: {external: {host: %s, user: sourcegraph, %s, database: %s%s}}", d[0], host, signIn, d[1], tls)
		}
		return b.String()
	}
}

// bucket signs in with an identity at AWS, and with keys elsewhere.
func bucket(q question) string {
	if slices.ContainsFunc(q.all.in.Answers, func(a support.Answer) bool { return has(a, "eks") }) {
		return "{backend: s3, bucket: sourcegraph-uploads, region: eu-central-1, auth: identity}"
	}
	return "{backend: s3, bucket: sourcegraph-uploads, region: eu-central-1, accessKeyID: {env: S3_ACCESS_KEY_ID}, secretAccessKey: {env: S3_SECRET_ACCESS_KEY}}"
}

func window(q question) string {
	m := weekly.FindStringSubmatch(q.text)
	day := strings.ToUpper(m[1][:1]) + strings.ToLower(m[1][1:])
	return fmt.Sprintf("{window: '%s %s-%s UTC'}", day, m[2], m[3])
}

func backups(q question) string {
	if q.all.Target == catalogue.Kubernetes {
		return "{to: 's3://sourcegraph-backups/sourcegraph'}"
	}
	return "{to: /mnt/backups/sourcegraph}"
}

// part is a part of the config that was chosen, with the line that asks for it.
type part struct{ value, line string }

// config writes the config. What a statement of the record rules out is left out; what is asked of the customer is an open point.
func (p *Proposal) config(r *catalogue.Release) []byte {
	keys, fields, asked := map[string]part{}, []part{}, map[string]bool{}
	for _, a := range p.in.Answers {
		for i := range pieces {
			c := &pieces[i]
			if !c.fits(a, p.Target) {
				continue
			}
			if c.asks != "" && !asked[c.asks] {
				asked[c.asks] = true
				p.open("%s", c.asks)
			}
			value := c.value(question{a.Question, p})
			if c.key == "kubernetes" {
				if !slices.ContainsFunc(fields, func(f part) bool { return f.value == value }) {
					fields = append(fields, part{value, a.Question})
				}
			} else if _, has := keys[c.key]; !has && c.key != "" {
				keys[c.key] = part{value, a.Question}
			}
		}
	}
	p.address(keys, &fields)
	return p.written(r, keys, fields)
}

// fits reports whether a line asks for a piece. Where the record says no to the very subject, it is left out, but for databases: their server can be
// another one, and the open points say which.
func (c *piece) fits(a support.Answer, on catalogue.Target) bool {
	matches := func(pattern string) bool { ok, _ := regexp.MatchString(pattern, a.Question); return ok }
	if c.target != "" && c.target != on || c.says != "" && !matches(c.says) || c.but != "" && matches(c.but) {
		return false
	}
	return slices.ContainsFunc(a.Findings, func(f support.Finding) bool {
		return slices.Contains(c.subjects, f.Subject) && (f.Status != catalogue.Unsupported || c.key == "databases" || c.key == "")
	})
}

// address is who ends TLS, where no line says it.
func (p *Proposal) address(keys map[string]part, fields *[]part) {
	p.open("Under which name do people reach Sourcegraph (url)?")
	if _, said := keys["tls"]; said {
		return
	}
	routed := slices.ContainsFunc(*fields, func(f part) bool {
		return strings.HasPrefix(f.value, "openshift") || strings.HasPrefix(f.value, "ingress")
	})
	switch {
	case routed:
	case p.Target == catalogue.Kubernetes:
		*fields = append(*fields, part{"ingress: {tlsSecret: sourcegraph-tls}", ""})
		p.open("The Secret sourcegraph-tls with the certificate, in the namespace, and the class of the Ingress (kubernetes.ingress.class).")
	default:
		keys["tls"] = part{"{external: true}", ""}
		p.open("Which proxy in front terminates TLS? Or: your certificate and its key (tls.certificate, tls.key).")
	}
}

// replaced are the services that do not run when a key names something of the customer's own.
var replaced = map[string][]string{"databases": {"pgsql", "codeintel-db", "codeinsights-db"}, "redis": {"redis-cache", "redis-store"}, "objectStorage": {"blobstore"}}

// order is that of the keys in the file.
var order = []string{"tls", "upgrades", "databases", "redis", "objectStorage", "images", "proxy", "backup"}

func (p *Proposal) written(r *catalogue.Release, keys map[string]part, fields []part) []byte {
	var b strings.Builder
	line := func(text, from string) {
		if from != "" {
			fmt.Fprintf(&b, "# %s\n", oneLine(from))
		}
		b.WriteString(text + "\n")
	}
	line("# A proposal for "+p.in.Name+", made by berth. Names of example.com and values of environment variables are yours to fill in.", "")
	line("target: "+string(p.Target), p.Why)
	line("release: "+p.Release, "")
	line("url: https://sourcegraph.example.com", "")
	for _, key := range order {
		if v, ok := keys[key]; ok {
			space := " "
			if strings.HasPrefix(v.value, "\n") {
				space = ""
			}
			line(key+":"+space+v.value, v.line)
		}
	}
	if len(fields) > 0 {
		line("kubernetes:", "")
		for _, f := range fields {
			if f.line != "" {
				b.WriteString("  # " + oneLine(f.line) + "\n")
			}
			b.WriteString("  " + f.value + "\n")
		}
	}
	needs := config.Lacking(r, p.Estimate.Needs(), p.Target)
	for key, services := range replaced {
		if _, own := keys[key]; own {
			maps.DeleteFunc(needs, func(name string, _ catalogue.Need) bool { return slices.Contains(services, name) })
		}
	}
	if len(needs) > 0 {
		line("services:", fmt.Sprintf("size %s: what the release does not ship", p.Estimate.Size))
		for _, name := range slices.Sorted(maps.Keys(needs)) {
			line("  "+name+": "+config.NeedText(needs[name]), "")
		}
	}
	return []byte(b.String())
}

// oneLine is a text as a comment: no letter of it ends the line.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == '\ufeff' || r == utf8.RuneError {
			return ' '
		}
		return r
	}, text)
}

func (p *Proposal) open(format string, args ...any) {
	p.Open = append(p.Open, cell(fmt.Sprintf(format, args...)))
}
