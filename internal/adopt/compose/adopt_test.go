package compose

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/catalogue"
	"berth/internal/adopt"
	"berth/internal/catalogue/rendered"

	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"
)

// fork is a folder like that of Sourcegraph's Compose repository: what berth renders for a release, which catalogue verify holds equal to what
// Sourcegraph ships, with the passwords that Sourcegraph ships.
type fork struct {
	project map[string]any
	files   map[string][]byte
	env     string // .env
	more    map[string]any

	caddyfiles map[string][]string
}

func shipped(t testing.TB, version string) *fork {
	t.Helper()
	release, err := catalogue.Embedded().Release(version, catalogue.Compose)
	if err != nil {
		t.Fatal(err)
	}
	text, files, err := rendered.Project(release)
	if err != nil {
		t.Fatal(err)
	}
	f := &fork{files: files, caddyfiles: release.Files.Caddyfiles}
	if err := yaml.Load([]byte(strings.NewReplacer("${BERTH_PGSQL_PASSWORD}", "sg", "${BERTH_CODEINTEL_DB_PASSWORD}", "sg", "${BERTH_CODEINSIGHTS_DB_PASSWORD}", "password").Replace(string(text))), &f.project); err != nil {
		t.Fatal(err)
	}
	delete(f.project, "name")
	for name, s := range services(f.project) {
		delete(s, "labels")
		env, _ := s["environment"].(map[string]any)
		for db, d := range release.Relations.Stores.Postgres.Databases {
			place := release.Services[strings.TrimSuffix(name, "-0")]
			if place.Compose == nil {
				continue
			}
			for _, variable := range []string{d.Prefix + "PASSWORD", d.Prefix + "DATASOURCE", "POSTGRES_PASSWORD", "DATA_SOURCE_NAME"} {
				if variable == "POSTGRES_PASSWORD" && name != db || variable == "DATA_SOURCE_NAME" && name != d.Exporter {
					continue
				}
				if v, has := place.Compose.Env[variable]; has {
					env[variable] = v.Text
				} else {
					delete(env, variable)
				}
			}
		}
		for i, m := range list(s["volumes"]) {
			if text, ok := m.(string); ok && strings.HasPrefix(text, "./") {
				list(s["volumes"])[i] = "." + text
			}
		}
	}
	caddy := services(f.project)["caddy"]
	caddy["ports"] = append(list(caddy["ports"]), "0.0.0.0:443:443")
	return f
}

func services(project map[string]any) map[string]map[string]any {
	return anyMaps(project["services"])
}

func anyMaps(v any) map[string]map[string]any {
	out := map[string]map[string]any{}
	all, _ := v.(map[string]any)
	for name, s := range all {
		out[name], _ = s.(map[string]any)
	}
	return out
}

func list(v any) []any { l, _ := v.([]any); return l }

// write writes the fork, and gives the folder of its Compose file.
func (f *fork) write(t testing.TB, root string) string {
	t.Helper()
	dir := filepath.Join(root, "docker-compose")
	put := func(name string, content []byte) {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text := func(v any) []byte {
		b, err := yaml.Dump(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	put(filepath.Join(dir, "docker-compose.yaml"), text(f.project))
	for name, content := range f.files {
		put(filepath.Join(root, name), content)
	}
	if f.env != "" {
		put(filepath.Join(dir, ".env"), []byte(f.env))
	}
	if f.more != nil {
		put(filepath.Join(dir, "docker-compose.override.yaml"), text(f.more))
	}
	return dir
}

// take adopts a fork.
func (f *fork) take(t testing.TB, root string) (adopt.Result, *Source) {
	t.Helper()
	s, err := Open(t.Context(), Options{Dir: f.write(t, root)})
	if err != nil {
		t.Fatal(err)
	}
	base, err := adopt.FindBase(catalogue.Embedded(), catalogue.Compose, s.Images)
	if err != nil {
		t.Fatal(err)
	}
	r, problems := Adopt(s, catalogue.Embedded(), base, "", filepath.Join(root, "berth"), time.Now)
	if problems.Failed() {
		t.Fatalf("%v\n%s", problems, r.Text)
	}
	return r, s
}

// override is the service of an override file.
func (f *fork) override(service string, keys map[string]any) {
	if f.more == nil {
		f.more = map[string]any{"services": map[string]any{}}
	}
	all := f.more["services"].(map[string]any)
	if there, ok := all[service].(map[string]any); ok {
		maps.Copy(there, keys)
		return
	}
	all[service] = keys
}

func (f *fork) env1(service, name, value string) {
	s := services(f.project)[service]
	if s == nil {
		return // an edit before took it out
	}
	if s["environment"] == nil {
		s["environment"] = map[string]any{}
	}
	s["environment"].(map[string]any)[name] = value
}

// edit is a kind of edit that admins make. key is in the config for it.
type edit struct {
	name string
	make func(f *fork)
	key  string
}

// edits are the kinds of edits that admins make, after Sourcegraph's own documents and example overrides.
var edits = []edit{
	{"nothing", func(*fork) {}, "name: docker-compose"},
	{"memory", func(f *fork) { services(f.project)["gitserver-0"]["mem_limit"] = "24g" }, "memory: \"24Gi\""},
	{"cores", func(f *fork) { services(f.project)["gitserver-0"]["cpus"] = 12 }, "cpu: \"12\""},
	{"limits in an override file", func(f *fork) { f.override("zoekt-webserver-0", map[string]any{"mem_limit": "80g", "cpus": 16}) }, "memory: \"80Gi\""},
	{"limits as deploy", func(f *fork) {
		s := services(f.project)["worker"]
		delete(s, "cpus")
		delete(s, "mem_limit")
		s["deploy"] = map[string]any{"resources": map[string]any{"limits": map[string]any{"cpus": "6", "memory": "9G"}}}
	}, "memory: \"9Gi\""},
	{"a variable", func(f *fork) { f.env1("sourcegraph-frontend-0", "SRC_LOG_FORMAT", "json") }, "SRC_LOG_FORMAT: json"},
	{"another value of a variable", func(f *fork) { f.env1("worker", "OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector.corp:4317") }, "collector.corp"},
	{"a secret variable", func(f *fork) {
		f.env1("sourcegraph-frontend-0", "AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMIK7MDENGbPxRfiCYzEXKEY0q1w2e")
	}, "file: secrets/"},
	{"a variable of .env", func(f *fork) {
		f.env1("gitserver-0", "EXTRA_LEVEL", "${LEVEL}")
		f.env = "LEVEL=debug\n"
	}, "EXTRA_LEVEL: debug"},
	{"a variable taken away", func(f *fork) {
		delete(services(f.project)["zoekt-webserver-0"]["environment"].(map[string]any), "OPENTELEMETRY_DISABLED")
	}, "patches"},
	{"proxies", func(f *fork) {
		for _, s := range []string{"gitserver-0", "sourcegraph-frontend-0", "worker"} {
			f.env1(s, "HTTPS_PROXY", "http://proxy.corp:3128")
		}
	}, "HTTPS_PROXY: http://proxy.corp:3128"},
	{"http port", func(f *fork) { services(f.project)["caddy"]["ports"] = []any{"0.0.0.0:8080:80"} }, "url: http://localhost:8080"},
	{"ports of this host only", func(f *fork) { services(f.project)["caddy"]["ports"] = []any{"127.0.0.1:7080:80"} }, "7080"},
	{"Prometheus closed", func(f *fork) { delete(services(f.project)["prometheus"], "ports") }, "prometheus: 0"},
	{"Postgres open", func(f *fork) { services(f.project)["pgsql"]["ports"] = []any{"5432:5432"} }, "5432:5432"},
	{"log limits everywhere", func(f *fork) {
		for _, s := range services(f.project) {
			s["logging"] = map[string]any{"driver": "json-file", "options": map[string]any{"max-size": "50m", "max-file": "3"}}
		}
	}, "allServices:"},
	{"log limits of one", func(f *fork) {
		services(f.project)["gitserver-0"]["logging"] = map[string]any{"driver": "journald"}
	}, "driver: journald"},
	{"extra hosts", func(f *fork) { services(f.project)["gitserver-0"]["extra_hosts"] = []any{"git.corp:10.0.0.5"} }, "git.corp: \"10.0.0.5\""},
	{"dns", func(f *fork) { services(f.project)["gitserver-0"]["dns"] = []any{"10.0.0.2"} }, "servers:"},
	{"labels", func(f *fork) { services(f.project)["caddy"]["labels"] = map[string]any{"traefik.enable": "true"} }, "traefik.enable"},
	{"ulimits", func(f *fork) { services(f.project)["gitserver-0"]["ulimits"] = map[string]any{"nofile": 65536} }, "nofile"},
	{"sysctls", func(f *fork) {
		services(f.project)["redis-store"]["sysctls"] = map[string]any{"net.core.somaxconn": "1024"}
	}, "somaxconn"},
	{"time zone", func(f *fork) { f.env1("worker", "TZ", "Europe/Berlin") }, "timezone: Europe/Berlin"},
	{"a second gitserver", secondGitserver, "replicas: 2"},
	{"a client of the databases without the identity that the others have", func(f *fork) {
		ownDatabases(f, "abc.us-west-2.rds.amazonaws.com", "", map[string]string{"PG_CONNECTION_UPDATER": "EC2_ROLE_CREDENTIALS"})
		secondGitserver(f)
		f.env1("gitserver-0", "PG_CONNECTION_UPDATER", "EC2_ROLE_CREDENTIALS")
	}, "auth: aws-iam"},
	{"data on another disk", func(f *fork) { volumeOf(f, "gitserver-0", "/data/repos", os.TempDir()) }, "holdsData: true"},
	{"another volume", func(f *fork) {
		volumeOf(f, "pgsql", "/data/", "old-pgsql")
		f.project["volumes"].(map[string]any)["old-pgsql"] = map[string]any{"external": true, "name": "old_pgsql"}
	}, "name: old_pgsql"},
	{"a host folder", func(f *fork) {
		services(f.project)["gitserver-0"]["volumes"] = append(list(services(f.project)["gitserver-0"]["volumes"]), os.TempDir()+":/etc/corp:ro")
	}, "at: /etc/corp"},
	{"ssh keys in the fork", func(f *fork) {
		f.files["docker-compose/ssh/known_hosts"] = []byte("x\n")
		services(f.project)["gitserver-0"]["volumes"] = append(list(services(f.project)["gitserver-0"]["volumes"]), "./ssh:/home/sourcegraph/.ssh")
	}, "/home/sourcegraph/.ssh"},
	{"a service turned off", func(f *fork) { remove(f, "cadvisor") }, "enabled: false"},
	{"a container of their own", func(f *fork) {
		f.project["services"].(map[string]any)["tunnel"] = map[string]any{"image": "cloudflare/cloudflared:2024.1.0", "container_name": "tunnel", "command": []any{"tunnel", "run"},
			"environment": map[string]any{"TUNNEL_TOKEN": "eyJhIjoiMTIzNDU2Nzg5MCIsInQiOiJhYmNkZWYifQ=="}, "networks": []any{"sourcegraph"}, "restart": "always"}
	}, "containers:"},
	{"a setting of Postgres", func(f *fork) {
		f.files["pgsql/conf/postgresql.conf"] = append(f.files["pgsql/conf/postgresql.conf"], "work_mem = 32MB\n"...)
	}, "work_mem: \"32MB\""},
	{"Prometheus' own settings", func(f *fork) {
		f.files["prometheus/prometheus.yml"] = append(f.files["prometheus/prometheus.yml"], "remote_write: [{url: http://mimir:9009/api/v1/push}]\n"...)
	}, ":/sg_prometheus_add_ons"},
	{"an own Caddyfile", func(f *fork) {
		f.files["caddy/builtins/http.Caddyfile"] = []byte(":80\nreverse_proxy {$SRC_FRONTEND_ADDRESSES}\nencode gzip\n")
	}, ":/etc/caddy/Caddyfile"},
	{"another registry", func(f *fork) {
		for _, s := range services(f.project) {
			image := s["image"].(string)
			s["image"] = "registry.corp/mirror/" + image[strings.LastIndexByte(image, '/')+1:]
		}
	}, "registry: registry.corp/mirror"},
	{"another registry with other digests", func(f *fork) {
		for _, s := range services(f.project) {
			image, _, _ := strings.Cut(s["image"].(string), "@")
			s["image"] = "registry.corp/mirror/" + image[strings.LastIndexByte(image, '/')+1:] + "@sha256:" + strings.Repeat("ab", 32)
		}
	}, "registry: registry.corp/mirror"},
	{"tags alone", func(f *fork) {
		for _, s := range services(f.project) {
			s["image"], _, _ = strings.Cut(s["image"].(string), "@")
		}
	}, "release: \"5.3.9104\""},
	{"no limits", func(f *fork) {
		for _, s := range services(f.project) {
			delete(s, "cpus")
			delete(s, "mem_limit")
		}
	}, "size: demo"},
	{"own databases", func(f *fork) { ownDatabases(f, "postgres.example.com", "super_long_secure_password", nil) }, "host: codeinsights.postgres.example.com"},
	{"own databases at RDS", func(f *fork) {
		ownDatabases(f, "abc.us-west-2.rds.amazonaws.com", "", map[string]string{"PG_CONNECTION_UPDATER": "EC2_ROLE_CREDENTIALS"})
		for _, s := range []string{"gitserver-0", "worker", "precise-code-intel-worker", "searcher-0", "symbols-0", "repo-updater", "syntactic-code-intel-worker", "embeddings"} {
			f.env1(s, "PG_CONNECTION_UPDATER", "EC2_ROLE_CREDENTIALS")
		}
	}, "auth: aws-iam"},
	{"an own bucket", func(f *fork) {
		remove(f, "blobstore")
		for _, s := range []string{"sourcegraph-frontend-0", "sourcegraph-frontend-internal", "worker", "precise-code-intel-worker", "syntactic-code-intel-worker"} {
			for _, prefix := range []string{"PRECISE_CODE_INTEL_UPLOAD_", "SEARCH_JOBS_UPLOAD_"} {
				if prefix == "SEARCH_JOBS_UPLOAD_" && strings.HasSuffix(s, "intel-worker") {
					continue
				}
				f.env1(s, prefix+"BACKEND", "S3")
				f.env1(s, prefix+"BUCKET", "sg-uploads")
				f.env1(s, prefix+"AWS_REGION", "us-east-1")
				f.env1(s, prefix+"AWS_ENDPOINT", "https://s3.us-east-1.amazonaws.com")
				f.env1(s, prefix+"AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
				f.env1(s, prefix+"AWS_SECRET_ACCESS_KEY", "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")
			}
		}
	}, "bucket: sg-uploads"},
	{"no limits of cores", func(f *fork) {
		for _, s := range services(f.project) {
			delete(s, "cpus")
		}
	}, "size: demo"},
	{"own passwords", func(f *fork) {
		for _, s := range []string{"sourcegraph-frontend-0", "sourcegraph-frontend-internal", "migrator"} {
			f.env1(s, "PGPASSWORD", "hunter2hunter2")
		}
		f.env1("pgsql", "POSTGRES_PASSWORD", "hunter2hunter2")
		f.env1("pgsql-exporter", "DATA_SOURCE_NAME", "postgres://sg:hunter2hunter2@pgsql:5432/?sslmode=disable")
	}, "databases:"},
	{"Let's Encrypt", func(f *fork) {
		caddyfile(f, "https.lets-encrypt-prod")
		f.env1("caddy", "SRC_SITE_ADDRESS", "sg.example.com")
		f.env1("caddy", "SRC_ACME_EMAIL", "ops@example.com")
	}, "letsEncrypt:"},
	{"an own certificate", func(f *fork) {
		caddyfile(f, "https.custom-cert")
		f.env1("caddy", "SRC_SITE_ADDRESS", "sg.example.com")
		s := services(f.project)["caddy"]
		s["volumes"] = append(list(s["volumes"]), "/etc/hosts:/sourcegraph.pem", "/etc/hostname:/sourcegraph.key")
	}, "url: https://sg.example.com"},
	{"restart policy", func(f *fork) { services(f.project)["gitserver-0"]["restart"] = "unless-stopped" }, "restart:"},
	{"stop grace period", func(f *fork) { services(f.project)["pgsql"]["stop_grace_period"] = "300s" }, "stop_grace_period"},
	{"a command", func(f *fork) {
		services(f.project)["prometheus"]["command"] = []any{"--storage.tsdb.retention.time=30d"}
	}, "retention"},
	{"not privileged", func(f *fork) { delete(services(f.project)["cadvisor"], "privileged") }, "privileged:"},
	{"health check", func(f *fork) {
		services(f.project)["gitserver-0"]["healthcheck"] = map[string]any{"test": []any{"CMD", "true"}, "interval": "30s"}
	}, "healthcheck"},
	{"an outer network", func(f *fork) {
		services(f.project)["caddy"]["networks"] = []any{"sourcegraph", "traefik"}
		f.project["networks"].(map[string]any)["traefik"] = map[string]any{"external": true, "name": "traefik"}
	}, "traefik"},
	{"another project name", func(f *fork) { f.project["name"] = "sg-prod" }, "name: sg-prod"},
	{"a user", func(f *fork) { services(f.project)["redis-cache"]["user"] = "1001:1001" }, "1001:1001"},
	{"shared memory", func(f *fork) { services(f.project)["pgsql"]["shm_size"] = "4gb" }, "shm_size"},
}

// ownDatabases: as the override of Sourcegraph's own example for external databases has it: the bundled ones go, with their exporters.
func ownDatabases(f *fork, domain, password string, more map[string]string) {
	for _, name := range []string{"pgsql", "codeintel-db", "codeinsights-db"} {
		remove(f, name)
		remove(f, name+"-exporter")
	}
	for _, s := range []string{"migrator", "sourcegraph-frontend-0", "sourcegraph-frontend-internal"} {
		for name, db := range map[string]string{"PG": "pgsql", "CODEINTEL_PG": "codeintel", "CODEINSIGHTS_PG": "codeinsights"} {
			for end, value := range map[string]string{"HOST": db + "." + domain, "PORT": "5432", "USER": "sg", "PASSWORD": password, "DATABASE": db, "SSLMODE": "require", "DATASOURCE": ""} {
				f.env1(s, name+end, value)
			}
		}
		for name, value := range more {
			f.env1(s, name, value)
		}
	}
}

// caddyfile mounts another of the release's own Caddyfiles.
func caddyfile(f *fork, name string) {
	path := "caddy/builtins/" + name + ".Caddyfile"
	f.files[path] = []byte(strings.Join(f.caddyfiles[path], "\n") + "\n")
	volumes := list(services(f.project)["caddy"]["volumes"])
	for i, v := range volumes {
		if text, ok := v.(string); ok && strings.HasSuffix(text, ":/etc/caddy/Caddyfile") {
			volumes[i] = "../" + path + ":/etc/caddy/Caddyfile"
		}
	}
}

func another(f *fork, from, to string) {
	text, err := yaml.Dump(services(f.project)[from])
	if err != nil {
		panic(err)
	}
	var copied map[string]any
	if err := yaml.Load([]byte(strings.ReplaceAll(string(text), from, to)), &copied); err != nil {
		panic(err)
	}
	f.project["services"].(map[string]any)[to] = copied
	f.project["volumes"].(map[string]any)[to] = map[string]any{}
}

func volumeOf(f *fork, service, at, source string) {
	volumes := list(services(f.project)[service]["volumes"])
	for i, v := range volumes {
		if text, ok := v.(string); ok && strings.HasSuffix(text, ":"+at) {
			volumes[i] = source + ":" + at
		}
	}
}

func remove(f *fork, service string) {
	delete(f.project["services"].(map[string]any), service)
	for _, s := range services(f.project) {
		if deps, ok := s["depends_on"].(map[string]any); ok {
			delete(deps, service)
		}
	}
}

// rest are the items that were not kept.
func rest(r adopt.Result) string {
	var out []string
	for _, i := range r.Report.Undone() {
		out = append(out, fmt.Sprintf("%s %s = %s: %s", i.Object, i.Path, i.Theirs, i.Why))
	}
	return strings.Join(out, "\n")
}

// TestEdits: each kind of edit alone becomes what it should, and nothing is lost. It does so from the files, and from the containers alone.
func TestEdits(t *testing.T) {
	for _, e := range edits {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			f := shipped(t, "5.3.9104")
			e.make(f)
			r, s := f.take(t, t.TempDir())
			if left := rest(r); left != "" {
				t.Errorf("not kept:\n%s\n%s", left, r.Text)
			}
			if !strings.Contains(string(r.Text), e.key) {
				t.Errorf("no %s in\n%s", e.key, r.Text)
			}
			if strings.Contains(string(r.Text), "wJalr") || strings.Contains(string(r.Text), "eyJhIj") || strings.Contains(string(r.Text), "hunter2") {
				t.Errorf("a secret in\n%s", r.Text)
			}
			gives(t, r, s)
			sameSeen(t, e.name, r, s)
		})
	}
}

func secondGitserver(f *fork) {
	another(f, "gitserver-0", "gitserver-1")
	for _, s := range services(f.project) {
		env, _ := s["environment"].(map[string]any)
		if env["SRC_GIT_SERVERS"] != nil {
			env["SRC_GIT_SERVERS"] = "gitserver-0:3178 gitserver-1:3178"
		}
	}
}

// gives: what berth renders for the config is theirs. It is the proof that the report claims, done once more from the text alone.
func gives(t rapid.TB, r adopt.Result, s *Source) {
	t.Helper()
	render := &Renderer{Catalogue: catalogue.Embedded(), Root: s.Root, Now: time.Now}
	again, problems := render.Render(r.Text, r.Files, r.Generated)
	if problems.Failed() {
		t.Fatalf("the config is refused: %v\n%s", problems, r.Text)
	}
	alone := map[string]bool{}
	for _, i := range r.Report.Items {
		alone[i.Object] = alone[i.Object] || i.Fate == adopt.Alone
	}
	left := slices.DeleteFunc(adopt.Compare(s.Objects, again.Objects), func(d adopt.Difference) bool { return alone[d.Object] })
	for _, d := range left {
		if given := strings.Join(d.Path, " "); d.Theirs == "" && d.Ours == nil || d.Theirs == nil && (strings.Contains(given, "_UPLOAD_") || strings.HasSuffix(given, "PG_CONNECTION_UPDATER")) {
			continue // the report says that it means nothing, or that every use of a bucket and every client of a database gets it
		}
		t.Errorf("%s %v: theirs %v, ours %v", d.Object, d.Path, d.Theirs, d.Ours)
	}
}

// TestEditsTogether: random combinations of edits, on several releases.
func TestEditsTogether(t *testing.T) {
	few(t)
	releases := []string{"5.0.6", "5.3.9104", "5.9.1590", "6.4.0", "7.5.4453"}
	rapid.Check(t, func(r *rapid.T) {
		f := shipped(t, rapid.SampledFrom(releases).Draw(r, "release"))
		chosen := rapid.SliceOfNDistinct(rapid.IntRange(0, len(edits)-1), 1, 8, rapid.ID[int]).Draw(r, "edits")
		slices.Sort(chosen)
		for _, i := range chosen {
			if applies(f, edits[i].name) {
				edits[i].make(f)
			}
		}
		result, s := f.take(t, t.TempDir())
		if left := rest(result); left != "" {
			r.Fatalf("not kept:\n%s\n%s", left, result.Text)
		}
		gives(r, result, s)
	})
}

// few makes rapid try less, since each check renders a whole Sourcegraph several times, and the same each time, so that a change is judged by what it
// changed. -rapid.checks and -rapid.seed ask for more and for others.
func few(t *testing.T) {
	for name, value := range map[string]string{"rapid.checks": "12", "rapid.seed": "1"} {
		f := flag.Lookup(name)
		if was := f.Value.String(); was == f.DefValue {
			if err := f.Value.Set(value); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = f.Value.Set(was) })
		}
	}
}

// applies reports whether a release has what an edit changes.
func applies(f *fork, name string) bool {
	if of := []string{"own databases", "own databases at RDS", "Postgres open", "stop grace period", "shared memory", "another volume", "own passwords"}; services(f.project)["pgsql"] == nil && slices.Contains(of, name) {
		return false // an edit before took the databases out
	}
	for edit, service := range map[string]string{"a variable taken away": "zoekt-webserver-0"} {
		if edit == name {
			env, _ := services(f.project)[service]["environment"].(map[string]any)
			return env != nil
		}
	}
	return true
}
