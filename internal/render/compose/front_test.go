package compose_test

import (
	"strings"
	"testing"

	"berth/internal/render/compose"
	"berth/internal/stack"
)

// TestFrontsChangeNoContainer: what runs behind a front is the same as without it, but for the front proxy's file. So nothing is replaced when the page comes or
// goes.
func TestFrontsChangeNoContainer(t *testing.T) {
	open := resolved(t, "7.5.4453", "")
	spec := map[string]string{}
	for _, u := range fronted(t, open).Units {
		spec[u.Name] = u.Spec
	}
	for _, front := range []stack.Front{stack.Closed, stack.Ahead, stack.Answering, stack.BehindPage} {
		p := fronted(t, open.With(front, "back soon"))
		runs := map[string]bool{}
		for _, u := range p.Units {
			runs[u.Name] = true
			if u.Spec != spec[u.Name] {
				t.Errorf("behind %q %s is another container", front, u.Name)
			}
		}
		for _, u := range p.Units {
			for _, d := range u.DependsOn {
				if !runs[d.Name] || u.Name == "caddy" {
					t.Errorf("behind %q %s waits for %s", front, u.Name, d.Name)
				}
			}
		}
		for _, f := range p.Files {
			if f.Path == compose.ComposeFile && front == stack.Closed && strings.Contains(string(f.Content), "depends_on") {
				t.Errorf("with only the databases something waits:\n%s", f.Content)
			}
		}
	}
}

func fronted(t *testing.T, s *stack.Stack) *compose.Project {
	t.Helper()
	p, problems := compose.Render(s, nil)
	if problems.Failed() {
		t.Fatal(problems)
	}
	return p
}
