package reference

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io/fs"
	"math/big"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/config/check"
	"berth/internal/diag"
	"berth/internal/jsonc"
	"berth/internal/render/compose"
	"berth/internal/render/kubernetes"
	"berth/internal/stack"
)

// texts are files that examples name, by their names in the examples.
var texts = map[string]string{
	"gitattributes":       "* text=auto\n",
	"gitconfig":           "[http]\n\tpostBuffer = 524288000\n",
	"known_hosts":         "git.example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl\n",
	"netrc":               "machine git.example.com login robot password not-a-real-one\n",
	"site-config.json":    "{\n  \"htmlHeadTop\": \"\" // nothing yet\n}\n",
	"config.json":         "{}\n",
	"code-hosts.json":     `{"GITHUB": [{"url": "https://github.com", "token": "not-a-real-one", "repos": ["sourcegraph/zoekt"]}]}`,
	"settings.json":       `{"search.defaultPatternType": "keyword"}`,
	"otel.yaml":           "receivers: {otlp: {protocols: {grpc: {}, http: {}}}}\nexporters: {otlp: {endpoint: 'tempo.example.com:4317'}}\nservice: {pipelines: {traces: {receivers: [otlp], exporters: [otlp]}}}\n",
	"backend-config.yaml": "apiVersion: cloud.google.com/v1\nkind: BackendConfig\nmetadata: {name: sourcegraph}\nspec: {timeoutSec: 300}\n",
	"rules.yml":           "groups: []\n",
	"dashboard.json":      "{}\n",
	"key.json":            "{}\n",
	"secrets/license.txt": "slk-not-a-real-one\n",
	"secrets/token.txt":   "not-a-real-one\n",
	"gcs.json":            `{"type": "service_account", "project_id": "my-project", "private_key_id": "none", "client_email": "a@b", "private_key": "none", "token_uri": "https://oauth2.googleapis.com/token"}`,
}

// variables are those of a certain form.
var variables = map[string]string{"REDIS_URL": "rediss://redis.example.com:6380", "HTTPS_PROXY": "http://proxy.example.com:3128"}

// world is where the examples are read: every variable is set, and every file that they name is there.
var world = sync.OnceValue(func() check.World { return of(worldFiles()) })

// of is a world with files.
func of(files fstest.MapFS) check.World {
	return check.World{
		ReadFile:  func(name string) ([]byte, error) { return fs.ReadFile(files, name) },
		Stat:      func(name string) (fs.FileInfo, error) { return fs.Stat(files, name) },
		Getenv:    func(name string) string { return cmp.Or(variables[name], "set") },
		Now:       time.Now,
		Catalogue: catalogue.Embedded(),
	}
}

var worldFiles = sync.OnceValue(func() fstest.MapFS {
	files := fstest.MapFS{}
	add := func(name string, data []byte) { files[name] = &fstest.MapFile{Data: data, Mode: 0o600} }
	for name, text := range texts {
		add(name, []byte(text))
	}
	day := 24 * time.Hour
	hosts := []string{"sourcegraph.example.com", "code.example.com"}
	authority := issue(nil, nil, 365*day)
	for _, name := range []string{"ca.pem", "rds-ca.pem", "redis-ca.pem", "minio-ca.pem"} {
		add(name, authority.certificate())
	}
	server := issue(nil, hosts, 365*day)
	for name, c := range map[string]*issued{"tls/sourcegraph": server, "client": issue(nil, hosts, 365*day), "old": issue(nil, hosts, -day), "other": issue(nil, []string{"example.org"}, 365*day)} {
		add(name+".pem", c.certificate())
		add(name+".key", c.private())
	}
	add("signed.pem", issue(authority, hosts, 365*day).certificate())
	add("chain.pem", append(server.certificate(), authority.certificate()...))
	add("both.pem", append(server.certificate(), server.private()...))
	add("id_ed25519", server.private())
	return files
})

// issued is a certificate with its key.
type issued struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// issue makes a certificate of hosts; without hosts, one of an authority. by signs it; nil: itself.
func issue(by *issued, hosts []string, ends time.Duration) *issued {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	name := "authority"
	if len(hosts) > 0 {
		name = hosts[0]
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: len(hosts) == 0, BasicConstraintsValid: true,
		DNSNames: hosts, NotBefore: time.Now().Add(-100 * 24 * time.Hour), NotAfter: time.Now().Add(ends)}
	if by == nil {
		by = &issued{cert, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, by.cert, key.Public(), by.key)
	if err != nil {
		panic(err)
	}
	if cert, err = x509.ParseCertificate(der); err != nil {
		panic(err)
	}
	return &issued{cert, key}
}

func (i *issued) certificate() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.cert.Raw})
}

func (i *issued) private() []byte {
	der, err := x509.MarshalPKCS8PrivateKey(i.key)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// rendered is all that a config renders, as one text: the project's files, or the objects.
func rendered(text string) (string, diag.List) { return renderedIn(world(), text) }

func renderedIn(w check.World, text string) (string, diag.List) {
	doc, release, problems := check.Read("sourcegraph.yaml", []byte(text), w.Catalogue, w)
	if problems.Failed() {
		return "", problems
	}
	s := stack.Resolve(input(w, doc, release))
	var b strings.Builder
	for _, secret := range s.Secrets {
		fmt.Fprintln(&b, "# secret", secret.Name, secret.Env, secret.File, secret.Parts)
	}
	if s.Target == catalogue.Kubernetes {
		set, more := kubernetes.Render(s, nil)
		for _, o := range set.Objects {
			body, _ := json.Marshal(o.Body)
			fmt.Fprintln(&b, string(body))
		}
		return b.String(), append(problems, more...)
	}
	project, more := compose.Render(s, nil)
	for _, f := range project.Files {
		fmt.Fprintf(&b, "# %s\n%s\n", f.Path, f.Content)
	}
	return b.String(), append(problems, more...)
}

// input is what stack needs of a config: itself, and the files that it names.
func input(w check.World, doc *config.Doc, release *catalogue.Release) stack.Input {
	in := stack.Input{Config: doc.Config, At: doc.At, Release: release, Files: map[string][]byte{}}
	for _, name := range stack.FileNames(doc.Config) {
		in.Files[name], _ = w.ReadFile(name) // check has read it
	}
	if doc.Config.SiteConfig != nil {
		text, _ := w.ReadFile(doc.Config.SiteConfig.File)
		in.SiteConfig, _ = jsonc.Parse(text)
	}
	return in
}

// renderedText is what a config renders that has no problem, not even a warning.
func renderedText(t *testing.T, text string) string {
	t.Helper()
	if !strings.Contains(text, "\ntls:") {
		text += "tls: {external: true}\n"
	}
	out, problems := rendered(text)
	for _, p := range problems {
		t.Errorf("%+v", p)
	}
	return out
}
