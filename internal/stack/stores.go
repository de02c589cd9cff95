package stack

import (
	"cmp"
	"strconv"

	"berth/internal/config"
)

// database has the variables by which services find one of the three Postgres databases.
//
// Source: the Compose file's migrator service, which names all six variables of each;
// https://sourcegraph.com/docs/self-hosted/external-services/postgres
type database struct {
	prefix   string // of the clients' variables: PGHOST, CODEINTEL_PGHOST
	exporter string
	user     string
	name     string
	host     string
}

var databases = map[string]database{
	"pgsql":           {prefix: "PG", exporter: "pgsql-exporter", user: "sg", name: "sg", host: "pgsql"},
	"codeintel-db":    {prefix: "CODEINTEL_PG", exporter: "codeintel-db-exporter", user: "sg", name: "sg", host: "codeintel-db"},
	"codeinsights-db": {prefix: "CODEINSIGHTS_PG", exporter: "codeinsights-db-exporter", user: "postgres", name: "postgres", host: "codeinsights-db"},
}

const blobstore = "blobstore"

// databases gives bundled databases generated passwords and sets them in every client, or points the clients to external databases.
func (b *builder) databases() {
	for name, d := range databases {
		external := b.Config.Databases[name].External
		for i := range b.stack.Instances {
			inst := &b.stack.Instances[i]
			switch client := inst.has(d.prefix+"HOST") || inst.has(d.prefix+"DATASOURCE"); {
			case external != nil && client:
				b.externalDatabase(inst, name, d, external)
			case external == nil && client:
				b.builtinDatabase(inst, name, d)
			case external == nil && inst.Service == name:
				// The image sets this password when it creates the database; without one the database accepts everybody.
				inst.set("POSTGRES_PASSWORD", b.password(name))
			case external == nil && inst.Service == d.exporter:
				inst.set("DATA_SOURCE_NAME", Part{Text: "postgres://" + d.user + ":"}, b.password(name), Part{Text: "@" + d.host + ":5432/?sslmode=disable"})
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

func (b *builder) builtinDatabase(inst *Instance, name string, d database) {
	if inst.has(d.prefix + "HOST") {
		inst.set(d.prefix+"PASSWORD", b.password(name))
	}
	if inst.has(d.prefix + "DATASOURCE") {
		inst.set(d.prefix+"DATASOURCE", Part{Text: "postgres://" + d.user + ":"}, b.password(name), Part{Text: "@" + d.host + ":5432/" + d.name})
	}
}

func (b *builder) externalDatabase(inst *Instance, name string, d database, e *config.ExternalDatabase) {
	at := b.At("databases." + name + ".external")
	port := 5432
	if e.Port != nil {
		port = *e.Port
	}
	inst.set(d.prefix+"HOST", Part{Text: e.Host})
	inst.set(d.prefix+"PORT", Part{Text: strconv.Itoa(port)})
	inst.set(d.prefix+"USER", Part{Text: e.User})
	inst.set(d.prefix+"DATABASE", Part{Text: e.Database})
	inst.set(d.prefix+"SSLMODE", Part{Text: cmp.Or(e.SSLMode, "require")})
	if e.Password != nil {
		inst.set(d.prefix+"PASSWORD", Part{Secret: b.secret(name+"-password", e.Password, at)})
	}
	if inst.has(d.prefix + "DATASOURCE") {
		// A data source overrides the single variables, so the shipped one must be removed.
		inst.set(d.prefix+"DATASOURCE", Part{})
	}
	inst.origin("own "+name, at)
}

// redisClients are the services that use Redis. In a Compose installation they find the built-in stores by their default names. Source: the
// chart's REDIS_CACHE_ENDPOINT and REDIS_STORE_ENDPOINT, and for the older services the public source's redispool.
var redisClients = []string{"sourcegraph-frontend", "sourcegraph-frontend-internal", "gitserver", "searcher", "symbols", "worker",
	"repo-updater", "precise-code-intel-worker", "syntactic-code-intel-worker"}

var redisVariables = map[string]string{"redis-cache": "REDIS_CACHE_ENDPOINT", "redis-store": "REDIS_STORE_ENDPOINT"}

func (b *builder) redis() {
	for name, variable := range redisVariables {
		r := b.Config.Redis[name]
		if r.External == nil {
			continue
		}
		at := b.At("redis." + name + ".external")
		address := Part{Secret: b.secret(name+"-address", r.External, at)}
		b.each(redisClients, func(inst *Instance) {
			inst.set(variable, address)
			inst.origin("own "+name, at)
		})
	}
}

// uploadPrefixes are the variables of the two uses of object storage, each with the services that read it. Newer releases also know one
// prefix for both, and still read these. Source: https://sourcegraph.com/docs/self-hosted/external-services/object-storage
var uploadPrefixes = map[string][]string{
	"PRECISE_CODE_INTEL_UPLOAD_": {"sourcegraph-frontend", "sourcegraph-frontend-internal", "worker", "precise-code-intel-worker", "syntactic-code-intel-worker"},
	"SEARCH_JOBS_UPLOAD_":        {"sourcegraph-frontend", "sourcegraph-frontend-internal", "worker"},
}

func (b *builder) objectStorage() {
	o := b.Config.ObjectStorage
	if o == nil {
		return
	}
	at := b.At("objectStorage")
	values := b.uploadVariables(o)
	for prefix, services := range uploadPrefixes {
		b.each(services, func(inst *Instance) {
			// The shipped address is the built-in blobstore's.
			inst.unset(prefix + "AWS_ENDPOINT")
			for suffix, v := range values {
				inst.set(prefix+suffix, v)
			}
			inst.origin("own object storage", at)
		})
	}
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
	if o.InstanceRole {
		text("AWS_USE_EC2_ROLE_CREDENTIALS", "true")
	}
	if o.ManageBucket {
		text("MANAGE_BUCKET", "true")
	}
	return v
}
