package objects

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/plan/fields"
	"berth/internal/tree"
	"github.com/google/go-cmp/cmp"
)

// text is a plan in short: for each step its number, what must be done first, verb, object, effect, reasons and fields; then what is kept,
// conflicts and problems.
func text(p *plan.Plan, problems diag.List) string {
	var b strings.Builder
	for _, s := range p.Steps {
		fmt.Fprintf(&b, "%d %v %s %s", s.ID, s.After, s.Verb, s.Object)
		if s.Effect != plan.None {
			fmt.Fprintf(&b, " [%s]", s.Effect)
		}
		for i, c := range s.Why {
			fmt.Fprintf(&b, "%s%s", []string{": ", "; "}[min(i, 1)], c.Text)
			if c.Range.Line > 0 {
				fmt.Fprintf(&b, " @%d:%d", c.Range.Line, c.Range.Column)
			}
		}
		b.WriteString("\n")
		for _, c := range s.Changes {
			fmt.Fprintf(&b, "    %s  %s -> %s  (%s)\n", c.Field, c.From, c.To, c.Owner)
		}
	}
	for _, k := range p.Kept {
		fmt.Fprintf(&b, "kept %s\n", k)
	}
	for _, c := range p.Conflicts {
		fmt.Fprintf(&b, "conflict %s %s %s: %s, ours %s: %s\n", c.Object, c.Field, c.Manager, c.Theirs, c.Ours, c.Decision)
	}
	for _, d := range problems {
		fmt.Fprintf(&b, "%s %s: %s\n", d.Code, d.Subject, d.Summary)
	}
	return b.String()
}

// clone copies a tree into the form of the API server's JSON.
func clone(tree map[string]any) map[string]any {
	text, _ := json.Marshal(tree)
	var out map[string]any
	_ = json.Unmarshal(text, &out)
	return out
}

// fieldsOf are the fields of a tree as managedFields have them.
func fieldsOf(tree map[string]any) map[string]any {
	out := map[string]any{}
	for name, v := range tree {
		if name == "apiVersion" || name == "kind" || name == "name" && tree["labels"] != nil {
			continue
		}
		out["f:"+name] = fieldsOfValue(name, v)
	}
	return out
}

func fieldsOfValue(name string, v any) map[string]any {
	switch x := v.(type) {
	case map[string]any:
		if slices.Contains([]string{"selector", "nodeSelector"}, name) {
			return map[string]any{}
		}
		return fieldsOf(x)
	case []any:
		keys := fields.Keys(name, x)
		out := map[string]any{}
		if keys == nil || keys[0] == fields.TemplateName {
			return out
		}
		for _, item := range x {
			m := item.(map[string]any)
			k := map[string]any{}
			for _, key := range keys {
				k[key] = fields.KeyValue(m, key)
			}
			text, _ := json.Marshal(k)
			inner := fieldsOf(m)
			inner["."] = map[string]any{}
			out["k:"+string(text)] = inner
		}
		return out
	}
	return map[string]any{}
}

// served is an object after we applied it.
func served(body map[string]any) map[string]any {
	live := clone(fields.Encoded(body))
	meta := live["metadata"].(map[string]any)
	meta["uid"], meta["resourceVersion"], meta["generation"] = "uid-"+meta["name"].(string), "41", 1.0
	meta["managedFields"] = []any{
		map[string]any{"manager": plan.Manager, "operation": "Apply", "time": "2026-11-20T10:00:00Z", "fieldsV1": fieldsOf(live)},
		map[string]any{"manager": "kube-controller-manager", "operation": "Update", "subresource": "status", "time": "2026-11-21T10:00:00Z",
			"fieldsV1": map[string]any{"f:status": map[string]any{}}},
	}
	live["status"] = map[string]any{"observedGeneration": 1.0}
	return live
}

// instance has the objects of Sourcegraph, all applied and ready.
func instance(t testing.TB) (Desired, Cluster) {
	t.Helper()
	release, err := catalogue.Embedded().Release("7.5.4453", catalogue.Kubernetes)
	if err != nil {
		t.Fatal(err)
	}
	bodies, err := release.Recompose("sg")
	if err != nil {
		t.Fatal(err)
	}
	d := Desired{Installation: "sourcegraph", Namespace: "sg", Release: "7.5.4453", Project: "p", Catalogue: "c"}
	c := Cluster{Release: "7.5.4453", Namespace: true, Seen: map[string]Seen{}, Classes: []Class{{Name: "sourcegraph", Expandable: true}, {Name: "fixed"}}}
	databases := []string{"StatefulSet/codeinsights-db", "StatefulSet/codeintel-db", "StatefulSet/pgsql"}
	for key, body := range bodies {
		o := Object{Key: key, Body: body.(map[string]any)}
		if podsOf(o.Body) != nil {
			o.Service = nameOf(key)
			if !slices.Contains(databases, key) && !strings.Contains(key, "redis") {
				o.Needs, o.Patient = []string{"Job/migrator"}, key != "Deployment/sourcegraph-frontend"
			}
		}
		d.Objects = append(d.Objects, o)
	}
	d.Objects = append(d.Objects, Object{Key: "Job/migrator", Service: "migrator", OneShot: true, Needs: databases, Body: map[string]any{
		"apiVersion": "batch/v1", "kind": "Job", "metadata": map[string]any{"name": "migrator", "labels": map[string]any{"deploy": "sourcegraph"}},
		"spec": map[string]any{"template": map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"name": "migrator", "image": "r/migrator:7.5.4453"}}}}}}})
	slices.SortFunc(d.Objects, func(a, b Object) int { return strings.Compare(a.Key, b.Key) })
	for _, o := range d.Objects {
		live := served(o.Body)
		c.Seen[o.Key] = Seen{Live: live, Applied: served(o.Body), Health: Health{Ready: true}}
	}
	return d, c
}

// change changes what is desired, or the cluster.
type change func(*Desired, *Cluster)

func want(key string, f func(*Object)) change {
	return func(d *Desired, c *Cluster) {
		i := slices.IndexFunc(d.Objects, func(o Object) bool { return o.Key == key })
		o := &d.Objects[i]
		// The body as Go reads it from YAML, and then its dry run.
		f(o)
		if seen := c.Seen[key]; seen.Applied != nil {
			seen.Applied = served(o.Body)
			c.Seen[key] = seen
		}
	}
}

func see(key string, f func(*Seen)) change {
	return func(_ *Desired, c *Cluster) {
		seen := c.Seen[key]
		f(&seen)
		c.Seen[key] = seen
	}
}

// refuse makes the API server refuse a dry run.
func refuse(key, field, message string) change {
	return see(key, func(s *Seen) {
		s.Applied = nil
		s.Refused = &Refusal{Status: 422, Reason: "Invalid", Message: message, Causes: []RefusalCause{{field, "FieldValueForbidden", message}}}
	})
}

// put sets a field of a tree; its path must exist, and items of lists are the first ones.
func put(tree map[string]any, value any, path ...string) {
	for _, name := range path[:len(path)-1] {
		next, ok := tree[name].(map[string]any)
		if items, isList := tree[name].([]any); isList {
			next, ok = items[0].(map[string]any), true
		}
		if !ok {
			next = map[string]any{}
			tree[name] = next
		}
		tree = next
	}
	tree[path[len(path)-1]] = value
}

var toContainer = []string{"spec", "template", "spec", "containers"}

func limit(name string, value any) func(*Object) {
	return func(o *Object) { put(o.Body, value, append(slices.Clone(toContainer), "resources", "limits", name)...) }
}

func storage(value any) func(*Object) {
	return func(o *Object) {
		put(o.Body, value, "spec", "volumeClaimTemplates", "spec", "resources", "requests", "storage")
	}
}

// byHand is a field that a person changed and owns now.
func byHand(key, manager string, value any, path ...string) change {
	return see(key, func(s *Seen) {
		put(s.Live, value, path...)
		fields := map[string]any{}
		node := fields
		tree := s.Live
		field := ""
		for _, name := range path {
			next := map[string]any{}
			node["f:"+name] = next
			node = next
			field += "." + name
			if items, ok := tree[name].([]any); ok {
				item := map[string]any{}
				tree = items[0].(map[string]any)
				node[fmt.Sprintf(`k:{"name":%q}`, tree["name"])] = item
				field += fmt.Sprintf("[name=%q]", tree["name"])
				node = item
			} else {
				tree, _ = tree[name].(map[string]any)
			}
		}
		entries := s.Live["metadata"].(map[string]any)["managedFields"].([]any)
		disown(entries[0].(map[string]any)["fieldsV1"].(map[string]any), fields)
		s.Live["metadata"].(map[string]any)["managedFields"] = append(entries,
			map[string]any{"manager": manager, "operation": "Update", "time": "2026-11-22T10:00:00Z", "fieldsV1": fields})
		s.Conflicts = append(s.Conflicts, Owner{Field: field, Manager: manager})
	})
}

func disown(from, fields map[string]any) {
	for name, inner := range fields {
		node, ok := from[name].(map[string]any)
		if !ok {
			continue
		}
		if next := inner.(map[string]any); len(next) > 0 {
			disown(node, next)
		} else {
			delete(from, name)
		}
	}
}

// byHelm is an object that Helm created and we never applied, with an annotation of Helm's own.
func byHelm(key string) change {
	return see(key, func(s *Seen) {
		put(s.Live, "sg", "metadata", "annotations", "meta.helm.sh/release-name")
		book := s.Live["metadata"].(map[string]any)["managedFields"].([]any)[0].(map[string]any)
		book["manager"], book["operation"], book["apiVersion"] = "helm", "Update", s.Live["apiVersion"]
		book["fieldsV1"] = fieldsOf(s.Live)
	})
}

func claims(size, class string, names ...string) change {
	return func(_ *Desired, c *Cluster) {
		for _, n := range names {
			c.Claims = append(c.Claims, Claim{Name: n, Size: size, Class: class, Phase: "Bound"})
		}
	}
}

func TestDifference(t *testing.T) {
	immutable := "updates to statefulset spec for fields other than 'replicas' are forbidden"
	for _, tt := range []struct {
		name    string
		changes []change
		want    string
	}{
		{"nothing to do", nil, ""},
		{"files move from a ConfigMap into a Secret", []change{func(d *Desired, c *Cluster) {
			d.Objects = append(d.Objects, Object{Key: "Secret/sourcegraph-frontend-berth", Body: map[string]any{"apiVersion": "v1", "kind": "Secret",
				"metadata": map[string]any{"name": "sourcegraph-frontend-berth"}, "data": map[string]any{"site.json": "aHVudGVyMg=="}}})
			c.Unwanted = []Unwanted{{Key: "ConfigMap/sourcegraph-frontend-berth", Live: map[string]any{"data": map[string]any{"site.json": "hunter2"}}}}
		}, want("Deployment/sourcegraph-frontend", func(o *Object) {
			put(o.Body, []any{map[string]any{"name": "berth-secret", "secret": map[string]any{"secretName": "sourcegraph-frontend-berth"}}}, "spec", "template", "spec", "volumes")
		}), see("Deployment/sourcegraph-frontend", func(s *Seen) {
			put(s.Live, []any{map[string]any{"name": "berth-config", "configMap": map[string]any{"name": "sourcegraph-frontend-berth"}}}, "spec", "template", "spec", "volumes")
		})}, `
1 [] create Secret/sourcegraph-frontend-berth: is not there
2 [1] update Deployment/sourcegraph-frontend
    spec.template.spec.volumes[name=berth-config]  (2 fields) ->   ()
    spec.template.spec.volumes[name=berth-secret]   -> (2 fields)  ()
3 [1 2] remove ConfigMap/sourcegraph-frontend-berth: no longer needed
`},
		{"a limit of a StatefulSet", []change{want("StatefulSet/gitserver", limit("memory", "16Gi")), want("StatefulSet/gitserver", func(o *Object) {
			o.Origins = []plan.Cause{{Text: "memory 16Gi", Range: diag.Range{Line: 9, Column: 13}}, {Text: "cpu 4", Range: diag.Range{Line: 8, Column: 13}}}
		})}, `
1 [] update StatefulSet/gitserver [restart]: memory 16Gi @9:13
    spec.template.spec.containers[name=gitserver].resources.limits.memory  8G -> 16Gi  (berth)
`},
		{"variables in another order replace pods", []change{see("StatefulSet/gitserver", func(s *Seen) {
			s.Applied = clone(s.Live)
			for order, body := range map[string]map[string]any{"BA": s.Live, "AB": s.Applied} {
				tree.Items(podsOf(body)["containers"])[0]["env"] = []any{map[string]any{"name": order[:1], "value": "x"}, map[string]any{"name": order[1:], "value": "x"}}
			}
		})}, `
1 [] update StatefulSet/gitserver [restart]
    spec.template.spec.containers[name=gitserver].env  the order that it has -> another order  ()
`},
		{"quantities in another form", []change{want("StatefulSet/gitserver", limit("cpu", "4000m")), see("StatefulSet/gitserver", func(s *Seen) { s.Applied = nil })}, ""},
		{"an image of the frontend, which rolls", []change{want("Deployment/sourcegraph-frontend", func(o *Object) {
			put(o.Body, "r/frontend:7.6.0@sha256:1", append(slices.Clone(toContainer), "image")...)
		})}, `
1 [] update Deployment/sourcegraph-frontend: image 7.5.4453 -> 7.6.0
    spec.template.spec.containers[name=frontend].image  index.docker.io/sourcegraph/frontend:7.5.4453@sha256:IMAGE -> r/frontend:7.6.0@sha256:1  (berth)
`},
		{"somebody changed a limit by hand", []change{byHand("Deployment/sourcegraph-frontend", "kubectl-edit", "8", append(slices.Clone(toContainer), "resources", "limits", "cpu")...)}, `
1 [] update Deployment/sourcegraph-frontend: kubectl-edit changed resources.limits.cpu by hand: 2 -> 8, put back
    spec.template.spec.containers[name=frontend].resources.limits.cpu  8 -> 2  (kubectl-edit)
conflict Deployment/sourcegraph-frontend spec.template.spec.containers[name=frontend].resources.limits.cpu kubectl-edit: 8, ours 2: take
`},
		{"an autoscaler has the replicas", []change{byHand("Deployment/worker", "kube-controller-manager", 5.0, "spec", "replicas")}, `
conflict Deployment/worker spec.replicas kube-controller-manager: 5, ours 1: yield
`},
		{"somebody took all pods away", []change{byHand("Deployment/worker", "kubectl-edit", 0.0, "spec", "replicas")}, `
1 [] update Deployment/worker: kubectl-edit changed spec.replicas by hand: 1 -> 0, put back
    spec.replicas  0 -> 1  (kubectl-edit)
conflict Deployment/worker spec.replicas kubectl-edit: 0, ours 1: take
`},
		{"the admin takes the replicas back", []change{byHand("Deployment/worker", "keda", 5.0, "spec", "replicas"), func(d *Desired, _ *Cluster) {
			d.Rules = []Rule{{"Deployment/*", "spec.replicas", plan.Take}}
		}}, `
1 [] update Deployment/worker: keda changed spec.replicas: 1 -> 5, put back
    spec.replicas  5 -> 1  (keda)
conflict Deployment/worker spec.replicas keda: 5, ours 1: take
`},
		{"a program that nobody decided about", []change{byHand("Service/gitserver", "istio-pilot", "x", "metadata", "labels", "app")}, `
1 [] update Service/gitserver: istio-pilot set metadata.labels.app; who owns it?
    metadata.labels.app  x -> gitserver  (istio-pilot)
conflict Service/gitserver metadata.labels.app istio-pilot: x, ours gitserver: 
BERTH3508 Service/gitserver: istio-pilot set metadata.labels.app to x, but the config asks for gitserver
`},
		{"volumes grow", []change{want("StatefulSet/gitserver", storage("400Gi")), refuse("StatefulSet/gitserver", "spec", immutable),
			claims("200Gi", "sourcegraph", "repos-gitserver-0", "repos-gitserver-1", "repos-gitserver-x", "data-pgsql-0")}, `
1 [] grow PersistentVolumeClaim/repos-gitserver-0: storage 200Gi -> 400Gi
    spec.resources.requests.storage  200Gi -> 400Gi  ()
2 [] grow PersistentVolumeClaim/repos-gitserver-1: storage 200Gi -> 400Gi
    spec.resources.requests.storage  200Gi -> 400Gi  ()
3 [1 2] orphan StatefulSet/gitserver: spec.volumeClaimTemplates can't be changed in place; deleted alone: its pods and its claims stay
4 [3] create StatefulSet/gitserver: recreated around its pods
    spec.volumeClaimTemplates[name=repos].spec.resources.requests.storage  200Gi -> 400Gi  (berth)
`},
		{"claim templates that differ in a label: the claims are there, nothing grows", []change{want("StatefulSet/gitserver", func(o *Object) {
			put(o.Body, "code", "spec", "volumeClaimTemplates", "metadata", "labels", "team")
		}), refuse("StatefulSet/gitserver", "spec", immutable), claims("200Gi", "sourcegraph", "repos-gitserver-0")}, `
1 [] orphan StatefulSet/gitserver: spec.volumeClaimTemplates can't be changed in place; deleted alone: its pods and its claims stay
2 [1] create StatefulSet/gitserver: recreated around its pods
    spec.volumeClaimTemplates[name=repos].metadata.labels.team   -> code  (berth)
`},
		{"volumes can't grow", []change{want("StatefulSet/gitserver", storage("400Gi")), refuse("StatefulSet/gitserver", "spec", immutable), claims("200Gi", "fixed", "repos-gitserver-0"),
			want("StatefulSet/gitserver", func(o *Object) {
				put(o.Body, "fixed", "spec", "volumeClaimTemplates", "spec", "storageClassName")
			})}, `
BERTH3502 PersistentVolumeClaim/repos-gitserver-0: it can't grow from 200Gi to 400Gi: its storage class fixed does not let volumes grow
`},
		{"volumes can't shrink", []change{want("StatefulSet/gitserver", storage("100Gi")), refuse("StatefulSet/gitserver", "spec", immutable)}, `
BERTH3501 StatefulSet/gitserver: a volume can't shrink: 200Gi -> 100Gi
`},
		{"claims keep their class", []change{want("StatefulSet/gitserver", func(o *Object) {
			put(o.Body, "ssd", "spec", "volumeClaimTemplates", "spec", "storageClassName")
		}), refuse("StatefulSet/gitserver", "spec", immutable), claims("200Gi", "sourcegraph", "repos-gitserver-0")}, `
BERTH3503 PersistentVolumeClaim/repos-gitserver-0: the storage class of a claim can't change: it has sourcegraph, but the config asks for ssd
`},
		{"a StatefulSet that would take its claims along", []change{want("StatefulSet/gitserver", func(o *Object) { put(o.Body, "other", "spec", "serviceName") }),
			refuse("StatefulSet/gitserver", "spec", immutable), see("StatefulSet/gitserver", func(s *Seen) {
				put(s.Live, "Delete", "spec", "persistentVolumeClaimRetentionPolicy", "whenDeleted")
			})}, `
BERTH3506 StatefulSet/gitserver: its claims, and the data in them, would be deleted with it
`},
		{"a claim of its own grows", []change{want("PersistentVolumeClaim/pgsql", func(o *Object) { put(o.Body, "300Gi", "spec", "resources", "requests", "storage") })}, `
1 [] grow PersistentVolumeClaim/pgsql: storage 200Gi -> 300Gi
    spec.resources.requests.storage  200Gi -> 300Gi  (berth)
`},
		{"a Deployment's selector", []change{want("Deployment/sourcegraph-frontend", func(o *Object) { put(o.Body, "web", "spec", "selector", "matchLabels", "app") }),
			refuse("Deployment/sourcegraph-frontend", "spec.selector", "field is immutable")}, `
1 [] recreate Deployment/sourcegraph-frontend [downtime]: spec.selector can't be changed in place; its pods stop before the new ones start
    spec.selector.matchLabels.app  sourcegraph-frontend -> web  (berth)
`},
		{"a headless Service becomes another one, which only the refusal shows", []change{want("Service/gitserver", func(o *Object) { delete(o.Body["spec"].(map[string]any), "clusterIP") }),
			refuse("Service/gitserver", "spec.clusterIPs[0]", "primary clusterIP can not be unset")}, `
1 [] recreate Service/gitserver [restart]: spec.clusterIP can't be changed in place; it gets another address in the cluster
    spec.clusterIP  None ->   (berth)
`},
		{"an admission plugin refuses", []change{want("Deployment/worker", limit("cpu", "64")), see("Deployment/worker", func(s *Seen) {
			s.Applied, s.Refused = nil, &Refusal{Status: 403, Reason: "Forbidden", Message: "exceeded quota: cpu"}
		})}, `
BERTH3504 Deployment/worker: the cluster refuses Deployment/worker as planned
`},
		{"a Secret", []change{want("Secret/pgsql-auth", func(o *Object) { put(o.Body, "aHVudGVyMg==", "data", "password") })}, `
1 [] update Secret/pgsql-auth: does not restart SECRETREADERS; programs that read it only when they start keep the old content
    data.password  (secret) -> (secret)  (berth)
`},
		{"a password that somebody set by hand", []change{want("Deployment/worker", func(o *Object) {
			put(o.Body, []any{map[string]any{"name": "HOST", "value": "postgres://sg:hunter2@db/sg"}, map[string]any{"name": "LICENSE_KEY", "value": "k1"}}, append(slices.Clone(toContainer), "env")...)
		}), see("Deployment/worker", func(s *Seen) {
			put(s.Live, []any{map[string]any{"name": "HOST", "value": "db"}, map[string]any{"name": "LICENSE_KEY", "value": "k2"}, map[string]any{"name": "LOG", "value": "info"}}, append(slices.Clone(toContainer), "env")...)
		})}, `
1 [] update Deployment/worker [restart]
    spec.template.spec.containers[name=worker].env[name=HOST].value  (secret) -> (secret)  ()
    spec.template.spec.containers[name=worker].env[name=LICENSE_KEY].value  (secret) -> (secret)  ()
    spec.template.spec.containers[name=worker].env[name=LOG].value  info ->   ()
`},
		{"what nothing asks for goes last, and its data stays", []change{want("StatefulSet/gitserver", limit("memory", "16Gi")), func(_ *Desired, c *Cluster) {
			c.Unwanted = []Unwanted{{Key: "PersistentVolumeClaim/old"}, {Key: "Deployment/old", Service: "old", Live: c.Seen["Deployment/worker"].Live}, {Key: "Namespace/sg"}}
		}}, `
1 [] update StatefulSet/gitserver [restart]
    spec.template.spec.containers[name=gitserver].resources.limits.memory  8G -> 16Gi  (berth)
2 [1] remove Deployment/old [restart]: no longer needed
kept Namespace/sg
kept PersistentVolumeClaim/old
`},
		{"a workload of another kind goes before one takes its place", []change{see("StatefulSet/pgsql", func(s *Seen) {
			*s = Seen{Applied: s.Applied, Rival: map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": "pgsql"}}}
		}), see("ConfigMap/pgsql-conf", func(s *Seen) { *s = Seen{Applied: s.Applied} }), func(_ *Desired, c *Cluster) {
			c.Unwanted = []Unwanted{{Key: "Deployment/pgsql", Service: "pgsql", Live: c.Seen["StatefulSet/pgsql"].Rival}}
		}}, `
1 [] create ConfigMap/pgsql-conf: is not there
2 [1] remove Deployment/pgsql [downtime]: StatefulSet/pgsql takes its place; its pods stop first, and its claims are kept
3 [1 2] create StatefulSet/pgsql: is not there
`},
		{"what needs something that is not ready waits for it", []change{see("StatefulSet/pgsql", func(s *Seen) { s.Health = Health{How: "0 of 1 pods ready"} }),
			see("Job/migrator", func(s *Seen) { s.Health = Health{Failed: true, How: "ended with an error"} }), want("Deployment/worker", limit("memory", "1Gi"))}, `
1 [] wait StatefulSet/pgsql: 0 of 1 pods ready
2 [1] run Job/migrator: ended with an error
3 [2] update Deployment/worker [restart]
    spec.template.spec.containers[name=worker].resources.limits.memory  4G -> 1Gi  (berth)
`},
		{"what Helm made is taken over, once", []change{byHelm("Deployment/worker"), want("Deployment/worker", limit("memory", "1Gi")), byHelm("ConfigMap/grafana"), byHelm("PersistentVolumeClaim/pgsql"),
			see("Deployment/worker", func(s *Seen) {
				s.Conflicts = []Owner{{Field: ".spec.replicas", Manager: "helm"}, {Field: ".spec.minReadySeconds", Manager: "helm"}}
			}),
			func(d *Desired, _ *Cluster) {
				d.Rules = []Rule{{Object: "Deployment/worker", Field: "spec.minReadySeconds", Choice: plan.Yield}}
			}}, `
1 [] take over ConfigMap/grafana: taken over from helm
    metadata.annotations.meta.helm.sh/release-name  sg ->   (helm)
2 [] take over PersistentVolumeClaim/pgsql: taken over from helm
    metadata.annotations.meta.helm.sh/release-name  sg ->   (helm)
3 [1 2] take over Deployment/worker [restart]: taken over from helm
    metadata.annotations.meta.helm.sh/release-name  sg ->   (helm)
    spec.template.spec.containers[name=worker].resources.limits.memory  4G -> 1Gi  (helm)
conflict Deployment/worker spec.minReadySeconds helm: 10, ours 10: yield
`},
		{"a claim that somebody deletes", []change{see("PersistentVolumeClaim/pgsql", func(s *Seen) { put(s.Live, "2026-11-22T10:00:00Z", "metadata", "deletionTimestamp") })}, `
BERTH3507 PersistentVolumeClaim/pgsql: somebody is deleting it, with its data
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, c := instance(t)
			for _, change := range tt.changes {
				change(&d, &c)
			}
			got := steady(text(Difference(d, c)))
			if diff := cmp.Diff(strings.TrimPrefix(tt.want, "\n"), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// steady replaces what the catalogue may change.
func steady(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if before, after, ok := strings.Cut(line, "4453@sha256:"); ok {
			line = before + "4453@sha256:IMAGE" + after[64:]
		}
		if before, after, ok := strings.Cut(line, "does not restart "); ok && strings.Contains(line, "Secret/") {
			_, after, _ = strings.Cut(after, ";")
			line = before + "does not restart SECRETREADERS;" + after
		}
		out.WriteString(line)
	}
	return out.String()
}

// TestServicePointsToThePageAfterItAnswers: a Service may wait for the workload that it points to, and everything else waits for both. When the Service
// points to it already, nothing waits for the page that replaces it.
func TestServicePointsToThePageAfterItAnswers(t *testing.T) {
	for _, there := range []string{"nothing", "the page's text", "the page"} {
		exists := there != "nothing"
		d, c := instance(t)
		add := func(o Object) { d.Objects = append(d.Objects, o) }
		metadata := map[string]any{"name": "page"}
		notice := Object{Key: "ConfigMap/page", Service: "page", Body: map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}}
		if exists {
			c.Seen[notice.Key] = Seen{Live: served(notice.Body), Applied: served(notice.Body), Health: Health{Ready: true}}
		}
		add(notice)
		add(Object{Key: "Deployment/page", Service: "page", Needs: []string{notice.Key}, Body: map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
			"spec": map[string]any{"template": map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"name": "caddy", "image": "caddy:1"}}}}}}})
		for i := range d.Objects {
			o := &d.Objects[i]
			switch o.Key {
			case "Service/sourcegraph-frontend":
				o.Body, o.Needs = clone(o.Body), []string{"Deployment/page"}
				tree.Branch(o.Body, "spec")["selector"] = map[string]any{"app": "page"}
			case "Deployment/sourcegraph-frontend", "Deployment/worker":
				o.Body, o.Needs = clone(o.Body), nil
				tree.Branch(o.Body, "spec")["replicas"] = 0.0
			default:
				continue
			}
			live := c.Seen[o.Key].Live
			if there == "the page" && kindOf(o.Key) == "Service" {
				live = served(clone(o.Body))
				tree.Branch(live, "metadata")["labels"] = map[string]any{"dev.berth.release": "6.0.0"}
			}
			c.Seen[o.Key] = Seen{Live: live, Applied: served(o.Body), Health: Health{Ready: true}}
		}
		p, problems := Difference(d, c)
		if problems.Failed() {
			t.Fatal(problems)
		}
		at := map[string]int{}
		for i, s := range p.Steps {
			at[s.Object] = i
			for _, id := range s.After {
				if id >= s.ID {
					t.Errorf("step %d %s waits for step %d", s.ID, s.Object, id)
				}
			}
		}
		if there == "the page" {
			service, page := p.Steps[at["Service/sourcegraph-frontend"]], p.Steps[at["Deployment/page"]]
			if slices.Contains(service.After, page.ID) || slices.Contains(p.Steps[at["Deployment/worker"]].After, page.ID) || page.Verb == plan.Wait {
				t.Errorf("the Service or the worker waits for a page that is there:\n%s", text(p, problems))
			}
			continue
		}
		order := []string{"Deployment/page", "Service/sourcegraph-frontend", "Deployment/worker"}
		for i := 1; i < len(order); i++ {
			before, after := at[order[i-1]], p.Steps[at[order[i]]]
			if !slices.Contains(after.After, p.Steps[before].ID) {
				t.Errorf("exists %t: %s does not wait for %s:\n%s", exists, order[i], order[i-1], text(p, problems))
			}
		}
	}
}
