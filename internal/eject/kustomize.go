package eject

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"berth/internal/diag"
	"berth/internal/render/kubernetes"
	"berth/internal/render/yaml"
	"berth/internal/stack"
	"berth/internal/tree"
)

// Base is what the official Kustomize repository makes.
type Base struct {
	Place   string           // the base as the overlay names it: a path relative to it
	Objects []map[string]any // that the base makes
}

// overlay is an overlay in the making.
type overlay struct {
	files     []stack.File
	resources []any
	patches   []any
}

// Kustomize returns an overlay of the official base that makes the objects of a set. Secrets with secret values stay in the cluster as they are.
func Kustomize(set *kubernetes.Set, base Base) (*Result, error) {
	if problems := base.sameRelease(set.Release); problems != nil {
		return nil, problems
	}
	official := map[string]map[string]any{}
	for _, body := range base.Objects {
		official[keyOf(body)] = bare(body, set.Namespace)
	}
	o := &overlay{resources: []any{base.Place}}
	var secrets []string
	for _, object := range wanted(set) {
		key := keyOf(object.body)
		if object.secret {
			secrets = append(secrets, tree.Text(object.body, "metadata", "name"))
			delete(official, key) // a base has no values for them either
			continue
		}
		there, known := official[key]
		delete(official, key)
		switch {
		case !known:
			o.resource(object.body)
		default:
			o.patch(there, operations("", there, object.body))
		}
	}
	for _, key := range tree.Keys(official) {
		o.remove(official[key])
	}
	root := map[string]any{"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "namespace": set.Namespace, "resources": o.resources}
	if len(o.patches) > 0 {
		root["patches"] = o.patches
	}
	files := append([]stack.File{{Path: "kustomization.yaml", Content: yaml.Encode(head, root)}}, o.files...)
	return &Result{Files: append(files, kustomizeReadme(set, secrets))}, nil
}

// sameRelease refuses a base of another release than the one that runs.
func (b Base) sameRelease(release string) diag.List {
	for _, body := range b.Objects {
		if keyOf(body) != "StatefulSet/gitserver" {
			continue
		}
		for _, c := range tree.Items(tree.At(tree.Pods(body), "spec")["containers"]) {
			image, _, _ := strings.Cut(tree.Text(c, "image"), "@")
			if tag := image[strings.LastIndexByte(image, ':')+1:]; tree.Text(c, "name") == "gitserver" && tag != release {
				return diag.List{{Code: "BERTH4333", Severity: diag.Error, Subject: b.Place, Summary: fmt.Sprintf("the official base is of %s, and %s runs", tag, release),
					Hint: "in its folder: git checkout v" + release}}
			}
		}
		return nil
	}
	return diag.List{{Code: "BERTH4333", Severity: diag.Error, Subject: b.Place, Summary: "this is not Sourcegraph's Kustomize base: it has no StatefulSet gitserver",
		Hint: "name a clone of github.com/sourcegraph/deploy-sourcegraph-k8s: --official DIR"}}
}

// object is one that runs, as the official tool is to make it.
type object struct {
	body   map[string]any
	secret bool
}

// wanted are the objects of a set, but for the Job that only berth runs.
func wanted(set *kubernetes.Set) (out []object) {
	for i := range set.Objects {
		if o := &set.Objects[i]; !o.OneShot {
			out = append(out, object{bare(o.Whole(func(stack.Part) string { return "" }), set.Namespace), o.Secret()})
		}
	}
	return out
}

// bare is a copy of an object without the installation's namespace, which kustomize sets, also for service accounts, and without berth's labels.
func bare(body map[string]any, namespace string) map[string]any {
	out := tree.WithoutNulls(body).(map[string]any)
	for _, subject := range tree.Items(out["subjects"]) {
		if subject["namespace"] == namespace {
			delete(subject, "namespace")
		}
	}
	metadata := tree.At(out, "metadata")
	delete(metadata, "namespace")
	labels, _ := metadata["labels"].(map[string]any)
	for name := range labels {
		if strings.HasPrefix(name, "dev.berth.") || name == kubernetes.LabelManager && labels[name] == "berth" {
			delete(labels, name)
		}
	}
	if len(labels) == 0 {
		delete(metadata, "labels")
	}
	return out
}

func keyOf(body map[string]any) string {
	return tree.Text(body, "kind") + "/" + tree.Text(body, "metadata", "name")
}

// resource adds an object that the base does not have.
func (o *overlay) resource(body map[string]any) {
	name := "resources/" + strings.ToLower(tree.Text(body, "kind")) + "-" + strings.NewReplacer(":", "-", "/", "-").Replace(tree.Text(body, "metadata", "name")) + ".yaml"
	o.files = append(o.files, stack.File{Path: name, Content: yaml.Encode(head, body)})
	o.resources = append(o.resources, name)
}

// patch changes an object of the base.
func (o *overlay) patch(there map[string]any, operations []any) {
	if len(operations) > 0 {
		o.patches = append(o.patches, map[string]any{"target": target(there), "patch": string(yaml.Block(operations, 0))})
	}
}

// remove leaves an object of the base out.
func (o *overlay) remove(there map[string]any) {
	o.patches = append(o.patches, map[string]any{"target": target(there), "patch": string(yaml.Block(map[string]any{"$patch": "delete", "apiVersion": there["apiVersion"],
		"kind": there["kind"], "metadata": map[string]any{"name": tree.Text(there, "metadata", "name")}}, 0))})
}

func target(body map[string]any) map[string]any {
	return map[string]any{"kind": tree.Text(body, "kind"), "name": tree.Text(body, "metadata", "name")}
}

// operations are those of a JSON patch (RFC 6902) that make one value another one. Lists keep their order, since the order of variables is part of a
// pod's template; lists of the same names are compared by item.
func operations(path string, there, wanted any) (out []any) {
	if reflect.DeepEqual(tree.Plain(there), tree.Plain(wanted)) {
		return nil
	}
	a, b := asMap(there), asMap(wanted)
	if a == nil || b == nil {
		a, b = items(there, wanted), items(wanted, there)
	}
	if a == nil || b == nil {
		return []any{map[string]any{"op": "replace", "path": path, "value": wanted}}
	}
	for _, key := range union(a, b) {
		at := path + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
		switch {
		case !has(b, key):
			out = append(out, map[string]any{"op": "remove", "path": at})
		case !has(a, key):
			out = append(out, map[string]any{"op": "add", "path": at, "value": b[key]})
		default:
			out = append(out, operations(at, a[key], b[key])...)
		}
	}
	return out
}

// items are those of a list by their numbers, where the other list has the same names in the same order; nil otherwise.
func items(v, other any) map[string]any {
	list, others := tree.Items(v), tree.Items(other)
	if len(list) == 0 || len(list) != len(others) || len(list) != len(tree.List(v)) || len(others) != len(tree.List(other)) {
		return nil
	}
	out := map[string]any{}
	for i := range list {
		if name := tree.Text(list[i], "name"); name == "" || name != tree.Text(others[i], "name") {
			return nil
		}
		out[strconv.Itoa(i)] = list[i]
	}
	return out
}

// Built compares what an overlay makes with what is to be made, and gives what differs: the proof of an overlay.
func Built(set *kubernetes.Set, made []map[string]any) diag.List {
	var out diag.List
	there := map[string]map[string]any{}
	for _, body := range made {
		there[keyOf(body)] = bare(body, set.Namespace)
	}
	for _, o := range wanted(set) {
		key := keyOf(o.body)
		if differs := operations("", there[key], o.body); len(differs) > 0 && !o.secret {
			var places []string
			for _, d := range tree.Items(differs) {
				places = append(places, tree.Text(d, "op")+" "+tree.Text(d, "path"))
			}
			out = append(out, unsaid(key, "the overlay makes another object than the one that runs", "compare both with: kubectl diff -k .", diag.Range{}, places...))
		}
		delete(there, key)
	}
	for _, key := range tree.Keys(there) {
		out = append(out, unsaid(key, "the overlay makes an object that does not run", "compare with: kubectl diff -k .", diag.Range{}))
	}
	return out
}

func kustomizeReadme(set *kubernetes.Set, secrets []string) stack.File {
	keep := ""
	if len(secrets) > 0 {
		keep = "Pods read these Secrets, which stay in the namespace as they are. They are not in these files: " + marked(secrets) + ".\n"
	}
	return readme(set.Release,
		[2]string{"", "An overlay of Sourcegraph's Kustomize base that makes the objects that run now. Nothing that runs restarts. Keep the clone where it is, or move both\n" +
			"together: `kustomization.yaml` names it by a relative path."},
		[2]string{"Secrets", keep},
		[2]string{"Apply", "The first command shows what the second would change: nothing.\n\n" + commands("kubectl diff --server-side --force-conflicts -k .", "kubectl apply --server-side --force-conflicts -k .")},
		[2]string{"Then", afterwards(set)})
}
