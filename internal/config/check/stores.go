package check

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"berth/internal/config"
	"berth/internal/diag"
)

// ownRedis: an entry sets something.
func (c *checker) ownRedis() {
	for _, name := range slices.Sorted(maps.Keys(c.Redis)) {
		if c.Redis[name].External == nil {
			c.missingf("BERTH1145", "redis."+name, "add  external: {env: NAME}  or  external: {file: PATH}",
				"redis.%s does not say where your own Redis is", name)
		}
	}
}

// externalDatabases: they have all that a login needs.
func (c *checker) externalDatabases() {
	for _, name := range slices.Sorted(maps.Keys(c.Databases)) {
		e, path := c.Databases[name].External, "databases."+name+".external"
		if e == nil {
			continue
		}
		var lacks []string
		for _, f := range []struct {
			key   string
			unset bool
		}{{"host", e.Host == ""}, {"user", e.User == ""}, {"password", e.Password == nil && !c.cloudLogin()}, {"database", e.Database == ""}} {
			if f.unset && !c.doc.Has(path+"."+f.key) {
				lacks = append(lacks, f.key)
			}
		}
		if len(lacks) > 0 {
			c.missingf("BERTH1145", path, "berth explain databases."+name+".external shows examples", "%s lacks %s", path, diag.Listed(lacks, "and"))
		}
		if strings.ContainsAny(e.Host, "/@ ") {
			c.errorf("BERTH1168", path+".host", "write  host: pg.example.com", "%s.host must be a host name or address only%s", path, got("%q", e.Host))
		}
	}
}

// cloudLogin reports whether Sourcegraph gets its databases' passwords from the cloud that it runs in.
//
// Source: charts/sourcegraph/examples/aws of Sourcegraph's Helm repository.
func (c *checker) cloudLogin() bool {
	_, set := c.Services["sourcegraph-frontend"].Env["PG_CONNECTION_UPDATER"]
	return set
}

// sameDatabase: Sourcegraph refuses to start when these two are the same.
// https://sourcegraph.com/docs/self-hosted/external-services/postgres
func (c *checker) sameDatabase() {
	a, b := c.Databases["pgsql"].External, c.Databases["codeintel-db"].External
	if a == nil || b == nil || a.Host == "" || a.Database == "" {
		return
	}
	port := func(e *config.ExternalDatabase) int {
		if e.Port == nil {
			return 5432
		}
		return *e.Port
	}
	if strings.EqualFold(a.Host, b.Host) && port(a) == port(b) && a.Database == b.Database {
		c.errorf("BERTH1146", "databases.codeintel-db.external.database", "create another database on the same server and name it here",
			"pgsql and codeintel-db are both on the database %s of %s", a.Database, a.Host)
	}
}

// ownStores: settings of a built-in store that does not run.
func (c *checker) ownStores() {
	for _, name := range slices.Sorted(maps.Keys(c.Databases)) {
		if d := c.Databases[name]; d.External != nil && len(d.Settings) > 0 {
			c.keyf("BERTH1147", "databases."+name+".settings", "set them on your own server, and remove them here",
				"databases.%s.settings is for the built-in Postgres, and this one is your own", name)
		}
	}
	for _, service := range c.serviceNames() {
		store := strings.TrimSuffix(service, "-exporter")
		if c.replaced(store) {
			c.keyf("BERTH1147", "services."+service, "remove it", "%s does not run: %s replaces %s with your own", service, storeKey(store), store)
		}
	}
}

// s3Keys and gcsKeys are the keys that only one kind of store has.
var (
	s3Keys  = []string{"region", "endpoint", "accessKeyID", "secretAccessKey", "instanceRole"}
	gcsKeys = []string{"project", "credentials"}
)

// objectStorage: it has a bucket, and credentials or another login.
func (c *checker) objectStorage() {
	o, path := c.ObjectStorage, "objectStorage"
	if o == nil {
		return
	}
	needs := func(unset bool, key, hint string) {
		if unset && !c.doc.Has(path+"."+key) {
			c.missingf("BERTH1155", path, hint, "objectStorage needs %s", key)
		}
	}
	needs(o.Backend == "", "backend", "add  backend: s3  or  backend: gcs")
	needs(o.Bucket == "", "bucket", "add  bucket: NAME")
	other, keys := "gcs", gcsKeys
	switch o.Backend {
	case "s3":
		needs(o.Region == "" && o.Endpoint == "", "region", "add  region: us-east-1")
		if !o.InstanceRole {
			needs(o.AccessKeyID == nil, "accessKeyID", "add accessKeyID and secretAccessKey, or  instanceRole: true")
			needs(o.SecretAccessKey == nil, "secretAccessKey", "add accessKeyID and secretAccessKey, or  instanceRole: true")
		} else if o.AccessKeyID != nil || o.SecretAccessKey != nil {
			c.keyf("BERTH1155", path+".instanceRole", "keep one", "objectStorage has both keys and instanceRole")
		}
	case "gcs":
		other, keys = "s3", s3Keys
		needs(o.Project == "", "project", "add  project: NAME")
		needs(o.Credentials == nil, "credentials", "add  credentials: {file: PATH}")
	default:
		return
	}
	for _, key := range keys {
		if c.doc.Has(path + "." + key) {
			c.keyf("BERTH1155", path+"."+key, "remove it", "objectStorage.%s is for %s, and backend is %s", key, other, o.Backend)
		}
	}
	if o.Endpoint != "" {
		c.plainURL("BERTH1155", path+".endpoint", o.Endpoint, "http", "https")
	}
}

// plainURL reports a text that is no URL with a host and one of the schemes.
func (c *checker) plainURL(code, path, text string, schemes ...string) {
	if u, err := url.Parse(text); err != nil || u.Host == "" || !slices.Contains(schemes, u.Scheme) {
		c.errorf(code, path, "write it as  "+schemes[0]+"://host:port", "%s must be a URL with a host%s", path, got("%q", text))
	}
}

// got quotes what was written, unless it may have a password in it.
func got(format, text string) string {
	if strings.Contains(text, "@") && !strings.Contains(text, "@sha256:") {
		return ""
	}
	return fmt.Sprintf(", got "+format, text)
}

// images: a registry and a folder in it, as docker pull accepts it, without a tag.
func (c *checker) images() {
	r := c.Images.Registry
	last := r[strings.LastIndexByte(r, '/')+1:]
	switch scheme, rest, ok := strings.Cut(r, "://"); {
	case ok:
		c.errorf("BERTH1156", "images.registry", "write  registry: "+strings.TrimRight(rest, "/"), "images.registry must not begin with %s://", scheme)
	case strings.Contains(r, "@"), strings.Contains(r, "/") && strings.Contains(last, ":"):
		c.errorf("BERTH1156", "images.registry", "the release says which image; write only the registry and the folder",
			"images.registry must not have a tag or digest%s", got("%s", r))
	case strings.HasSuffix(r, "/"), strings.ContainsAny(r, " \t") || r != strings.ToLower(r):
		c.errorf("BERTH1156", "images.registry", "write it as  registry.example.com/sourcegraph",
			"images.registry must be a registry and a folder in lower-case letters%s", got("%q", r))
	}
	if l := c.Images.Login; l != nil && (l.Username == "" || l.Password == nil) {
		c.missingf("BERTH1156", "images.login", "add what is missing", "images.login needs username and password")
	}
}

func (c *checker) proxy() {
	p := c.Proxy
	if p == nil {
		return
	}
	if p.HTTP == nil && p.HTTPS == nil && !c.doc.Has("proxy.http") && !c.doc.Has("proxy.https") {
		c.missingf("BERTH1157", "proxy", "add  https: http://proxy.example.com:3128", "proxy has no address")
	}
	for key, v := range map[string]*config.Value{"http": p.HTTP, "https": p.HTTPS} {
		if v != nil && v.Secret == nil {
			c.plainURL("BERTH1157", "proxy."+key, v.Text, "http", "https", "socks5")
		}
	}
	for i, host := range p.None {
		if strings.Contains(host, "://") || strings.ContainsAny(host, ", ") {
			c.errorf("BERTH1157", "proxy.none."+strconv.Itoa(i), "write only the host, one per item", "%q is not a host", host)
		}
	}
}

// git: without known_hosts every SSH connection asks a question that nobody answers.
func (c *checker) git() {
	if c.Git.SSHKey != nil && c.Git.KnownHosts == "" {
		c.missingf("BERTH1158", "git.sshKey", "create one:  ssh-keyscan github.com > known_hosts  and add  knownHosts: known_hosts",
			"git.sshKey needs git.knownHosts")
	}
}

func (c *checker) tracing() {
	switch t := c.Tracing; {
	case t == nil:
	case t.Jaeger && t.Collector != "":
		c.errorf("BERTH1160", "tracing.collector", "keep one; a collector file can send to Jaeger too", "tracing has both jaeger and collector")
	case !t.Jaeger && t.Collector == "":
		c.missingf("BERTH1160", "tracing", "add  jaeger: true  or  collector: FILE", "tracing does not say where traces go")
	}
}

// siteConfigKeys: keys that berth writes into Sourcegraph's site configuration need that configuration to be a file. berth does not make it
// one unasked, since a file replaces at every start what people edited in Sourcegraph's pages.
func (c *checker) siteConfigKeys() {
	if c.SiteConfig != nil {
		return
	}
	for key, set := range map[string]bool{"license": c.License != nil, "certificateAuthorities": len(c.CertificateAuthorities) > 0, "executors": c.Executors != nil} {
		if set {
			c.errorf("BERTH1169", key, "add  siteConfig: {file: site-config.json}  with your site configuration in that file, or set this in Sourcegraph's own pages",
				"%s is part of Sourcegraph's site configuration, which this config leaves to Sourcegraph's own pages", key)
		}
	}
}
