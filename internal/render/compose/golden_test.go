package compose_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/jsonc"
	"berth/internal/render/compose"
	"berth/internal/stack"
	"github.com/rogpeppe/go-internal/diff"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// cases are configs, by the feature that they show. Each golden file has the difference between the feature's project and that of the
// release's defaults, so that a reviewer sees only that.
var cases = map[string]string{
	"demo":           "size: demo",
	"replicas":       "services: {gitserver: {replicas: 2}, zoekt-webserver: {replicas: 2}, searcher: {replicas: 2}, sourcegraph-frontend: {replicas: 2}}",
	"limits":         "services: {gitserver: {cpu: 500m, memory: 16Gi}, pgsql: {memory: 900Mi}}",
	"env":            "services: {worker: {env: {A: text, TOKEN: {env: TOKEN}, PRICE: \"$5\"}}}",
	"disabled":       "services: {cadvisor: {enabled: false}, grafana: {enabled: false}}",
	"insights-off":   "services: {codeinsights-db: {enabled: false}}",
	"tracing-off":    "services: {otel-collector: {enabled: false}}",
	"prometheus-off": "services: {prometheus: {enabled: false}}",
	"database":       "databases: {pgsql: {external: {host: pg.example.com, user: sg, password: {env: PW}, database: sg}}}",
	"insights":       "databases: {codeinsights-db: {external: {host: pg.example.com, user: sg, password: {env: PW}, database: insights}}}",
	"settings":       "databases: {pgsql: {settings: {shared_buffers: 4GB, log_line_prefix: \"%m it's \"}}}",
	"redis":          "redis: {redis-cache: {external: {env: REDIS}}}",
	"object-storage": "objectStorage: {backend: s3, bucket: b, region: r, accessKeyID: {env: K}, secretAccessKey: {env: S}}",
	"certificates":   "databases: {pgsql: {external: {host: pg.example.com, user: sg, database: sg, sslmode: verify-full, ca: ca.pem, clientCertificate: client.pem, clientKey: client.key}}}",
	"database-iam":   "databases: {pgsql: {external: {host: a.b.us-east-1.rds.amazonaws.com, user: sg, database: sg, auth: aws-iam}}}",
	"redis-ca":       "redis: {redis-store: {external: {env: REDIS}, ca: redis.pem}}",
	"gcs-identity":   "objectStorage: {backend: gcs, bucket: b, project: p}",
	"s3-identity":    "objectStorage: {backend: s3, bucket: b, endpoint: https://minio.example.com, auth: identity, ca: minio.pem}",
	"tls":            "tls: {certificate: cert.pem, key: key.pem}",
	"lets-encrypt":   "tls: {letsEncrypt: {email: ops@example.com}}",
	"ports":          "ports: {bind: 127.0.0.1, http: 8080, https: 8443, prometheus: 0, grafana: 3370}",
	"proxy":          "proxy: {http: \"http://proxy:3128\", https: \"http://proxy:3128\", none: [git.example.com]}",
	"git":            "git: {sshKey: {file: id}, knownHosts: known_hosts, config: gitconfig, netrc: {file: netrc}}",
	"site-config":    "siteConfig: {file: site.json}\nlicense: {env: LICENSE}\ncertificateAuthorities: [ca.pem]",
	"code-hosts":     "codeHosts: {file: hosts.json, allowEdits: true}\nsettings: {file: settings.json}",
	"registry":       "images: {registry: registry.example.com/mirror}",
	"collector":      "tracing: {collector: otel.yaml}",
	"jaeger":         "tracing: {jaeger: true}",
	"executors":      "siteConfig: {file: site.json}\nexecutors: {queues: [batches]}",
	"name":           "name: second",
	"containers":     "databases: {pgsql: {external: {host: cloudsql, user: sg, password: {env: PW}, database: sg, sslmode: disable}}}\ncontainers: {cloudsql: {image: \"proxy:1\", command: [--port=5432, $HOME], files: {/key.json: key.json}, health: {port: 5432}, before: [migrator]}, tunnel: {image: \"tunnel:1\", entrypoint: [/tunnel], env: {TOKEN: {env: TT}}, ports: [\"8080:80\"], cpu: 500m, memory: 256Mi, user: \"1000\", health: {exec: [ok]}, volumes: {data: /data}, labels: {team: code}, after: [caddy]}}",
	"workers":        "workers: {insights: {jobs: [insights-job, insights-query-runner-job], cpu: 1, memory: 8Gi}, graph: {jobs: [codeintel-commitgraph-updater]}}",
	"patch":          "patches: [{service: cadvisor, reason: no kmsg, compose: {privileged: null, devices: null, environment: {A: \"1\"}}}]",

	"attributes": `services:
  caddy:
    labels: {traefik.enable: true, traefik.http.routers.sg.rule: "Host(` + "`sg.example.com`" + `)", price: $5}
    extraHosts: {git.internal: 10.0.0.5, host.docker.internal: host-gateway}
    dns: {servers: [10.0.0.2], search: [corp.example.com], options: ["ndots:2"]}
    timezone: Europe/Berlin
    sysctls: {net.core.somaxconn: 1024}
    ulimits: {nofile: {soft: 65536}, core: {soft: 0, hard: -1}}
    logging: {driver: json-file, options: {max-size: 10m}}
    networks: [traefik]
    mounts:
    - {at: /etc/ssl/corp, path: /etc/ssl/corp, readOnly: true, selinux: z}
    - {at: /shared, volume: shared}
    - {at: /etc/note, file: note.txt}`,
	"all-services": "allServices: {logging: {options: {max-size: 10m, max-file: 3}}, env: {SRC_LOG_FORMAT: json}}\nservices: {worker: {logging: {driver: none}, env: {SRC_LOG_FORMAT: condensed}}}",
	"instances":    "services: {gitserver: {replicas: 2, memory: 8Gi, env: {A: all}, labels: {disk: slow}, instances: {1: {memory: 16Gi, cpu: 8, env: {A: one}, labels: {disk: fast}, volume: {path: /mnt/fast}}}}}",
	"volumes":      "services: {gitserver: {replicas: 2, volume: {path: \"/mnt/repos-{i}\", selinux: Z}}, pgsql: {volume: {nfs: {server: nfs.example.com, path: /export/pgsql, options: nfsvers=4}}}, zoekt-webserver: {volume: {name: old-index}}, blobstore: {volume: {driver: local, options: {type: tmpfs, device: tmpfs}}}}",
	"network":      "network: {subnet: 10.213.0.0/24, options: {com.docker.network.driver.mtu: 1450}}",
}

func render(t *testing.T, version, text string) *compose.Project {
	t.Helper()
	doc, problems := config.Load("sourcegraph.yaml", []byte("target: compose\nurl: https://sourcegraph.example.com\n"+text+"\n"))
	if problems.Failed() {
		t.Fatal(problems)
	}
	rel, err := catalogue.Embedded().Release(version, catalogue.Compose)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, name := range stack.FileNames(doc.Config) {
		files[name] = []byte("the content of " + name + "\n")
	}
	site, _ := jsonc.Parse([]byte(`{"experimentalFeatures": {"theirs": true}, /* and more */}`))
	s := stack.Resolve(stack.Input{Config: doc.Config, At: doc.At, Release: rel, Files: files, SiteConfig: site})
	p, problems := compose.Render(s, nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return p
}

// tree is a project as one text.
func tree(p *compose.Project) string {
	var b strings.Builder
	for _, f := range p.Files {
		b.WriteString("==> " + f.Path + "\n")
		b.Write(bytes.TrimSuffix(f.Content, []byte("\n")))
		b.WriteString("\n")
	}
	b.WriteString("==> .env\n")
	b.Write(compose.EnvFile(p.Secrets, func(name string) string { return "value-of-" + name }))
	return b.String()
}

func TestGoldenDefaults(t *testing.T) {
	for _, version := range []string{"5.0.0", "6.4.0", "7.5.4453"} {
		golden(t, version+".txt", tree(render(t, version, "")))
	}
}

func TestGoldenFeatures(t *testing.T) {
	shipped := tree(render(t, "7.5.4453", ""))
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			p := render(t, "7.5.4453", text)
			changes := diff.Diff("shipped", []byte(shipped), name, []byte(tree(p)))
			if len(changes) == 0 {
				t.Error("the feature changes nothing")
			}
			golden(t, name+".diff", "config:\n"+text+"\n\n"+changesOnly(string(changes)))
		})
	}
}

// changesOnly removes spec hashes, which only say that something changed, and lines around changes.
func changesOnly(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.Contains(line, "dev.berth.spec:") || strings.HasPrefix(line, " ") || strings.HasPrefix(line, "diff ") {
			continue
		}
		b.WriteString(line)
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: not as the golden file says; if this is right: make golden\n%s", path, diff.Diff("golden", want, "now", []byte(got)))
	}
}

func TestTheSameStackGivesTheSameBytes(t *testing.T) {
	for range 5 {
		if a, b := tree(render(t, "7.5.4453", cases["replicas"])), tree(render(t, "7.5.4453", cases["replicas"])); a != b {
			t.Fatalf("rendered twice, two results:\n%s", diff.Diff("first", []byte(a), "second", []byte(b)))
		}
	}
}

func TestNoSecretValueStandsInAReadableFile(t *testing.T) {
	// The well-known passwords of Sourcegraph's own file must not appear either.
	for _, version := range []string{"5.0.0", "7.5.4453"} {
		for _, f := range render(t, version, "").Files {
			for _, word := range []string{"postgres:password@", "PASSWORD: sg", "PASSWORD: password"} {
				if bytes.Contains(f.Content, []byte(word)) {
					t.Errorf("%s: %s holds %q", version, f.Path, word)
				}
			}
		}
	}
}
