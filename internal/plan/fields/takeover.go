package fields

import (
	"encoding/json"
	"slices"
	"strings"

	"berth/internal/plan"
	"berth/internal/tree"
)

// berth takes over an object that another tool deployed once: what the tool set becomes ours, as if we had applied it, so our apply removes
// what is not wanted. Without that it would stay forever: server-side apply only removes what its own manager set before. kubectl does the
// same for users of its older apply.
//
// Source: https://github.com/kubernetes/kubernetes/issues/99003, and the package csaupgrade of client-go

// LastApplied is the annotation in which kubectl apply keeps the whole object that it applied, with its secrets.
const LastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// deployers are the managers of tools that deploy installations.
var deployers = []string{"helm", "before-first-apply", "kubectl-client-side-apply", "kubectl-create", "kubectl-replace"}

// Deployer reports whether a manager is a tool that deploys installations.
func Deployer(name string) bool { return slices.Contains(deployers, name) }

// deploys reports whether a manager deployed an object, rather than changed it later. Helm 3 and kubectl's older apply write updates; Helm
// 4 and kubectl apply --server-side apply.
func deploys(name, operation string) bool {
	switch operation {
	case "Update":
		return Deployer(name) || strings.HasPrefix(name, "terraform-provider-helm")
	case "Apply":
		return name == "helm" || name == "kubectl"
	}
	return false
}

// Predecessors are the managers that deployed an object that we never applied; none for an object of ours.
func Predecessors(live map[string]any) []Manager {
	var out []Manager
	for _, m := range Managers(live) {
		switch {
		case m.Name == plan.Manager && m.operation == "Apply":
			return nil
		case m.subresource == "" && deploys(m.Name, m.operation):
			out = append(out, m)
		}
	}
	return out
}

// Names are the names of managers, each once, separated by commas.
func Names(managers []Manager) string {
	var names []string
	for _, m := range managers {
		if !slices.Contains(names, m.Name) {
			names = append(names, m.Name)
		}
	}
	return strings.Join(names, ", ")
}

// keeps are fields that their deployer keeps, by kind: the API server lets nobody remove them, and we would remove what we own and do not
// apply.
var keeps = map[string][]string{"PersistentVolumeClaim": {"spec"}}

// TakenOver returns the managedFields of an object after it is taken over: what was deployed is ours, without the yielded fields. It is nil
// when there is nothing to take over, as for an object that is ours already.
func TakenOver(live map[string]any, yields []string) []any {
	if Predecessors(live) == nil {
		return nil
	}
	yields = append(slices.Clone(yields), keeps[tree.Text(live, "kind")]...)
	version := tree.Text(live, "apiVersion")
	ours, newest := map[string]any{}, ""
	var out []any
	entries, _ := tree.Branch(live, "metadata")["managedFields"].([]any)
	for _, e := range entries {
		entry, _ := e.(map[string]any)
		if tree.Text(entry, "subresource") != "" || !deploys(tree.Text(entry, "manager"), tree.Text(entry, "operation")) {
			out = append(out, e)
			continue
		}
		if tree.Text(entry, "apiVersion") != version {
			continue // in another version of the kind the fields have other names: like csaupgrade, drop them
		}
		fields, held := copied(tree.Branch(entry, "fieldsV1")), map[string]any{}
		for _, field := range yields {
			unite(held, hold(fields, "", field))
		}
		unite(ours, fields)
		newest = max(newest, tree.Text(entry, "time"))
		if len(held) > 0 {
			out = append(out, With(entry, "fieldsV1", held))
		}
	}
	entry := map[string]any{"manager": plan.Manager, "operation": "Apply", "apiVersion": version, "fieldsType": "FieldsV1", "fieldsV1": ours}
	if newest != "" {
		entry["time"] = newest
	}
	return append(out, entry)
}

// Ours reports whether we applied an object: whoever deployed it before, it was taken over.
func Ours(live map[string]any) bool {
	return slices.ContainsFunc(Managers(live), func(m Manager) bool { return m.Name == plan.Manager && m.operation == "Apply" })
}

// GivenBack returns the managedFields of an object in which what we applied is another manager's, so that its next change treats all of that as its own. It
// is nil for an object that we did not apply.
func GivenBack(live map[string]any, manager, operation string) []any {
	if !Ours(live) {
		return nil
	}
	theirs, newest := map[string]any{}, ""
	var out []any
	entries, _ := tree.Branch(live, "metadata")["managedFields"].([]any)
	for _, e := range entries {
		entry, _ := e.(map[string]any)
		name, how := tree.Text(entry, "manager"), tree.Text(entry, "operation")
		if tree.Text(entry, "subresource") != "" || name != plan.Manager && (name != manager || how != operation) {
			out = append(out, e)
			continue
		}
		unite(theirs, tree.Branch(entry, "fieldsV1"))
		newest = max(newest, tree.Text(entry, "time"))
	}
	entry := map[string]any{"manager": manager, "operation": operation, "apiVersion": tree.Text(live, "apiVersion"), "fieldsType": "FieldsV1", "fieldsV1": theirs}
	if newest != "" {
		entry["time"] = newest
	}
	return append(out, entry)
}

// hold removes a field from a set of fields, and returns it as its own set; nil when it is not there. list is the name of the list that the
// set is in, which identifies its items.
func hold(fields map[string]any, list, field string) map[string]any {
	for key, value := range fields {
		rest, ok := strings.CutPrefix(field, written(list, key))
		inner, _ := value.(map[string]any)
		switch {
		case key == "." || !ok:
			continue
		case rest == "":
			delete(fields, key)
			return map[string]any{key: value}
		case rest[0] == '.':
			rest = rest[1:]
		case rest[0] != '[':
			continue
		}
		held := hold(inner, strings.TrimPrefix(key, "f:"), rest)
		if held == nil {
			continue
		}
		if len(inner) == 0 {
			delete(fields, key) // empty, it would mean the value as a whole
		}
		return map[string]any{key: held}
	}
	return nil
}

// written is a part of a set of fields as plans write it: "spec" for "f:spec", "[name=frontend]" for `k:{"name":"frontend"}`.
func written(list, key string) string {
	kind, text, _ := strings.Cut(key, ":")
	switch kind {
	case "f":
		return text
	case "i":
		return "[" + text + "]"
	}
	var item map[string]any
	if kind == "k" && json.Unmarshal([]byte(text), &item) == nil {
		for _, keys := range listKeys[list] {
			if item[keys[0]] != nil {
				return bracket(item, keys)
			}
		}
	}
	return key
}

// unite adds a set of fields to another one.
func unite(to, from map[string]any) {
	for key, value := range from {
		inner, _ := value.(map[string]any)
		there, ok := to[key].(map[string]any)
		switch {
		case !ok:
			to[key] = copied(inner)
		case len(there) == 0 && len(inner) > 0:
			// One has the value as a whole, the other has parts of it: keep both.
			to[key] = With(inner, ".", map[string]any{})
		case len(there) > 0 && len(inner) == 0:
			there["."] = map[string]any{}
		default:
			unite(there, inner)
		}
	}
}

// copied is a deep copy of a tree.
func copied(tree map[string]any) map[string]any {
	out := make(map[string]any, len(tree))
	for key, value := range tree {
		if inner, ok := value.(map[string]any); ok {
			value = copied(inner)
		}
		out[key] = value
	}
	return out
}
