package check

import (
	"crypto/tls"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/config/contents"
	"berth/internal/diag"
)

// ownRedis: an entry sets something.
func (c *checker) ownRedis() {
	for _, name := range slices.Sorted(maps.Keys(c.Redis)) {
		v, path := c.Redis[name].External, "redis."+name
		switch {
		case v == nil:
			c.missingf("BERTH1145", path, "add  external: HOST:PORT;  with a password  external: {env: NAME}  or  external: {file: PATH}",
				"redis.%s lacks the address of your own Redis", name)
		case v.PasswordOf != "" || v.ConfigMapKey != nil || v.SecretKey != nil:
			c.errorf("BERTH1117", path+".external", "for a Secret of the cluster write  kubernetes: {existingSecrets: {"+name+": NAME}}", "%s.external takes a text, env or file", path)
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
		}{{"host", e.Host == ""}, {"user", e.User == ""}, {"password", e.Password == nil && e.Auth != config.AuthAWSIAM && e.ClientCertificate == "" && !c.formerLogin()}, {"database", e.Database == ""}} {
			if f.unset && !c.doc.Has(path+"."+f.key) {
				lacks = append(lacks, f.key)
			}
		}
		if len(lacks) > 0 {
			c.missingf("BERTH1145", path, "berth explain databases."+name+".external shows examples", "%s lacks %s", path, diag.Listed(lacks, "and"))
		}
		if host, port, err := net.SplitHostPort(e.Host); err == nil && strings.Trim(port, "0123456789") == "" {
			c.errorf("BERTH1168", path+".host", "write  host: "+host+", port: "+port, "%s.host must be a host name or address only%s", path, got(strconv.Quote(e.Host)))
		} else if strings.ContainsAny(e.Host, "/@ ") {
			c.errorf("BERTH1168", path+".host", "write  host: pg.example.com", "%s.host must be a host name or address only%s", path, got(strconv.Quote(e.Host)))
		} else if e.Auth == config.AuthAWSIAM {
			c.databaseIdentity(path, e)
		}
		c.databaseCertificates(name, path, e)
	}
}

// formerLogin reports whether the config has the variable that auth: aws-iam takes the place of. It is refused, and that says enough.
func (c *checker) formerLogin() bool {
	_, set := c.Services["sourcegraph-frontend"].Env["PG_CONNECTION_UPDATER"]
	return set
}

// databaseIdentity: Sourcegraph signs the name of the host, and needs the region that is in it.
//
// Source: internal/database/dbconn/rds/rds.go of Sourcegraph's public source.
func (c *checker) databaseIdentity(path string, e *config.ExternalDatabase) {
	if labels := strings.Split(e.Host, "."); e.Host != "" && (len(labels) != 6 || !strings.HasSuffix(e.Host, ".rds.amazonaws.com")) {
		c.errorf("BERTH1179", path+".host", "write the endpoint that AWS shows:  host: NAME.ACCOUNT.REGION.rds.amazonaws.com",
			"%s is not an RDS endpoint, and auth: aws-iam works only with one", e.Host)
	}
	if e.Password != nil {
		c.keyf("BERTH1177", path+".password", "remove it", "%s has both a password and auth: aws-iam", path)
	}
	if e.SSLMode == "disable" {
		c.errorf("BERTH1177", path+".sslmode", "remove it, or write  sslmode: require", "RDS takes auth: aws-iam over encrypted connections only")
	}
}

// oneIdentity: with an identity, Sourcegraph signs in to all databases by it.
func (c *checker) oneIdentity() {
	var by, others []string
	for _, name := range databaseNames {
		enabled := c.Services[name].Enabled
		switch e := c.Databases[name].External; {
		case e != nil && e.Auth == config.AuthAWSIAM:
			by = append(by, name)
		case e != nil || enabled == nil || *enabled:
			others = append(others, name)
		}
	}
	if len(by) > 0 && len(others) > 0 {
		c.errorf("BERTH1177", "databases."+by[0]+".external.auth", "give "+diag.Listed(others, "and")+" an external with  auth: aws-iam  too, or use a password here",
			"Sourcegraph signs in to all databases in the same way, but %s would not use aws-iam", diag.Listed(others, "and"))
	}
}

// databaseCertificates: they are complete, and agree with those of the other databases, because Sourcegraph has one set for all.
func (c *checker) databaseCertificates(name, path string, e *config.ExternalDatabase) {
	if (e.ClientCertificate == "") != (e.ClientKey == "") {
		c.missingf("BERTH1178", path, "add the other one", "%s needs both clientCertificate and clientKey", path)
	}
	if e.SSLMode == "disable" && (e.CA != "" || e.ClientCertificate != "") {
		c.errorf("BERTH1178", path+".sslmode", "write  sslmode: verify-full", "sslmode: disable uses no certificates")
	}
	certificate, hasCertificate := c.fileText(path+".clientCertificate", e.ClientCertificate)
	key, hasKey := c.fileText(path+".clientKey", e.ClientKey)
	if hasCertificate && hasKey {
		if _, err := tls.X509KeyPair(certificate.Data, key.Data); err != nil {
			c.errorf("BERTH1138", path+".clientKey", "the client's own certificate must be the first in its file", "%s.clientKey does not belong to the certificate in %s", path, e.ClientCertificate)
		}
	}
	for _, other := range databaseNames[:max(slices.Index(databaseNames, name), 0)] {
		o := c.Databases[other].External
		if o == nil {
			continue
		}
		if e.ClientCertificate != "" && o.ClientCertificate != "" && (e.ClientCertificate != o.ClientCertificate || e.ClientKey != o.ClientKey) {
			c.errorf("BERTH1178", path+".clientCertificate", "use one certificate for both roles, or passwords", "%s and %s have different client certificates, but Sourcegraph uses one for all databases", other, name)
		}
		for _, pair := range []struct {
			with, without string
			a, b          *config.ExternalDatabase
		}{{other, name, o, e}, {name, other, e, o}} {
			if pair.a.CA != "" && pair.b.CA == "" && pair.b.SSLMode != "disable" {
				c.keyf("BERTH1178", "databases."+pair.without+".external", "add the  ca  of "+pair.without+" here; the same file if it is the same authority",
					"with a ca for %s, Sourcegraph trusts no other authority for %s either", pair.with, pair.without)
			}
		}
	}
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
				"databases.%s.settings is for the bundled Postgres, and this one is external", name)
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
	other, keys, login := "gcs", gcsKeys, []string{"accessKeyID", "secretAccessKey"}
	switch o.Backend {
	case "s3":
		needs(o.Region == "" && o.Endpoint == "", "region", "add  region: us-east-1")
	case "gcs":
		other, keys, login = "s3", s3Keys, []string{"credentials"}
		needs(o.Project == "", "project", "add  project: NAME")
	default:
		return
	}
	for _, key := range login {
		switch has := c.doc.Has(path + "." + key); {
		case !has && !o.ByIdentity():
			needs(true, key, "add "+diag.Listed(login, "and")+", or  auth: identity")
		case has && o.ByIdentity():
			c.keyf("BERTH1155", path+"."+key, "keep one", "objectStorage has %s, but signs in with an identity", key)
		}
	}
	if o.InstanceRole && o.Auth == config.AuthKeys {
		c.keyf("BERTH1155", path+".instanceRole", "keep one", "objectStorage has both auth: keys and instanceRole")
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

// podIdentity: where some of the pods that sign in by identity have a service account of the config, all need one.
func (c *checker) podIdentity() {
	if c.rel == nil || c.Kubernetes == nil && len(c.Services) == 0 {
		return
	}
	stores := &c.rel.Relations.Stores
	clients := map[string][]string{}
	for _, name := range databaseNames {
		if e := c.Databases[name].External; e != nil && e.Auth == config.AuthAWSIAM {
			clients["databases"] = append(clients["databases"], stores.Postgres.Databases[name].Clients...)
		}
	}
	for _, use := range stores.ObjectStorage {
		if c.ObjectStorage != nil && c.ObjectStorage.ByIdentity() && use.Holds(c.rel.Version, c.On) {
			clients["objectStorage"] = append(clients["objectStorage"], use.Clients...)
		}
	}
	for path, names := range clients {
		c.accounts(path, names)
	}
}

func (c *checker) accounts(path string, clients []string) {
	clients = slices.Sorted(slices.Values(clients))
	var with, without []string
	for _, name := range slices.Compact(clients) {
		w := c.workload(name)
		switch {
		case w == nil || w.Guest():
		case c.Kubernetes != nil && c.Kubernetes.Pods.ServiceAccount != nil, c.Services[name].Pods != nil && c.Services[name].Pods.ServiceAccount != nil:
			with = append(with, name)
		default:
			without = append(without, name)
		}
	}
	if len(with) > 0 && len(without) > 0 {
		c.keyf("BERTH1181", path, "write the service account under  kubernetes: {pods: {serviceAccount: ...}}  for all of them",
			"Sourcegraph signs in to %s with the identity of its pods, but the config sets no service account for: %s", path, diag.Listed(without, "and"))
		c.problems[len(c.problems)-1].Severity = diag.Warning
	}
}

// ownAddress: nothing that Sourcegraph's containers connect to is at the address of the container itself. In a cluster, a container of the admin's own
// in the same pods can be.
func (c *checker) ownAddress() {
	if c.On == catalogue.Kubernetes && c.hasSidecars() {
		return
	}
	hint := "write the name or the address of the machine; for this one, a name with  allServices: {extraHosts: {NAME: host-gateway}}"
	if c.On == catalogue.Kubernetes {
		hint = "write the name of its Service, or its address outside the cluster"
	}
	at := func(path, host string) {
		if ip, err := netip.ParseAddr(host); host == "localhost" || err == nil && ip.IsLoopback() {
			c.errorf("BERTH1546", path, hint, "%s is %s, which in a container means the container itself", path, host)
		}
	}
	url := func(path, text string) {
		if u, err := url.Parse(text); err == nil {
			at(path, u.Hostname())
		}
	}
	for _, name := range databaseNames {
		if e := c.Databases[name].External; e != nil {
			at("databases."+name+".external.host", e.Host)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Redis)) {
		path := "redis." + name + ".external"
		if f, ok := c.valueText(path, c.Redis[name].External); ok {
			at(path, contents.RedisHost(string(f.Data)))
		}
	}
	if c.ObjectStorage != nil {
		url("objectStorage.endpoint", c.ObjectStorage.Endpoint)
	}
	if c.Proxy != nil {
		for key, v := range map[string]*config.Value{"proxy.http": c.Proxy.HTTP, "proxy.https": c.Proxy.HTTPS} {
			if f, ok := c.valueText(key, v); ok {
				url(key, strings.TrimSpace(string(f.Data)))
			}
		}
	}
}

// hasSidecars reports whether pods may have containers of the admin's own.
func (c *checker) hasSidecars() bool {
	for _, s := range c.Services {
		if len(s.Sidecars) > 0 {
			return true
		}
	}
	return slices.ContainsFunc(c.Patches, func(p config.Patch) bool { return p.Add && len(p.Kubernetes) > 0 })
}

// plainURL reports a text that is no URL with a host and one of the schemes.
func (c *checker) plainURL(code, path, text string, schemes ...string) {
	if u, err := url.Parse(text); err != nil || u.Host == "" || !slices.Contains(schemes, u.Scheme) {
		hint := "write it as  " + schemes[0] + "://host:port"
		if whole, err := url.Parse(schemes[0] + "://" + text); err == nil && !strings.ContainsAny(text, "@/ ") && whole.Host != "" {
			hint = "write it as  " + whole.String()
		}
		c.errorf(code, path, hint, "%s must be a URL with a host%s", path, got(strconv.Quote(text)))
	}
}

// got quotes what was written, unless it may have a password in it.
func got(text string) string {
	if strings.Contains(text, "@") && !strings.Contains(text, "@sha256:") {
		return ""
	}
	return ", got " + text
}

// images: a registry and a folder in it, as docker pull accepts it, without a tag.
func (c *checker) images() {
	r := c.Images.Registry
	last := r[strings.LastIndexByte(r, '/')+1:]
	switch scheme, rest, ok := strings.Cut(r, "://"); {
	case ok:
		c.errorf("BERTH1156", "images.registry", "write  registry: "+strings.TrimRight(rest, "/"), "images.registry must not begin with %s://", scheme)
	case strings.Contains(r, "@"), strings.Contains(r, "/") && strings.Contains(last, ":"):
		c.errorf("BERTH1156", "images.registry", "the release sets the image; write only the registry and the folder",
			"images.registry must not have a tag or digest%s", got(r))
	case strings.HasSuffix(r, "/"), strings.ContainsAny(r, " \t") || r != strings.ToLower(r):
		c.errorf("BERTH1156", "images.registry", "write it as  registry.example.com/sourcegraph",
			"images.registry must be a registry and a folder in lower-case letters%s", got(strconv.Quote(r)))
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
		if v != nil && v.Literal() {
			c.plainURL("BERTH1157", "proxy."+key, v.Text, "http", "https", "socks5")
		}
	}
	for i, host := range p.None {
		switch {
		case strings.ContainsAny(host, "$(){}"):
			c.errorf("BERTH1157", "proxy.none."+strconv.Itoa(i), "remove it; the API server and everything in the installation are excluded already", "%q is not a host, and berth expands no patterns", host)
		case strings.Contains(host, "://") || strings.ContainsAny(host, ", "):
			c.errorf("BERTH1157", "proxy.none."+strconv.Itoa(i), "write only the host, one per item", "%q is not a host", host)
		}
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
