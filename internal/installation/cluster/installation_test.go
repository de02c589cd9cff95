package cluster

import (
	"reflect"
	"testing"
	"time"

	"berth/internal/config"
	"berth/internal/installation"
	"berth/internal/plan"
	render "berth/internal/render/kubernetes"
	"berth/internal/stack"
	"berth/internal/target/kubernetes"
)

// TestReplicasOfOthers: an autoscaler's number of replicas is as good as ever while a hop rolls, but it may not start what must stand still.
func TestReplicasOfOthers(t *testing.T) {
	for front, taken := range map[stack.Front]bool{stack.Open: false, stack.HoldsRequests: false, stack.Closed: true, stack.Stopped: true, stack.BehindPage: true} {
		l := &installation.Want{Stack: &stack.Stack{}, Doc: &config.Doc{Config: &config.Config{}}, Front: front}
		c := &inCluster{Want: l, set: &render.Set{}}
		if got := len(c.desired().Rules) > 0; got != taken {
			t.Errorf("with the front %q replicas are taken from others: %v", front, got)
		}
	}
}

func TestImagesAreWantedWhereTheyAreNeeded(t *testing.T) {
	workload := func(kind, name string, images ...string) render.Object {
		var containers []any
		for _, image := range images {
			containers = append(containers, map[string]any{"image": image})
		}
		return render.Object{Body: map[string]any{"kind": kind, "metadata": map[string]any{"name": name}, "spec": map[string]any{
			"selector": map[string]any{"matchLabels": map[string]any{"app": name}},
			"template": map[string]any{"spec": map[string]any{"containers": containers}}}}}
	}
	job := workload("Job", "migrator", "migrator:2")
	delete(job.Body["spec"].(map[string]any), "selector")
	set := &render.Set{Objects: []render.Object{workload("StatefulSet", "gitserver", "gitserver:2", "exporter:2"), workload("StatefulSet", "pgsql", "pgsql:2", "exporter:2"),
		workload("Deployment", "worker", "worker:2"), workload("DaemonSet", "cadvisor", "cadvisor:2"), workload("Deployment", "new", "new:2"), job}}
	on := func(node, app string) pod {
		var p pod
		p.Metadata.Labels, p.Spec.NodeName = map[string]any{"app": app, "more": "yes"}, node
		return p
	}
	pods := []pod{on("a", "gitserver"), on("b", "gitserver"), on("a", "pgsql"), on("b", "worker"), on("a", "cadvisor"), on("", "pgsql"), on("c", "sourcegraph-frontend")}
	p := &plan.Plan{}
	for object, verb := range map[string]plan.Verb{"StatefulSet/gitserver": plan.Update, "StatefulSet/pgsql": plan.Recreate, "Deployment/worker": plan.Wait,
		"DaemonSet/cadvisor": plan.Update, "Deployment/new": plan.Create, "Job/migrator": plan.Create, "Deployment/old": plan.Remove} {
		p.Steps = append(p.Steps, plan.Step{Object: object, Verb: verb})
	}
	want := map[string][]string{"a": {"exporter:2", "gitserver:2", "pgsql:2"}, "b": {"exporter:2", "gitserver:2"}, "c": {"migrator:2", "new:2"}}
	if got := wanted(set, p, pods); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestNativeSidecars: only a cluster that knows native sidecars gets one. A provider's suffix does not matter, and what can't be read is let through.
func TestNativeSidecars(t *testing.T) {
	with := func(policy string) map[string]any {
		container := map[string]any{"name": "cloudsql"}
		if policy != "" {
			container["restartPolicy"] = policy
		}
		return map[string]any{"kind": "Deployment", "metadata": map[string]any{"name": "worker"},
			"spec": map[string]any{"template": map[string]any{"spec": map[string]any{"initContainers": []any{container}}}}}
	}
	for _, c := range []struct {
		minor  string
		policy string
		want   int
	}{{"28", "Always", 1}, {"28+", "Always", 1}, {"29", "Always", 0}, {"35", "Always", 0}, {"28", "", 0}, {"", "Always", 0}} {
		got := nativeSidecars(kubernetes.Version{Major: "1", Minor: c.minor}, []map[string]any{with(c.policy), {"kind": "Service"}})
		if len(got) != c.want || c.want > 0 && (got[0].Code != "BERTH2205" || got[0].Subject != "Deployment/worker") {
			t.Errorf("1.%s, %q: %v", c.minor, c.policy, got)
		}
	}
}

// TestStartLimit: what Kubernetes takes for a probe without numbers, and what the databases of the chart have.
func TestStartLimit(t *testing.T) {
	of := func(container map[string]any) map[string]any {
		return map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{"containers": []any{container}}}}}
	}
	for name, test := range map[string]struct {
		workload map[string]any
		want     time.Duration
	}{
		"as in the chart": {of(map[string]any{"name": "pgsql", "startupProbe": map[string]any{"periodSeconds": int64(10), "failureThreshold": int64(360)}}), time.Hour},
		"no numbers":      {of(map[string]any{"name": "pgsql", "startupProbe": map[string]any{}}), 30 * time.Second},
		"no probe":        {of(map[string]any{"name": "pgsql"}), 0},
		"another program": {of(map[string]any{"name": "proxy", "startupProbe": map[string]any{}}), 0},
	} {
		if got := startLimit(test.workload); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
