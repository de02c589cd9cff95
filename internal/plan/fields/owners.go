package fields

import (
	"encoding/json"
	"slices"
	"strings"

	"berth/internal/plan"
	"berth/internal/tree"
)

// Manager is an entry of an object's managedFields: who set which fields.
type Manager struct {
	Name        string
	operation   string // "Apply", "Update"
	subresource string // "scale"; "" is the object itself
	time        string
	fields      map[string]any // FieldsV1: "f:spec", `k:{"name":"frontend"}`, "i:0", "." for the value itself
}

// Operation is how it writes: "Apply", "Update".
func (m Manager) Operation() string { return m.operation }

// is reports whether two entries are the same.
func (m Manager) is(other Manager) bool {
	return m.Name == other.Name && m.operation == other.operation && m.subresource == other.subresource
}

// Managers are an object's managers, the last writer first, without those that only wrote its status.
func Managers(live map[string]any) []Manager {
	var out []Manager
	for _, entry := range tree.Items(tree.Branch(live, "metadata")["managedFields"]) {
		fields := tree.Branch(entry, "fieldsV1")
		if fields == nil || entry["subresource"] == "status" {
			continue
		}
		out = append(out, Manager{tree.Text(entry, "manager"), tree.Text(entry, "operation"), tree.Text(entry, "subresource"), tree.Text(entry, "time"), fields})
	}
	slices.SortStableFunc(out, func(a, b Manager) int { return strings.Compare(b.time, a.time) })
	return out
}

// Owners are the names of the managers that set a field.
func Owners(managers []Manager, path Path) []string {
	var names []string
	for _, m := range managers {
		if m.holds(path) && !slices.Contains(names, m.Name) {
			names = append(names, m.Name)
		}
	}
	return names
}

// holds reports whether a manager set a field, or a value as a whole that contains it.
func (m Manager) holds(path Path) bool {
	node := m.fields
	for i, s := range path {
		inner, ok := s.in(node).(map[string]any)
		if !ok {
			return i > 0 && len(node) == 0
		}
		node = inner
	}
	return true
}

// SetByUsAlone reports whether only we set a field, and set it by itself and not as a part of a larger value.
func SetByUsAlone(managers []Manager, path Path) bool {
	set := false
	for _, m := range managers {
		var node any = m.fields
		for _, s := range path {
			fields, _ := node.(map[string]any)
			node = s.in(fields)
		}
		if node != nil && m.Name != plan.Manager {
			return false
		}
		set = set || node != nil
	}
	return set
}

// in finds the part of a set of fields for a segment.
func (s Segment) in(node map[string]any) any {
	switch {
	case s.Name != "":
		return node["f:"+s.Name]
	case s.Item == nil:
		return node["i:"+Plain(s.Index)]
	}
	for key, inner := range node {
		var want map[string]any
		text, ok := strings.CutPrefix(key, "k:")
		if ok && json.Unmarshal([]byte(text), &want) == nil && SameKeys(s.Item, want, s.Keys) {
			return inner
		}
	}
	return nil
}
