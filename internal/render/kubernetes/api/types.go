// Package api is the Kubernetes API's types as data: which fields there are, what they hold, how lists merge, and which fields exclude each
// other. By it a patch merges into an object as kubectl patch merges it, and an object is proved without a cluster. Pure.
//
// types.json is generated from k8s.io/api, whose release is in go.mod: go test ./internal/render/kubernetes/api -update. A cluster that is
// older knows fewer fields; it says so itself when berth plans.
package api

import (
	_ "embed"
	"encoding/json"
	"strings"
	"sync"
)

//go:embed types.json
var text []byte

// Table is the types of the API.
type Table struct {
	// Types are the fields of each type: "[]Container=name" is a list of Containers that merge by their names, "map string" a map of texts. A
	// "!" at the end means that the field must be there.
	Types map[string]map[string]string
	// OneOf are fields of a type of which an object has at most one.
	OneOf map[string][][]string
	// Only are fields that need another field to have a value: {"rollingUpdate": ["type", "RollingUpdate"]}.
	Only map[string]map[string][2]string
	// Unique are fields that no two items of a list of the type share, beside what they merge by.
	Unique map[string]string
}

// types are read where the first patch needs them.
var types = sync.OnceValue(func() Table {
	var t Table
	if err := json.Unmarshal(text, &t); err != nil {
		panic(err) // a test reads it
	}
	return t
})

// field is what a field holds.
type field struct {
	list, dict, must bool
	of               string // the type: one of Types, or string, number, bool, quantity, number or string, anything
	key              string // by which items of a list merge; "": the list is replaced
}

func read(text string) (f field) {
	f.of, f.must = strings.CutSuffix(text, "!")
	f.of, f.list = strings.CutPrefix(f.of, "[]")
	f.of, f.dict = strings.CutPrefix(f.of, "map ")
	f.of, f.key, _ = strings.Cut(f.of, "=")
	return f
}

// fieldOf is a field of a type; of "" when there is none.
func fieldOf(of, name string) field { return read(types().Types[of][name]) }

// Known reports whether the table has a kind of objects. The cluster alone knows others, such as OpenShift's Route.
func Known(kind string) bool { return types().Types[kind] != nil }
