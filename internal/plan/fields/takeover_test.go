package fields

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parsed reads a tree that is written as JSON, in single quotes.
func parsed(t testing.TB, text string) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal([]byte(strings.ReplaceAll(text, "'", `"`)), &out); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return out
}

// deployed is a Deployment with the managedFields of some managers: "helm Update", and its fields.
func deployed(t testing.TB, kind string, books ...string) map[string]any {
	t.Helper()
	o := parsed(t, `{'apiVersion': 'apps/v1', 'kind': '`+kind+`', 'metadata': {'name': 'worker', 'annotations': {'old': 'a', 'ours': 'b', 'theirs': 'c'}},
		'spec': {'replicas': 2, 'paused': true, 'template': {'spec': {'containers': [
			{'name': 'worker', 'image': 'r/worker:1', 'env': [{'name': 'OLD', 'value': '1'}, {'name': 'OURS', 'value': '2'}]}, {'name': 'old', 'image': 'r/old:1'}]}}}}`)
	var entries []any
	for i := 0; i < len(books); i += 2 {
		who := strings.Fields(books[i])
		entries = append(entries, map[string]any{"manager": who[0], "operation": who[1], "apiVersion": who[2], "fieldsType": "FieldsV1", "time": "2026-11-20T10:00:00Z",
			"fieldsV1": parsed(t, books[i+1])})
	}
	o["metadata"].(map[string]any)["managedFields"] = entries
	return o
}

const helmSet = `{'f:metadata': {'f:annotations': {'.': {}, 'f:old': {}, 'f:ours': {}}}, 'f:spec': {'f:replicas': {}, 'f:paused': {}, 'f:template': {'f:spec': {'f:containers': {
	'k:{\'name\':\'old\'}': {'.': {}, 'f:image': {}, 'f:name': {}},
	'k:{\'name\':\'worker\'}': {'.': {}, 'f:image': {}, 'f:name': {}, 'f:env': {'.': {},
		'k:{\'name\':\'OLD\'}': {'.': {}, 'f:name': {}, 'f:value': {}}, 'k:{\'name\':\'OURS\'}': {'.': {}, 'f:name': {}, 'f:value': {}}}}}}}}}`

// managed lists managedFields in short: "helm Update", and the fields as JSON.
func managed(books []any) map[string]any {
	out := map[string]any{}
	for _, b := range books {
		entry := b.(map[string]any)
		out[entry["manager"].(string)+" "+entry["operation"].(string)] = entry["fieldsV1"]
	}
	return out
}

func TestTakenOver(t *testing.T) {
	helmSet := strings.ReplaceAll(helmSet, `\'`, `\"`)
	whole := func() map[string]any { return parsed(t, helmSet) }
	replicas := `{'f:spec': {'f:replicas': {}}}`
	for _, c := range []struct {
		name   string
		live   map[string]any
		yields []string
		want   map[string]any
	}{
		{"helm 3", deployed(t, "Deployment", "helm Update apps/v1", helmSet, "kube-controller-manager Update apps/v1", replicas), nil,
			map[string]any{"berth Apply": whole(), "kube-controller-manager Update": parsed(t, replicas)}},
		{"helm 4", deployed(t, "Deployment", "helm Apply apps/v1", helmSet), nil, map[string]any{"berth Apply": whole()}},
		{"kubectl apply, and the same from the server's side", deployed(t, "Deployment", "kubectl-client-side-apply Update apps/v1", replicas, "kubectl Apply apps/v1", `{'f:spec': {'f:paused': {}}}`), nil,
			map[string]any{"berth Apply": parsed(t, `{'f:spec': {'f:replicas': {}, 'f:paused': {}}}`)}},
		{"a whole and its parts", deployed(t, "Deployment", "helm Update apps/v1", `{'f:spec': {}}`, "kubectl-create Update apps/v1", replicas), nil,
			map[string]any{"berth Apply": parsed(t, `{'f:spec': {'.': {}, 'f:replicas': {}}}`)}},
		{"yielded fields stay theirs", deployed(t, "Deployment", "helm Update apps/v1", `{'f:spec': {'f:replicas': {}, 'f:paused': {}, 'f:template': {'f:spec': {'f:containers': {'k:{\"name\":\"worker\"}': {'.': {}, 'f:image': {}}}}}}}`),
			[]string{"spec.replicas", "spec.template.spec.containers[name=worker].image", "spec.nothing"},
			map[string]any{"berth Apply": parsed(t, `{'f:spec': {'f:paused': {}, 'f:template': {'f:spec': {'f:containers': {'k:{\"name\":\"worker\"}': {'.': {}}}}}}}`),
				"helm Update": parsed(t, `{'f:spec': {'f:replicas': {}, 'f:template': {'f:spec': {'f:containers': {'k:{\"name\":\"worker\"}': {'f:image': {}}}}}}}`)}},
		{"a yielded field that is all there is", deployed(t, "Deployment", "helm Update apps/v1", replicas), []string{"spec.replicas"},
			map[string]any{"berth Apply": map[string]any{}, "helm Update": parsed(t, replicas)}},
		{"a claim's spec can't be taken away", deployed(t, "PersistentVolumeClaim", "helm Update apps/v1", `{'f:metadata': {'f:labels': {'f:a': {}}}, 'f:spec': {'f:storageClassName': {}}}`), nil,
			map[string]any{"berth Apply": parsed(t, `{'f:metadata': {'f:labels': {'f:a': {}}}}`), "helm Update": parsed(t, `{'f:spec': {'f:storageClassName': {}}}`)}},
		{"another version of the kind", deployed(t, "Deployment", "helm Update apps/v1", replicas, "helm Update extensions/v1beta1", `{'f:spec': {'f:gone': {}}}`), nil,
			map[string]any{"berth Apply": parsed(t, replicas)}},
		{"ours already", deployed(t, "Deployment", "helm Update apps/v1", helmSet, "berth Apply apps/v1", replicas), nil, map[string]any{}},
		{"made by nobody whom we follow", deployed(t, "Deployment", "argocd-controller Apply apps/v1", helmSet, "kubectl-edit Update apps/v1", replicas), nil, map[string]any{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, managed(TakenOver(c.live, c.yields))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSurplus(t *testing.T) {
	helmSet := strings.ReplaceAll(helmSet, `\'`, `\"`)
	body := parsed(t, `{'apiVersion': 'apps/v1', 'kind': 'Deployment', 'metadata': {'name': 'worker', 'annotations': {'ours': 'b'}},
		'spec': {'replicas': 2, 'template': {'spec': {'containers': [{'name': 'worker', 'image': 'r/worker:2', 'env': [{'name': 'OURS', 'value': '2'}]}]}}}}`)
	live := deployed(t, "Deployment", "helm Update apps/v1", helmSet, "kubectl-edit Update apps/v1", `{'f:metadata': {'f:annotations': {'f:theirs': {}}}}`)
	applied := clone(live)
	worker, _ := Lookup(applied, "spec.template.spec.containers[name=worker]")
	worker.(map[string]any)["image"] = "r/worker:2"
	// The patch for the dry run removes the annotation, the variable and the container. What others set, or nobody set, stays.
	want := parsed(t, `{'metadata': {'annotations': {'old': null}}, 'spec': {'paused': null, 'template': {'spec': {'containers': [
		{'name': 'worker', 'image': 'r/worker:2', 'env': [{'name': 'OURS', 'value': '2'}]}]}}}}`)
	if diff := cmp.Diff(want, Surplus(body, live, applied)); diff != "" {
		t.Error(diff)
	}

	live = deployed(t, "Deployment", "helm Update apps/v1", helmSet, "bot Update apps/v1",
		`{'f:spec': {'f:paused': {}, 'f:template': {'f:spec': {'f:containers': {'k:{\"name\":\"old\"}': {'.': {}, 'f:name': {}}}}}}}`)
	want = parsed(t, `{'metadata': {'annotations': {'old': null}}, 'spec': {'template': {'spec': {'containers': [
		{'name': 'worker', 'image': 'r/worker:2', 'env': [{'name': 'OURS', 'value': '2'}]}, {'name': 'old'}]}}}}`)
	if diff := cmp.Diff(want, Surplus(body, live, applied)); diff != "" {
		t.Errorf("what another one holds too: %s", diff)
	}

	for name, live := range map[string]map[string]any{
		"ours already":     deployed(t, "Deployment", "helm Update apps/v1", helmSet, "berth Apply apps/v1", "{}"),
		"all of it wanted": deployed(t, "Deployment", "helm Update apps/v1", `{'f:spec': {'f:replicas': {}}}`),
	} {
		if got := Surplus(body, live, clone(live)); got != nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestGivenBack: what was taken over and is given back belongs to who had it before, yielded fields included, and to nobody of us.
func TestGivenBack(t *testing.T) {
	helmSet := strings.ReplaceAll(helmSet, `\'`, `\"`)
	for _, operation := range []string{"Update", "Apply"} {
		live := deployed(t, "Deployment", "helm "+operation+" apps/v1", helmSet, "keda Update apps/v1", `{'f:spec': {'f:replicas': {}}}`)
		if GivenBack(live, "helm", operation) != nil {
			t.Error("what was never taken over is given back")
		}
		books := TakenOver(live, []string{"spec.paused"})
		live["metadata"].(map[string]any)["managedFields"] = books
		if !Ours(live) {
			t.Fatalf("%v", managed(books))
		}
		want := map[string]any{"helm " + operation: parsed(t, helmSet), "keda Update": parsed(t, `{'f:spec': {'f:replicas': {}}}`)}
		if d := cmp.Diff(want, managed(GivenBack(live, "helm", operation))); d != "" {
			t.Error(d)
		}
	}
}
