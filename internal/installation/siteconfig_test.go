package installation

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/jsonc"
)

// writes are the keys of the config that write into the site configuration, each with a value and how that looks there. TestSiteConfig finds those that
// are missing here.
var writes = map[string]struct{ text, value string }{
	"url":                    {"", `"https://sg.example.com"`},
	"license":                {"license: {file: license.txt}", `"li\"cense"`},
	"executors":              {"executors: {queues: [batches]}", `"TOKEN"`},
	"certificateAuthorities": {"certificateAuthorities: [ca.pem]", `[CA]`},
	"images.registry":        {"images: {registry: registry.example.com/m}\nexecutors: {queues: [batches, codeintel]}", `"registry.example.com/m/IMAGE"`},
}

// TestSiteConfig: for every place that berth writes, the admin's file keeps all that it says, gets berth's value, and is refused where it says
// something else there.
func TestSiteConfig(t *testing.T) {
	release, err := catalogue.Embedded().Release("7.5.4453", catalogue.Compose)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range release.Relations.SiteConfig {
		key, known := writes[w.Key]
		if !known {
			t.Errorf("%s writes into the site configuration, and is not tried here", w.Key)
			continue
		}
		ca := authority(t)
		quoted, _ := json.Marshal(ca)
		value := strings.NewReplacer("CA", string(quoted), "IMAGE", w.Image).Replace(key.value)
		const theirs = "// ours\n{\n  \"experimentalFeatures\": {\"rateLimitAnonymous\": 500}, // kept\n  \"tls.external\": {\"insecureSkipVerify\": true},\n}\n"
		text, problems := site(t, key.text, theirs, ca)
		if problems.Failed() {
			t.Fatal(problems)
		}
		got, ok := jsonc.Parse([]byte(text))
		if !ok || !strings.Contains(text, "// ours") || !strings.Contains(text, "// kept") {
			t.Fatalf("%s: %s", w.Key, text)
		}
		same := func(path []string, want string) {
			t.Helper()
			there := got.At(path...)
			if there == nil {
				t.Errorf("%s: %v is not there: %s", w.Key, path, text)
				return
			}
			is, _ := json.Marshal(there.Any)
			var wanted any
			if err := json.Unmarshal([]byte(want), &wanted); err != nil {
				t.Fatal(err)
			}
			if normal, _ := json.Marshal(wanted); string(is) != string(normal) {
				t.Errorf("%s: %v is %s, want %s", w.Key, path, is, normal)
			}
		}
		same(w.Path, value)
		same([]string{"experimentalFeatures", "rateLimitAnonymous"}, "500")
		same([]string{"tls.external", "insecureSkipVerify"}, "true")

		other := `"other"`
		for i := len(w.Path) - 1; i >= 0; i-- {
			name, _ := json.Marshal(w.Path[i])
			if i == len(w.Path)-1 && w.Both == catalogue.Join {
				other = `["other"]`
			}
			other = "{" + string(name) + ": " + other + "}"
		}
		text, problems = site(t, key.text, other, ca)
		if w.Both == catalogue.Admin {
			got, _ = jsonc.Parse([]byte(text))
			same(w.Path, `"other"`)
			continue
		}
		if w.Both != catalogue.Join {
			if len(problems) != 1 || problems[0].Code != "BERTH1180" || problems[0].Range.File != "site.json" {
				t.Errorf("%s and %s: %v", w.Key, other, problems)
			}
			continue
		}
		if problems.Failed() {
			t.Fatal(problems)
		}
		got, _ = jsonc.Parse([]byte(text))
		same(w.Path, `["other", `+strings.Trim(value, "[]")+`]`)
	}
}

// site is the site configuration that Sourcegraph gets.
func site(t *testing.T, more, theirs, ca string) (string, diag.List) {
	t.Helper()
	dir := t.TempDir()
	text := "target: compose\nrelease: 7.5.4453\nurl: https://sg.example.com\ntls: {external: true}\nsiteConfig: {file: site.json}\n" + more + "\n"
	for name, content := range map[string]string{"sourcegraph.yaml": text, "site.json": theirs, "license.txt": "li\"cense\n", "ca.pem": ca} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e := &Environment{Dir: dir, Getenv: os.Getenv, Now: time.Now}
	w, problems, err := e.Load("sourcegraph.yaml")
	if err != nil || problems.Failed() {
		return "", problems
	}
	values, err := e.Secrets(w, map[string]string{"executors-token": "TOKEN"})
	if err != nil {
		t.Fatal(err)
	}
	return values["site-config"], nil
}

// authority is a certificate of one that is made for the test.
func authority(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(10000 * time.Hour)}
	made, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made}))
}
