package main

import (
	"cmp"
	"strings"

	"berth/testbed/internal/release"
)

// image is one of Sourcegraph's images: the layer that stands in for it and the settings that the real one has.
type image struct {
	name        string
	layer       string
	entry, args string
	user        string
	stop        string // signal that ends it; Docker's default is SIGTERM
	env         map[string]string
	from, to    string // releases that have it: first, and first that no longer has it
	tag         string // when it isn't the release's
	real        string // what runs inside
	beside      bool   // it is none of Sourcegraph's, and runs beside an installation in tests: only full images have it
}

const (
	app  = "100:101" // user and group sourcegraph
	role = "the testbed's own small program"
)

// The frontends and the migrator take these from the image when the deployment sets only the hosts.
var databases = map[string]string{
	"PGPORT": "5432", "PGUSER": "sg", "PGDATABASE": "sg", "PGSSLMODE": "disable",
	"CODEINTEL_PGPORT": "5432", "CODEINTEL_PGUSER": "sg", "CODEINTEL_PGDATABASE": "sg", "CODEINTEL_PGSSLMODE": "disable",
}

func service(name, role_ string) image {
	return image{name: name, layer: "service", entry: "standin " + role_, user: app, real: role}
}

// postgres is a database. The layer with 16 can convert what 12 left.
func postgres(name, layer, user, data string) image {
	real := "PostgreSQL " + strings.TrimPrefix(layer, "postgres-") + ", from npm's embedded-postgres"
	return image{name: name, layer: layer, entry: "/postgres.sh", user: user, stop: "SIGINT", real: real,
		env: map[string]string{"PGDATA": data, "POSTGRES_USER": "sg", "POSTGRES_DB": "sg", "POSTGRES_PASSWORD": ""}}
}

func (i image) with(change func(*image)) image { change(&i); return i }

func (i image) since(release string) image  { i.from = release; return i }
func (i image) before(release string) image { i.to = release; return i }
func (i image) tagged(tag string) image     { i.tag = tag; return i }

// reference is where the image of a version is, under a path of a registry.
func (i image) reference(path, version string) string {
	return path + "/" + i.name + ":" + cmp.Or(i.tag, version)
}

// Before 5.4 this was Docker's own image, with its tags.
var caddy = image{name: "caddy", layer: "caddy", entry: "caddy run --config /etc/caddy/Caddyfile --adapter caddyfile", real: "Caddy, built from source"}

const pgdata = "/data/pgdata-"

var table = []image{
	service("migrator", "migrator").with(func(i *image) { i.args = "up" }),
	service("frontend", "frontend").with(func(i *image) { i.args = "serve"; i.env = databases }),
	service("gitserver", "gitserver").with(func(i *image) { i.args = "run" }),
	service("search-indexer", "zoekt-indexserver"),
	service("indexed-searcher", "zoekt-webserver"),
	service("searcher", "searcher"),
	service("symbols", "symbols").before("6.4"),
	service("repo-updater", "repo-updater").before("6.4"),
	service("embeddings", "embeddings").since("5.1").before("5.7"),
	service("github-proxy", "github-proxy").before("5.3"),
	service("precise-code-intel-worker", "precise-code-intel-worker"),
	service("syntactic-code-intel-worker", "syntactic-code-intel-worker").since("5.7"),
	service("worker", "worker"),
	service("syntax-highlighter", "syntect-server"),
	service("grafana", "grafana").with(func(i *image) { i.user = "472:472" }),
	{name: "cadvisor", layer: "cadvisor", entry: "/cadvisor.sh", user: "0:0", real: "cAdvisor 0.53, built from source"},
	{name: "opentelemetry-collector", layer: "otelcol", entry: "/bin/otelcol-sourcegraph", user: app, real: "OpenTelemetry collector 0.165, built from source"},
	caddy.before("5.2").tagged("2.5.2-alpine"),
	caddy.since("5.2").before("5.3").tagged("2.7.4-alpine"),
	caddy.since("5.3").before("5.4").tagged("2.7.6-alpine"),
	caddy.since("5.4"),
	{name: "blobstore", layer: "blobstore", entry: "blobstore", user: app, real: "gofakes3, an S3-compatible store"},
	{name: "versitygw", layer: "versitygw", entry: "versitygw posix /data", user: app, real: "versitygw 1.8, an S3 server", beside: true},
	{name: "redis-cache", layer: "redis", entry: "/redis.sh", user: "999:1000", real: "Debian's Redis and redis_exporter"},
	{name: "redis-store", layer: "redis", entry: "/redis.sh", user: "999:1000", real: "Debian's Redis and redis_exporter"},
	{name: "redis_exporter", layer: "redis", entry: "prometheus-redis-exporter", user: "999:1000", real: "Debian's redis_exporter"},
	{name: "prometheus", layer: "prometheus", entry: "/prometheus.sh", user: "100:100", real: "Debian's Prometheus and Alertmanager"},
	{name: "node-exporter", layer: "node-exporter", entry: "prometheus-node-exporter", user: "65534:65534", real: "Debian's node exporter"},
	{name: "alpine-3.14", layer: "node-exporter", entry: "sh", user: "0:0", real: "Debian, for its shell"},
	{name: "postgres_exporter", layer: "postgres_exporter", entry: "/postgres_exporter.sh", user: "65534:65534", real: "Debian's Postgres exporter"},
	postgres("postgresql-16", "postgres-16", "999:999", pgdata+"16").since("5.9"),
	postgres("postgresql-16-codeinsights", "postgres-16", "70:70", "/var/lib/postgresql/data/pgdata").since("5.9"),
	postgres("postgres-12-alpine", "postgres-12", "999:999", pgdata+"12").before("5.10"),
	postgres("codeintel-db", "postgres-12", "999:999", pgdata+"12").before("5.10"),
	postgres("codeinsights-db", "postgres-12", "70:70", "/var/lib/postgresql/data/pgdata").before("5.10"),
}

// The kinds of images.
const (
	full      = "full"
	small     = "small"      // for the demo: nothing that takes minutes to compile
	pgUpgrade = "pg-upgrade" // for tests of the conversion of databases: majors of PostgreSQL that Debian has, and so pg_upgrade
)

// kinds says what differs from the table, by kind and name.
var kinds = map[string]map[string]func(image) image{
	small: {
		"cadvisor":                func(image) image { return service("cadvisor", "cadvisor").with(func(i *image) { i.user = "0:0" }) },
		"opentelemetry-collector": func(image) image { return service("opentelemetry-collector", "otel-collector") },
		"caddy":                   func(i image) image { i.layer, i.real = "caddy-debian", "Debian's Caddy"; return i },
	},
	pgUpgrade: {
		"postgresql-16":              converting("postgres-17"),
		"postgresql-16-codeinsights": converting("postgres-17"),
		"postgres-12-alpine":         converting("postgres-15"),
		"codeintel-db":               converting("postgres-15"),
		"codeinsights-db":            converting("postgres-15"),
	},
}

func converting(layer string) func(image) image {
	return func(i image) image {
		i.layer, i.real = layer, "PostgreSQL "+strings.TrimPrefix(layer, "postgres-")+" of Debian"
		return i
	}
}

// of gives the images of a release, of a kind.
func of(version, kind string) ([]image, error) {
	minor, err := release.Parse(version)
	if err != nil {
		return nil, err
	}
	var out []image
	for _, i := range table {
		if !minor.In(i.from, i.to) || i.beside && kind != full {
			continue
		}
		if change := kinds[kind][i.name]; change != nil {
			i = change(i)
		}
		out = append(out, i)
	}
	return out, nil
}
