package execute

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"berth/internal/plan"
	"berth/internal/plan/fields"
	"berth/internal/stack"
	"berth/internal/target/kubernetes"
	"berth/internal/target/kubernetes/kubetest"
	"berth/internal/target/kubernetes/store"
)

type object = map[string]any

// inCluster does steps in a cluster in memory that has some objects to be applied.
func inCluster(t *testing.T, s *kubetest.Server, bodies ...object) *Target {
	t.Helper()
	c, err := kubernetes.Connect(t.Context(), s.Getenv(t), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	k := &Target{Client: c, State: store.At(c, "default", "sourcegraph"), Namespace: "default", Bodies: map[string]map[string]any{}, Now: time.Now}
	for _, b := range bodies {
		k.Bodies[kubernetes.RefOf(b).String()] = b
	}
	return k
}

// TestRoleThatIsNotKnownYet: for a moment, the API server says that there is no such role to those who may not grant everything.
func TestRoleThatIsNotKnownYet(t *testing.T) {
	s := kubetest.New(t)
	refusals := 2
	s.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPatch || !strings.Contains(r.URL.Path, "/rolebindings/") || refusals == 0 {
			return false
		}
		refusals--
		kubetest.Refuse(w, http.StatusNotFound, "NotFound", `rolebindings "reader" not found`)
		return true
	}
	k := inCluster(t, s, object{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": object{"name": "reader", "namespace": "default"},
		"roleRef": object{"kind": "Role", "name": "reader"}})
	if err := k.Do(t.Context(), plan.Create, []plan.Step{{ID: 1, Object: "RoleBinding/reader"}}, nil); err != nil || refusals > 0 {
		t.Errorf("%v, %d refusals left", err, refusals)
	}
}

// TestTakeOver: the object's books are rewritten for the version of it that was seen, and then it is applied. A run that is killed between the two leaves
// nothing of what kubectl kept: the object would not be taken over a second time.
func TestTakeOver(t *testing.T) {
	s := kubetest.New(t)
	const path = "/api/v1/namespaces/default/configmaps/conf"
	book := object{"manager": "helm", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": object{"f:data": object{"f:old": object{}}}}
	s.Put(path, object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": "conf", "namespace": "default", "managedFields": []any{book},
		"annotations": object{fields.LastApplied: "{}", "own": "a"}}, "data": object{"old": "1"}})
	conflicts := 2
	stopped := true
	s.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPatch && r.Header.Get("Content-Type") == "application/apply-patch+yaml" && stopped {
			kubetest.Refuse(w, http.StatusForbidden, "Forbidden", "the run is killed here")
			return true
		}
		if r.Method != http.MethodPatch || r.Header.Get("Content-Type") != "application/merge-patch+json" || r.URL.Path != path || conflicts == 0 {
			return false
		}
		conflicts--
		kubetest.Refuse(w, http.StatusConflict, "Conflict", "the object has been modified")
		return true
	}
	k := inCluster(t, s, object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": "conf", "namespace": "default"}, "data": object{"new": "2"}})
	steps := []plan.Step{{ID: 1, Object: "ConfigMap/conf"}}
	if err := k.Do(t.Context(), plan.TakeOver, steps, nil); !kubernetes.Forbidden(err) || conflicts > 0 {
		t.Fatalf("%v, %d conflicts left", err, conflicts)
	}
	live, err := k.Client.Get(t.Context(), kubernetes.RefOf(k.Bodies["ConfigMap/conf"]))
	if err != nil {
		t.Fatal(err)
	}
	if annotations := live["metadata"].(object)["annotations"].(object); len(annotations) != 1 || annotations["own"] != "a" {
		t.Errorf("before it is applied it has the annotations %v", annotations)
	}
	stopped = false
	if err := k.Do(t.Context(), plan.TakeOver, steps, nil); err != nil {
		t.Fatal(err)
	}
	live, err = k.Client.Get(t.Context(), kubernetes.RefOf(k.Bodies["ConfigMap/conf"]))
	if err != nil {
		t.Fatal(err)
	}
	books := live["metadata"].(object)["managedFields"].([]any)
	if b := books[0].(object); len(books) != 1 || b["manager"] != plan.Manager || b["operation"] != "Apply" || live["data"].(object)["new"] != "2" {
		t.Errorf("got %v", live)
	}
}

// TestPatience: a database that converts its data may take as long as that takes, unless the admin said otherwise; nothing else may.
func TestPatience(t *testing.T) {
	for _, test := range []struct {
		timeout, converting time.Duration
		service             string
		want                time.Duration
	}{
		{0, 0, "pgsql", readiness},
		{0, time.Hour, "pgsql", time.Hour},
		{0, time.Hour, "redis-store", readiness},
		{time.Minute, time.Hour, "codeintel-db", time.Minute},
		{0, time.Hour, stack.HoldingProxy, proxyReadiness},
	} {
		target := &Target{Timeout: test.timeout, Converting: test.converting}
		if got := target.Patience(plan.Step{Service: test.service}); got != test.want {
			t.Errorf("%s, timeout %s, converting %s: %s, want %s", test.service, test.timeout, test.converting, got, test.want)
		}
	}
}
