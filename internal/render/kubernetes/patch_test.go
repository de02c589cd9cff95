package kubernetes_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"strings"
	"testing"

	"berth/internal/diag"
	"berth/internal/render/kubernetes"
	"berth/internal/render/kubernetes/rendertest"
	"berth/internal/tree"
	"pgregory.net/rapid"
)

// patched renders patches of one service, each written as JSON.
func patched(t *testing.T, version, service string, patches ...map[string]any) (map[string]map[string]any, diag.List) {
	t.Helper()
	var items []string
	for _, p := range patches {
		change, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, fmt.Sprintf("{service: %s, add: true, kubernetes: %s}", service, change))
	}
	set, problems := kubernetes.Render(rendertest.Resolve(t, version, "patches: ["+strings.Join(items, ", ")+"]"), nil)
	bodies := map[string]map[string]any{}
	for _, o := range set.Objects {
		bodies[o.Key()] = o.Body
	}
	return bodies, problems
}

// TestPatchesThatAreRefused: each with its code, the place and what to do.
func TestPatchesThatAreRefused(t *testing.T) {
	pod := func(text string) string {
		return "patches: [{service: worker, kubernetes: {spec: {template: {spec: {" + text + "}}}}}]"
	}
	for text, want := range map[string]string{
		pod("containers: [{name: worker, resource: {limits: {cpu: 2}}}]"): "3:105 BERTH1197 patch of worker: spec.template.spec.containers.worker.resource is not a field of Container; did you mean resources?",
		pod("containers: [{name: workr, resources: {}}]"): "3:11 BERTH1196 patch of worker: release 7.5.4453 has no \"workr\" in spec.template.spec.containers; correct the name; or add  add: true  if it is to be new\n" +
			"3:80 BERTH1197 patch of worker: spec.template.spec.containers.workr has no image; add it",
		pod("containers: [{name: worker, volumeMounts: [{name: tmp, mountPath: /t}]}]"): "3:11 BERTH1196 patch of worker: release 7.5.4453 has no spec.template.spec.containers.worker.volumeMounts; correct the name; or add  add: true  if it is to be new\n" +
			"3:66 BERTH1197 patch of worker: spec.template.spec has no volume \"tmp\", which worker mounts; add it to volumes",
		"services: {gitserver: {replicas: 2}}\npatches: [{service: gitserver, kubernetes: {spec: {volumeClaimTemplates: [{metadata: {name: repos}, $patch: delete}], template: {spec: {volumes: [{name: repos, hostPath: {path: /mnt/repos}}]}}}}}]": "4:147 BERTH1670 patch of gitserver: all pods of gitserver would write into the volume \"repos\"; mount it with  subPathExpr: $(POD_NAME)  and that variable, for a folder of each pod; or with  readOnly: true",
		pod("containers: [{name: worker, image: mine}]"):                                                                                                      "3:102 BERTH1190 patch of worker: it can't set the image of worker; remove it, and set images.registry for all images; or record another digest with: berth lock",
		"patches: [{service: worker, kubernetes: {spec: {replicas: 2}}}]":                                                                                     "3:59 BERTH1190 patch of worker: it can't set spec.replicas; set services.worker.replicas",
		"patches: [{service: worker, kubernetes: {metadata: {name: other}}}]":                                                                                 "3:59 BERTH1190 patch of worker: it can't set metadata.name; remove it: Sourcegraph's services find each other by their names",
		"patches: [{service: worker, kubernetes: {spec: {selector: {matchLabels: {a: b}}}}}]":                                                                 "3:59 BERTH1190 patch of worker: it can't set spec.selector; remove it: a selector can't change",
		"patches: [{service: worker, kubernetes: {spec: {strategy: {type: Recreate}}}}, {service: worker, kubernetes: {spec: {strategy: {type: Recreate}}}}]": "3:80 BERTH1191 patch of worker changes nothing in release 7.5.4453; remove it, or compare it with: berth render --as manifests",
	} {
		_, problems := kubernetes.Render(rendertest.Resolve(t, "7.5.4453", text), nil)
		problems.Sort()
		var got []string
		for _, d := range problems {
			got = append(got, fmt.Sprintf("%d:%d %s %s; %s", d.Range.Line, d.Range.Column, d.Code, d.Summary, d.Hint))
		}
		if strings.Join(got, "\n") != want {
			t.Errorf("%s:\ngot  %s\nwant %s", text, strings.Join(got, "\n"), want)
		}
	}
}

// TestPatchOfAll: one patch reaches the pods of all services.
func TestPatchOfAll(t *testing.T) {
	bodies, problems := patched(t, "7.5.4453", "all", map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{
		"hostAliases": []any{map[string]any{"ip": "10.0.0.1", "hostnames": []any{"git.example.com"}}}}}}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for key, o := range bodies {
		if template := tree.Pods(o); template != nil && tree.Branch(template, "spec")["hostAliases"] == nil && !strings.HasPrefix(key, "Job/") {
			t.Errorf("%s is not patched", key)
		}
	}
}

// TestPatchOfWhatIsThere: a patch that says what an object has already changes nothing, for every object with pods in every release.
func TestPatchOfWhatIsThere(t *testing.T) {
	for _, version := range newestOfMinors() {
		set := render(t, version, "")
		for _, o := range set.Objects {
			if tree.Pods(o.Body) == nil || o.OneShot {
				continue
			}
			body := tree.WithoutNulls(o.Body).(map[string]any)
			for _, key := range []string{"apiVersion", "kind", "metadata"} {
				delete(body, key)
			}
			delete(tree.Branch(body, "spec"), "selector")
			after, problems := patched(t, version, o.Service, body)
			if len(problems) != 1 || problems[0].Code != "BERTH1191" {
				t.Errorf("%s: %s: %v", version, o.Key(), problems)
			}
			if d := tree.Changes(o.Body, after[o.Key()]); len(d) > 0 {
				t.Errorf("%s: %s: %v", version, o.Key(), d)
			}
		}
	}
}

// TestPatchesCommute: two patches of different things give the same objects in either order.
func TestPatchesCommute(t *testing.T) {
	own := func(fields map[string]any) map[string]any {
		fields["name"] = "worker"
		return map[string]any{"containers": []any{fields}}
	}
	pieces := []map[string]any{
		{"hostNetwork": true}, {"dnsPolicy": "None"}, {"terminationGracePeriodSeconds": 90}, {"securityContext": map[string]any{"runAsUser": nil, "fsGroup": 7}},
		{"volumes": []any{map[string]any{"name": "tmp", "emptyDir": map[string]any{}}}}, {"tolerations": []any{map[string]any{"operator": "Exists"}}},
		{"initContainers": []any{map[string]any{"name": "proxy", "image": "proxy", "restartPolicy": "Always"}}},
		own(map[string]any{"env": []any{map[string]any{"name": "A", "value": "b"}}}), own(map[string]any{"args": []any{"--a"}}),
		own(map[string]any{"livenessProbe": map[string]any{"tcpSocket": map[string]any{"port": 6060}}}), own(map[string]any{"ports": []any{map[string]any{"containerPort": 7070}}}),
	}
	few := flag.Lookup("rapid.checks") // a whole Sourcegraph is rendered twice each time
	if was := few.Value.String(); was == few.DefValue {
		few.Value.Set("20")
		t.Cleanup(func() { few.Value.Set(was) })
	}
	rapid.Check(t, func(rt *rapid.T) {
		version := rapid.SampledFrom(newestOfMinors()).Draw(rt, "release")
		two := rapid.SliceOfNDistinct(rapid.IntRange(0, len(pieces)-1), 2, 2, rapid.ID).Draw(rt, "patches")
		whole := func(i int) map[string]any {
			return map[string]any{"spec": map[string]any{"template": map[string]any{"spec": pieces[two[i]]}}}
		}
		one, first := patched(t, version, "worker", whole(0), whole(1))
		other, second := patched(t, version, "worker", whole(1), whole(0))
		for key := range one {
			if d := tree.Changes(one[key], other[key]); len(d) > 0 {
				rt.Fatal(key, d)
			}
		}
		if len(first)+len(second) > 0 {
			rt.Fatal(first, second)
		}
	})
}
