// Package wanted tells what somebody wants of an object that is in a cluster. The object itself has more: the API server writes defaults into it, and controllers write what
// they find. Pure.
//
// Recorded reads it from what was deployed. Without a record, nothing of the object says what was wanted: the defaults are among its fields under the name of who made it.
// But the API server can be asked. What it writes by itself, when an object is made without a field, is nobody's wish: see Of.
package wanted

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"berth/internal/plan/fields"
	"berth/internal/tree"
)

// Write asks the API server what it would make of an object, and makes nothing. refused are the fields that it refuses; ok says that it refuses none.
type Write func(body map[string]any) (made map[string]any, refused []string, ok bool, err error)

// Object is an object in the cluster, with what somebody wants of it.
type Object struct {
	Live, Body map[string]any
	Scaled     bool // a controller sets the number of pods
	// quiet are the fields that the API server writes by itself. An object that says the same says nothing else.
	quiet []leaf
}

// leaf is a field whose value is no map.
type leaf struct {
	path  fields.Path
	place []any // as in the object: names, and indices of lists
	value any
	turn  int // of the fields beside it
}

// asked is the name of objects that are asked about and not made.
const asked = "berth-adopt"

// Of finds what is wanted of a live object.
func Of(live map[string]any, write Write) (Object, error) {
	out := Object{Live: live}
	body := tree.WithoutNulls(live).(map[string]any)
	delete(body, "status")
	metadata := tree.At(body, "metadata")
	maps.DeleteFunc(metadata, func(name string, _ any) bool { return fields.Kept(name) })
	out.Scaled = assigned(body, fields.Managers(live))
	out.Body = body
	if kind := tree.Text(body, "kind"); kind == "ConfigMap" || kind == "Secret" && tree.Text(body, "type") != "Opaque" {
		return out, nil // no field of these has a default
	}
	w := &wisher{body: body, write: write}
	for turn := 0; ; turn++ {
		round := slices.DeleteFunc(leaves(body), func(l leaf) bool { return l.turn != turn })
		if len(round) == 0 {
			break
		}
		if err := w.try(round); err != nil {
			return out, err
		}
	}
	made, _, ok, err := w.ask(nil)
	if err != nil {
		return out, err
	}
	out.quiet = slices.DeleteFunc(w.gone, func(l leaf) bool { return !ok || !restored(made, l) })
	out.Body = without(body, out.quiet)
	return out, nil
}

// assigned takes out of an object what the cluster gave to it: addresses, ports that nobody chose, and what controllers wrote. It reports whether one of
// them sets the number of pods.
func assigned(body map[string]any, managers []fields.Manager) (scaled bool) {
	spec := tree.Branch(body, "spec")
	if tree.Text(body, "kind") == "Service" {
		if tree.Text(spec, "clusterIP") != "None" {
			delete(spec, "clusterIP")
			delete(spec, "clusterIPs")
		}
		delete(spec, "healthCheckNodePort")
		for _, port := range tree.Items(spec["ports"]) {
			if tree.Text(spec, "type") != "NodePort" {
				delete(port, "nodePort")
			}
		}
	}
	for _, l := range leaves(body) {
		owners := fields.Owners(managers, l.path)
		if len(owners) > 0 && !slices.ContainsFunc(owners, func(name string) bool { return !slices.Contains(controllers, name) }) {
			take(body, l.place)
			scaled = scaled || l.path.String() == "spec.replicas"
		}
	}
	return scaled
}

// wisher asks about the fields of one object. A turn asks about one field of each map at a time: beside it all others are there, so the API server makes the
// same parts of the object.
type wisher struct {
	body  map[string]any
	write Write
	gone  []leaf // the API server writes these by itself
}

// try asks what comes of the object without some fields, and keeps those that are there again. Fields that it has to have are asked for no longer.
func (w *wisher) try(some []leaf) error {
	if len(some) == 0 {
		return nil
	}
	made, refused, ok, err := w.ask(some)
	if err != nil {
		return err
	}
	if ok {
		w.gone = append(w.gone, slices.DeleteFunc(some, func(l leaf) bool { return !restored(made, l) })...)
		return nil
	}
	// A field that is refused is needed. What is refused for a field that is missing somewhere in it may be needed for any of these.
	var rest, unsure []leaf
	for _, l := range some {
		switch {
		case slices.ContainsFunc(refused, func(field string) bool { return fields.Within(field, l.field()) }):
		case slices.ContainsFunc(refused, func(field string) bool { return field != "" && fields.Within(l.field(), field) }):
			unsure = append(unsure, l)
		default:
			rest = append(rest, l)
		}
	}
	switch half := len(some) / 2; {
	case len(some) == 1:
		return nil
	case len(rest) == len(some) || len(unsure) == len(some):
		rest, unsure = some[:half:half], some[half:]
	}
	if err := w.try(rest); err != nil {
		return err
	}
	return w.try(unsure)
}

// ask asks about the object without the fields that are gone, and without some more. Secrets' values are not sent, since they are no question; ports of nodes
// are not, since the object itself has them.
func (w *wisher) ask(some []leaf) (made map[string]any, refused []string, ok bool, err error) {
	body := without(without(w.body, w.gone), some)
	switch tree.Text(body, "kind") {
	case "Secret":
		delete(body, "data")
	case "Service":
		for _, port := range tree.Items(tree.Branch(body, "spec")["ports"]) {
			delete(port, "nodePort")
		}
	}
	metadata := map[string]any{"name": asked, "namespace": tree.Text(w.body, "metadata", "namespace")}
	if metadata["namespace"] == "" {
		delete(metadata, "namespace")
	}
	body["metadata"] = metadata
	return w.write(body)
}

// leaves are the fields of an object, but for its metadata, and for those that name items of lists. One that is empty says nothing.
func leaves(body map[string]any) []leaf {
	var out []leaf
	for _, name := range tree.Keys(body) {
		if name != "apiVersion" && name != "kind" && name != "metadata" {
			out = append(out, inside(nil, nil, name, body[name])...)
		}
	}
	return turns(out)
}

// inside are the fields of a value with a name.
func inside(path fields.Path, place []any, name string, v any) []leaf {
	path, place = append(slices.Clone(path), fields.Segment{Name: name}), append(slices.Clone(place), name)
	switch v := v.(type) {
	case map[string]any:
		return ofMap(path, place, v, nil)
	case []any:
		keys := fields.Keys(name, v)
		var out []leaf
		for i, item := range v {
			m, isMap := item.(map[string]any)
			if !isMap {
				return []leaf{{path: path, place: place, value: v}}
			}
			segment := fields.Segment{Index: i}
			if keys != nil {
				segment = fields.Segment{Item: m, Keys: keys}
			}
			out = append(out, ofMap(append(slices.Clone(path), segment), append(slices.Clone(place), i), m, keys)...)
		}
		return out
	case nil:
		return nil
	}
	return []leaf{{path: path, place: place, value: v}}
}

// kept are fields that are wishes even where the API server would write the same: a port of nodes is for whoever knows it.
var kept = []string{"nodePort"}

// ofMap are the fields of a map, but for those that name it among others. A port without a protocol has the API server's.
func ofMap(path fields.Path, place []any, m map[string]any, keys []string) (out []leaf) {
	for _, name := range tree.Keys(m) {
		if (name == "protocol" || !slices.Contains(keys, name)) && !slices.Contains(kept, name) && !(name == "metadata" && keys != nil) {
			out = append(out, inside(path, place, name, m[name])...)
		}
	}
	return out
}

// turns numbers fields that are in one map.
func turns(all []leaf) []leaf {
	next := map[string]int{}
	for i := range all {
		parent := written(all[i].place[:len(all[i].place)-1])
		all[i].turn = next[parent]
		next[parent]++
	}
	return all
}

// field is a field as the API server names it: "spec.template.spec.containers[0].image".
func (l leaf) field() string { return written(l.place) }

func written(place []any) string {
	var b strings.Builder
	for _, at := range place {
		switch at := at.(type) {
		case string:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(at)
		default:
			fmt.Fprintf(&b, "[%v]", at)
		}
	}
	return b.String()
}

// restored reports whether an object has a field as it was.
func restored(made map[string]any, l leaf) bool {
	var at any = made
	for _, step := range l.place {
		switch step := step.(type) {
		case string:
			m, _ := at.(map[string]any)
			at = m[step]
		case int:
			list, _ := at.([]any)
			if step >= len(list) {
				return false
			}
			at = list[step]
		}
	}
	return at != nil && tree.Same(at, l.value)
}

// without is a copy of an object without some fields, and without the maps that are empty then.
func without(body map[string]any, some []leaf) map[string]any {
	out := tree.WithoutNulls(body).(map[string]any)
	for _, l := range some {
		take(out, l.place)
	}
	return out
}

// take takes a field away. One that is not there, since all beside it is gone, is no loss.
func take(v any, place []any) {
	switch at := place[0].(type) {
	case int:
		if list := tree.List(v); at < len(list) {
			take(list[at], place[1:])
		}
	case string:
		m, _ := v.(map[string]any)
		if m[at] == nil {
			return
		}
		if len(place) == 1 {
			delete(m, at)
			return
		}
		take(m[at], place[1:])
		if inner, isMap := m[at].(map[string]any); isMap && len(inner) == 0 {
			delete(m, at)
		}
	}
}

// Heard is an object of berth's as it is compared with theirs: without what the API server writes by itself, and with quantities in the API server's form.
func (o Object) Heard(ours map[string]any) map[string]any {
	for _, l := range o.quiet {
		if v, found := fields.Lookup(ours, l.path.String()); found && tree.Same(v, l.value) {
			ours = fields.Without(ours, l.path.String())
		}
	}
	return inTheirForm("", ours, o.Body).(map[string]any)
}

// inTheirForm is ours with each quantity as they write it, where both mean the same: the API server writes "2" for "2000m".
func inTheirForm(name string, ours, theirs any) any {
	switch o := ours.(type) {
	case map[string]any:
		t, _ := theirs.(map[string]any)
		out := make(map[string]any, len(o))
		for key, v := range o {
			if out[key] = inTheirForm(key, v, t[key]); (name == "limits" || name == "requests") && fields.SameQuantity(v, t[key]) {
				out[key] = t[key]
			}
		}
		return out
	case []any:
		t := tree.List(theirs)
		keys := fields.Keys(name, o, t)
		if keys == nil {
			return ours
		}
		out := make([]any, len(o))
		for i, item := range o {
			out[i] = inTheirForm("", item, itemLike(t, item, keys))
		}
		return out
	}
	return ours
}
