package kubernetes

import (
	"reflect"
	"slices"
	"testing"

	"berth/internal/stack"
	"berth/internal/tree"
)

func frontSet() *Set {
	workload := func(kind, name string, replicas int64) Object {
		return Object{Service: name, Body: map[string]any{"apiVersion": "apps/v1", "kind": kind, "metadata": map[string]any{"name": name},
			"spec": map[string]any{"replicas": replicas, "template": map[string]any{"spec": map[string]any{"nodeSelector": map[string]any{"disk": "ssd"}}}}}}
	}
	service := Object{Service: frontend, Body: map[string]any{"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"name": frontend},
		"spec": map[string]any{"selector": map[string]any{"app": frontend}}}}
	job := Object{Service: "migrator", OneShot: true, Body: map[string]any{"kind": "Job", "metadata": map[string]any{"name": "migrator"}}}
	return &Set{Name: "s", Namespace: "n", Release: "7.5.4453", Objects: []Object{workload("StatefulSet", "pgsql", 1), workload("Deployment", frontend, 2),
		workload("StatefulSet", "gitserver", 3), workload("Deployment", "worker", 2), workload("DaemonSet", "node-exporter", 0), service, job}}
}

func TestClosedStopsWhatWritesAndPointsTheServiceToThePage(t *testing.T) {
	set := frontSet()
	closed := set.With(stack.Closed, "back soon", "caddy:1")
	replicas := func(s *Set, key string) any { return tree.At(s.Find(key).Body, "spec")["replicas"] }
	for key, want := range map[string]int64{"StatefulSet/pgsql": 1, "Deployment/" + frontend: 0, "StatefulSet/gitserver": 0} {
		if got := replicas(closed, key); got != want {
			t.Errorf("%s has %v replicas, want %d", key, got, want)
		}
	}
	stopped := set.With(stack.Stopped, "back soon", "caddy:1")
	for key, want := range map[string]int64{"StatefulSet/pgsql": 0, "Deployment/" + frontend: 0, "Deployment/" + pageName: 1} {
		if got := replicas(stopped, key); got != want {
			t.Errorf("where all is stopped %s has %v replicas, want %d", key, got, want)
		}
	}
	if closed.Find("Job/migrator") != nil || stopped.Find("Job/migrator") != nil {
		t.Error("the release's own migrator would run")
	}
	selector := tree.At(closed.Find("Service/"+frontend).Body, "spec")["selector"]
	page := closed.Find("Deployment/" + pageName)
	if page == nil || !reflect.DeepEqual(selector, tree.At(page.Body, "spec", "selector")["matchLabels"]) {
		t.Errorf("the Service leads to %v, not to the page", selector)
	}
	if got := closed.Find("Service/" + frontend).Needs; !slices.Equal(got, []string{"Deployment/" + pageName}) {
		t.Errorf("people are sent to the page when %v is ready", got)
	}
	if got := tree.At(page.Body, "spec", "template", "spec")["nodeSelector"]; !reflect.DeepEqual(got, map[string]any{"disk": "ssd"}) {
		t.Errorf("the page may run elsewhere than the frontend: %v", got)
	}
	if !reflect.DeepEqual(set, frontSet()) {
		t.Error("the set itself was changed")
	}
}

// TestAhead: what never asks the databases runs before they have the schema of its release, and nothing else but them.
func TestAhead(t *testing.T) {
	ahead := frontSet().With(stack.Ahead, "back soon", "caddy:1")
	for key, want := range map[string]int64{"StatefulSet/pgsql": 1, "StatefulSet/gitserver": 3, "Deployment/" + frontend: 0, "Deployment/worker": 0} {
		if got := tree.At(ahead.Find(key).Body, "spec")["replicas"]; got != want {
			t.Errorf("%s has %v replicas", key, got)
		}
	}
	if ahead.Find("Job/migrator") != nil || ahead.Find("Deployment/"+pageName) == nil {
		t.Error("the release's own migrator would run, or there is no page")
	}
}

func TestBehindRunsEverything(t *testing.T) {
	behind := frontSet().With(stack.BehindPage, "back soon", "caddy:1")
	if tree.At(behind.Find("StatefulSet/gitserver").Body, "spec")["replicas"] != int64(3) || behind.Find("Job/migrator") == nil {
		t.Error("not everything runs behind the page")
	}
	almost := frontSet().With(stack.Answering, "back soon", "caddy:1")
	if got := tree.At(almost.Find("Deployment/worker").Body, "spec")["replicas"]; got != int64(0) || almost.Find("Job/migrator") != nil {
		t.Errorf("%v workers run before the release is proved, or its migrator, which finds nothing to do", got)
	}
	if frontSet().With(stack.Open, "", "").Find("Deployment/"+pageName) != nil {
		t.Error("an open front has a page")
	}
}

func TestBareIsDatabasesAndWhatTheirPodsNeed(t *testing.T) {
	set := frontSet()
	set.Objects = append(set.Objects,
		Object{Service: "prometheus", Body: map[string]any{"kind": "ClusterRole", "metadata": map[string]any{"name": "prometheus"}}},
		Object{Body: map[string]any{"kind": "Secret", "type": "kubernetes.io/dockerconfigjson", "metadata": map[string]any{"name": "pull", "namespace": "n"}}},
		Object{Service: "pgsql", Body: map[string]any{"kind": "PersistentVolumeClaim", "metadata": map[string]any{"name": "pgsql", "namespace": "n"}}},
		Object{Service: "pgsql", Body: map[string]any{"kind": "StorageClass", "metadata": map[string]any{"name": "fast"}}})
	tree.At(set.Find("StatefulSet/pgsql").Body, "metadata")["namespace"] = "n"
	var keys []string
	for _, o := range set.With(stack.DatabasesOnly, "", "").Objects {
		keys = append(keys, o.Key())
	}
	if want := []string{"StatefulSet/pgsql", "Secret/pull", "PersistentVolumeClaim/pgsql"}; !reflect.DeepEqual(keys, want) {
		t.Errorf("it has %v, want %v", keys, want)
	}
}
