package fields

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"berth/internal/tree"
)

// Surplus is the merge patch that turns a live object that berth takes over into its future state: as our apply makes it, without what its
// deployer set and nobody wants. It is nil when there is no such field. A dry run of the patch shows the exact result, because only the API
// server knows which defaults it fills in for removed fields.
func Surplus(body, live, applied map[string]any) map[string]any {
	before := Predecessors(live)
	if before == nil || applied == nil {
		return nil
	}
	var others []map[string]any
	for _, m := range Managers(live) {
		if !slices.ContainsFunc(before, func(p Manager) bool { return p.is(m) }) {
			others = append(others, m.fields)
		}
	}
	var target any = applied
	for _, m := range before {
		fields := copied(m.fields)
		for _, field := range keeps[tree.Text(live, "kind")] {
			hold(fields, "", field)
		}
		target, _ = pruned(target, fields, Encoded(body), others)
	}
	if reflect.DeepEqual(target, any(applied)) {
		return nil
	}
	return patch(live, target.(map[string]any), 0)
}

// pruned is a value without the fields of a set that are not wanted and that no other set has. stays is false when nothing remains.
func pruned(value any, fields map[string]any, want any, others []map[string]any) (left any, stays bool) {
	if want == nil && len(others) == 0 && (len(fields) == 0 || fields["."] != nil) {
		return nil, false
	}
	switch value := value.(type) {
	case map[string]any:
		want, _ := want.(map[string]any)
		out := maps.Clone(value)
		for key, sub := range fields {
			inner, ok := strings.CutPrefix(key, "f:")
			if _, there := value[inner]; !ok || !there {
				continue
			}
			if out[inner], stays = pruned(value[inner], asTree(sub), want[inner], narrowed(others, key)); !stays {
				delete(out, inner)
			}
		}
		return out, true
	case []any:
		want, _ := want.([]any)
		out := slices.Clone(value)
		for key, sub := range fields {
			i := itemOf(out, key)
			if i < 0 {
				continue
			}
			var wanted any
			if k := itemOf(want, key); k >= 0 {
				wanted = want[k]
			}
			if out[i], stays = pruned(out[i], asTree(sub), wanted, narrowed(others, key)); !stays {
				out = slices.Delete(out, i, i+1)
			}
		}
		return out, true
	}
	return value, true
}

func asTree(v any) map[string]any {
	tree, _ := v.(map[string]any)
	return tree
}

// narrowed are sets of fields, reduced to one of their parts.
func narrowed(sets []map[string]any, key string) []map[string]any {
	var out []map[string]any
	for _, s := range sets {
		if inner, ok := s[key].(map[string]any); ok {
			out = append(out, inner)
		}
	}
	return out
}

// itemOf is the index of a list's item for a part of a set of fields: `k:{"name":"frontend"}`, `v:"finalizer"`; or -1.
func itemOf(items []any, key string) int {
	kind, text, _ := strings.Cut(key, ":")
	var meant any
	if kind != "k" && kind != "v" || json.Unmarshal([]byte(text), &meant) != nil {
		return -1
	}
	return slices.IndexFunc(items, func(item any) bool {
		keys, keyed := meant.(map[string]any)
		if kind == "v" || !keyed {
			return kind == "v" && SameScalar(item, meant)
		}
		m, ok := item.(map[string]any)
		for name, value := range keys {
			ok = ok && SameScalar(KeyValue(m, name), value)
		}
		return ok
	})
}

// patch is the merge patch that turns one tree into another, without what the API server sets.
func patch(from, to map[string]any, depth int) map[string]any {
	out := map[string]any{}
	for name, value := range to {
		old, there := from[name]
		before, wasTree := old.(map[string]any)
		after, isTree := value.(map[string]any)
		switch {
		case depth == 0 && (name == "status" || name == "apiVersion" || name == "kind"):
		case wasTree && isTree:
			if inner := patch(before, after, depth+1); len(inner) > 0 {
				out[name] = inner
			}
		case !there || !reflect.DeepEqual(old, value):
			out[name] = value
		}
	}
	for name := range from {
		if _, ok := to[name]; !ok && (depth > 0 || name != "status") {
			out[name] = nil
		}
	}
	if inner := asTree(out["metadata"]); depth == 0 && inner != nil {
		for _, name := range kept {
			delete(inner, name)
		}
	}
	return out
}
