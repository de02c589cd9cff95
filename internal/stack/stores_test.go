package stack

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/config"
	"github.com/rogpeppe/go-internal/diff"
)

var update = flag.Bool("update", false, "rewrite the golden file")

// logins are the ways to sign in to stores, each as a config; rds is the part for one of the databases.
var logins = func() []struct{ name, text string } {
	external := func(more string) string {
		text := "databases:\n"
		for _, name := range Databases() {
			text += "  " + name + ": {external: {host: " + name + ".c1a2b3.eu-west-1.rds.amazonaws.com, user: u, database: " + name + more + "}}\n"
		}
		return text
	}
	const redis = "redis: {redis-cache: {external: {env: C}MORE}, redis-store: {external: {env: S}MORE}}\n"
	return []struct{ name, text string }{
		{"databases, password", external(", password: {env: PW}")},
		{"databases, certificate", external(", sslmode: verify-full, ca: ca.pem, clientCertificate: client.pem, clientKey: client.key")},
		{"databases, aws-iam", external(", auth: aws-iam")},
		{"redis, password", strings.ReplaceAll(redis, "MORE", "")},
		{"redis, ca", strings.ReplaceAll(redis, "MORE", ", ca: ca.pem")},
		{"s3, keys", "objectStorage: {backend: s3, bucket: b, region: r, accessKeyID: {env: K}, secretAccessKey: {env: S}}\n"},
		{"s3, identity", "objectStorage: {backend: s3, bucket: b, region: r, auth: identity, ca: ca.pem}\n"},
		{"gcs, credentials", "objectStorage: {backend: gcs, bucket: b, project: p, credentials: {file: gcs.json}}\n"},
		{"gcs, identity", "objectStorage: {backend: gcs, bucket: b, project: p}\n"},
	}
}()

func resolved(t *testing.T, target catalogue.Target, minor, text string) *Stack {
	t.Helper()
	version, err := catalogue.Embedded().Resolve(minor, target)
	if err != nil {
		t.Fatal(err)
	}
	release, err := catalogue.Embedded().Release(version, target)
	if err != nil {
		t.Fatal(err)
	}
	doc, problems := config.Load("f", []byte("target: "+string(target)+"\nurl: https://sg.example.com\n"+text))
	if problems.Failed() {
		t.Fatal(problems)
	}
	files := map[string][]byte{}
	for _, name := range FileNames(doc.Config) {
		files[name] = []byte(name + "\n")
	}
	return Resolve(Input{Config: doc.Config, At: doc.At, Release: release, Files: files})
}

// TestLogins: the golden file says which service gets which variables and files for each way to sign in, beyond those of an ordinary installation.
// Reviewers read it; rules holds for each of its rows.
func TestLogins(t *testing.T) {
	var table strings.Builder
	for _, login := range logins {
		for _, target := range []catalogue.Target{catalogue.Compose, catalogue.Kubernetes} {
			for _, minor := range []string{"5.0", "5.9", "6.4", "7.5"} {
				fmt.Fprintf(&table, "## %s: %s %s\n", login.name, target, minor)
				given := beyond(resolved(t, target, minor, ""), resolved(t, target, minor, login.text))
				for _, service := range slices.Sorted(maps.Keys(given)) {
					table.WriteString("  " + service + ": " + strings.Join(given[service], " ") + "\n")
				}
				rules(t, fmt.Sprintf("%s: %s %s", login.name, target, minor), login.name, given)
			}
		}
	}
	const name = "testdata/logins.txt"
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(table.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if d := diff.Diff("golden", want, "now", []byte(table.String())); d != nil {
		t.Errorf("not as the golden file says; if this is right: make golden\n%s", d)
	}
}

// beyond are the variables and files that services have in one stack, and not, or with another value, in another; and what the Secrets of a release
// get.
func beyond(plain, now *Stack) map[string][]string {
	value := func(e EnvVar) string { return fmt.Sprint(e.Value, e.Shipped) }
	had := map[string]string{}
	for _, inst := range plain.Instances {
		for _, e := range inst.Env {
			had[inst.Name+" "+e.Name] = value(e)
		}
		for _, m := range inst.Mounts {
			had[inst.Name+" "+m.Path] = ""
		}
	}
	given := map[string][]string{}
	for _, inst := range now.Instances {
		for _, e := range inst.Env {
			if before, there := had[inst.Name+" "+e.Name]; !there || before != value(e) {
				given[inst.Service] = append(given[inst.Service], e.Name)
			}
		}
		for _, m := range inst.Mounts {
			if _, there := had[inst.Name+" "+m.Path]; !there {
				given[inst.Service] = append(given[inst.Service], m.Path)
			}
		}
	}
	if now.Cluster != nil {
		for name, data := range now.Cluster.Secrets {
			for key, parts := range data {
				if fmt.Sprint(parts) != fmt.Sprint(plain.Cluster.Secrets[name][key]) && parts[0] != (Part{}) {
					given["Secret "+name] = append(given["Secret "+name], key)
				}
			}
			slices.Sort(given["Secret "+name])
		}
	}
	return given
}

// rules hold for every release and target. What opens a database, a Redis or a bucket is known from outside of berth: see the sources in relations.yaml.
func rules(t *testing.T, row, login string, given map[string][]string) {
	t.Helper()
	everywhere := map[string][]string{
		"databases, certificate": {"PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY", "/etc/berth/postgres/ca.pem", "/etc/berth/postgres/client.pem", "/etc/berth/postgres/client.key"},
		"databases, aws-iam":     {"PG_CONNECTION_UPDATER"},
		"redis, ca":              {"SSL_CERT_DIR", "/etc/berth/trust/redis-cache.pem", "/etc/berth/trust/redis-store.pem"},
		"s3, identity":           {"PRECISE_CODE_INTEL_UPLOAD_AWS_USE_EC2_ROLE_CREDENTIALS", "SSL_CERT_DIR", "/etc/berth/trust/object-storage.pem"},
		"gcs, credentials":       {"PRECISE_CODE_INTEL_UPLOAD_GOOGLE_APPLICATION_CREDENTIALS_FILE_CONTENT"},
	}[login]
	clients := []string{"sourcegraph-frontend", "worker", "precise-code-intel-worker"}
	if strings.HasPrefix(login, "databases") && everywhere != nil {
		clients = append(clients, "migrator", "gitserver", "searcher")
	}
	for _, service := range clients {
		for _, name := range everywhere {
			if !slices.Contains(given[service], name) {
				t.Errorf("%s: %s lacks %s", row, service, name)
			}
		}
	}
	for _, service := range []string{"syntect-server", "zoekt-webserver", "zoekt-indexserver", "prometheus", "grafana", "caddy", "cadvisor", "node-exporter", "otel-collector",
		"redis-cache", "redis-store", "pgsql-exporter", "codeintel-db-exporter", "codeinsights-db-exporter", "executor"} {
		if len(given[service]) > 0 {
			t.Errorf("%s: %s has %v, and opens no store", row, service, given[service])
		}
	}
	for service, names := range given {
		for _, name := range names {
			if login == "databases, aws-iam" && strings.HasSuffix(name, "PGPASSWORD") || login == "gcs, identity" && strings.Contains(name, "CREDENTIALS") {
				t.Errorf("%s: %s has %s", row, service, name)
			}
		}
	}
}

// TestOneListOfAuthorities: the files of several databases become one, each once.
func TestOneListOfAuthorities(t *testing.T) {
	s := resolved(t, catalogue.Compose, "7.5", "databases:\n  pgsql: {external: {host: a, user: u, database: a, password: {env: P}, ca: a.pem}}\n"+
		"  codeintel-db: {external: {host: b, user: u, database: b, password: {env: P}, ca: b.pem}}\n  codeinsights-db: {external: {host: c, user: u, database: c, password: {env: P}, ca: a.pem}}\n")
	for _, f := range s.Settings.Files {
		if f.Path == databaseCA && string(f.Content) == "a.pem\nb.pem\n" {
			return
		}
	}
	t.Errorf("files: %+v", s.Settings.Files)
}

// TestProxyUsers: who leaves the installation gets the proxy in both cases of the variables' names, nobody else, and every host inside is excluded.
func TestProxyUsers(t *testing.T) {
	for _, target := range []catalogue.Target{catalogue.Compose, catalogue.Kubernetes} {
		for _, minor := range []string{"5.0", "5.9", "6.4", "7.5"} {
			s := resolved(t, target, minor, "proxy: {http: http://p:1, https: {env: P}, none: [git.example.com]}\nsiteConfig: {file: s}\n"+
				"executors: {queues: [batches]}\nservices: {gitserver: {replicas: 2}}\n")
			users := map[string]bool{}
			for _, inst := range s.Instances {
				env := map[string]string{}
				for _, e := range inst.Env {
					for _, p := range e.Value {
						env[e.Name] += p.Text + p.Secret
						if p.Variable != "" {
							env[e.Name] += "$(" + p.Variable + ")"
						}
					}
				}
				if env["HTTP_PROXY"] == "" && env["no_proxy"] == "" {
					continue
				}
				users[inst.Service] = true
				for _, name := range []string{"http_proxy", "https_proxy", "no_proxy"} {
					if env[name] == "" || env[name] != env[strings.ToUpper(name)] {
						t.Errorf("%s %s %s: %s is %q, in upper case %q", target, minor, inst.Service, name, env[name], env[strings.ToUpper(name)])
					}
				}
				none := strings.Split(env["no_proxy"], ",")
				wanted := []string{"localhost", "169.254.169.254", "git.example.com", "blobstore", "redis-cache", "syntect-server"}
				if target == catalogue.Kubernetes {
					wanted = append(wanted, "gitserver", "indexed-search", ".svc", "$(KUBERNETES_SERVICE_HOST)", "$(NODE_IP)")
				} else {
					wanted = append(wanted, "gitserver-0", "gitserver-1", "zoekt-webserver-0")
				}
				for _, host := range wanted {
					if !slices.Contains(none, host) {
						t.Errorf("%s %s %s reaches %s through the proxy: %v", target, minor, inst.Service, host, none)
					}
				}
			}
			for _, service := range []string{"sourcegraph-frontend", "gitserver", "worker", "migrator", "executor", "precise-code-intel-worker"} {
				runs := slices.ContainsFunc(s.Instances, func(i Instance) bool { return i.Service == service })
				if runs && !users[service] {
					t.Errorf("%s %s: %s has no proxy", target, minor, service)
				}
			}
			for _, service := range []string{"zoekt-webserver", "pgsql", "redis-cache", "syntect-server", "prometheus", "caddy"} {
				if users[service] {
					t.Errorf("%s %s: %s has a proxy, and stays inside", target, minor, service)
				}
			}
		}
	}
}

// TestNoAddressTakesTLSFromAnother: beside an external pgsql with TLS, each address of a bundled database says that it has none, in every release.
func TestNoAddressTakesTLSFromAnother(t *testing.T) {
	checked := 0
	for _, v := range catalogue.Embedded().Versions(catalogue.Compose) {
		s := resolved(t, catalogue.Compose, v.Version, "databases: {pgsql: {external: {host: a, user: u, database: a, sslmode: verify-full, password: {env: P}}}}\n")
		for _, inst := range s.Instances {
			env := map[string]string{}
			for _, e := range inst.Env {
				for _, p := range e.Value {
					env[e.Name] += p.Text
				}
			}
			for _, prefix := range []string{"CODEINTEL_PG", "CODEINSIGHTS_PG"} {
				if source := env[prefix+"DATASOURCE"]; source != "" && !strings.Contains(source, "sslmode=disable") || source == "" && env[prefix+"HOST"] != "" && env[prefix+"SSLMODE"] != "disable" {
					t.Errorf("%s %s: %s* leaves TLS open: %q", v.Version, inst.Name, prefix, source)
				}
				checked++
			}
		}
	}
	if checked < 100 {
		t.Errorf("%d addresses", checked)
	}
}
