package engine

import (
	"slices"
	"testing"

	"berth/internal/config"
	"berth/internal/installation"
	"berth/internal/plan"
	render "berth/internal/render/compose"
	"berth/internal/stack"
)

// TestAwaited: requests wait for what a search or a page asks, and for the only frontend. Of several frontends another one answers.
func TestAwaited(t *testing.T) {
	services := map[string][]string{"caddy": {"caddy"}, "pgsql": {"pgsql"}, "gitserver": {"gitserver-0", "gitserver-1"}, "worker": {"worker"},
		"sourcegraph-frontend": {"sourcegraph-frontend-0"}, "sourcegraph-frontend-internal": {"sourcegraph-frontend-internal"}}
	all := []string{"gitserver-0", "gitserver-1", "pgsql", "sourcegraph-frontend-0", "sourcegraph-frontend-internal"}
	for _, c := range []struct {
		name   string
		config string
		front  stack.Front
		change map[string][]string // services that differ
		want   []string
	}{
		{"one frontend", "", stack.Open, nil, all},
		{"two frontends", "", stack.Open, map[string][]string{"sourcegraph-frontend": {"sourcegraph-frontend-0", "sourcegraph-frontend-1"}},
			[]string{"gitserver-0", "gitserver-1", "pgsql", "sourcegraph-frontend-internal"}},
		{"turned off", "upgrades: {hold: false}\n", stack.Open, nil, nil},
		{"behind a page", "", stack.BehindPage, nil, nil},
		{"without a front proxy", "", stack.Open, map[string][]string{"caddy": nil}, nil},
	} {
		doc, problems := config.Load("sourcegraph.yaml", []byte("target: compose\nurl: http://localhost\n"+c.config))
		if problems.Failed() {
			t.Fatal(problems)
		}
		i := &onEngine{Want: &installation.Want{Doc: doc, Front: c.front}, project: &render.Project{}}
		for service, names := range services {
			if other, differs := c.change[service]; differs {
				names = other
			}
			for _, name := range names {
				i.project.Units = append(i.project.Units, render.Unit{Name: name, Container: "x-" + name, Service: service})
			}
		}
		got := i.awaited()
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: requests wait for %q, want %q", c.name, got, c.want)
		}
		h := i.letsWait(&plan.Plan{From: "7.5.0"})
		if (h != nil) != (c.want != nil) || i.letsWait(&plan.Plan{}) != nil {
			t.Errorf("%s: %+v", c.name, h)
		}
		if h != nil && (h.By != "caddy" || h.Shared["sourcegraph-frontend-0"] == h.Awaited["sourcegraph-frontend-0"]) {
			t.Errorf("%s: %+v", c.name, h)
		}
	}
}
