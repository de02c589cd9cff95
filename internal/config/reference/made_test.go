package reference

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"berth/internal/config/check"
	"berth/internal/diag"
	"github.com/rogpeppe/go-internal/txtar"
)

// elsewhere are codes about a config that no config makes by itself, with what they need and the test that makes them.
var elsewhere = map[string]struct{ needs, test string }{
	"BERTH1100": {"a file that is not there", "internal/cli/testdata/check.txtar"},
	"BERTH1115": {"a file that can't be read", "internal/cli/testdata/conventions.txtar"},
	"BERTH1119": {"a file that berth init would write", "internal/cli/testdata/init.txtar"},
	"BERTH1120": {"a folder that berth render would write", "internal/cli/testdata/render.txtar"},
	"BERTH1150": {"a later release without a service", "internal/config/check/check_test.go"},
	"BERTH1174": {"databases", "internal/upgrade/stages/stages_test.go"},
	"BERTH1195": {"rendered files", "internal/cli/testdata/render-kubernetes.txtar"},
	"BERTH1201": {"berth lock", "internal/cli/testdata/fake/lock.txtar"},
	"BERTH1210": {"a registry", "internal/registry/registry_test.go"},
	"BERTH1211": {"a registry", "internal/registry/registry_test.go"},
	"BERTH1212": {"a registry", "internal/registry/registry_test.go"},
	"BERTH1213": {"a registry", "internal/registry/registry_test.go"},
	"BERTH1214": {"a registry", "internal/registry/registry_test.go"},
	"BERTH1530": {"a Sourcegraph that runs", "internal/cli/testdata/fake/takeover.txtar"},
	"BERTH1531": {"a Sourcegraph that runs", "internal/cli/testdata/fake/takeover.txtar"},
	"BERTH1532": {"a Sourcegraph that runs", "internal/cli/testdata/fake/takeover.txtar"},
	"BERTH1540": {"an engine or a cluster", "internal/cli/testdata/fake/stores.txtar"},
	"BERTH1541": {"a database", "internal/installation/stores/stores_test.go"},
	"BERTH1542": {"a database", "internal/installation/stores/stores_test.go"},
	"BERTH1543": {"a database", "internal/installation/stores/stores_test.go"},
	"BERTH1544": {"a database", "internal/installation/stores/stores_test.go"},
	"BERTH1545": {"a Sourcegraph that runs", "internal/cli/testdata/fake/stores.txtar"},
	"BERTH1650": {"credentials of AWS", "internal/installation/signin_test.go"},
	"BERTH1661": {"an installation", "internal/plan/volumes_test.go"},
	"BERTH1662": {"a host", "internal/target/compose/host_test.go"},
	"BERTH1663": {"a host", "internal/target/compose/host_test.go"},
	"BERTH1664": {"an engine", "internal/target/compose/host_test.go"},
	"BERTH1668": {"a cluster", "internal/plan/objects/volumes_test.go"},
	"BERTH1671": {"several releases", "internal/installation/proof_test.go"},
}

const objectHead = "apiVersion: v1\nkind: "

// making are configs that make a code, beside those of internal/config/check/testdata/problems. on is the target, text what follows it.
var making = []struct {
	code, on, text string
	files          map[string]string
}{
	{"BERTH1112", "compose", "name: \x01", nil},
	{"BERTH1138", "compose", "tls: {certificate: tls/sourcegraph.pem, key: client.key}", nil},
	{"BERTH1139", "compose", "tls: {certificate: old.pem, key: old.key}", nil},
	{"BERTH1140", "kubernetes", "tls: {certificate: other.pem, key: other.key}", nil},
	{"BERTH1190", "compose", "patches: [{service: worker, compose: {container_name: mine}}]", nil},
	{"BERTH1190", "kubernetes", "patches: [{service: worker, kubernetes: {metadata: {name: mine}}}]", nil},
	{"BERTH1191", "compose", "patches: [{service: worker, compose: {restart: always}}]", nil},
	{"BERTH1191", "kubernetes", "patches: [{service: worker, kubernetes: {spec: {strategy: {type: RollingUpdate}}}}, {service: worker, kubernetes: {spec: {strategy: {type: RollingUpdate}}}}]", nil},
	{"BERTH1192", "kubernetes", "kubernetes: {objects: [mine.yaml]}", map[string]string{"mine.yaml": "kind: ConfigMap\n"}},
	{"BERTH1193", "kubernetes", "kubernetes: {objects: [mine.yaml]}", map[string]string{"mine.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: worker}\n"}},
	{"BERTH1194", "kubernetes", "kubernetes: {objects: [mine.yaml]}", map[string]string{"mine.yaml": objectHead + "Secret\nmetadata: {name: mine}\n"}},
	{"BERTH1196", "compose", "patches: [{service: worker, compose: {tmpfs: [/scratch]}}]", nil},
	{"BERTH1196", "kubernetes", "patches: [{service: worker, kubernetes: {spec: {template: {spec: {containers: [{name: wroker, image: a}]}}}}}]", nil},
	{"BERTH1197", "compose", "patches: [{service: worker, compose: {enviroment: {A: b}}}]", nil},
	{"BERTH1197", "kubernetes", "patches: [{service: worker, kubernetes: {spec: {template: {spec: {containers: [{name: worker, resource: {}}]}}}}}]", nil},
	{"BERTH1198", "compose", "patches: [{service: worker, compose: {networks: [nowhere]}, add: true}]", nil},
	{"BERTH1199", "kubernetes", "services: {gitserver: {replicas: 2}}\npatches: [{service: gitserver-1, kubernetes: {spec: {replicas: 1}}}]", nil},
	{"BERTH1511", "compose", "git: {sshKey: {file: key}, knownHosts: known_hosts}", map[string]string{"key": block("ENCRYPTED PRIVATE KEY", []byte("x"))}},
	{"BERTH1512", "compose", "git: {sshKey: {file: key}, knownHosts: known_hosts}", map[string]string{"key": "my key\n" + block("OPENSSH PRIVATE KEY", []byte("x"))}},
	{"BERTH1513", "kubernetes", "git: {sshKey: {file: key}, knownHosts: known_hosts}", map[string]string{"key": shortKey()}},
	{"BERTH1523", "compose", "codeHosts: {file: hosts.json}", map[string]string{"hosts.json": `{"GITHUB": [{"url": "https://github.com", "token": "not-a-real-one", "gitURLType": "ssh", "repos": ["a/b"]}]}`}},
	{"BERTH1524", "compose", "tls: {certificate: chain.pem, key: tls/sourcegraph.key}", nil},
	{"BERTH1525", "compose", "tls: {certificate: both.pem, key: tls/sourcegraph.key}", nil},
	{"BERTH1526", "compose", "siteConfig: {file: site-config.json}\ncertificateAuthorities: [signed.pem]", nil},
	{"BERTH1533", "compose", "tracing: {collector: mine.yaml}", map[string]string{"mine.yaml": "recievers: {}\n"}},
	{"BERTH1604", "compose", "containers: {a: {image: 'a:1', before: [b]}, b: {image: 'b:1', before: [a]}}", nil},
	{"BERTH1670", "compose", "services: {gitserver: {replicas: 2}}\npatches: [{service: gitserver, compose: {volumes: ['/mnt/repos:/data/repos']}}]", nil},
}

func block(kind string, bytes []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}))
}

// shortKey is an RSA key that code hosts refuse.
func shortKey() string {
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		panic(err)
	}
	return block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
}

// TestEachCodeIsMade: each code about a config is made from a real one, and its message is whole.
func TestEachCodeIsMade(t *testing.T) {
	made := inProblems(t)
	for _, c := range making {
		text := "target: " + c.on + "\nrelease: 7.5.4453\nurl: https://sourcegraph.example.com\n" + c.text + "\n"
		if !strings.Contains(text, "\ntls:") {
			text += "tls: {external: true}\n"
		}
		_, problems := renderedIn(with(c.files), text)
		if !slices.ContainsFunc(problems, func(d diag.Diagnostic) bool { return d.Code == c.code }) {
			t.Errorf("%s is not made on %s by\n%s\n%v", c.code, c.on, c.text, problems)
		}
		for _, d := range problems {
			made[d.Code] = true
			if said := d.Summary + d.Hint + strings.Join(d.Detail, ""); strings.Contains(said, "%!") || d.Summary == "" || d.Hint == "" {
				t.Errorf("%s says %q, and advises %q", d.Code, d.Summary, d.Hint)
			}
		}
	}
	codes, err := diag.Codes()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range codes {
		if !about.MatchString(c.Code) {
			continue
		}
		other, has := elsewhere[c.Code]
		switch {
		case !has && !made[c.Code]:
			t.Errorf("no config makes %s (%s): add one to internal/config/check/testdata/problems, or say where it is made", c.Code, c.Title)
		case has:
			test, err := os.ReadFile(filepath.Join("../../..", other.test))
			if err != nil || !strings.Contains(string(test), c.Code) {
				t.Errorf("%s needs %s, and %s does not make it: %v", c.Code, other.needs, other.test, err)
			}
		}
	}
	t.Logf("%d codes are made here, %d elsewhere", len(made), len(elsewhere))
}

// about are the codes about a config.
var about = regexp.MustCompile(`^BERTH1[12356]`)

// inProblems are the codes that TestProblems of internal/config/check sees.
func inProblems(t *testing.T) map[string]bool {
	t.Helper()
	names, err := filepath.Glob("../check/testdata/problems/*.txtar")
	if err != nil || len(names) < 50 {
		t.Fatal(len(names), err)
	}
	made := map[string]bool{}
	code := regexp.MustCompile(`(?m)BERTH\d{4}$`)
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		want := archive.Files[len(archive.Files)-1]
		for _, c := range code.FindAllString(string(want.Data), -1) {
			made[c] = true
		}
		if strings.Contains(string(want.Data), "%!") {
			t.Errorf("%s has a message with %%!", name)
		}
	}
	return made
}

// with is the world with further files.
func with(more map[string]string) check.World {
	files := fstest.MapFS{}
	maps.Copy(files, worldFiles())
	for name, text := range more {
		files[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o600}
	}
	return of(files)
}
