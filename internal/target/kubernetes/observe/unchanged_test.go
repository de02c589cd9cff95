package observe

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/diag"
	"berth/internal/plan"
	render "berth/internal/render/kubernetes"
	"berth/internal/stack"
	"berth/internal/target/kubernetes"
	"berth/internal/tree"
	"github.com/google/go-cmp/cmp"
)

// TestUnchanged: an object as our last apply left it needs no dry run; any other object does.
func TestUnchanged(t *testing.T) {
	const fields = `{"f:data":{"f:a":{}},"f:metadata":{"f:annotations":{},"f:labels":{"f:deploy":{}}},"f:spec":{"f:replicas":{},"f:selector":{},"f:containers":{
		"k:{\"name\":\"x\"}":{".":{},"f:name":{},"f:env":{"k:{\"name\":\"A\"}":{".":{},"f:name":{},"f:value":{}},"k:{\"name\":\"B\"}":{".":{},"f:name":{},"f:valueFrom":{"f:fieldRef":{}}}},
		"f:ports":{"k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{}}}}}}}`
	const want = `{"apiVersion":"v1","kind":"Thing","metadata":{"name":"n","namespace":"s","labels":{"deploy":"sourcegraph"},"annotations":{}},"data":{"a":"b"},
		"spec":{"replicas":2,"selector":{"app":"x"},"containers":[{"name":"x","env":[{"name":"A","value":"1"},{"name":"B","valueFrom":{"fieldRef":{"fieldPath":"p"}}}],"ports":[{"containerPort":80}]}]}}`
	const live = `{"apiVersion":"v1","kind":"Thing","metadata":{"name":"n","namespace":"s","uid":"u","labels":{"deploy":"sourcegraph","theirs":"1"},
		"managedFields":[{"manager":"berth","operation":"Apply","apiVersion":"v1","fieldsV1":FIELDS},{"manager":"kubectl","operation":"Update","apiVersion":"v1","fieldsV1":{"f:metadata":{}}}]},
		"data":{"a":"b"},"status":{"ready":2},
		"spec":{"replicas":2,"selector":{"app":"x"},"containers":[{"name":"sidecar"},{"name":"x","image":"i","env":[{"name":"A","value":"1"},{"name":"C"},
		{"name":"B","valueFrom":{"fieldRef":{"apiVersion":"v1","fieldPath":"p"}}}],"ports":[{"containerPort":80,"protocol":"TCP"}]}]}}`
	for name, c := range map[string]struct {
		change func(want, live map[string]any)
		is     bool
	}{
		"as it was left":                   {func(_, _ map[string]any) {}, true},
		"a value is wanted otherwise":      {func(want, _ map[string]any) { tree.Branch(want, "spec")["replicas"] = 3 }, false},
		"a value was changed":              {func(_, live map[string]any) { tree.Branch(live, "spec")["replicas"] = int64(3) }, false},
		"a number became a text":           {func(want, _ map[string]any) { tree.Branch(want, "spec")["replicas"] = "2" }, false},
		"a field is wanted that was not":   {func(want, _ map[string]any) { tree.Branch(want, "data")["c"] = "d" }, false},
		"a field is not wanted any more":   {func(want, _ map[string]any) { delete(want, "data") }, false},
		"a field is gone":                  {func(_, live map[string]any) { delete(live, "data") }, false},
		"a variable has another value":     {func(_, live map[string]any) { env(live, 0)["value"] = "2" }, false},
		"variables are in another order":   {func(want, _ map[string]any) { l := envs(want); l[0], l[1] = l[1], l[0] }, false},
		"another variable stands there":    {func(want, _ map[string]any) { env(want, 0)["name"] = "C" }, false},
		"a port has another protocol":      {func(want, _ map[string]any) { port(want)["protocol"] = "UDP" }, false},
		"somebody added to a whole value":  {func(_, live map[string]any) { tree.Branch(live, "spec", "selector")["more"] = "1" }, false},
		"a whole value lost a part":        {func(_, live map[string]any) { tree.Branch(live, "spec")["selector"] = map[string]any{} }, false},
		"nothing of it was applied by us":  {func(_, live map[string]any) { entry(live)["manager"] = "kubectl" }, false},
		"it was set in another way":        {func(_, live map[string]any) { entry(live)["operation"] = "Update" }, false},
		"it was another version then":      {func(_, live map[string]any) { entry(live)["apiVersion"] = "v1beta1" }, false},
		"nobody knows who set what":        {func(_, live map[string]any) { delete(tree.Branch(live, "metadata"), "managedFields") }, false},
		"annotations are wanted after all": {func(want, _ map[string]any) { tree.Branch(want, "metadata", "annotations")["x"] = "y" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w, l := parsed(t, want), parsed(t, strings.Replace(live, "FIELDS", fields, 1))
			c.change(w, l)
			if got := unchanged(w, l); got != c.is {
				t.Errorf("unchanged: %v, want %v", got, c.is)
			}
		})
	}
}

// TestUnchangedIsTrue: on a real API server, an unchanged object of a release equals its dry run; and all objects are unchanged right after
// they were applied. Each is tried as it was applied, with each of its fields changed or removed, and with fields that another manager
// changed.
func TestUnchangedIsTrue(t *testing.T) {
	if os.Getenv("BERTH_E2E_KUBERNETES") == "" || os.Getenv("KUBECONFIG") == "" {
		t.Skip(`needs an API server:  testbed/kubernetes up control; eval "$(testbed/kubernetes env control)"; BERTH_E2E_KUBERNETES=1`)
	}
	ctx := t.Context()
	c, err := kubernetes.Connect(ctx, os.Getenv, "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	namespace := fmt.Sprintf("berth-unchanged-%d", time.Now().UnixNano()%1e9)
	if _, err := c.Create(ctx, map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": namespace}}, "test"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Delete(context.WithoutCancel(ctx), kubernetes.Ref{APIVersion: "v1", Kind: "Namespace", Name: namespace}, kubernetes.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	}()
	options := kubernetes.ApplyOptions{Manager: plan.Manager, Force: true}
	tried, found := 0, 0
	for _, o := range released(t, namespace) {
		live, err := c.Apply(ctx, o.Body, options)
		if err != nil {
			t.Fatal(err)
		}
		if !unchanged(o.Body, live) {
			t.Errorf("%s is not unchanged, although it was just applied", o.Key())
		}
		// Another manager takes over one of the fields that we set. All objects may have this annotation.
		ref := kubernetes.RefOf(o.Body)
		if live, err = c.Patch(ctx, ref, map[string]any{"metadata": map[string]any{"labels": map[string]any{"deploy": "theirs"}, "annotations": map[string]any{"a": "b"}}}, "somebody"); err != nil {
			t.Fatal(err)
		}
		if unchanged(o.Body, live) {
			t.Errorf("%s is unchanged, although somebody changed it", o.Key())
		}
		if live, err = c.Apply(ctx, o.Body, options); err != nil {
			t.Fatal(err)
		}
		for _, want := range variants(o.Body) {
			if kubernetes.RefOf(want) != ref {
				continue // another object
			}
			tried++
			if !unchanged(want, live) {
				continue
			}
			found++
			dry := options
			dry.DryRun = true
			applied, err := c.Apply(ctx, want, dry)
			if err != nil {
				t.Errorf("%s is unchanged, but can't be applied: %v", o.Key(), err)
			} else if diff := cmp.Diff(spoken(live), spoken(applied)); diff != "" {
				t.Errorf("%s is unchanged, but would change:\n%s", o.Key(), diff)
			}
		}
	}
	t.Logf("%d variants, %d of them unchanged", tried, found)
}

// released are the objects of a release inside the namespace.
func released(t *testing.T, namespace string) []render.Object {
	t.Helper()
	release, err := catalogue.Embedded().Release("7.5.4453", catalogue.Kubernetes)
	if err != nil {
		t.Fatal(err)
	}
	no := false
	s := stack.Resolve(stack.Input{Config: &config.Config{On: catalogue.Kubernetes, URL: "http://localhost",
		Kubernetes: &config.KubernetesOptions{Namespace: namespace, ClusterScoped: &no, DisruptionBudgets: true, NetworkPolicy: true}},
		At: func(string) diag.Range { return diag.Range{} }, Release: release, Files: map[string][]byte{}})
	set, problems := render.Render(s, nil)
	if problems.Failed() {
		t.Fatal(problems)
	}
	return slices.DeleteFunc(set.Objects, func(o render.Object) bool { return o.Values != nil })
}

// variants are an object unchanged, and with each of its values removed, changed, or moved.
func variants(v map[string]any) []map[string]any {
	out := []map[string]any{v}
	for _, key := range slices.Sorted(maps.Keys(v)) {
		if key == "apiVersion" || key == "kind" {
			continue
		}
		for _, other := range others(v[key]) {
			changed := maps.Clone(v)
			if changed[key] = other; other == nil {
				delete(changed, key)
			}
			out = append(out, changed)
		}
	}
	return out
}

func others(v any) []any {
	out := []any{nil}
	switch v := v.(type) {
	case string:
		return append(out, v+"x")
	case map[string]any:
		for _, m := range variants(v)[1:] {
			out = append(out, m)
		}
	case []any:
		for i := range v {
			for _, other := range others(v[i]) {
				if other != nil {
					out = append(out, slices.Replace(slices.Clone(v), i, i+1, other))
				} else {
					out = append(out, slices.Delete(slices.Clone(v), i, i+1))
				}
			}
			if i > 0 {
				swapped := slices.Clone(v)
				swapped[i-1], swapped[i] = v[i], v[i-1]
				out = append(out, swapped)
			}
		}
	}
	return out
}

// spoken is an object without what changes with each read.
func spoken(object map[string]any) map[string]any {
	return without(object, "metadata", "status")
}

func parsed(t *testing.T, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// ours is the container that we set.
func ours(object map[string]any) map[string]any {
	list := tree.Branch(object, "spec")["containers"].([]any)
	return list[len(list)-1].(map[string]any)
}

func envs(object map[string]any) []any { return ours(object)["env"].([]any) }

func env(object map[string]any, i int) map[string]any { return envs(object)[i].(map[string]any) }

func port(object map[string]any) map[string]any {
	return ours(object)["ports"].([]any)[0].(map[string]any)
}

func entry(live map[string]any) map[string]any {
	return tree.Branch(live, "metadata")["managedFields"].([]any)[0].(map[string]any)
}
