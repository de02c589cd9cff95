package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"berth/internal/plan/fields"
	"golang.org/x/sync/errgroup"
)

// cluster connects to the API server of KUBECONFIG, and makes a namespace that is gone after the test.
func cluster(t *testing.T) (*Client, string) {
	t.Helper()
	if os.Getenv("BERTH_E2E_KUBERNETES") == "" || os.Getenv("KUBECONFIG") == "" {
		t.Skip(`needs an API server:  testbed/kubernetes up control; eval "$(testbed/kubernetes env control)"; BERTH_E2E_KUBERNETES=1`)
	}
	c, err := Connect(t.Context(), os.Getenv, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	namespace := fmt.Sprintf("berth-contract-%d", time.Now().UnixNano()%1e9)
	ref := Ref{APIVersion: "v1", Kind: "Namespace", Name: namespace}
	if _, err := c.Create(t.Context(), map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": namespace}}, "test"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Delete(context.WithoutCancel(t.Context()), ref, DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	return c, namespace
}

// TestContract says what we rely on an API server for.
func TestContract(t *testing.T) {
	c, namespace := cluster(t)
	ctx := t.Context()
	if v := c.Version(); !strings.HasPrefix(v.Git, "v1.") || v.Minor == "" {
		t.Errorf("version: %+v", v)
	}
	object := func(data map[string]any) map[string]any {
		return map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "one", "namespace": namespace}, "data": data}
	}
	ref := Ref{APIVersion: "v1", Kind: "ConfigMap", Namespace: namespace, Name: "one"}

	t.Run("dry run changes nothing", func(t *testing.T) {
		made, err := c.Apply(ctx, object(map[string]any{"a": "1"}), ApplyOptions{Manager: "berth", DryRun: true})
		if err != nil || RefOf(made) != ref {
			t.Fatal(made, err)
		}
		if _, err := c.Get(ctx, ref); !NotFound(err) {
			t.Errorf("it is there: %v", err)
		}
	})
	t.Run("apply, and fields of others", func(t *testing.T) {
		if _, err := c.Apply(ctx, object(map[string]any{"a": "1", "b": "2"}), ApplyOptions{Manager: "berth"}); err != nil {
			t.Fatal(err)
		}
		_, err := c.Apply(ctx, object(map[string]any{"a": "other"}), ApplyOptions{Manager: "somebody"})
		owners := Owners(err)
		if len(owners) != 1 || owners[0] != (Owner{Field: ".data.a", Manager: "berth"}) {
			t.Errorf("owners %+v of %v", owners, err)
		}
		if _, err = c.Apply(ctx, object(map[string]any{"a": "other"}), ApplyOptions{Manager: "somebody", Force: true}); err != nil {
			t.Error(err)
		}
		obj, err := c.Apply(ctx, object(map[string]any{}), ApplyOptions{Manager: "berth", Force: true})
		if err != nil || fmt.Sprint(obj["data"]) != "map[a:other]" {
			t.Errorf("what berth no longer sets should be gone, what others set should stay: %v, %v", obj["data"], err)
		}
	})
	t.Run("what another tool deployed is taken over", func(t *testing.T) {
		other := object(map[string]any{"theirs": "1", "both": "2"})
		other["metadata"].(map[string]any)["name"] = "deployed"
		other["metadata"].(map[string]any)["annotations"] = map[string]any{fields.LastApplied: "{}", "own": "a"}
		ref := RefOf(other)
		if _, err := c.Create(ctx, other, "helm"); err != nil {
			t.Fatal(err)
		}
		live, err := c.Get(ctx, ref)
		if err != nil {
			t.Fatal(err)
		}
		gone, err := c.Rehearse(ctx, ref, map[string]any{"data": map[string]any{"theirs": nil}}, "berth")
		if err != nil || fmt.Sprint(gone["data"]) != "map[both:2]" {
			t.Errorf("rehearsed: %v, %v", gone["data"], err)
		}
		meta := live["metadata"].(map[string]any)
		books := map[string]any{"metadata": map[string]any{"managedFields": fields.TakenOver(live, nil), "resourceVersion": meta["resourceVersion"],
			"annotations": map[string]any{fields.LastApplied: nil}}}
		if _, err = c.Patch(ctx, ref, books, "berth"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Patch(ctx, ref, books, "berth"); !Conflict(err) {
			t.Errorf("an object that changed meanwhile: %v", err)
		}
		if live, err = c.Get(ctx, ref); err != nil || fmt.Sprint(live["metadata"].(map[string]any)["annotations"]) != "map[own:a]" {
			t.Errorf("kubectl's annotation should go with the books: %v, %v", live, err)
		}
		other["metadata"].(map[string]any)["annotations"] = map[string]any{"own": "a"}
		other["data"] = map[string]any{"both": "2"}
		obj, err := c.Apply(ctx, other, ApplyOptions{Manager: "berth"})
		if err != nil || fmt.Sprint(obj["data"]) != "map[both:2]" {
			t.Errorf("what only the other tool set should be gone: %v, %v", obj["data"], err)
		}
	})
	t.Run("unknown fields are refused", func(t *testing.T) {
		wrong := object(nil)
		wrong["date"] = map[string]any{}
		_, err := c.Apply(ctx, wrong, ApplyOptions{Manager: "berth"})
		if !invalid(err) || !strings.Contains(err.Error(), "date") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("what may not be changed", func(t *testing.T) {
		_, err := c.Apply(ctx, service(namespace, "None"), ApplyOptions{Manager: "berth"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Apply(ctx, service(namespace, "10.213.128.77"), ApplyOptions{Manager: "berth"})
		if !invalid(err) {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("create, replace, patch, delete", func(t *testing.T) {
		if _, err := c.Create(ctx, object(nil), "berth"); !Exists(err) {
			t.Errorf("got %v", err)
		}
		obj, err := c.Get(ctx, ref)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Patch(ctx, ref, map[string]any{"data": map[string]any{"c": "3"}}, "berth"); err != nil {
			t.Error(err)
		}
		if _, err := c.Replace(ctx, obj, "berth"); !Conflict(err) || Owners(err) != nil {
			t.Errorf("an old object replaced a new one: %v", err)
		}
		if err := c.Delete(ctx, ref, DeleteOptions{UID: "another"}); !Conflict(err) {
			t.Errorf("got %v", err)
		}
		if err := c.Delete(ctx, ref, DeleteOptions{}); err != nil {
			t.Error(err)
		}
		if err := c.Delete(ctx, ref, DeleteOptions{}); !NotFound(err) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("sixteen at once, and lists", func(t *testing.T) {
		var g errgroup.Group
		g.SetLimit(16)
		for i := range 64 {
			g.Go(func() error {
				o := object(map[string]any{"n": fmt.Sprint(i)})
				o["metadata"] = map[string]any{"name": fmt.Sprintf("many-%d", i), "namespace": namespace, "labels": map[string]any{"many": "yes"}}
				_, err := c.Apply(ctx, o, ApplyOptions{Manager: "berth"})
				return err
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		list, err := c.List(ctx, Query{APIVersion: "v1", Kind: "ConfigMap", Namespace: namespace, Labels: "many=yes"})
		if err != nil || len(list) != 64 || RefOf(list[0]).Kind != "ConfigMap" {
			t.Errorf("%d objects, %v", len(list), err)
		}
	})
	t.Run("kinds outside the table", func(t *testing.T) {
		r, err := c.Resource(ctx, "flowcontrol.apiserver.k8s.io/v1", "FlowSchema")
		if err != nil || r.Plural != "flowschemas" || r.Namespaced {
			t.Errorf("%+v, %v", r, err)
		}
		for _, version := range []string{"route.openshift.io/v1", "apps/v1"} {
			if _, err := c.Resource(ctx, version, "Route"); !NotFound(err) {
				t.Errorf("%s: %v", version, err)
			}
		}
	})
	t.Run("rights", func(t *testing.T) {
		want := Right{Verb: "get", Resource: "pods", Subresource: "log", Namespace: namespace}
		if ok, _, err := c.May(ctx, want); !ok || err != nil {
			t.Error(ok, err)
		}
		if r, err := c.Rights(ctx, namespace); err != nil || !r.Has(want) {
			t.Error(r, err)
		}
	})
}

// TestTable proves that the table of kinds says what the API server says.
func TestTable(t *testing.T) {
	c, _ := cluster(t)
	for version, kinds := range map[string]string{
		"v1":                           "Namespace ConfigMap Secret Service ServiceAccount PersistentVolumeClaim PersistentVolume Pod Event Node",
		"apps/v1":                      "Deployment StatefulSet DaemonSet ReplicaSet",
		"batch/v1":                     "Job CronJob",
		"rbac.authorization.k8s.io/v1": "Role RoleBinding ClusterRole ClusterRoleBinding",
		"networking.k8s.io/v1":         "Ingress NetworkPolicy",
		"policy/v1":                    "PodDisruptionBudget",
		"autoscaling/v2":               "HorizontalPodAutoscaler",
		"storage.k8s.io/v1":            "StorageClass",
		"scheduling.k8s.io/v1":         "PriorityClass",
		"coordination.k8s.io/v1":       "Lease",
	} {
		theirs, err := c.discover(t.Context(), version)
		if err != nil {
			t.Fatal(err)
		}
		for kind := range strings.FieldsSeq(kinds) {
			if ours, ok := known(version, kind); !ok || ours != theirs[kind] {
				t.Errorf("%s %s: %+v, the API server says %+v", version, kind, ours, theirs[kind])
			}
		}
	}
}

func service(namespace, ip string) map[string]any {
	return map[string]any{"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"name": "s", "namespace": namespace},
		"spec": map[string]any{"clusterIP": ip, "ports": []any{map[string]any{"port": 80}}}}
}

// TestAPIServerRestarts: one that is killed in the middle of the work ends nothing. BERTH_E2E_RESTART_API is the command that restarts it.
func TestAPIServerRestarts(t *testing.T) {
	c, namespace := cluster(t)
	command := strings.Fields(os.Getenv("BERTH_E2E_RESTART_API"))
	if len(command) == 0 {
		t.Skip(`disturbs everybody else:  BERTH_E2E_RESTART_API="$PWD/testbed/kubernetes restart-api control"`)
	}
	done := make(chan error, 1)
	go func() { done <- exec.Command(command[0], command[1:]...).Run() }()
	var g errgroup.Group
	for i := range 8 {
		g.Go(func() error {
			for n := 0; ; n++ {
				select {
				case err := <-done:
					done <- err // for the others
					return err
				default:
				}
				o := map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": fmt.Sprint("restart-", i), "namespace": namespace},
					"data": map[string]any{"n": fmt.Sprint(n)}}
				if _, err := c.Apply(t.Context(), o, ApplyOptions{Manager: "berth"}); err != nil {
					return err
				}
				if _, err := c.List(t.Context(), Query{APIVersion: "v1", Kind: "ConfigMap", Namespace: namespace}); err != nil {
					return err
				}
			}
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

// invalid reports whether an object is not as the API server wants it.
func invalid(err error) bool {
	var r *Refusal
	return errors.As(err, &r) && (r.Status == http.StatusUnprocessableEntity || r.Status == http.StatusBadRequest || r.misshapen())
}
