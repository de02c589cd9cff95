package cli

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"berth/internal/config"
	"berth/internal/config/check"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/installation/engine"
	"berth/internal/plan"
	"berth/internal/secret"
	"berth/internal/state"
	"berth/internal/target/compose/project"
	"berth/internal/target/compose/store"
	"berth/internal/target/kubernetes/kubetest"
)

// planted are secrets of every kind that berth recognizes by its form. Each holds a word that stands nowhere else.
var planted = map[string]string{
	"token":   "ghp_plantedplantedplanted0123456789",
	"license": "slk-planted0123456789",
	"jwt":     "eyJplanted123.eyJplanted456.planted789",
	"random":  "Zk3vQ9xT1mBplanted7yR5wN2cL8dF4",
	"url":     "https://me:planted-hunter2@example.com",
	"login":   "me:planted-hunter2@example.com",
	"key":     "-----BEGIN PRIVATE KEY-----\nplantedplantedplanted\n-----END PRIVATE KEY-----",
}

const plantedWord = "planted"

// folderOf is a new folder with files that only their owner reads.
func folderOf(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// said runs a command line and gives everything that it said.
func said(t *testing.T, dir string, env map[string]string, args ...string) (string, int) {
	t.Helper()
	var out bytes.Buffer
	e := &Env{Stdout: &out, Environment: installation.Environment{Stdin: strings.NewReader(""), Stderr: &out, Dir: dir,
		Getenv: func(name string) string {
			return cmp.Or(env[name], map[string]string{"DOCKER_HOST": "unix:///nowhere/docker.sock"}[name])
		},
		Now: func() time.Time { return time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC) }}}
	code := Run(t.Context(), e, args)
	return out.String(), code
}

// textKeys are the paths of all keys that take text, or may be given some, found in the config's own structs: a new key is among them.
func textKeys() []string {
	var paths []string
	var walk func(k *config.Key, path []string)
	walk = func(k *config.Key, path []string) {
		below := func(name string) []string { return append(path[:len(path):len(path)], name) }
		switch k.Kind {
		case config.Object:
			for _, c := range k.Keys() {
				walk(c, below(c.Name))
			}
		case config.Named:
			name := k.Elem.Name
			if k.Under != nil {
				name = k.Under[0]
			} else if name == "SERVICE" {
				name = "gitserver"
			}
			walk(k.Elem, below(name))
		case config.Items:
			walk(k.Elem, below("-"))
		default:
			paths = append(paths, strings.Join(path, "\x00"))
		}
	}
	walk(config.Root(), nil)
	return paths
}

// fileWith is a config with a value at a path, beside what every config must have.
func fileWith(path, value string) string {
	parts := strings.Split(path, "\x00")
	text := value
	for i := len(parts) - 1; i > 0; i-- {
		if parts[i] == "-" {
			text = "[" + text + "]"
		} else {
			text = fmt.Sprintf("{%q: %s}", parts[i], text)
		}
	}
	out := ""
	for key, given := range map[string]string{"target": "compose", "url": "http://localhost", "release": "7.5.4453"} {
		if key == "target" && (parts[0] == "kubernetes" || slices.Contains(parts, "pods")) {
			given = "kubernetes"
		}
		if key != parts[0] {
			out += key + ": " + given + "\n"
		}
	}
	return out + parts[0] + ": " + text + "\n"
}

// TestNoSecretInAConfigIsShown plants secrets of every kind into every key: where one is not refused, somebody would commit it; and whoever
// refuses it must not repeat it.
func TestNoSecretInAConfigIsShown(t *testing.T) {
	quoted := func(text string) string {
		b, _ := json.Marshal(text) // YAML reads it the same
		return string(b)
	}
	keys := textKeys()
	if len(keys) < 80 {
		t.Fatalf("only %d keys were found", len(keys))
	}
	world := check.World{ReadFile: func(string) ([]byte, error) { return nil, fs.ErrNotExist }, Stat: func(string) (fs.FileInfo, error) { return nil, fs.ErrNotExist },
		Getenv: func(string) string { return "" }, Now: time.Now}
	cat := (&installation.Environment{}).Catalogue()
	for _, path := range keys {
		shown := strings.ReplaceAll(path, "\x00", ".")
		for kind, value := range planted {
			for form, text := range map[string]string{"text": quoted(value), "list": "[" + quoted(value) + "]", "map": "{X: " + quoted(value) + "}"} {
				file := fileWith(path, text)
				doc, _, problems := check.Read("sourcegraph.yaml", []byte(file), cat, world)
				var b bytes.Buffer
				problems.WriteText(&b, diag.Paper{})
				asJSON, err := json.Marshal(problems)
				if err != nil {
					t.Fatal(err)
				}
				b.Write(asJSON)
				b.WriteString(problems.Error())
				if strings.Contains(b.String(), plantedWord) {
					t.Errorf("%s: %s as %s is shown:\n%s", shown, kind, form, b.String())
				}
				if !problems.Failed() {
					t.Errorf("%s: %s as %s is taken:\n%s", shown, kind, form, file)
				}
				if e, err := config.Explain(strings.ReplaceAll(shown, ".-", ""), config.Facts{Doc: doc}); err == nil {
					b.Reset()
					e.WriteText(&b, diag.Paper{})
					if strings.Contains(b.String(), plantedWord) {
						t.Errorf("%s: explain shows %s as %s:\n%s", shown, kind, form, b.String())
					}
				}
			}
		}
	}
}

// TestNoCommandShowsWhatItRefuses: the same through whole commands, one kind a key.
func TestNoCommandShowsWhatItRefuses(t *testing.T) {
	kinds := []string{"token", "url", "login", "random"}
	for i, path := range textKeys() {
		if i%7 != 0 {
			continue // the rules are the same for all; what differs is tested above
		}
		dir := folderOf(t, map[string]string{"sourcegraph.yaml": fileWith(path, `"`+planted[kinds[i%len(kinds)]]+`"`)})
		for _, args := range [][]string{{"check"}, {"check", "--json"}, {"plan"}, {"up"}, {"render", "--out", "out"}, {"history"}, {"lock"}, {"status"}, {"upgrade", "--plan"}, {"rollback"},
			{"down"}, {"explain", strings.ReplaceAll(strings.ReplaceAll(path, "\x00", "."), ".-", "")}} {
			out, code := said(t, dir, nil, args...)
			if strings.Contains(out, plantedWord) || code == ExitOK && args[0] != "explain" {
				t.Errorf("berth %s with %s: exit code %d\n%s", strings.Join(args, " "), strings.ReplaceAll(path, "\x00", "."), code, out)
			}
		}
	}
}

// Where secrets are kept: in variables and in files that only their owner reads. Every key that takes a secret, and every key that names a file
// which may hold one, is in one of the two configs; TestEveryKeyThatTakesASecretIsTried finds those that are not.
const (
	everywhere = `
license: {env: S_LICENSE}
siteConfig: {file: site.json}
codeHosts: {file: hosts.json, allowEdits: true}
settings: {file: settings.json}
executors: {queues: [batches], token: {env: S_EXECUTORS}}
certificateAuthorities: [ca.pem]
tls: {certificate: tls.pem, key: tls.key}
git: {sshKey: {file: ssh-key}, knownHosts: known_hosts, config: gitconfig, netrc: {file: netrc}}
tracing: {collector: otel.yaml}
images: {registry: registry.example.com/sourcegraph, login: {username: robot, password: {env: S_REGISTRY}}}
databases:
  pgsql: {external: {host: pg.example.com, user: sg, database: sg, password: {env: S_PGSQL}, clientCertificate: tls.pem, clientKey: tls.key}}
  codeintel-db: {external: {host: pg.example.com, user: sg, database: ci, password: {file: pg-password}}}
redis: {redis-cache: {external: {env: S_REDIS}}, redis-store: {external: {file: redis-address}}}
proxy: {http: {env: S_PROXY}, https: {file: proxy}, none: [git.example.com]}
allServices: {env: {API_TOKEN: {env: S_TOKEN}}, mounts: [{at: /etc/own, file: mounted}]}
services:
  gitserver: {env: {API_TOKEN: {env: S_TOKEN}, NOT_A_TOKEN: {public: anybody may see this}}, mounts: [{at: /etc/gitserver, file: mounted-too}], INSTANCES}
  worker: {env: {DB_PASSWORD: {file: db-password}}SIDECARS}
containers: {tool: {image: "tool:1", env: {API_TOKEN: {env: S_TOOL}}, files: {/run/key: tool-key}}}
patches:
- {service: gitserver, public: true, reason: tests, PATCH}
`
	sidecars  = `, sidecars: {side: {image: "side:1", env: {API_TOKEN: {env: S_SIDE}}, files: {/run/key: side-key}}}`
	s3        = "objectStorage: {backend: s3, bucket: uploads, region: us-east-1, accessKeyID: {env: S_ACCESS}, secretAccessKey: {file: secret-access}}\nbackup: {to: s3://backups, s3: {accessKeyID: {env: S_ACCESS}, secretAccessKey: {file: secret-access}}}\n"
	gcs       = "objectStorage: {backend: gcs, bucket: uploads, project: p, credentials: {file: gcs.json}}\n"
	instances = "instances: {0: {env: {API_TOKEN: {env: S_TOKEN}}, mounts: [{at: /etc/first, file: mounted}]}}"
)

// secretFiles are the files above that hold secrets, and secretVariables the variables.
var (
	secretFiles = map[string]string{
		"site.json":     `{"externalURL": "https://sourcegraph.example.com", "auth.providers": [{"type": "github", "clientID": "x", "clientSecret": "planted \"site\" & secret"}]}` + "\n",
		"hosts.json":    "{\"GITHUB\": [{\"url\": \"https://github.example.com\", \"token\": \"planted-hosts-0123456789\",\n // planted comment\n }]}\n",
		"settings.json": `{"notices": [{"message": "planted/settings?a=b"}]}`,
		"gitconfig":     "[http]\n\textraHeader = Authorization: planted-gitconfig\n",
		"otel.yaml":     "receivers: {otlp: {}}\nexporters:\n  otlp:\n    headers: {x-api-key: planted-otel}\nservice: {pipelines: {traces: {receivers: [otlp], exporters: [otlp]}}}\n",
		"ssh-key":       sshKey(),
		"netrc":         "machine git.example.com login me password planted-netrc\n",
		"pg-password":   "planted-pg'pass word\n", "redis-address": "rediss://:planted-redis-file@redis:6380", "proxy": "http://me:planted-proxy-file@proxy:3128",
		"mounted": "planted-mounted\n", "mounted-too": "planted-too\n",
		"db-password": "planted-db", "secret-access": "planted+access/key==", "tool-key": "planted-tool-key\n", "side-key": "planted-side-key\n", "gcs.json": "{\"type\": \"service_account\", \"client_email\": \"a@b\", \"private_key_id\": \"1\", \"token_uri\": \"https://x\",\n\"private_key\": \"planted-gcs\"\n}\n",
	}
	secretVariables = map[string]string{"S_LICENSE": "planted-license", "S_EXECUTORS": "planted-executors-token", "S_REGISTRY": "planted-registry", "S_PGSQL": `planted"pgsql\1`, "S_REDIS": "redis://:planted-redis@redis:6379",
		"S_PROXY": "http://me:planted%40proxy@proxy:3128", "S_TOKEN": "planted-token", "S_TOOL": "planted-tool", "S_SIDE": "planted-side", "S_ACCESS": "PLANTEDACCESSKEYID"}
)

// knownHosts is a file with one host.
const knownHosts = "github.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFGA7oLIc20fHHqSb4RL81SNfefouvdOHlGAXzSHH2ww\n"

// sshKey is a key that ssh can load, with a planted word: text before a key in PEM is allowed.
func sshKey() string {
	_, key := certificate()
	return "planted-ssh-key\n" + key
}

// kept is a config with secrets where they belong, and the folder that has them.
func kept(t *testing.T, on, more string) (dir, text string) {
	t.Helper()
	patch := map[string]string{"compose": "compose: {environment: {A_PASSWORD: none}}",
		"kubernetes": "kubernetes: {metadata: {annotations: {a: b}}}"}[on]
	beside := map[string]string{"kubernetes": sidecars}[on]
	text = "target: " + on + "\nrelease: 7.5.4453\nurl: https://sourcegraph.example.com\n" + strings.NewReplacer("PATCH", patch, "SIDECARS", beside, "INSTANCES", map[string]string{"compose": instances, "kubernetes": "cpu: 4"}[on]).Replace(everywhere) + more
	files := map[string]string{"sourcegraph.yaml": text, "known_hosts": knownHosts}
	for name, content := range secretFiles {
		files[name] = content
	}
	files["tls.pem"], files["tls.key"] = certificate()
	files["ca.pem"] = files["tls.pem"]
	return folderOf(t, files), text
}

// TestEveryKeyThatTakesASecretIsTried: a new key is found here until the configs above have it.
func TestEveryKeyThatTakesASecretIsTried(t *testing.T) {
	public := []string{"tls.certificate", "certificateAuthorities", "git.knownHosts", "kubernetes.objects", "databases.DATABASE.external.ca",
		"databases.DATABASE.external.clientCertificate", "redis.STORE.ca", "objectStorage.ca", "backup.s3.ca"}
	tried := map[string]bool{}
	for _, more := range []string{s3, gcs} {
		doc, problems := config.Load("f", []byte("target: compose\nurl: http://x\n"+strings.NewReplacer("PATCH", "compose: {a: b}", "SIDECARS", sidecars, "INSTANCES", instances).Replace(everywhere)+more))
		if problems.Failed() {
			t.Fatal(problems)
		}
		var walk func(k *config.Key, path string)
		walk = func(k *config.Key, path string) {
			if (k.Kind == config.Hidden || k.Kind == config.Variable || k.File != "" && !slices.Contains(public, strings.TrimSuffix(path, ".N"))) && k.Kind != config.Items && k.Kind != config.Named {
				found := doc.Has(path)
				for _, name := range []string{"pgsql", "redis-cache", "gitserver", "worker"} {
					found = found || doc.Has(strings.NewReplacer("mounts.N", "mounts.0", "NUMBER", "0", "DATABASE", name, "STORE", name, "SERVICE", name, "containers.NAME", "containers.tool",
						"sidecars.NAME", "sidecars.side", "NAME", "API_TOKEN", "PATH", "/run/key").Replace(path))
				}
				tried[path] = tried[path] || found
				return
			}
			for _, c := range k.Keys() {
				walk(c, strings.TrimPrefix(path+"."+c.Name, "."))
			}
			if k.Elem != nil {
				walk(k.Elem, path+"."+k.Elem.Name)
			}
		}
		walk(config.Root(), "")
	}
	if len(tried) < 18 {
		t.Errorf("only %d keys were found", len(tried))
	}
	for path, ok := range tried {
		if !ok {
			t.Errorf("%s takes a secret, or a file that may hold one, and no test tries it", path)
		}
	}
}

// certificate is one for sourcegraph.example.com with its key, made once.
var certificate = sync.OnceValues(func() (certificate, key string) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"sourcegraph.example.com"},
		NotBefore: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		panic(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
})

// leaks finds planted secrets in a text, in every form.
func leaks(t *testing.T, where, text string) {
	t.Helper()
	for name, value := range secretVariables {
		leak(t, where, text, name, value)
	}
	for name, value := range secretFiles {
		leak(t, where, text, name, value)
		for line := range strings.Lines(value) {
			if strings.Contains(line, plantedWord) {
				leak(t, where, text, name, strings.TrimSpace(line))
			}
		}
	}
	_, key := certificate()
	leak(t, where, text, "tls.key", key)
	leak(t, where, text, "tls.key", strings.Split(key, "\n")[1])
	if i := strings.Index(strings.ToLower(text), plantedWord); i >= 0 {
		t.Errorf("%s shows a part of a secret: %q", where, text[max(i-80, 0):min(i+80, len(text))])
	}
}

func leak(t *testing.T, where, text, name, value string) {
	t.Helper()
	for _, form := range secret.Forms(strings.TrimSpace(value)) {
		if strings.Contains(text, form) {
			t.Errorf("%s shows %s as %q", where, name, form)
		}
	}
}

// written looks at all files of a folder but those that were there before. Secrets may stand in files that only their owner reads and that are
// for them.
func written(t *testing.T, dir string, before map[string]bool) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || before[path] {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if slices.Contains([]string{".env", "secrets.json"}, d.Name()) {
			if info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %v", path, info.Mode().Perm())
			}
			return nil
		}
		text, err := os.ReadFile(path)
		leaks(t, path, string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func filesOf(t *testing.T, dir string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	_ = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, _ error) error {
		all[path] = true
		return nil
	})
	return all
}

const recipient = "age1sw3ejw99lef2xs5fkwvugt8mnjhcchl924gk7vqzkmy9q9yfqyaqp9ah99"

// TestSecretsGoOnlyWhereSecretsGo runs every command that needs no engine, in every form, with secrets in every key that takes some, and looks
// for them in all that is said and written.
func TestSecretsGoOnlyWhereSecretsGo(t *testing.T) {
	everyTime := [][]string{{"check"}, {"check", "--json"}, {"explain"}, {"explain", "services.gitserver.env.API_TOKEN"}, {"explain", "proxy.http"}, {"explain", "siteConfig", "--json"},
		{"history", "--json"}, {"plan"}, {"plan", "--json"}, {"up"}, {"status"}, {"status", "--json"}, {"lock"}, {"upgrade", "--plan"}, {"upgrade", "path", "--from", "6.0.0"}, {"rollback"},
		{"rehearse"}, {"agent"}, {"schema"}, {"runbook"}, {"runbook", "--html"}, {"down"}, {"init"}, {"catalogue", "show", "7.5.4453"}}
	for on, own := range map[string][][]string{
		"compose": {{"render", "--out", "out"}, {"agent", "--render", "systemd", "--out", "agent"}},
		"kubernetes": {{"render", "--as", "manifests", "--out", "m"}, {"render", "--as", "kustomize", "--out", "k"}, {"render", "--as", "helm", "--out", "h"},
			{"render", "--as", "helm-values", "--out", "v"}, {"render", "--as", "manifests", "--secrets", "age", "--recipient", recipient, "--out", "ma"},
			{"render", "--as", "kustomize", "--secrets", "age", "--recipient", recipient, "--out", "ka"}, {"explain", "rbac"},
			{"agent", "--render", "cronjob", "--out", "agent", "--image", "registry.example.com/berth:1"}},
	} {
		for name, more := range map[string]string{"s3": s3, "gcs": gcs} {
			t.Run(on+"-"+name, func(t *testing.T) {
				dir, text := kept(t, on, more)
				if name == "gcs" && on == "kubernetes" {
					// The official chart has no value for these two; all else it must render.
					text = strings.ReplaceAll(strings.ReplaceAll(text, "tracing: {collector: otel.yaml}\n", ""), "executors: {queues: [batches]}\n", "")
					if err := os.WriteFile(filepath.Join(dir, "sourcegraph.yaml"), []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				env := map[string]string{"HTTPS_PROXY": "http://me:planted-agent-proxy@proxy:3128"}
				for k, v := range secretVariables {
					env[k] = v
				}
				if on == "kubernetes" {
					env["KUBECONFIG"] = kubetest.New(t).Getenv(t)("KUBECONFIG")
				}
				before := filesOf(t, dir)
				for _, args := range own {
					out, code := said(t, dir, env, args...)
					leaks(t, "berth "+strings.Join(args, " "), out)
					lost := args[0] == "render" && args[2] == "helm-values" && strings.Contains(out, "BERTH3601")
					if code != ExitOK && !lost {
						t.Errorf("berth %s: exit code %d\n%s", strings.Join(args, " "), code, out)
					}
				}
				if on == "compose" {
					record(t, dir, text, env)
				}
				for _, args := range everyTime {
					if on == "kubernetes" && args[0] == "up" {
						continue // an API server in memory has no controllers, so nothing would ever be ready
					}
					out, _ := said(t, dir, env, args...)
					leaks(t, "berth "+strings.Join(args, " "), out)
				}
				written(t, dir, before)
			})
		}
	}
}

// kubectl stands for kubectl: it notes its arguments, and what stands in the files that they name, by Secret and key.
const kubectl = `#!/bin/bash
printf '%s\n' "$@" >> "$NOTES/arguments"
[ "$4" = secret ] || exec cat > /dev/null
for a in "$@"; do
	key=${a#--from-*=}; value=${key#*=}; key=${key%%=*}
	case $a in
	--from-file=*) cat "$value" > "$NOTES/$6.$key" ;;
	--from-literal=*) printf %s "$value" > "$NOTES/$6.$key" ;;
	esac
done
`

// TestTheCommandsOfAReadmeMakeTheSecrets runs them: each key has what berth up would give it, and no argument has a secret in it.
func TestTheCommandsOfAReadmeMakeTheSecrets(t *testing.T) {
	dir, _ := kept(t, "kubernetes", s3)
	notes, bin := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "kubectl"), []byte(kubectl), 0o700); err != nil {
		t.Fatal(err)
	}
	if out, code := said(t, dir, secretVariables, "render", "--out", "m"); code != ExitOK {
		t.Fatal(out)
	}
	readme, err := os.ReadFile(filepath.Join(dir, "m", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, commands, _ := strings.Cut(string(readme), "```bash\n")
	commands, _, _ = strings.Cut(commands, "```")
	agent, code := said(t, dir, secretVariables, "agent", "--render", "cronjob", "--out", "agent", "--image", "registry.example.com/berth:1")
	if code != ExitOK {
		t.Fatal(agent)
	}
	_, agent, _ = strings.Cut(agent, "changes:\n")
	agent, _, _ = strings.Cut(agent, "next:")
	shell := exec.Command("bash", "-euc", commands+agent)
	shell.Dir, shell.Env = dir, []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "NOTES=" + notes}
	for name, value := range secretVariables {
		shell.Env = append(shell.Env, name+"="+value)
	}
	if out, err := shell.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	read := func(name string) string {
		content, err := os.ReadFile(filepath.Join(notes, name))
		if err != nil {
			t.Error(err)
		}
		return string(content)
	}
	leaks(t, "an argument", read("arguments"))
	authority, _ := certificate()
	authorities, _ := json.Marshal([]string{authority})
	site := strings.TrimSuffix(secretFiles["site.json"], "}\n") + `,"licenseKey":"planted-license","executors.accessToken":"planted-executors-token","tls.external":{"certificates":` +
		string(authorities) + `},"experimentalFeatures":{"tls.external":{"certificates":` + string(authorities) + `}},` +
		`"executors.batcheshelperImage":"registry.example.com/sourcegraph/batcheshelper","executors.srcCLIImage":"registry.example.com/sourcegraph/src-cli"}`
	for name, want := range map[string]string{
		"sourcegraph-frontend-berth.etc-berth-site-config.json":     site,
		"sourcegraph-frontend-berth.etc-berth-code-hosts.json":      secretFiles["hosts.json"],
		"sourcegraph-frontend-berth.env-HTTP_PROXY":                 secretVariables["S_PROXY"],
		"gitserver-berth.home-sourcegraph-gitconfig":                secretFiles["gitconfig"],
		"gitserver-berth.env-API_TOKEN":                             secretVariables["S_TOKEN"],
		"otel-collector-berth.etc-otel-collector-berth-config.yaml": secretFiles["otel.yaml"],
		"pgsql-auth.password":                                       secretVariables["S_PGSQL"],
		"pgsql-auth.host":                                           "pg.example.com",
		"redis-cache.endpoint":                                      secretVariables["S_REDIS"],
		"berth-sourcegraph-agent-secrets.S_PGSQL":                   secretVariables["S_PGSQL"],
		"berth-sourcegraph-agent-secrets.site.json":                 secretFiles["site.json"],
	} {
		if got := read(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// record writes a plan of everything into the history, as a run would.
func record(t *testing.T, dir, text string, env map[string]string) {
	t.Helper()
	e := &Env{out: &output{}, Environment: installation.Environment{Dir: dir, Stderr: &bytes.Buffer{}, Getenv: func(name string) string { return env[name] }, Now: time.Now}}
	l, err := e.LoadUsable(DefaultConfig)
	if err != nil {
		t.Fatal(err)
	}
	rendered, values, err := engine.Render(&e.Environment, l, map[string]string{})
	if err != nil {
		t.Fatal(err)
	}
	d := plan.Desired{Installation: l.Stack.Name, Target: l.Stack.Target, Release: l.Stack.Release}
	s := plan.State{}
	for _, u := range rendered.Units {
		unit := plan.Unit{Name: u.Name, Container: u.Container, Service: u.Service, Image: u.Image, Spec: u.Spec, Env: u.Env}
		for _, o := range u.Origins {
			unit.Origins = append(unit.Origins, plan.Cause{Text: o.Text, Range: o.Range})
		}
		d.Units = append(d.Units, unit)
		was := map[string]string{}
		for name := range u.Env {
			was[name] = "before"
		}
		s.Containers = append(s.Containers, plan.Container{Name: u.Container, Unit: u.Name, Service: u.Service, Spec: "other", Env: was, Status: plan.Running})
	}
	at := store.At(dir, l.Stack.Name)
	record := state.NewRecord(plan.Up, l.Stack.Release, text, time.Now())
	record.Plan = plan.Difference(d, s)
	if err := at.Add(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	if err := project.Replace(project.Folder(at), rendered, func(name string) string { return values[name] }); err != nil {
		t.Fatal(err)
	}
}
