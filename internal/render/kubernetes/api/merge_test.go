package api

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/tree"
	"go.yaml.in/yaml/v4"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"pgregory.net/rapid"
)

// structs are the types of kinds.
func structs() map[string]any {
	out := map[string]any{}
	for _, kind := range kinds {
		out[reflect.TypeOf(kind).Name()] = reflect.New(reflect.TypeOf(kind)).Interface()
	}
	return out
}

// objects are a release's objects, as JSON has them.
func objects(t testing.TB, version string) map[string]map[string]any {
	t.Helper()
	rel, err := catalogue.Embedded().Release(version, catalogue.Kubernetes)
	if err != nil {
		t.Fatal(err)
	}
	all, err := rel.Recompose("sg")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string]any{}
	for key, o := range all {
		text, err := json.Marshal(tree.WithoutNulls(o))
		var m map[string]any
		if err == nil {
			err = json.Unmarshal(text, &m)
		}
		if err != nil {
			t.Fatal(err)
		}
		out[key] = m
	}
	return out
}

// versions are the newest releases of all minors.
func versions() (out []string) {
	last := ""
	for _, v := range catalogue.Embedded().Versions(catalogue.Kubernetes) {
		if minor := catalogue.Minor(v.Version); minor != last {
			out, last = append(out, v.Version), minor
		}
	}
	return out
}

// TestObjectsOfAllReleasesAreProved: nothing of Sourcegraph's is refused.
func TestObjectsOfAllReleasesAreProved(t *testing.T) {
	for _, version := range versions() {
		for key, o := range objects(t, version) {
			kind, _, _ := strings.Cut(key, "/")
			if !Known(kind) {
				t.Errorf("%s: %s is not in the table", version, key)
			}
			for _, p := range Prove(kind, o) {
				t.Errorf("%s: %s: %s %s", version, key, strings.Join(p.Path, "."), p.Text)
			}
		}
	}
}

// TestMergesAsKubectl: kubectl makes a patch of the difference of two releases of an object. Merged by our code and by Kubernetes' own, it gives the
// same, but for the order of new items.
func TestMergesAsKubectl(t *testing.T) {
	all := versions()
	of := map[string]map[string]map[string]any{}
	patched := 0
	rapid.Check(t, func(t *rapid.T) {
		from, to := rapid.SampledFrom(all).Draw(t, "from"), rapid.SampledFrom(all).Draw(t, "to")
		for _, v := range []string{from, to} {
			if of[v] == nil {
				of[v] = objects(testingOf(t), v)
			}
		}
		for key, before := range of[from] {
			kind, _, _ := strings.Cut(key, "/")
			after, both := of[to][key]
			if !both {
				continue
			}
			was, _ := json.Marshal(before) // maps always marshal
			is, _ := json.Marshal(after)
			text, err := strategicpatch.CreateTwoWayMergePatch(was, is, structs()[kind])
			if err != nil {
				t.Fatal(err)
			}
			var change map[string]any
			if err := json.Unmarshal(text, &change); err != nil {
				t.Fatal(err)
			}
			withoutOrders(change)
			text, _ = json.Marshal(change)
			want, err := strategicpatch.StrategicMergePatch(was, text, structs()[kind])
			if err != nil {
				t.Fatal(err)
			}
			var theirs map[string]any
			if err := json.Unmarshal(want, &theirs); err != nil {
				t.Fatal(err)
			}
			ours := tree.WithoutNulls(before).(map[string]any)
			if problems := Merge(kind, ours, change); len(problems) > 0 {
				t.Fatalf("%s from %s to %s: %v", key, from, to, problems)
			}
			if kind == "StatefulSet" { // our claims merge by name, and replace there
				delete(tree.At(ours, "spec"), "volumeClaimTemplates")
				delete(tree.At(theirs, "spec"), "volumeClaimTemplates")
			}
			if d := tree.Changes(theirs, ours); len(d) > 0 {
				t.Fatalf("%s from %s to %s, with %s: kubectl -> ours: %v", key, from, to, text, d)
			}
			patched += min(len(change), 1)
		}
	})
	if patched < 100 {
		t.Errorf("only %d objects differed", patched)
	}
}

func testingOf(t *rapid.T) testing.TB { return fatal{t: t} }

// fatal is a rapid test as a testing.TB, for its Helper and Fatal.
type fatal struct {
	testing.TB
	t *rapid.T
}

func (f fatal) Helper()           {}
func (f fatal) Fatal(args ...any) { f.t.Fatal(args...) }

// withoutOrders removes what kubectl writes about orders, which patches of people must not have.
func withoutOrders(v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if strings.HasPrefix(key, "$setElementOrder/") {
				delete(v, key)
				continue
			}
			withoutOrders(value)
		}
	case []any:
		for _, item := range v {
			withoutOrders(item)
		}
	}
}

func parsed(t *testing.T, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := yaml.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestMerge: one case for each rule.
func TestMerge(t *testing.T) {
	for _, c := range []struct{ name, kind, object, change, want string }{
		{"of value and valueFrom the patch's stays", "Pod", "{spec: {containers: [{name: c, image: i, env: [{name: A, value: b}]}]}}",
			"{spec: {containers: [{name: c, env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k}}}]}]}}",
			"{spec: {containers: [{name: c, image: i, env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k}}}]}]}}"},
		{"of a volume's sources the patch's stays", "Pod", "{spec: {volumes: [{name: v, emptyDir: {}}]}}", "{spec: {volumes: [{name: v, ephemeral: {}}]}}",
			"{spec: {volumes: [{name: v, ephemeral: {}}]}}"},
		{"Recreate removes rollingUpdate", "Deployment", "{spec: {strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1}}}}", "{spec: {strategy: {type: Recreate}}}",
			"{spec: {strategy: {type: Recreate}}}"},
		{"of a probe's handlers the patch's stays", "Pod", "{spec: {containers: [{name: c, readinessProbe: {httpGet: {port: 1}, periodSeconds: 5}}]}}",
			"{spec: {containers: [{name: c, readinessProbe: {tcpSocket: {port: 2}}}]}}", "{spec: {containers: [{name: c, readinessProbe: {tcpSocket: {port: 2}, periodSeconds: 5}}]}}"},
		{"new items keep the patch's order", "Pod", "{spec: {initContainers: [{name: a}, {name: migrator}, {name: z}]}}",
			"{spec: {initContainers: [{name: proxy, restartPolicy: Always}, {name: migrator}, {name: last}]}}",
			"{spec: {initContainers: [{name: a}, {name: proxy, restartPolicy: Always}, {name: migrator}, {name: z}, {name: last}]}}"},
		{"$patch: delete in a list", "Pod", "{spec: {volumes: [{name: a}, {name: b}]}}", "{spec: {volumes: [{name: a, $patch: delete}]}}", "{spec: {volumes: [{name: b}]}}"},
		{"$patch: delete of a map", "Pod", "{spec: {securityContext: {runAsUser: 1}, hostNetwork: true}}", "{spec: {securityContext: {$patch: delete}}}", "{spec: {hostNetwork: true}}"},
		{"$patch: replace of a map", "Pod", "{spec: {securityContext: {runAsUser: 1}}}", "{spec: {securityContext: {$patch: replace, runAsGroup: 2}}}",
			"{spec: {securityContext: {runAsGroup: 2}}}"},
		{"$patch: replace of a list", "Pod", "{spec: {volumes: [{name: a}, {name: b}]}}", "{spec: {volumes: [{$patch: replace}, {name: c, emptyDir: {}}]}}",
			"{spec: {volumes: [{name: c, emptyDir: {}}]}}"},
		{"$patch: merge is what happens anyway", "Pod", "{spec: {volumes: [{name: a}]}}", "{spec: {volumes: [{name: a, $patch: merge, emptyDir: {}}]}}",
			"{spec: {volumes: [{name: a, emptyDir: {}}]}}"},
		{"$retainKeys", "Deployment", "{spec: {strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1}}}}", "{spec: {strategy: {$retainKeys: [type], type: Recreate}}}",
			"{spec: {strategy: {type: Recreate}}}"},
		{"lists without names replace", "Pod", "{spec: {tolerations: [{key: a}], containers: [{name: c, args: [a, b]}]}}",
			"{spec: {tolerations: [{key: b}], containers: [{name: c, args: [x]}]}}", "{spec: {tolerations: [{key: b}], containers: [{name: c, args: [x]}]}}"},
		{"claims merge by name", "StatefulSet", "{spec: {volumeClaimTemplates: [{metadata: {name: repos}, spec: {storageClassName: a}}]}}",
			"{spec: {volumeClaimTemplates: [{metadata: {name: repos}, spec: {volumeName: v}}]}}",
			"{spec: {volumeClaimTemplates: [{metadata: {name: repos}, spec: {storageClassName: a, volumeName: v}}]}}"},
		{"of other kinds only maps merge", "Route", "{spec: {a: {b: 1}, l: [1]}}", "{spec: {a: {c: 2}, l: [2]}}", "{spec: {a: {b: 1, c: 2}, l: [2]}}"},
	} {
		object := parsed(t, c.object)
		if problems := Merge(c.kind, object, parsed(t, c.change)); len(problems) > 0 {
			t.Errorf("%s: %v", c.name, problems)
		}
		if want := parsed(t, c.want); !tree.Same(object, want) {
			t.Errorf("%s: got %v, want %v", c.name, object, want)
		}
	}
}

// TestRefused: what a patch must not have, and what it must not lead to.
func TestRefused(t *testing.T) {
	for _, c := range []struct{ name, kind, change, want string }{
		{"unknown field", "Pod", "{spec: {containers: [{name: c, resource: {}}]}}", "spec.containers.c.resource is not a field of Container; did you mean resources?"},
		{"order", "Pod", "{spec: {$setElementOrder/containers: [{name: c}]}}", "spec.$setElementOrder/containers is for kubectl only; remove it; new items keep the order of the patch"},
		{"texts", "Pod", "{metadata: {$deleteFromPrimitiveList/finalizers: [a]}}", "metadata.$deleteFromPrimitiveList/finalizers is for kubectl only; write the whole list, without the items to remove"},
		{"directive", "Pod", "{spec: {$patch: remove}}", "spec.$patch can't be remove; write delete, replace or merge"},
		{"other directive", "Pod", "{spec: {$path: delete}}", "spec.$path is not a directive of a patch; the directives are $patch and $retainKeys"},
		{"item without a name", "Pod", "{spec: {containers: [{image: i}]}}", "spec.containers.0 has no name, by which the items of containers merge; add it"},
		{"container without an image", "Pod", "{spec: {containers: [{name: other}]}}", "spec.containers.other has no image; add it"},
		{"both of two", "Pod", "{spec: {volumes: [{name: v, emptyDir: {}, hostPath: {path: /}}]}}", "spec.volumes.v has hostPath and emptyDir, and may have one of them; remove one"},
		{"a number for a text", "Pod", "{spec: {containers: [{name: c, env: [{name: A, value: 1}]}]}}", "spec.containers.c.env.A.value must be a text, but is 1; put it in quotes: \"1\""},
		{"a text for a number", "Pod", "{spec: {terminationGracePeriodSeconds: '60'}}", "spec.terminationGracePeriodSeconds must be a number, but is 60"},
		{"no amount", "Pod", "{spec: {containers: [{name: c, resources: {limits: {memory: 8 GB}}}]}}", "spec.containers.c.resources.limits.memory must be an amount such as 500m or 8Gi, but is 8 GB"},
		{"a map for a list", "Pod", "{spec: {tolerations: {key: a}}}", "spec.tolerations must be a list, and is a map"},
		{"two ports of one name", "Service", "{spec: {ports: [{name: http, port: 80}]}}", "spec.ports has two items with name http; remove one with  $patch: delete"},
	} {
		object := parsed(t, "{metadata: {name: o}, spec: {containers: [{name: c, image: i}]}}")
		if c.kind == "Service" {
			object = parsed(t, "{metadata: {name: o}, spec: {ports: [{name: http, port: 30080}]}}")
		}
		problems := Merge(c.kind, object, parsed(t, c.change))
		if len(problems) == 0 {
			problems = Prove(c.kind, object)
		}
		var got []string
		for _, p := range problems {
			got = append(got, strings.TrimSuffix(fmt.Sprintf("%s %s; %s", strings.Join(p.Path, "."), p.Text, p.Hint), "; "))
		}
		if !slices.Equal(got, []string{c.want}) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
