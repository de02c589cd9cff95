package cluster

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/target/kubernetes"
	"berth/internal/target/kubernetes/execute"
	"berth/internal/target/kubernetes/kubetest"
	"berth/internal/tree"
)

// TestTheirs reads the newest record of a release with its live objects, and says what is wrong where it can't.
func TestTheirs(t *testing.T) {
	s := kubetest.New(t)
	record := func(name string, version int, status string) {
		text, err := json.Marshal(map[string]any{"name": name, "version": version, "info": map[string]any{"status": status}, "manifest": fmt.Sprintf(
			"kind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\ndata: {version: \"%d\"}\n---\nkind: ConfigMap\napiVersion: v1\nmetadata: {name: gone}\n", version)})
		if err != nil {
			t.Fatal(err)
		}
		twice := base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString(text)))
		secret := fmt.Sprintf("sh.helm.release.v1.%s.v%d", name, version)
		s.Put("/api/v1/namespaces/sg/secrets/"+secret, map[string]any{"apiVersion": "v1", "kind": "Secret", "data": map[string]any{"release": twice},
			"metadata": map[string]any{"name": secret, "namespace": "sg", "labels": map[string]any{"owner": "helm", "name": name}}})
	}
	record("sourcegraph", 9, "superseded")
	record("sourcegraph", 10, "deployed")
	record("half", 1, "pending-upgrade")
	s.Put("/api/v1/namespaces/sg/configmaps/a", map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "a", "namespace": "sg"},
		"data": map[string]any{"version": "by hand"}})
	e := &installation.Environment{Getenv: s.Getenv(t)}
	at := installation.Place{Namespace: "sg"}

	found, err := Theirs(t.Context(), e, at, "sourcegraph")
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(found.Objects["ConfigMap/a"]["data"]) != "map[version:by hand]" || found.Objects["ConfigMap/gone"] != nil {
		t.Errorf("%+v", found)
	}
	if len(found.Notes) != 1 || !strings.Contains(found.Notes[0], "ConfigMap/gone is in Helm's record and not in the cluster") {
		t.Error(found.Notes)
	}
	for release, code := range map[string]string{"other": "BERTH4310", "half": "BERTH4311"} {
		_, err := Theirs(t.Context(), e, at, release)
		if problems := (diag.List{}); !errors.As(err, &problems) || problems[0].Code != code {
			t.Errorf("%s: want %s: %v", release, code, err)
		}
	}
	s.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/configmaps/a") {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403, "message": "no"}`)
		return true
	}
	_, err = Theirs(t.Context(), e, at, "sourcegraph")
	if problems := (diag.List{}); !errors.As(err, &problems) || problems[0].Code != "BERTH4312" {
		t.Errorf("want BERTH4312: %v", err)
	}
	for _, request := range s.Requests() {
		if !strings.HasPrefix(request, "GET ") {
			t.Error("it changes something: " + request)
		}
	}
}

// TestTheirFiles reads the objects of files as they are in the cluster, and refuses what is not there, is elsewhere, or is somebody else's.
func TestTheirFiles(t *testing.T) {
	s := kubetest.New(t)
	s.Put("/apis/apps/v1/namespaces/sg/deployments/sourcegraph-frontend", deployment("sg", nil))
	s.Put("/apis/apps/v1/namespaces/helm/deployments/sourcegraph-frontend", deployment("helm", map[string]any{"meta.helm.sh/release-name": "sg"}))
	secret := map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "a", "namespace": "locked"}}
	s.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/namespaces/locked/secrets/a") {
			return false
		}
		kubetest.Refuse(w, http.StatusForbidden, "Forbidden", "no")
		return true
	}
	e := &installation.Environment{Getenv: s.Getenv(t)}
	found, err := TheirFiles(t.Context(), e, installation.Place{}, "overlay", "", []map[string]any{deployment("sg", nil)})
	if err != nil || found.Namespace != "sg" || found.Objects[frontendPods] == nil {
		t.Errorf("%+v %v", found, err)
	}
	for code, objects := range map[string][]map[string]any{
		"BERTH4312": {deployment("locked", nil), secret},
		"BERTH4317": {deployment("sg", nil), deployment("other", nil)},
		"BERTH4318": {deployment("nowhere", nil)},
		"BERTH4319": {deployment("helm", nil)},
	} {
		_, err := TheirFiles(t.Context(), e, installation.Place{}, "overlay", "", objects)
		if problems := (diag.List{}); !errors.As(err, &problems) || problems[0].Code != code {
			t.Errorf("want %s: %v", code, err)
		}
	}
	for _, request := range s.Requests() {
		if !strings.HasPrefix(request, "GET ") {
			t.Error("it changes something: " + request)
		}
	}
}

func deployment(namespace string, annotations map[string]any) map[string]any {
	return map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": "sourcegraph-frontend", "namespace": namespace, "annotations": annotations}}
}

// TestPlaceBack: of a workload whose place berth took with another kind, undo removes berth's first, makes theirs again in its namespace, and gives it back. What
// somebody else put there stays.
func TestPlaceBack(t *testing.T) {
	s := kubetest.New(t)
	database := func(name string, labels map[string]any, managers ...any) {
		s.Put("/apis/apps/v1/namespaces/sg/statefulsets/"+name, map[string]any{"apiVersion": "apps/v1", "kind": "StatefulSet",
			"metadata": map[string]any{"name": name, "namespace": "sg", "labels": labels, "managedFields": managers}})
	}
	database("pgsql", map[string]any{"dev.berth.service": "pgsql"}, map[string]any{"manager": plan.Manager, "operation": "Apply", "fieldsV1": map[string]any{"f:spec": map[string]any{}}})
	database("other", nil)
	client, err := kubernetes.Connect(t.Context(), s.Getenv(t), "")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	c := &inCluster{client: client, namespace: "sg", returns: map[string]execute.Return{}, formers: map[string]map[string]any{}}
	p := &plan.Plan{Steps: []plan.Step{{ID: 1, Verb: plan.GiveBack, Object: "ConfigMap/a"}}}
	for _, name := range []string{"pgsql", "other", "none"} {
		body := map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": name}}
		back := func(live map[string]any) execute.Return { return unlabelled(live, body) }
		if err := c.placeBack(t.Context(), p, former{body, back}); err != nil {
			t.Fatal(err)
		}
	}
	var steps []string
	for _, step := range p.Steps {
		steps = append(steps, strings.TrimSpace(fmt.Sprintf("%d %v %s %s %s", step.ID, step.After, step.Verb, step.Object, step.APIVersion)))
	}
	want := "1 [] give back ConfigMap/a\n2 [] remove StatefulSet/pgsql apps/v1\n3 [2] recreate Deployment/pgsql\n4 [3] give back Deployment/pgsql"
	if got := strings.Join(steps, "\n"); got != want {
		t.Errorf("the steps are\n%s\nwant\n%s", got, want)
	}
	if ref := c.returns["Deployment/pgsql"].Ref; ref.Namespace != "sg" || ref.Kind != "Deployment" || tree.Text(c.formers["Deployment/pgsql"], "metadata", "namespace") != "sg" {
		t.Errorf("it is made again elsewhere: %+v", ref)
	}
}
