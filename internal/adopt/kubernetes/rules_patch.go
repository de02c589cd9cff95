package kubernetes

import (
	"maps"
	"reflect"
	"slices"

	"berth/internal/adopt"
	"berth/internal/plan/fields"
	"berth/internal/secret"
	"berth/internal/tree"
)

// reason is what a patch says until the admin says it better.
const reason = "as it was before berth; why?"

// patch: the rest, as Kubernetes says it.
func (k *known) patch(d adopt.Difference, s *adopt.Situation) *adopt.Answer {
	service, kind := k.owners[d.Object], kindOf(d.Object)
	if service == "" || len(d.Path) == 0 || kind == "Secret" || !k.alike(d, s) {
		return nil
	}
	path := slices.Clone(d.Path)
	if path[0] == "labels" || path[0] == "annotations" {
		path = append([]string{"metadata"}, path...)
	}
	if kind == "ConfigMap" && len(path) > 2 {
		path = path[:2] // a text as a whole
	}
	change, _ := patched(path, "", k.source.raw[d.Object], k.raw[d.Object]).(map[string]any)
	if change == nil || secretIn("", change) {
		return nil
	}
	a := &adopt.Answer{Fate: adopt.Patch}
	for _, c := range append(k.volumesFor(d), change) {
		value := map[string]any{"service": service, "kind": kind, "reason": reason, "add": true, "kubernetes": c}
		a.Edits = append(a.Edits, adopt.Edit{Path: []string{"patches"}, Value: value, Add: true})
	}
	return a
}

// volumesFor are the changes that bring the volumes which a container of theirs mounts, and ours does not have.
func (k *known) volumesFor(d adopt.Difference) []map[string]any {
	path := inPods(d)
	if len(path) < 2 || path[0] != "containers" && path[0] != "initContainers" {
		return nil
	}
	var out []map[string]any
	theirs, ours := tree.Branch(tree.Pods(k.source.raw[d.Object]), "spec"), tree.Branch(tree.Pods(k.raw[d.Object]), "spec")
	for _, m := range tree.Items(tree.Named(theirs[path[0]], path[1])["volumeMounts"]) {
		name := tree.Text(m, "name")
		if volume := tree.Named(theirs["volumes"], name); volume != nil && tree.Named(ours["volumes"], name) == nil {
			out = append(out, map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{"volumes": []any{volume}}}}})
		}
	}
	return out
}

// alike reports whether all objects of a service and a kind have a difference: a patch reaches all of them.
func (k *known) alike(d adopt.Difference, s *adopt.Situation) bool {
	for object, owner := range k.owners {
		if owner != k.owners[d.Object] || kindOf(object) != kindOf(d.Object) {
			continue
		}
		if !slices.ContainsFunc(s.Differences, func(o adopt.Difference) bool {
			return o.Object == object && slices.Equal(o.Path, d.Path) && reflect.DeepEqual(o.Theirs, d.Theirs)
		}) {
			return false
		}
	}
	return true
}

// whole are lists whose items are patched as a whole: of their fields an item has one.
var whole = []string{"env", "volumes"}

// patched is what makes a place of ours what theirs is, as a strategic merge patch. name is that of the list or map.
func patched(path []string, name string, theirs, ours any) any {
	if len(path) == 0 {
		return theirs
	}
	a, b := tree.List(theirs), tree.List(ours)
	if a == nil && b == nil {
		t, _ := theirs.(map[string]any)
		o, _ := ours.(map[string]any)
		return map[string]any{path[0]: patched(path[1:], path[0], t[path[0]], o[path[0]])}
	}
	keys := fields.Keys(name, a, b)
	if keys == nil {
		return theirs
	}
	mine, yours := itemCalled(b, path[0], keys), itemCalled(a, path[0], keys)
	switch {
	case yours == nil && mine == nil:
		return nil
	case yours == nil:
		gone := named(mine, keys)
		gone["$patch"] = "delete"
		return []any{gone}
	case mine == nil || len(path) == 1 || slices.Contains(whole, name):
		return []any{yours}
	}
	inner, _ := patched(path[1:], "", yours, mine).(map[string]any)
	item := named(yours, keys)
	maps.Copy(item, inner)
	return []any{item}
}

// named is an item with nothing but what names it.
func named(item map[string]any, keys []string) map[string]any {
	out := map[string]any{}
	for _, key := range keys {
		if key == fields.TemplateName {
			out["metadata"] = map[string]any{"name": fields.KeyValue(item, key)}
			continue
		}
		out[key] = fields.KeyValue(item, key)
	}
	return out
}

func itemCalled(list []any, name string, keys []string) map[string]any {
	for _, item := range tree.Items(list) {
		if keyText(item, keys) == name {
			return item
		}
	}
	return nil
}

// secretIn reports whether a tree has a text that looks like a secret.
func secretIn(name string, v any) bool {
	switch v := v.(type) {
	case string:
		_, is := secret.Looks(name, v)
		return is
	case map[string]any:
		for key, value := range v {
			if key == "value" && v["name"] != nil {
				key, _ = v["name"].(string)
			}
			if secretIn(key, value) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, func(item any) bool { return secretIn(name, item) })
	}
	return false
}
