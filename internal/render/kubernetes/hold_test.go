package kubernetes_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/render/kubernetes"
	"berth/internal/stack"
	"berth/internal/tree"
)

// TestAwaited: in every minor release requests wait for the same services, whatever the names of their workloads, and the holding proxy has
// the frontend's user.
func TestAwaited(t *testing.T) {
	for _, version := range newestOfMinors() {
		set := render(t, version, "")
		proxy := set.With(stack.HoldsRequests, "", "caddy:1").Find("Deployment/berth-door")
		if user := tree.At(tree.Containers(tree.At(proxy.Body, "spec", "template", "spec"))[0], "securityContext")["runAsUser"]; user == nil || fmt.Sprint(user) == "0" {
			t.Errorf("%s: the holding proxy runs as %v", version, user)
		}
		var names []string
		for key := range set.Awaited() {
			_, name, _ := strings.Cut(key, "/")
			names = append(names, name)
		}
		slices.Sort(names)
		want := []string{"codeinsights-db", "codeintel-db", "gitserver", "indexed-search", "pgsql", "redis-cache", "redis-store", "searcher", "symbols"}
		if catalogue.CompareVersions(version, "6.4.0") >= 0 {
			want = want[:len(want)-1] // searcher does what symbols did
		}
		if !slices.Equal(names, want) {
			t.Errorf("%s: requests wait for %q, want %q", version, names, want)
		}
	}
}

// TestAwaitedOnce: requests don't wait for a service with several instances, nor for one outside the installation.
func TestAwaitedOnce(t *testing.T) {
	set := render(t, "7.5.4453", "services: {gitserver: {replicas: 2}, searcher: {replicas: 3}}\n"+
		"databases: {pgsql: {external: {host: db, port: 5432, user: sg, password: {file: p}, database: sg}}}")
	got := set.Awaited()
	for key, want := range map[string]bool{"StatefulSet/gitserver": false, "StatefulSet/searcher": false, "StatefulSet/indexed-search": true,
		"StatefulSet/pgsql": false, "StatefulSet/codeintel-db": true, "Deployment/sourcegraph-frontend": false} {
		if got[key] != want {
			t.Errorf("requests wait for %s: %v", key, got[key])
		}
	}
}

func TestHeldPutsTheHoldingProxyInFront(t *testing.T) {
	before := written(render(t, "7.5.4453", ""))
	set := render(t, "7.5.4453", "")
	held := set.With(stack.HoldsRequests, "", "caddy:1")
	if written(set) != before {
		t.Error("the set itself was changed")
	}
	objects := map[string]*kubernetes.Object{}
	for i := range held.Objects {
		objects[held.Objects[i].Key()] = &held.Objects[i]
	}
	pods := func(key string) map[string]any {
		return tree.At(objects[key].Body, "spec", "template", "metadata", "labels")
	}
	leads := func(service, to string) bool {
		selector := tree.At(objects["Service/"+service].Body, "spec", "selector")
		return len(selector) > 0 && !slices.ContainsFunc(slices.Collect(maps.Keys(selector)), func(k string) bool { return pods(to)[k] != selector[k] })
	}
	const proxy, frontend = "Deployment/berth-door", "Deployment/sourcegraph-frontend"
	for _, c := range []struct {
		service, to string
		want        bool
	}{
		{"sourcegraph-frontend", proxy, true}, {"sourcegraph-frontend", frontend, false},
		{"berth-door", frontend, true}, {"berth-door", proxy, false}, {"berth-door-past", frontend, true}, {"berth-door-past", proxy, false},
		{"sourcegraph-frontend-internal", frontend, true}, {"sourcegraph-frontend-internal", proxy, false},
	} {
		if got := leads(c.service, c.to); got != c.want {
			t.Errorf("Service %s leads to %s: %v", c.service, c.to, got)
		}
	}
	if got := objects["Service/sourcegraph-frontend"].Needs; !slices.Equal(got, []string{proxy}) {
		t.Errorf("the frontend Service points to the holding proxy when %q are ready", got)
	}
	shut := kubernetes.PointsToNothing(objects["Service/berth-door"].Body)
	for key := range objects {
		if o := objects[key]; tree.Pods(o.Body) != nil && fmt.Sprint(pods(key)["app"]) == tree.Text(shut, "spec", "selector", "app") {
			t.Errorf("the Service that points to nothing selects %s", key)
		}
	}
	if !leads("berth-door", frontend) {
		t.Error("PointsToNothing changed the set")
	}
}

// TestHeldReplacesFirstWhatIsAwaited: everything else waits for the awaited workloads, and none waits for itself.
func TestHeldReplacesFirstWhatIsAwaited(t *testing.T) {
	held := render(t, "7.5.4453", "").With(stack.HoldsRequests, "", "caddy:1")
	needs := map[string][]string{}
	for _, o := range held.Objects {
		needs[o.Key()] = o.Needs
	}
	for key, want := range map[string]string{
		"DaemonSet/cadvisor":              "StatefulSet/pgsql",
		"Deployment/syntect-server":       "Deployment/redis-cache",
		"Deployment/sourcegraph-frontend": "StatefulSet/gitserver",
		"Deployment/worker":               "StatefulSet/indexed-search",
	} {
		if !slices.Contains(needs[key], want) {
			t.Errorf("%s does not wait for %s: %q", key, want, needs[key])
		}
	}
	var migrator string
	for key := range needs {
		if strings.HasPrefix(key, "Job/migrator") {
			migrator = key
		}
	}
	if !slices.Contains(needs[migrator], "Deployment/redis-store") || !slices.Contains(needs["StatefulSet/gitserver"], migrator) {
		t.Errorf("requests are held while the migrator runs: %q, %q", needs[migrator], needs["StatefulSet/gitserver"])
	}
	var circle func(key string, path []string) []string
	circle = func(key string, path []string) []string {
		if slices.Contains(path, key) {
			return append(path, key)
		}
		for _, n := range needs[key] {
			if c := circle(n, append(path[:len(path):len(path)], key)); c != nil {
				return c
			}
		}
		return nil
	}
	for key := range needs {
		if c := circle(key, nil); c != nil {
			t.Fatalf("these wait for each other: %q", c)
		}
	}
}

// TestWebServersRunAsTheFrontend: berth's web servers run with the frontend's user, also where the cluster chooses it, and with the one
// capability without which the kernel does not start Caddy.
func TestWebServersRunAsTheFrontend(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		user any
	}{
		"as the chart":   {"", uint64(100)},
		"OpenShift":      {"kubernetes: {openshift: true}", nil},
		"users of yours": {"kubernetes: {runAs: {user: 4000}}", 4000},
	} {
		t.Run(name, func(t *testing.T) {
			for _, front := range []stack.Front{stack.HoldsRequests, stack.Closed} {
				for _, o := range render(t, "7.5.4453", c.text).With(front, "back soon", "caddy:1").Objects {
					if o.Kind() != "Deployment" || !strings.HasPrefix(o.Name(), "berth-") {
						continue
					}
					context := tree.At(tree.Containers(tree.At(o.Body, "spec", "template", "spec"))[0], "securityContext")
					if fmt.Sprint(context["runAsUser"]) != fmt.Sprint(c.user) {
						t.Errorf("%s runs as %v, want %v", o.Key(), context["runAsUser"], c.user)
					}
					if add := tree.List(tree.At(context, "capabilities")["add"]); !slices.Equal(add, []any{"NET_BIND_SERVICE"}) {
						t.Errorf("%s has %v", o.Key(), add)
					}
				}
			}
		})
	}
}
