// Package spec is the format of Compose files, by Compose's own code: how an override file merges, and what Compose refuses. Files are decoded
// trees. Pure: it reads nothing from the disk.
package spec

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/override"
	"github.com/compose-spec/compose-go/v2/schema"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Merge merges an override file into a file, as Compose does: lists are added to, lists of variables, mounts and the like by name, commands are
// replaced. Neither file is changed.
func Merge(file, with map[string]any) (map[string]any, error) {
	merged, err := override.Merge(copied(file).(map[string]any), copied(with).(map[string]any))
	if err != nil {
		return nil, err
	}
	return override.EnforceUnicity(merged)
}

// copied is a deep copy: Compose's code merges in place.
func copied(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			out[key] = copied(value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = copied(value)
		}
		return out
	}
	return v
}

// Problem is what Compose refuses in a file.
type Problem struct {
	Path []string // "services", "worker", "resource"
	Text string   // "must be a string"; "" where there is no such key
}

// Problems are what Compose's schema refuses in a file: keys that do not exist, and values of another type. A wrong value of several allowed
// types is one problem.
func Problems(file map[string]any) []Problem {
	text, err := json.Marshal(file)
	var tree any
	if err == nil {
		tree, err = jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	}
	if err != nil {
		return []Problem{{Text: err.Error()}} // a key that is no text, for example
	}
	wrong, _ := compiled().Validate(tree).(*jsonschema.ValidationError)
	if wrong == nil {
		return nil
	}
	var out []Problem
	unknown(wrong, func(path []string) { out = append(out, Problem{Path: path}) })
	if len(out) == 0 {
		deepest := value(wrong)
		out = append(out, Problem{Path: deepest.InstanceLocation, Text: deepest.ErrorKind.LocalizedString(message.NewPrinter(language.English))})
	}
	slices.SortFunc(out, func(a, b Problem) int { return slices.Compare(a.Path, b.Path) })
	return slices.CompactFunc(out, func(a, b Problem) bool { return slices.Equal(a.Path, b.Path) })
}

// unknown finds the keys that Compose does not have. A value of several allowed forms fails in each; an unknown key of a form counts only where
// no form without it fits better.
func unknown(e *jsonschema.ValidationError, found func(path []string)) {
	switch k := e.ErrorKind.(type) {
	case *kind.FalseSchema:
		// A service with one wrong value fails as a whole, and then the schema calls its other keys unevaluated.
		if at := e.InstanceLocation; len(at) != 3 || at[0] != "services" || !slices.Contains(Keys(), at[2]) {
			found(at)
		}
	case *kind.AdditionalProperties:
		for _, key := range k.Properties {
			found(append(slices.Clone(e.InstanceLocation), key))
		}
	case *kind.OneOf, *kind.AnyOf:
		unknown(leaf(e), found)
		return
	}
	for _, cause := range e.Causes {
		unknown(cause, found)
	}
}

// value is the deepest cause that is about a value, not about a key.
func value(e *jsonschema.ValidationError) *jsonschema.ValidationError {
	if len(e.Causes) == 0 {
		return e
	}
	var best *jsonschema.ValidationError
	for _, cause := range e.Causes {
		l := value(cause)
		_, key := l.ErrorKind.(*kind.FalseSchema)
		if best == nil || !key && len(l.InstanceLocation) >= len(best.InstanceLocation) {
			best = l
		}
	}
	return best
}

// leaf is the deepest cause, which is the most specific one.
func leaf(e *jsonschema.ValidationError) *jsonschema.ValidationError {
	if len(e.Causes) == 0 {
		return e
	}
	best := leaf(e.Causes[0])
	for _, cause := range e.Causes[1:] {
		if l := leaf(cause); len(l.InstanceLocation) > len(best.InstanceLocation) {
			best = l
		}
	}
	return best
}

// compiled is Compose's schema. It takes some 10 ms, so only configs with patches pay for it.
var compiled = sync.OnceValue(func() *jsonschema.Schema {
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(schema.Schema))
	compiler := jsonschema.NewCompiler()
	if err == nil {
		err = compiler.AddResource("compose-spec.json", document)
	}
	if err != nil {
		panic(err) // it comes with the library
	}
	return compiler.MustCompile("compose-spec.json")
})

// Keys are the keys of a service of a Compose file, in order.
var Keys = sync.OnceValue(func() []string {
	var s struct {
		Defs map[string]struct{ Properties map[string]any } `json:"$defs"`
	}
	if err := json.Unmarshal([]byte(schema.Schema), &s); err != nil {
		panic(err) // it comes with the library
	}
	var keys []string
	for _, part := range []string{"service", "container_spec", "workload_spec"} { // a service is all three
		keys = slices.AppendSeq(keys, maps.Keys(s.Defs[part].Properties))
	}
	slices.Sort(keys)
	return slices.Compact(keys)
})

// Mount is something of the host, or a named volume, that a service mounts.
type Mount struct {
	Source, Target string
	ReadOnly       bool
}

// Load reads a whole file as Compose does, and gives the mounts of each service; or it says why Compose refuses the file: services, networks, volumes and secrets that are named and not defined,
// ports and mounts that can't be read.
func Load(name string, file []byte) (mounts map[string][]Mount, err error) {
	project, err := loader.LoadWithContext(context.Background(),
		types.ConfigDetails{WorkingDir: "/", ConfigFiles: []types.ConfigFile{{Filename: name, Content: file}}, Environment: types.Mapping{}},
		func(o *loader.Options) {
			o.SkipInterpolation, o.SkipResolveEnvironment, o.SkipInclude, o.SkipExtends = true, true, true, true
			o.SkipValidation = true // by the schema: Problems does it for each part, and a newer release may have keys that this schema has not
			o.SetProjectName("sourcegraph", true)
		})
	if err != nil {
		return nil, fmt.Errorf("%s", strings.TrimSuffix(err.Error(), ": invalid compose project"))
	}
	mounts = map[string][]Mount{}
	for name, from := range project.Services {
		for _, v := range from.Volumes {
			if v.Source != "" {
				mounts[name] = append(mounts[name], Mount{v.Source, v.Target, v.ReadOnly})
			}
		}
	}
	return mounts, nil
}

// File is a Compose file.
type File struct {
	Name    string
	Content []byte
}

// Resolve reads files as docker compose -f FILE -f FILE does, in a folder and with variables: merged, with all paths absolute and one form for each
// key. It gives the project by part and name: "services", "gitserver-0". Profiles are all on.
func Resolve(dir string, env map[string]string, files ...File) (map[string]map[string]any, error) {
	details := types.ConfigDetails{WorkingDir: dir, Environment: env}
	for _, f := range files {
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: f.Name, Content: f.Content})
	}
	project, err := loader.LoadWithContext(context.Background(), details, func(o *loader.Options) {
		o.Profiles = []string{"*"}
		o.SkipValidation = true // as in Load
		o.SetProjectName("sourcegraph", false)
	})
	if err != nil {
		return nil, fmt.Errorf("%s", strings.TrimSuffix(err.Error(), ": invalid compose project"))
	}
	text, err := project.MarshalJSON()
	if err != nil {
		return nil, err
	}
	var all map[string]any
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	parts := map[string]map[string]any{}
	for name, part := range all {
		if m, ok := part.(map[string]any); ok {
			parts[name] = m
		}
	}
	return parts, nil
}
