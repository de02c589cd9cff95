package check

import (
	"bytes"
	"testing"
	"testing/fstest"

	"berth/internal/config"
	"github.com/google/go-cmp/cmp"
)

// TestInit: what berth init writes is short and has no problems.
func TestInit(t *testing.T) {
	cert, key := pair(t, []string{"sourcegraph.example.com"}, clock.AddDate(-1, 0, 0), clock.AddDate(1, 0, 0))
	world := around(fstest.MapFS{"tls/a b.pem": {Data: cert, Mode: 0o600}, "k.key": {Data: key, Mode: 0o600}})
	for _, a := range []config.Answers{
		{On: "compose", Release: "7.5.4453", URL: "http://localhost", Size: "demo"},
		{On: "compose", Release: "7.5.4453", URL: "https://sourcegraph.example.com", Name: "trial"},
		{On: "compose", Release: "7.5.4453", URL: "https://sourcegraph.example.com", Email: "ops@example.com"},
		{On: "compose", Release: "5.0.6", URL: "https://sourcegraph.example.com:8443", Certificate: "tls/a b.pem", Key: "k.key"},
		{On: "kubernetes", Release: "7.6.0", URL: "https://sourcegraph.example.com"},
		{On: "kubernetes", Release: "7.5.4453", URL: "http://sourcegraph.example.com", Size: "demo", Namespace: "sourcegraph"},
	} {
		text := config.Init(a)
		doc, _, problems := Read("sourcegraph.yaml", text, world.Catalogue, world)
		if len(problems) > 0 {
			t.Errorf("%s\n%s", text, rendered(problems))
		}
		got := config.Answers{On: doc.Config.On, Release: doc.Config.Release, URL: doc.Config.URL, Size: doc.Config.Size, Name: doc.Config.Name,
			Certificate: doc.Config.TLS.Certificate, Key: doc.Config.TLS.Key}
		if k := doc.Config.Kubernetes; k != nil {
			got.Namespace = k.Namespace
		}
		if le := doc.Config.TLS.LetsEncrypt; le != nil {
			got.Email = le.Email
		}
		if diff := cmp.Diff(a, got); diff != "" {
			t.Errorf("%s\n%s", text, diff)
		}
		if lines := bytes.Count(text, []byte("\n")); lines > 6 {
			t.Errorf("%d lines\n%s", lines, text)
		}
	}
	want := `# What you want of Sourcegraph; everything else has Sourcegraph's default. See: berth explain, berth plan
on: compose
release: 7.5.4453                          # upgrade with: berth upgrade
url: http://localhost
size: demo                                 # demo: for a laptop, no limits
`
	if diff := cmp.Diff(want, string(config.Init(config.Answers{On: "compose", Release: "7.5.4453", URL: "http://localhost", Size: "demo"}))); diff != "" {
		t.Error(diff)
	}
}
