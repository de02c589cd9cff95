// Package contract has what each service of Sourcegraph needs from its environment, as the Compose file of its release gives it.
// The stand-ins refuse to start without it, so that a deployment that forgets a variable fails here as it would with the real images.
package contract

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"berth/testbed/internal/release"
	"berth/testbed/internal/shard"
)

// Env looks up a variable; one that is not set is empty.
type Env func(string) string

// rule is one variable that a service needs.
type rule struct {
	name     string // with | between names of which one is enough
	check    func(string) error
	from, to string // releases that need it
	// found is true when Kubernetes has a default for it: there, services are found by the API or by fixed names.
	found bool
}

var (
	deployType = rule{name: "DEPLOY_TYPE", check: oneOf("docker-compose", "helm", "kubernetes", "kustomize")}
	gitservers = rule{name: "SRC_GIT_SERVERS", check: listOf(hostPort), found: true}
	searchers  = rule{name: "SEARCHER_URL", check: listOf(httpURL), found: true}
	zoekts     = rule{name: "INDEXED_SEARCH_SERVERS", check: listOf(hostPort), found: true}
	internal   = rule{name: "SRC_FRONTEND_INTERNAL", check: hostPort, found: true}
	upload     = rule{name: "PRECISE_CODE_INTEL_UPLOAD_BACKEND|SOURCEGRAPH_UPLOAD_BACKEND", check: oneOf("blobstore", "minio", "s3", "gcs")}
)

var rules = map[string][]rule{
	"frontend": {
		deployType,
		{name: "PGHOST|PGDATASOURCE"},
		{name: "CODEINTEL_PGHOST|CODEINTEL_PGDATASOURCE"},
		{name: "CODEINSIGHTS_PGDATASOURCE|CODEINSIGHTS_PGHOST|DISABLE_CODE_INSIGHTS"},
		gitservers, searchers, zoekts, internal, upload,
		{name: "SRC_SYNTECT_SERVER", check: httpURL, found: true},
		{name: "INDEXED_SEARCH_INDEXER", check: listOf(hostPort), from: "6.4", found: true},
		{name: "SYMBOLS_URL", check: listOf(httpURL), to: "6.4", found: true},
	},
	"gitserver":         {internal},
	"zoekt-indexserver": {{name: "HOSTNAME", check: hostPort, found: true}, {name: "SRC_FRONTEND_INTERNAL", check: httpURL, found: true}},
	"zoekt-webserver":   {{name: "HOSTNAME", check: hostPort, found: true}},
	"searcher":          {internal},
	"symbols":           {internal},
	"repo-updater":      {internal},
	"worker":            {internal, gitservers, searchers, zoekts, upload},

	"precise-code-intel-worker":   {internal, upload},
	"syntactic-code-intel-worker": {internal, upload},
	"migrator": {
		{name: "PGHOST|PGDATASOURCE"},
		{name: "CODEINTEL_PGHOST|CODEINTEL_PGDATASOURCE"},
		{name: "CODEINSIGHTS_PGHOST|CODEINSIGHTS_PGDATASOURCE|DISABLE_CODE_INSIGHTS"},
	},
}

// optional variables have to be right when they are set.
var optional = []rule{
	{name: "OTEL_EXPORTER_OTLP_ENDPOINT", check: httpURL},
	{name: "GRAFANA_SERVER_URL", check: httpURL},
	{name: "PROMETHEUS_URL", check: httpURL},
	{name: "JAEGER_SERVER_URL", check: httpURL},
	{name: "PRECISE_CODE_INTEL_UPLOAD_AWS_ENDPOINT", check: httpURL},
	{name: "SOURCEGRAPH_UPLOAD_AWS_ENDPOINT", check: httpURL},
}

// Check gives everything that is wrong with the environment of a service, each with the name of the variable.
func Check(service, version string, env Env) []error {
	minor, err := release.Parse(version)
	if err != nil {
		return []error{fmt.Errorf("STANDIN_VERSION: %w", err)}
	}
	var problems []error
	for _, r := range rules[service] {
		if !minor.In(r.from, r.to) {
			continue
		}
		names := strings.Split(r.name, "|")
		name, value := first(names, env)
		switch {
		case r.found && env("KUBERNETES_SERVICE_HOST") != "" && (value == "" || name == "HOSTNAME"): // a pod's host name is its own
		case value == "":
			problems = append(problems, fmt.Errorf("%s is not set", strings.Join(names, " or ")))
		case r.check != nil:
			if err := r.check(value); err != nil {
				problems = append(problems, fmt.Errorf("%s=%s: %w", name, value, err))
			}
		}
	}
	for _, r := range optional {
		if v := env(r.name); v != "" {
			if err := r.check(v); err != nil {
				problems = append(problems, fmt.Errorf("%s=%s: %w", r.name, v, err))
			}
		}
	}
	if err := checkUpload(rules[service], env); err != nil {
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

// Upload has the settings of the object store.
type Upload struct{ Backend, Endpoint, Bucket string }

// UploadOf reads them; the newer names win over the older ones.
func UploadOf(env Env) Upload {
	for _, prefix := range []string{"SOURCEGRAPH_UPLOAD_", "PRECISE_CODE_INTEL_UPLOAD_"} {
		if b := env(prefix + "BACKEND"); b != "" {
			u := Upload{Backend: strings.ToLower(b), Endpoint: env(prefix + "AWS_ENDPOINT"), Bucket: env(prefix + "BUCKET")}
			if u.Bucket == "" {
				u.Bucket = "lsif-uploads"
			}
			return u
		}
	}
	return Upload{}
}

func checkUpload(of []rule, env Env) error {
	needs := false
	for _, r := range of {
		needs = needs || r.name == upload.name
	}
	if !needs {
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

// List reads an address list; on Kubernetes one that is not set has one shard.
func List(variable string, env Env) ([]string, error) {
	v, deploy := env(variable), env("DEPLOY_TYPE")
	if strings.HasPrefix(v, "k8s+") || v == "" && env("KUBERNETES_SERVICE_HOST") != "" {
		v = "1"
	}
	return shard.List(variable, v, deploy)
}
