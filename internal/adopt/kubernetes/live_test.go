package kubernetes

import (
	"slices"
	"strings"
	"testing"

	"berth/internal/adopt"
	"berth/internal/adopt/kubernetes/wanted"
	"berth/internal/tree"
)

// TestLive: what runs without any record is found again like a release that has one: no default of the API server gets into the config, and nothing is lost.
func TestLive(t *testing.T) {
	_, live := release(t, "services: {worker: {memory: 5Gi, cpu: 3}, gitserver: {replicas: 2, storage: 1Ti}}")
	write := func(body map[string]any) (map[string]any, []string, bool, error) { // an API server with one default
		made := tree.WithoutNulls(body).(map[string]any)
		if pods := tree.Branch(tree.Pods(made), "spec"); pods != nil && pods["restartPolicy"] == nil {
			pods["restartPolicy"] = "Always"
		}
		return made, nil, true, nil
	}
	annotations := tree.At(live["ConfigMap/pgsql-conf"], "metadata", "annotations") // kubectl keeps what it applied, with all that is secret in it
	annotations["kubectl.kubernetes.io/last-applied-configuration"], annotations["own"] = "{}", "yes"
	worker := tree.Containers(tree.Branch(tree.Pods(live["Deployment/worker"]), "spec"))[0]
	tree.At(worker, "resources", "limits")["cpu"] = "3000m"
	tree.At(live["Deployment/worker"], "spec", "template", "spec")["restartPolicy"] = "Always"
	var all []wanted.Object
	for _, body := range live {
		w, err := wanted.Of(body, write)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, w)
	}
	r := adopted(t, ReadLive(OfNamespace("sg"), all, "", "sg"))
	for _, want := range []string{"memory: \"5Gi\"", "replicas: 2", "storage: \"1Ti\""} {
		if !strings.Contains(string(r.Text), want) {
			t.Errorf("the config lacks %q:\n%s", want, r.Text)
		}
	}
	if undone := r.Report.Undone(); len(undone) > 0 || strings.Contains(string(r.Text), "last-applied") || strings.Contains(string(r.Text), "restartPolicy") || !strings.Contains(string(r.Text), `own: "yes"`) {
		t.Errorf("%+v\n%s", undone, r.Text)
	}
	if !slices.ContainsFunc(r.Report.Items, func(i adopt.Item) bool { return i.Fate == adopt.Key }) {
		t.Error("no key says anything")
	}
}

// TestTracked: who maintains objects from a repository is named, with what keeps it from changing them back; its marks are no wishes.
func TestTracked(t *testing.T) {
	for want, mark := range map[string]func(metadata map[string]any){
		"argocd app set sg-prod --sync-policy none": func(m map[string]any) {
			tree.At(m, "annotations")["argocd.argoproj.io/tracking-id"] = "sg-prod:apps/Deployment:sg/worker"
		},
		"argocd app set sg-old --sync-policy none": func(m map[string]any) {
			tree.At(m, "labels")["app.kubernetes.io/instance"] = "sg-old"
			m["managedFields"] = []any{map[string]any{"manager": "argocd-controller", "operation": "Update", "fieldsV1": map[string]any{"f:spec": map[string]any{}}}}
		},
		"flux suspend kustomization apps": func(m map[string]any) { tree.At(m, "labels")["kustomize.toolkit.fluxcd.io/name"] = "apps" },
		"flux suspend helmrelease sg":     func(m map[string]any) { tree.At(m, "labels")["helm.toolkit.fluxcd.io/name"] = "sg" },
	} {
		h, live := release(t, "")
		mark(tree.At(live["Deployment/worker"], "metadata"))
		r := adopted(t, Read(OfFiles("overlay", ""), h.Objects, live, "", "sg"))
		if notes := strings.Join(r.Report.Notes, "\n"); !strings.Contains(notes, "maintains 1 of these objects") || !strings.HasSuffix(strings.Split(notes, "\n")[0], want) {
			t.Errorf("want %q: %s", want, notes)
		}
		if strings.Contains(string(r.Text), "argoproj") || strings.Contains(string(r.Text), "fluxcd") {
			t.Errorf("%s", r.Text)
		}
	}
}
