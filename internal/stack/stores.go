package stack

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"berth/catalogue"
	"berth/internal/config"
)

const blobstore = "blobstore"

// stores say who uses which store.
func (b *builder) stores() *catalogue.Stores { return &b.Release.Relations.Stores }

// databases gives bundled databases generated passwords and sets them in every client, or points the clients to external databases.
func (b *builder) databases() {
	databases := b.stores().Postgres.Databases
	for _, name := range slices.Sorted(maps.Keys(databases)) {
		d := databases[name]
		external := b.Config.Databases[name].External
		if external == nil && b.Config.Databases[name].Password == config.PasswordShipped {
			continue
		}
		for i := range b.stack.Instances {
			inst := &b.stack.Instances[i]
			switch client := inst.has(d.Prefix+"HOST") || inst.has(d.Prefix+"DATASOURCE"); {
			case external != nil && client:
				b.externalDatabase(inst, name, d, external)
			case external == nil && client:
				b.builtinDatabase(inst, name, d)
			case external == nil && inst.Service == name:
				// The image sets this password when it creates the database; without one the database accepts everybody.
				inst.set("POSTGRES_PASSWORD", b.password(name))
			case external == nil && inst.Service == d.Exporter:
				inst.set("DATA_SOURCE_NAME", Part{Text: "postgres://" + d.User + ":"}, b.password(name), Part{Text: "@" + name + ":5432/?sslmode=disable"})
			}
		}
	}
}

// password is the generated password of a bundled database: only letters and digits, so it needs no escape in a URL.
func (b *builder) password(database string) Part {
	name := database + "-password"
	b.secrets[name] = Secret{Name: name}
	return Part{Secret: name}
}

// passwordOf is the password of one of Sourcegraph's databases, for containers of the admin's own: the generated one, that of an external database, or
// the one in a Secret of the admin's.
func (b *builder) passwordOf(database string) Part {
	if e := b.Config.Databases[database].External; e != nil {
		return b.databaseAddress(database, e)["PASSWORD"] // check.Read has found one without
	}
	if b.Config.Kubernetes != nil && b.stack.Cluster != nil {
		if own := b.Config.Kubernetes.ExistingSecrets[database+"-auth"]; own != "" {
			return Part{Object: "Secret/" + own, Key: "password"}
		}
	}
	return b.password(database)
}

// builtinDatabase signs a client in to a bundled database, which speaks no TLS. Sourcegraph's driver takes what an address leaves open from the
// variables of pgsql: beside an external pgsql with TLS, each address must say so itself. Source: ParseConfig of github.com/jackc/pgx/v5/pgconn.
func (b *builder) builtinDatabase(inst *Instance, name string, d catalogue.DatabaseStore) {
	pgsql, plain := b.Config.Databases["pgsql"].External, ""
	if pgsql != nil {
		plain = "?sslmode=disable"
	}
	if inst.has(d.Prefix + "HOST") {
		inst.set(d.Prefix+"PASSWORD", b.password(name))
		if pgsql != nil && !inst.has(d.Prefix+"SSLMODE") {
			inst.set(d.Prefix+"SSLMODE", Part{Text: "disable"})
		}
	}
	if inst.has(d.Prefix + "DATASOURCE") {
		inst.set(d.Prefix+"DATASOURCE", Part{Text: "postgres://" + d.User + ":"}, b.password(name), Part{Text: "@" + name + ":5432/" + d.Database + plain})
	}
}

// databaseAddress is the parts of an external database's address, by the ends of its variables' names. "" where there is none.
func (b *builder) databaseAddress(name string, e *config.ExternalDatabase) map[string]Part {
	port := 5432
	if e.Port != nil {
		port = *e.Port
	}
	address := map[string]Part{"HOST": {Text: e.Host}, "PORT": {Text: strconv.Itoa(port)}, "USER": {Text: e.User}, "DATABASE": {Text: e.Database},
		"SSLMODE": {Text: cmp.Or(e.SSLMode, "require")}, "PASSWORD": {}}
	if e.Password != nil {
		address["PASSWORD"] = Part{Secret: b.secret(name+"-password", e.Password, b.At("databases."+name+".external"))}
	}
	return address
}

func (b *builder) externalDatabase(inst *Instance, name string, d catalogue.DatabaseStore, e *config.ExternalDatabase) {
	for end, value := range b.databaseAddress(name, e) {
		if value == (Part{}) {
			inst.unset(d.Prefix + end)
		} else {
			inst.set(d.Prefix+end, value)
		}
	}
	if inst.has(d.Prefix + "DATASOURCE") {
		// A data source overrides the single variables, so the shipped one must be removed.
		inst.set(d.Prefix+"DATASOURCE", Part{})
	}
	inst.origin("own "+name, b.At("databases."+name+".external"))
}

// The files that clients of external databases read, and the project's files with the same content.
const (
	databaseFolder    = configFolder + "/postgres/"
	databaseCA        = "postgres/ca.pem"
	databaseCertifies = "postgres/client.pem"
)

// databaseLogin gives every client of an external database what it needs besides the address: certificates, and the identity that it signs in with.
// One set of variables is for all databases: check.Read has found those that differ.
func (b *builder) databaseLogin() {
	p := b.stores().Postgres
	var authorities [][]byte
	for _, name := range slices.Sorted(maps.Keys(p.Databases)) {
		e := b.Config.Databases[name].External
		if e == nil {
			continue
		}
		path := "databases." + name + ".external"
		authorities = append(authorities, b.Files[e.CA])
		b.each(p.Databases[name].Clients, func(inst *Instance) {
			if e.Auth == config.AuthAWSIAM {
				for variable, value := range p.Identity {
					inst.set(variable, Part{Text: value})
				}
				inst.origin("own "+name+" by identity", b.At(path+".auth"))
			}
			if e.CA != "" {
				inst.set(p.CA, Part{Text: databaseFolder + "ca.pem"})
				inst.mount(Mount{Path: databaseFolder + "ca.pem", File: databaseCA, ReadOnly: true})
				inst.origin("ca of "+name, b.At(path+".ca"))
			}
			if e.ClientCertificate != "" {
				inst.set(p.ClientCertificate, Part{Text: databaseFolder + "client.pem"})
				inst.set(p.ClientKey, Part{Text: databaseFolder + "client.key"})
				inst.mount(Mount{Path: databaseFolder + "client.pem", File: databaseCertifies, ReadOnly: true})
				inst.mount(Mount{Path: databaseFolder + "client.key", Secret: b.secret("postgres-client-key", &config.Secret{File: e.ClientKey}, b.At(path+".clientKey"))})
				inst.origin("client certificate for "+name, b.At(path+".clientCertificate"))
			}
		})
		if e.ClientCertificate != "" {
			b.put(databaseCertifies, b.Files[e.ClientCertificate])
		}
	}
	if bundle := joined(authorities); len(bundle) > 0 {
		b.put(databaseCA, bundle)
	}
}

// joined is one file of several certificates' files, each once.
func joined(files [][]byte) []byte {
	var out []byte
	for i, f := range files {
		if !slices.ContainsFunc(files[:i], func(other []byte) bool { return string(f) == string(other) }) {
			out = append(out, f...)
			if len(f) > 0 && f[len(f)-1] != '\n' {
				out = append(out, '\n')
			}
		}
	}
	return out
}

// redis points every client to the admin's own stores. In a cluster most read the address from a Secret, which storeSecrets fills.
func (b *builder) redis() {
	stores := b.stores().Redis
	for _, name := range slices.Sorted(maps.Keys(stores)) {
		r, path := b.Config.Redis[name], "redis."+name
		if r.External == nil {
			continue
		}
		address := b.part(name+"-address", r.External, b.At(path+".external"))
		b.each(stores[name].Clients, func(inst *Instance) {
			if b.stack.Cluster == nil || !inst.has(stores[name].Variable) {
				inst.set(stores[name].Variable, address)
			}
			inst.origin("own "+name, b.At(path+".external"))
		})
		b.trust(stores[name].Clients, name, r.CA, path+".ca")
	}
}

// trust lets services trust a certificate authority for all that they talk to, for stores that have no variable for it.
func (b *builder) trust(clients []string, store, file, path string) {
	if file == "" {
		return
	}
	name, t := "trust/"+store+".pem", b.stores().Trust
	b.put(name, b.Files[file])
	b.each(clients, func(inst *Instance) {
		inst.mount(Mount{Path: configFolder + "/" + name, File: name, ReadOnly: true})
		inst.set(t.Variable, Part{Text: configFolder + "/trust:" + t.Folders})
		inst.origin("ca of "+store, b.At(path))
	})
}

func (b *builder) objectStorage() {
	o := b.Config.ObjectStorage
	if o == nil {
		return
	}
	values := b.uploadVariables(o)
	var clients []string
	for _, use := range b.stores().ObjectStorage {
		if !use.Holds(b.Release.Version, b.Config.On) {
			continue
		}
		clients = append(clients, use.Clients...)
		b.each(use.Clients, func(inst *Instance) {
			// The shipped address is the built-in blobstore's.
			inst.unset(use.Prefix + "AWS_ENDPOINT")
			for suffix, v := range values {
				inst.set(use.Prefix+suffix, v)
			}
		})
	}
	slices.Sort(clients)
	clients = slices.Compact(clients)
	b.each(clients, func(inst *Instance) { inst.origin("own object storage", b.At("objectStorage")) })
	b.trust(clients, "object-storage", o.CA, "objectStorage.ca")
}

func (b *builder) uploadVariables(o *config.ObjectStorage) map[string]Part {
	v := map[string]Part{"BACKEND": {Text: map[string]string{"s3": "S3", "gcs": "GCS"}[o.Backend]}}
	text := func(suffix, value string) {
		if value != "" {
			v[suffix] = Part{Text: value}
		}
	}
	secret := func(suffix, name string, ref *config.Secret) {
		if ref != nil {
			v[suffix] = Part{Secret: b.secret("object-storage-"+name, ref, b.At("objectStorage"))}
		}
	}
	text("BUCKET", o.Bucket)
	text("AWS_REGION", o.Region)
	text("AWS_ENDPOINT", o.Endpoint)
	text("GCP_PROJECT_ID", o.Project)
	secret("AWS_ACCESS_KEY_ID", "access-key-id", o.AccessKeyID)
	secret("AWS_SECRET_ACCESS_KEY", "secret-access-key", o.SecretAccessKey)
	secret("GOOGLE_APPLICATION_CREDENTIALS_FILE_CONTENT", "credentials", o.Credentials)
	if o.Backend == "s3" && o.ByIdentity() {
		text("AWS_USE_EC2_ROLE_CREDENTIALS", "true")
	}
	if o.ManageBucket {
		text("MANAGE_BUCKET", "true")
	}
	return v
}
