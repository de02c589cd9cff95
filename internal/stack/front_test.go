package stack

import (
	"slices"
	"strings"
	"testing"

	"berth/catalogue"
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

// TestHoldingAndTrying: nothing but the proxy changes, and what it passes on to stays.
func TestHoldingAndTrying(t *testing.T) {
	lines := []string{"{$SRC_SITE_ADDRESS} {", "  header X-A `b`", "  reverse_proxy {", "    to {$SRC_FRONTEND_ADDRESSES}", "    lb_try_duration 1s", "  }", "}"}
	held, _ := Holding([]string{"reverse_proxy /x sourcegraph-frontend-0:3080"})
	for _, c := range []struct {
		of    func([]string) ([]string, bool)
		lines []string
		want  []string
		found bool
	}{
		{Trying, lines, []string{"{$SRC_SITE_ADDRESS} {", "  header X-A `b`", "  reverse_proxy {", "    to {$SRC_FRONTEND_ADDRESSES}",
			"    lb_try_duration 45s", "    lb_try_interval 100ms", "  }", "}"}, true},
		{Holding, lines, []string{"{$SRC_SITE_ADDRESS} {", "  header X-A `b`", "  reverse_proxy {", "    lb_try_duration 40s", "    lb_try_interval 100ms",
			"    lb_retry_match {", "      path *", "    }", "  }",
			"  handle_errors {", "    reverse_proxy {", "      to {$SRC_FRONTEND_ADDRESSES}", "      lb_try_duration 5s", "      lb_try_interval 100ms", "    }", "  }", "}"}, true},
		{Trying, []string{"reverse_proxy sourcegraph-frontend-0:3080"}, []string{"reverse_proxy sourcegraph-frontend-0:3080 {", "  lb_try_duration 45s", "  lb_try_interval 100ms", "}"}, true},
		{func([]string) ([]string, bool) { return held[:2], true }, nil, []string{"reverse_proxy /x {", "  lb_try_duration 40s"}, true},
		{Holding, []string{"reverse_proxy other:80", "reverse_proxy {", "  to other:81", "}"}, []string{"reverse_proxy other:80", "reverse_proxy {", "  to other:81", "}"}, false},
	} {
		got, found := c.of(c.lines)
		if !slices.Equal(got, c.want) || found != c.found {
			t.Errorf("found %v:\n%s\nwant\n%s", found, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

// TestEveryReleaseHolds: each Caddyfile of each release passes requests on in a form that can be held.
func TestEveryReleaseHolds(t *testing.T) {
	c := catalogue.Embedded()
	for _, v := range c.Versions(catalogue.Compose) {
		r, err := c.Release(v.Version, catalogue.Compose)
		if err != nil {
			t.Fatal(err)
		}
		for path, lines := range r.Files.Caddyfiles {
			_, held := Holding(lines)
			_, tried := Trying(lines)
			if !held || !tried {
				t.Errorf("%s: requests can't be held with %s", v.Version, path)
			}
		}
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
	s.Instances = append(s.Instances, Instance{Name: "sourcegraph-frontend-0", Service: "sourcegraph-frontend"}, Instance{Name: "worker-own", Service: "worker"},
		Instance{Name: "next-year", Service: "next-year"})
	if got := names(s.With(Ahead, "x")); !slices.Equal(got, []string{"pgsql", "gitserver-0", "caddy"}) {
		t.Errorf("ahead of the migrator there run %v", got)
	}
	s.Instances = append(s.Instances, Instance{Name: "sourcegraph-frontend-1", Service: "sourcegraph-frontend", DependsOn: []Dependency{{Name: "sourcegraph-frontend-0"}, {Name: "pgsql"}, {Name: "migrator"}}})
	answering := s.With(Answering, "x")
	if got := names(answering); len(got) != 6 || slices.Contains(got, "worker-own") || slices.Contains(got, "migrator") {
		t.Errorf("before the release is proved there run %v", got)
	}
	if got := answering.Instances[5].Waits(); len(got) != 1 || got[0].Name != "pgsql" {
		t.Errorf("behind the page a frontend waits for %v", got)
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
