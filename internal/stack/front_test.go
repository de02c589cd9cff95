package stack

import (
	"slices"
	"strings"
	"testing"
)

func TestAnsweringKeepsAddressAndCertificate(t *testing.T) {
	lines := []string{"{$SRC_SITE_ADDRESS}", "@http {", "  protocol http", "}", "redir @http https://{host}{uri}", "tls /a.pem /a.key",
		"reverse_proxy {", "  to {$SRC_FRONTEND_ADDRESSES}", "  trusted_proxies 0.0.0.0/0", "}"}
	got := answering(lines, "back `soon`")
	if !slices.Equal(got[:6], lines[:6]) {
		t.Errorf("what is not the proxy changed: %q", got[:6])
	}
	text := strings.Join(got, "\n")
	if strings.Contains(text, "reverse_proxy") || strings.Contains(text, "FRONTEND") || !strings.Contains(text, "respond `back 'soon'` 503") {
		t.Errorf("not a page:\n%s", text)
	}
}

func TestClosedLeavesDatabasesAndTheFrontProxy(t *testing.T) {
	s := &Stack{Instances: []Instance{{Name: "pgsql", Service: "pgsql"}, {Name: "gitserver-0", Service: "gitserver"},
		{Name: "caddy", Service: "caddy", DependsOn: []Dependency{{Name: "sourcegraph-frontend-0"}}}, {Name: "migrator", Service: "migrator", OneShot: true}}}
	names := func(s *Stack) (out []string) {
		for _, i := range s.Instances {
			out = append(out, i.Name)
		}
		return out
	}
	if got := names(s.With(Closed, "x")); !slices.Equal(got, []string{"pgsql", "caddy"}) {
		t.Errorf("closed: %v", got)
	}
	if got := names(s.With(Stopped, "x")); !slices.Equal(got, []string{"caddy"}) {
		t.Errorf("beside the page there run %v", got)
	}
	if got := names(s.With(BehindPage, "x")); len(got) != 4 {
		t.Errorf("behind: %v", got)
	}
	if s.Instances[2].DependsOn == nil {
		t.Error("the stack itself was changed")
	}
}

func TestBareLeavesDatabasesAndWhatTheyUse(t *testing.T) {
	s := &Stack{Volumes: []string{"blobstore", "pgsql"}, Secrets: []Secret{{Name: "license"}, {Name: "pgsql-password"}},
		Instances: []Instance{{Name: "pgsql", Service: "pgsql", Mounts: []Mount{{Path: "/data", Volume: "pgsql"}},
			Env: []EnvVar{{Name: "POSTGRES_PASSWORD", Value: []Part{{Secret: "pgsql-password"}}}}}, {Name: "caddy", Service: "caddy"}}}
	bare := s.With(DatabasesOnly, "")
	if len(bare.Instances) != 1 || bare.Instances[0].Name != "pgsql" {
		t.Errorf("instances: %+v", bare.Instances)
	}
	if !slices.Equal(bare.Volumes, []string{"pgsql"}) || len(bare.Secrets) != 1 || bare.Secrets[0].Name != "pgsql-password" {
		t.Errorf("volumes %v, secrets %+v", bare.Volumes, bare.Secrets)
	}
	if len(s.Volumes) != 2 || len(s.Secrets) != 2 {
		t.Error("the stack itself was changed")
	}
}
