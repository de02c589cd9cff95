package plan

import (
	"encoding/json"
	"slices"
	"strings"
)

// manager is who set which fields of an object: an entry of its managedFields.
type manager struct {
	name        string
	operation   string // "Apply", "Update"
	subresource string // "scale"; "" is the object itself
	time        string
	fields      map[string]any // FieldsV1: "f:spec", `k:{"name":"frontend"}`, "i:0", "." for the thing itself
}

// is reports whether two entries are one.
func (m manager) is(other manager) bool {
	return m.name == other.name && m.operation == other.operation && m.subresource == other.subresource
}

// managersOf are an object's managers, who wrote last first. Who only wrote its status is none.
func managersOf(live map[string]any) []manager {
	meta, _ := live["metadata"].(map[string]any)
	entries, _ := meta["managedFields"].([]any)
	var out []manager
	for _, e := range entries {
		entry, _ := e.(map[string]any)
		fields, _ := entry["fieldsV1"].(map[string]any)
		if fields == nil || entry["subresource"] == "status" {
			continue
		}
		out = append(out, manager{textAt(entry, "manager"), textAt(entry, "operation"), textAt(entry, "subresource"), textAt(entry, "time"), fields})
	}
	slices.SortStableFunc(out, func(a, b manager) int { return strings.Compare(b.time, a.time) })
	return out
}

// ownersOf are the names of those who set a field.
func ownersOf(managers []manager, path []segment) []string {
	var names []string
	for _, m := range managers {
		if m.holds(path) && !slices.Contains(names, m.name) {
			names = append(names, m.name)
		}
	}
	return names
}

// holds reports whether a manager set a field, or a value as a whole that it lies in.
func (m manager) holds(path []segment) bool {
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

// setByUsAlone reports whether we set a field, itself and not as a part of a larger value, and nobody else did.
func setByUsAlone(managers []manager, path []segment) bool {
	set := false
	for _, m := range managers {
		var node any = m.fields
		for _, s := range path {
			fields, _ := node.(map[string]any)
			node = s.in(fields)
		}
		if node != nil && m.name != Manager {
			return false
		}
		set = set || node != nil
	}
	return set
}

// in finds the part of a set of fields that is about a segment.
func (s segment) in(node map[string]any) any {
	switch {
	case s.name != "":
		return node["f:"+s.name]
	case s.item == nil:
		return node["i:"+plain(s.index)]
	}
	for key, inner := range node {
		var want map[string]any
		text, ok := strings.CutPrefix(key, "k:")
		if ok && json.Unmarshal([]byte(text), &want) == nil && sameKeys(s.item, want, s.keys) {
			return inner
		}
	}
	return nil
}
