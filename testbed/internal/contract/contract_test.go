package contract

import (
	"strings"
	"testing"
)

// frontend is the environment that the Compose file of 7.5.4453 gives to a frontend.
var frontend = map[string]string{
	"DEPLOY_TYPE": "docker-compose", "PGHOST": "pgsql", "CODEINTEL_PGHOST": "codeintel-db",
	"CODEINSIGHTS_PGDATASOURCE": "postgres://postgres:password@codeinsights-db:5432/postgres",
	"SRC_GIT_SERVERS":           "gitserver-0:3178", "SRC_SYNTECT_SERVER": "http://syntect-server:9238", "SEARCHER_URL": "http://searcher-0:3181",
	"INDEXED_SEARCH_INDEXER": "zoekt-indexserver-0:6072", "INDEXED_SEARCH_SERVERS": "zoekt-webserver-0:6070",
	"SRC_FRONTEND_INTERNAL": "sourcegraph-frontend-internal:3090", "PRECISE_CODE_INTEL_UPLOAD_BACKEND": "blobstore",
	"PRECISE_CODE_INTEL_UPLOAD_AWS_ENDPOINT": "http://blobstore:9000",
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name, service, version string
		env                    map[string]string // on top of the frontend's; empty takes away
		want                   []string          // each has to be in the problem at its place
	}{
		{"complete", "frontend", "7.5.4453", nil, nil},
		{"a database is missing", "frontend", "7.5.4453", map[string]string{"PGHOST": ""}, []string{"PGHOST or PGDATASOURCE is not set"}},
		{"a data source will do", "frontend", "7.5.4453", map[string]string{"PGHOST": "", "PGDATASOURCE": "postgres://x"}, nil},
		{"all problems at once", "frontend", "7.5.4453", map[string]string{"SRC_GIT_SERVERS": "", "SEARCHER_URL": "searcher-0:3181"},
			[]string{"SRC_GIT_SERVERS is not set", "SEARCHER_URL=searcher-0:3181: searcher-0:3181 is not http://host:port"}},
		{"scheme where none belongs", "frontend", "7.5.4453", map[string]string{"INDEXED_SEARCH_SERVERS": "http://zoekt-webserver-0:6070"},
			[]string{"INDEXED_SEARCH_SERVERS"}},
		{"counts", "frontend", "7.5.4453", map[string]string{"SRC_GIT_SERVERS": "3", "SEARCHER_URL": "2"}, nil},
		{"symbols until 6.3", "frontend", "6.3.4167", map[string]string{"INDEXED_SEARCH_INDEXER": ""}, []string{"SYMBOLS_URL is not set"}},
		{"indexer from 6.4", "frontend", "6.4.0", map[string]string{"INDEXED_SEARCH_INDEXER": ""}, []string{"INDEXED_SEARCH_INDEXER is not set"}},
		{"deploy type", "frontend", "7.5.4453", map[string]string{"DEPLOY_TYPE": "docker"}, []string{"DEPLOY_TYPE=docker: not one of"}},
		{"store without endpoint", "frontend", "7.5.4453", map[string]string{"PRECISE_CODE_INTEL_UPLOAD_AWS_ENDPOINT": ""},
			[]string{"PRECISE_CODE_INTEL_UPLOAD_AWS_ENDPOINT is not set"}},
		{"S3 without key", "frontend", "7.5.4453", map[string]string{"SOURCEGRAPH_UPLOAD_BACKEND": "S3", "SOURCEGRAPH_UPLOAD_AWS_REGION": "eu-1"},
			[]string{"SOURCEGRAPH_UPLOAD_AWS_ACCESS_KEY_ID is not set"}},
		{"indexserver wants a scheme", "zoekt-indexserver", "7.5.4453", map[string]string{"HOSTNAME": "zoekt-webserver-0:6070"},
			[]string{"SRC_FRONTEND_INTERNAL=sourcegraph-frontend-internal:3090"}},
		{"a container's own host name is no shard", "zoekt-webserver", "7.5.4453", map[string]string{"HOSTNAME": "zoekt-webserver-0"}, []string{"HOSTNAME"}},
		{"gitserver wants no scheme", "gitserver", "7.5.4453", map[string]string{"SRC_FRONTEND_INTERNAL": "http://f:3090"}, []string{"has a scheme"}},
		{"Kubernetes finds its shards", "gitserver", "7.5.4453", map[string]string{"SRC_FRONTEND_INTERNAL": "", "KUBERNETES_SERVICE_HOST": "10.0.0.1"}, nil},
		{"what is optional has to be right", "syntect-server", "7.5.4453", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "otel:4317"},
			[]string{"OTEL_EXPORTER_OTLP_ENDPOINT"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Load().Check(c.service, c.version, func(k string) string {
				if v, ok := c.env[k]; ok {
					return v
				}
				return frontend[k]
			})
			if len(got) != len(c.want) {
				t.Fatalf("got %v, want %q", got, c.want)
			}
			for i, w := range c.want {
				if !strings.Contains(got[i].Error(), w) {
					t.Errorf("problem %d is %q, want %q in it", i, got[i], w)
				}
			}
		})
	}
}

func TestDSN(t *testing.T) {
	env := map[string]string{"CODEINTEL_PGHOST": "db", "CODEINTEL_PGPASSWORD": "a/b@c", "CODEINSIGHTS_PGDATASOURCE": "postgres://x/y"}
	get := func(k string) string { return env[k] }
	for prefix, want := range map[string]string{
		"CODEINTEL_":    "postgres://sg:a%2Fb%40c@db:5432/sg?sslmode=disable",
		"CODEINSIGHTS_": "postgres://x/y",
	} {
		if got := DSN(prefix, get); got != want {
			t.Errorf("%s: got %s, want %s", prefix, got, want)
		}
	}
}
