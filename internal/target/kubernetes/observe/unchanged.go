package observe

import (
	"encoding/json"
	"strings"

	"berth/internal/plan"
	"berth/internal/tree"
)

// unchanged reports whether applying an object again surely changes nothing, so that no dry run is needed. Its managedFields prove it: our
// last apply set exactly these fields, and each has the wanted value now. A field that another manager changed since is no longer in our
// set. In doubt the answer is no.
func unchanged(want, live map[string]any) bool {
	fields := applied(want, live)
	if fields == nil {
		return false
	}
	metadata := without(tree.Branch(want, "metadata"), "name", "namespace")
	rest := without(want, "apiVersion", "kind", "metadata")
	if len(metadata) > 0 {
		rest["metadata"] = metadata
	}
	return mapUnchanged(fields, rest, live)
}

// applied are the fields that our last apply set; nil when there are none, or when they are those of another version of the kind.
func applied(want, live map[string]any) map[string]any {
	for _, entry := range tree.Items(tree.Branch(live, "metadata")["managedFields"]) {
		if entry["manager"] == plan.Manager && entry["operation"] == "Apply" && entry["subresource"] == nil && entry["apiVersion"] == want["apiVersion"] {
			return tree.Branch(entry, "fieldsV1")
		}
	}
	return nil
}

// valueUnchanged compares a value with a set of fields, as managedFields write it: an empty set means the value as a whole.
func valueUnchanged(fields map[string]any, name string, want, live any) bool {
	if inner(fields) == 0 {
		return wholeUnchanged(name, want, live)
	}
	switch want := want.(type) {
	case map[string]any:
		live, ok := live.(map[string]any)
		return ok && mapUnchanged(fields, want, live)
	case []any:
		live, ok := live.([]any)
		return ok && listUnchanged(fields, want, live)
	}
	return false
}

func mapUnchanged(fields, want, live map[string]any) bool {
	if inner(fields) != len(want) {
		return false
	}
	for name, value := range want {
		set, ok := fields["f:"+name].(map[string]any)
		if !ok || !valueUnchanged(set, name, value, live[name]) {
			return false
		}
	}
	return true
}

// listUnchanged compares a list whose items have keys, or are a set. Others may have added items; ours must be in our order.
func listUnchanged(fields map[string]any, want, live []any) bool {
	if inner(fields) != len(want) {
		return false
	}
	keyed := make(map[string]map[string]any, len(fields)) // the keys by their form in fields
	for name := range fields {
		var keys map[string]any
		if text, ok := strings.CutPrefix(name, "k:"); ok && json.Unmarshal([]byte(text), &keys) == nil {
			keyed[name] = keys
		}
	}
	next := 0
	for _, value := range want {
		item, ok := value.(map[string]any)
		if !ok {
			return false
		}
		name, keys := "", map[string]any(nil)
		for n, k := range keyed {
			if hasKeys(item, k) {
				name, keys = n, k
			}
		}
		if keys == nil {
			return false
		}
		delete(keyed, name)
		for next < len(live) {
			there, _ := live[next].(map[string]any)
			if hasKeys(there, keys) {
				break
			}
			next++
		}
		if next == len(live) {
			return false
		}
		if !mapUnchanged(fields[name].(map[string]any), item, live[next].(map[string]any)) {
			return false
		}
		next++
	}
	return true
}

// hasKeys reports whether a list's item has some keys. A port without a protocol has TCP.
func hasKeys(item, keys map[string]any) bool {
	for name, key := range keys {
		value, set := item[name]
		if !set && name == "protocol" {
			value = "TCP"
		}
		if !sameValue(value, key) {
			return false
		}
	}
	return item != nil
}

// defaults are what the API server adds to values that are owned as a whole.
var defaults = map[string]any{"fieldRef.apiVersion": "v1", "volumeClaimTemplates.apiVersion": "v1", "volumeClaimTemplates.kind": "PersistentVolumeClaim",
	"spec.volumeMode": "Filesystem"}

// wholeUnchanged compares a value that is owned as a whole. Only the API server's defaults may be added to it.
func wholeUnchanged(name string, want, live any) bool {
	switch want := want.(type) {
	case map[string]any:
		if len(want) == 0 && live == nil && (name == "annotations" || name == "labels") {
			return true // the API server keeps no empty ones
		}
		live, ok := live.(map[string]any)
		if !ok {
			return false
		}
		for key, value := range want {
			if there, ok := live[key]; !ok || !wholeUnchanged(key, value, there) {
				return false
			}
		}
		for key, value := range live {
			if _, wanted := want[key]; !wanted && (key != "status" || name != "volumeClaimTemplates") && (value != defaults[name+"."+key] || value == nil) {
				return false
			}
		}
		return true
	case []any:
		live, ok := live.([]any)
		if !ok || len(live) != len(want) {
			return false
		}
		for i := range want {
			if !wholeUnchanged(name, want[i], live[i]) {
				return false
			}
		}
		return true
	}
	return sameValue(want, live)
}

// sameValue compares scalars; numbers may be of any type.
func sameValue(a, b any) bool {
	x, isNumber := number(a)
	y, alsoNumber := number(b)
	if isNumber || alsoNumber {
		return isNumber && alsoNumber && x == y
	}
	switch a.(type) {
	case string, bool:
		return a == b
	}
	return false
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case int:
		return float64(n), true
	case int64:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

// inner is the number of fields in a set of fields, without the value itself.
func inner(fields map[string]any) int {
	if fields["."] != nil {
		return len(fields) - 1
	}
	return len(fields)
}

// without is a map without some of its keys.
func without(m map[string]any, names ...string) map[string]any {
	out := make(map[string]any, len(m))
	for key, value := range m {
		out[key] = value
	}
	for _, name := range names {
		delete(out, name)
	}
	return out
}
