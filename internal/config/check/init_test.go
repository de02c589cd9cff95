package check

import (
	"bytes"
	"testing"
	"testing/fstest"

	"berth/catalogue"
	"berth/internal/config"
	"github.com/google/go-cmp/cmp"
)

// TestInit: what berth init writes is short and has no problems.
func TestInit(t *testing.T) {
	cert, key := pair(t, []string{"sourcegraph.example.com"}, clock.AddDate(-1, 0, 0), clock.AddDate(1, 0, 0))
	world := around(fstest.MapFS{"tls/a b.pem": {Data: cert, Mode: 0o600}, "k.key": {Data: key, Mode: 0o600}})
	for _, a := range []config.Answers{
		{On: "compose", Release: "7.5.4453", URL: "http://localhost", Size: "demo"},
		{On: "compose", Release: "7.5.4453", URL: "https://sourcegraph.example.com", Name: "trial", Certified: config.CertifiedInFront},
		{On: "compose", Release: "7.5.4453", URL: "https://sourcegraph.example.com", Certified: config.CertifiedByLetsEncrypt, Email: "ops@example.com"},
		{On: "compose", Release: "5.0.6", URL: "https://sourcegraph.example.com:8443", Certified: config.CertifiedByFiles, Certificate: "tls/a b.pem", Key: "k.key"},
		{On: "kubernetes", Release: "7.6.0", URL: "https://sourcegraph.example.com", Certified: config.CertifiedInFront, Context: "arn:aws:eks:us-east-1:1:cluster/a"},
		{On: "kubernetes", Release: "7.6.0", URL: "https://sourcegraph.example.com", Certified: config.CertifiedBySecret, TLSSecret: "sourcegraph-tls"},
		{On: "kubernetes", Release: "7.6.0", URL: "https://sourcegraph.example.com", Certified: config.CertifiedByFiles, Certificate: "tls/a b.pem", Key: "k.key"},
		{On: "kubernetes", Release: "7.5.4453", URL: "http://sourcegraph.example.com", Size: "demo", Namespace: "sourcegraph"},
	} {
		text := config.Init(a)
		doc, _, problems := Read("sourcegraph.yaml", text, world.Catalogue, world)
		if len(problems) > 0 {
			t.Errorf("%s\n%s", text, rendered(problems))
		}
		if diff := cmp.Diff(a, answered(doc.Config)); diff != "" {
			t.Errorf("%s\n%s", text, diff)
		}
		if lines := bytes.Count(text, []byte("\n")); lines > 7 {
			t.Errorf("%d lines\n%s", lines, text)
		}
	}
	want := `# yaml-language-server: $schema=.berth/sourcegraph.schema.json
# What you want of Sourcegraph; everything else has Sourcegraph's default. See: berth explain, berth plan
target: compose
release: 7.5.4453                          # upgrade with: berth upgrade
url: http://localhost
size: demo                                 # demo: for a laptop, no limits
`
	if diff := cmp.Diff(want, string(config.Init(config.Answers{On: "compose", Release: "7.5.4453", URL: "http://localhost", Size: "demo"}))); diff != "" {
		t.Error(diff)
	}
}

// answered are the answers that a config was made of.
func answered(c *config.Config) config.Answers {
	a := config.Answers{On: c.On, Release: c.Release, URL: c.URL, Size: c.Size, Name: c.Name, Certificate: c.TLS.Certificate, Key: c.TLS.Key}
	if k := c.Kubernetes; k != nil {
		a.Context, a.Namespace = k.Context, k.Namespace
		if k.Ingress != nil {
			a.Certified, a.TLSSecret = config.CertifiedBySecret, k.Ingress.TLSSecret
		}
	}
	switch {
	case c.TLS.LetsEncrypt != nil:
		a.Certified, a.Email = config.CertifiedByLetsEncrypt, c.TLS.LetsEncrypt.Email
	case c.TLS.External:
		a.Certified = config.CertifiedInFront
	case c.TLS.Certificate != "":
		a.Certified = config.CertifiedByFiles
	}
	return a
}

// TestInitOfAnySize: whatever number of people and repositories, on any release and target, with databases of the admin's own or bundled, the file has no
// problems, and is an ordinary file's length.
func TestInitOfAnySize(t *testing.T) {
	cat := catalogue.Embedded()
	world := around(fstest.MapFS{})
	world.Alone = true
	for _, on := range []catalogue.Target{catalogue.Compose, catalogue.Kubernetes} {
		for _, version := range []string{"5.0.6", "6.0.0", cat.Newest(on)} {
			release, err := cat.Release(version, on)
			if err != nil {
				t.Fatal(err)
			}
			for _, size := range cat.Sizing().Sizes {
				for _, host := range []string{"", "pg.example.com", "10.0.0.1:6432", "[fd00::1]:6432", "fd00::1"} {
					text := config.Init(config.Answers{On: on, Release: version, URL: "http://localhost", Services: config.Lacking(release, size, on), For: "for tests", DatabaseHost: host, DatabaseUser: "sourcegraph"})
					if _, _, problems := Read("sourcegraph.yaml", text, cat, world); problems.Failed() {
						t.Errorf("%s", rendered(problems))
					}
					if lines := bytes.Count(text, []byte("\n")); lines >= 20 {
						t.Errorf("%d lines\n%s", lines, text)
					}
				}
			}
		}
	}
}

// TestLacking: a release that gives enough is left as it is, and what is written is more than it gives.
func TestLacking(t *testing.T) {
	cat := catalogue.Embedded()
	for _, on := range []catalogue.Target{catalogue.Compose, catalogue.Kubernetes} {
		release, err := cat.Release(cat.Newest(on), on)
		if err != nil {
			t.Fatal(err)
		}
		if got := config.Lacking(release, catalogue.Size{Services: map[string]catalogue.Need{"pgsql": {CPU: 1, Memory: 1, Replicas: 1}, "nobody": {CPU: 99}}}, on); len(got) > 0 {
			t.Errorf("%s: %v", on, got)
		}
		got := config.Lacking(release, catalogue.Size{Services: map[string]catalogue.Need{"searcher": {CPU: 50, Memory: 1}, "zoekt-indexserver": {CPU: 50, Replicas: 3}}}, on)
		want := map[string]catalogue.Need{"searcher": {CPU: 50}, "zoekt-indexserver": {CPU: 50}}
		if on == catalogue.Compose {
			want["zoekt-indexserver"] = catalogue.Need{CPU: 150}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", on, diff)
		}
	}
}
