package contract

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"berth/testbed/internal/release"
	"berth/testbed/internal/shard"
)

// Env looks up a variable; one that is not set is empty.
type Env func(string) string

// forms are what the value of a variable can have to be, by the names that contract.yaml gives them.
var forms = map[string]func(string) error{
	"":               func(string) error { return nil },
	"deploy-type":    oneOf("docker-compose", "helm", "kubernetes", "kustomize"),
	"upload-backend": oneOf("blobstore", "minio", "s3", "gcs"),
	"host:port":      hostPort,
	"host:port list": listOf(hostPort),
	"URL":            httpURL,
	"URL list":       listOf(httpURL),
}

// Check gives everything that is wrong with the environment of a service in a role, each with the name of the variable.
func (c *Contract) Check(role, version string, env Env) []error {
	minor, err := release.Parse(version)
	if err != nil {
		return []error{fmt.Errorf("STANDIN_VERSION: %w", err)}
	}
	var problems []error
	needs := c.needs(role, minor)
	for _, n := range needs {
		names := n.Names()
		name, value := first(names, env)
		switch {
		case n.Found && env("KUBERNETES_SERVICE_HOST") != "" && (value == "" || name == "HOSTNAME"): // a pod's host name is its own
		case value == "":
			problems = append(problems, fmt.Errorf("%s is not set", strings.Join(names, " or ")))
		default:
			if err := forms[n.Form](value); err != nil {
				problems = append(problems, fmt.Errorf("%s=%s: %w", name, value, err))
			}
		}
	}
	for _, n := range c.Optional {
		if v := env(n.Name); v != "" {
			if err := forms[n.Form](v); err != nil {
				problems = append(problems, fmt.Errorf("%s=%s: %w", n.Name, v, err))
			}
		}
	}
	if err := checkUpload(needs, env); err != nil {
		problems = append(problems, err)
	}
	return problems
}

func first(names []string, env Env) (name, value string) {
	for _, n := range names {
		if v := env(n); v != "" {
			return n, v
		}
	}
	return names[0], ""
}

// Upload has the settings of the object store. Without a key, requests are not signed: Sourcegraph's own store wants no signature.
type Upload struct {
	Backend, Endpoint, Bucket, Region, KeyID, Secret string
	ManageBucket                                     bool // make the bucket when it is missing
}

// UploadOf reads them; the newer names win over the older ones.
func UploadOf(env Env) Upload {
	for _, prefix := range []string{"SOURCEGRAPH_UPLOAD_", "PRECISE_CODE_INTEL_UPLOAD_"} {
		if b := env(prefix + "BACKEND"); b != "" {
			u := Upload{Backend: strings.ToLower(b), Endpoint: env(prefix + "AWS_ENDPOINT"), Bucket: cmp.Or(env(prefix+"BUCKET"), "lsif-uploads"),
				Region: cmp.Or(env(prefix+"AWS_REGION"), "us-east-1")}
			u.ManageBucket = u.Backend != "s3" || env(prefix+"MANAGE_BUCKET") == "true"
			if u.Backend == "s3" {
				u.KeyID, u.Secret = env(prefix+"AWS_ACCESS_KEY_ID"), env(prefix+"AWS_SECRET_ACCESS_KEY")
			}
			return u
		}
	}
	return Upload{}
}

func checkUpload(needs []Need, env Env) error {
	if !slices.ContainsFunc(needs, func(n Need) bool { return n.Form == "upload-backend" }) {
		return nil
	}
	for _, prefix := range []string{"SOURCEGRAPH_UPLOAD_", "PRECISE_CODE_INTEL_UPLOAD_"} {
		backend := strings.ToLower(env(prefix + "BACKEND"))
		var missing string
		switch {
		case (backend == "blobstore" || backend == "minio") && env(prefix+"AWS_ENDPOINT") == "":
			missing = "AWS_ENDPOINT"
		case backend == "s3" && env(prefix+"AWS_ENDPOINT") == "" && env(prefix+"AWS_REGION") == "":
			missing = "AWS_REGION"
		case backend == "s3" && env(prefix+"AWS_ACCESS_KEY_ID") == "" && env(prefix+"AWS_USE_EC2_ROLE_CREDENTIALS") != "true":
			missing = "AWS_ACCESS_KEY_ID"
		case backend == "s3" && env(prefix+"AWS_SECRET_ACCESS_KEY") == "" && env(prefix+"AWS_USE_EC2_ROLE_CREDENTIALS") != "true":
			missing = "AWS_SECRET_ACCESS_KEY"
		case backend == "gcs" && env(prefix+"GCP_PROJECT_ID") == "":
			missing = "GCP_PROJECT_ID"
		}
		if missing != "" {
			return fmt.Errorf("%s is not set, and %sBACKEND=%s needs it", prefix+missing, prefix, env(prefix+"BACKEND"))
		}
	}
	return nil
}

func oneOf(values ...string) func(string) error {
	return func(v string) error {
		for _, w := range values {
			if strings.EqualFold(v, w) {
				return nil
			}
		}
		return fmt.Errorf("not one of %s", strings.Join(values, ", "))
	}
}

func listOf(check func(string) error) func(string) error {
	return func(v string) error {
		if n, err := strconv.Atoi(strings.TrimSpace(v)); err == nil {
			if n < 1 {
				return fmt.Errorf("a count has to be at least 1")
			}
			return nil
		}
		if strings.HasPrefix(v, "k8s+") {
			return nil
		}
		for _, a := range strings.Fields(v) {
			if err := check(a); err != nil {
				return err
			}
		}
		return nil
	}
}

func hostPort(v string) error {
	if strings.Contains(v, "://") {
		return fmt.Errorf("%s has a scheme, and host:port is wanted", v)
	}
	host, port, ok := strings.Cut(v, ":")
	if _, err := strconv.ParseUint(port, 10, 16); !ok || host == "" || err != nil {
		return fmt.Errorf("%s is not host:port", v)
	}
	return nil
}

func httpURL(v string) error {
	u, err := url.Parse(v)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%s is not http://host:port", v)
	}
	return nil
}

// DSN is the connection string of a database: prefix is empty, CODEINTEL_ or CODEINSIGHTS_. A whole data source wins over its parts.
func DSN(prefix string, env Env) string {
	if v := env(prefix + "PGDATASOURCE"); v != "" {
		return v
	}
	part := func(name, standard string) string {
		if v := env(prefix + name); v != "" {
			return v
		}
		return standard
	}
	u := url.URL{Scheme: "postgres", Host: part("PGHOST", "127.0.0.1") + ":" + part("PGPORT", "5432"), Path: "/" + part("PGDATABASE", "sg")}
	u.User = url.User(part("PGUSER", "sg"))
	if p := env(prefix + "PGPASSWORD"); p != "" {
		u.User = url.UserPassword(part("PGUSER", "sg"), p)
	}
	q := url.Values{"sslmode": {part("PGSSLMODE", "disable")}}
	u.RawQuery = q.Encode()
	return u.String()
}

// Distinct refuses one database for pgsql and codeintel-db, where names has both. Host, port and name of the database are compared as they are
// written, so that two names of one server pass. CODEINTEL_PG_ALLOW_SINGLE_DB with any value lets it.
//
// Source: internal/database/postgresdsn (DSNsBySchema) in https://github.com/sourcegraph/sourcegraph-public-snapshot
func Distinct(names []string, env Env) error {
	if env("CODEINTEL_PG_ALLOW_SINGLE_DB") != "" || !slices.Contains(names, "frontend") || !slices.Contains(names, "codeintel") {
		return nil
	}
	front, err := url.Parse(DSN("", env))
	if err != nil {
		return fmt.Errorf("illegal Postgres DSN of the frontend database") // which has a password
	}
	intel, err := url.Parse(DSN("CODEINTEL_", env))
	if err != nil {
		return fmt.Errorf("illegal Postgres DSN of the codeintel database")
	}
	// Tests reach their servers over sockets, whose folder is in the query.
	if front.Host != intel.Host || front.Path != intel.Path || front.Query().Get("host") != intel.Query().Get("host") {
		return nil
	}
	return fmt.Errorf("databases frontend and codeintel must be distinct, but both target %s", &url.URL{Scheme: "postgres", Host: front.Host, Path: front.Path})
}

// List reads an address list; on Kubernetes one that is not set has one shard.
func List(variable string, env Env) ([]string, error) {
	v, deploy := env(variable), env("DEPLOY_TYPE")
	if strings.HasPrefix(v, "k8s+") || v == "" && env("KUBERNETES_SERVICE_HOST") != "" {
		v = "1"
	}
	return shard.List(variable, v, deploy)
}
