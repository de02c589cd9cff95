package stack_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/stack"
)

// own is the stack of containers of the admin's own.
func own(t *testing.T, target catalogue.Target, containers string) *stack.Stack {
	t.Helper()
	doc, problems := config.Load("sourcegraph.yaml", []byte("target: "+string(target)+"\nurl: http://localhost\ncontainers:\n"+containers))
	if problems.Failed() {
		t.Fatal(problems)
	}
	rel, err := catalogue.Embedded().Release("7.5.4453", target)
	if err != nil {
		t.Fatal(err)
	}
	return stack.Resolve(stack.Input{Config: doc.Config, At: doc.At, Release: rel})
}

// TestWhatServesRunsBehindFronts: of the admin's own containers, those run behind a front that something needs which runs there.
func TestWhatServesRunsBehindFronts(t *testing.T) {
	const containers = `
  proxy: {image: "a:1", before: [migrator], after: [secrets]}
  secrets: {image: "a:1"}
  network: {image: "a:1", before: [proxy]}
  disk: {image: "a:1", before: [codeintel-db]}
  tunnel: {image: "a:1", after: [FRONT]}
  dns: {image: "a:1", before: [tunnel]}
  backup: {image: "a:1", after: [pgsql]}
  plain: {image: "a:1"}
  chat: {image: "a:1", after: [FRONT, worker]}
`
	for target, front := range map[catalogue.Target]string{catalogue.Compose: "caddy", catalogue.Kubernetes: "sourcegraph-frontend"} {
		s := own(t, target, strings.ReplaceAll(containers, "FRONT", front))
		for front, want := range map[stack.Front]string{
			stack.Open:          "backup chat disk dns network plain proxy secrets tunnel",
			stack.BehindPage:    "backup chat disk dns network plain proxy secrets tunnel",
			stack.Closed:        "disk dns network proxy secrets tunnel",
			stack.Stopped:       "dns tunnel",
			stack.DatabasesOnly: "disk",
		} {
			if got := strings.Join(slices.Sorted(maps.Keys(s.Serving(front))), " "); got != want {
				t.Errorf("%s, %q: %s, want %s", target, front, got, want)
			}
		}
	}
}

// TestNothingWaitsForWhatDoesNotRun: Docker Compose refuses a service that waits for one that the file does not have.
func TestNothingWaitsForWhatDoesNotRun(t *testing.T) {
	s := own(t, catalogue.Compose, `
  proxy: {image: "a:1", before: [migrator, pgsql], after: [worker, plain]}
  plain: {image: "a:1", health: {exec: [ok]}}
  tunnel: {image: "a:1", after: [caddy]}
`)
	waits := func(s *stack.Stack, name string) (out string) {
		for _, i := range s.Instances {
			if i.Name == name {
				for _, d := range i.Waits() {
					out += " " + d.Name + ":" + strings.TrimPrefix(string(d.Condition), "service_")
				}
			}
		}
		return out
	}
	for name, want := range map[string]string{"pgsql": " proxy:started", "proxy": " plain:healthy worker:started", "tunnel": " caddy:started"} {
		if got := waits(s, name); got != want {
			t.Errorf("%s waits for%s, want%s", name, got, want)
		}
	}
	for _, front := range []stack.Front{stack.Closed, stack.Stopped, stack.BehindPage, stack.DatabasesOnly} {
		behind := s.With(front, "page")
		runs := map[string]bool{}
		for _, i := range behind.Instances {
			runs[i.Name] = true
		}
		for _, i := range behind.Instances {
			for _, d := range i.Waits() {
				if !runs[d.Name] {
					t.Errorf("%q: %s waits for %s, which does not run", front, i.Name, d.Name)
				}
			}
		}
	}
	if got := waits(s.With(stack.Closed, ""), "proxy"); got != " plain:healthy" {
		t.Errorf("behind the page the proxy waits for%s", got)
	}
}
