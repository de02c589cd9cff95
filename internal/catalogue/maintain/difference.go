package maintain

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"reflect"
	"regexp"
	"strings"

	"berth/catalogue"
	"go.yaml.in/yaml/v4"
)

// Difference is one value that is not as in Sourcegraph's files.
type Difference struct {
	Release  string           `json:"release"`
	Target   catalogue.Target `json:"target"`
	Part     string           `json:"part"` // a service, an object, a file, or "project"
	Path     string           `json:"path"` // of the value in it; "" for all of it
	Shipped  string           `json:"shipped"`
	Rendered string           `json:"rendered"`
	Reason   string           `json:"reason,omitempty"` // why it is intended
}

// String is the difference in one line.
func (d Difference) String() string {
	name := strings.TrimSpace(d.Part + " " + d.Path)
	return fmt.Sprintf("%s %s %s: shipped %s, rendered %s", d.Release, d.Target, name, d.Shipped, d.Rendered)
}

// nothing is shown where one side has no such value.
const nothing = "nothing"

// compareTrees lists the values of two trees that differ, with their paths.
func compareTrees(part, path string, shipped, rendered any) []Difference {
	if reflect.DeepEqual(shipped, rendered) {
		return nil
	}
	shippedMap, wasMap := shipped.(map[string]any)
	renderedMap, isMap := rendered.(map[string]any)
	if !wasMap || !isMap {
		return compareLists(part, path, shipped, rendered)
	}
	var all []Difference
	for _, key := range sortedKeys(union(shippedMap, renderedMap)) {
		before, had := shippedMap[key]
		after, has := renderedMap[key]
		inner := strings.TrimPrefix(path+"."+key, ".")
		switch {
		case !had:
			all = append(all, Difference{Part: part, Path: inner, Shipped: nothing, Rendered: show(after)})
		case !has:
			all = append(all, Difference{Part: part, Path: inner, Shipped: show(before), Rendered: nothing})
		default:
			all = append(all, compareTrees(part, inner, before, after)...)
		}
	}
	return all
}

// compareLists compares lists of the same length item by item, and other values as a whole.
func compareLists(part, path string, shipped, rendered any) []Difference {
	before, wasList := shipped.([]any)
	after, isList := rendered.([]any)
	if !wasList || !isList || len(before) != len(after) {
		return []Difference{{Part: part, Path: path, Shipped: show(shipped), Rendered: show(rendered)}}
	}
	var all []Difference
	for i := range before {
		all = append(all, compareTrees(part, fmt.Sprintf("%s[%d]", path, i), before[i], after[i])...)
	}
	return all
}

func union(a, b map[string]any) map[string]bool {
	keys := map[string]bool{}
	for key := range a {
		keys[key] = true
	}
	for key := range b {
		keys[key] = true
	}
	return keys
}

// show writes a value in one line, shortened.
func show(value any) string {
	content, err := json.Marshal(value)
	if err != nil {
		content = []byte(fmt.Sprint(value))
	}
	if len(content) > 200 {
		return string(content[:197]) + "…"
	}
	return string(content)
}

// Intended is an intended difference. A * in its patterns matches any text.
type Intended struct {
	Target   catalogue.Target `yaml:"target" json:"target"`
	Part     string           `yaml:"part" json:"part"`
	Path     string           `yaml:"path" json:"path"`
	Shipped  string           `yaml:"shipped,omitempty" json:"shipped,omitempty"`   // "": any value
	Rendered string           `yaml:"rendered,omitempty" json:"rendered,omitempty"` // "": any value
	Reason   string           `yaml:"reason" json:"reason"`
}

func readIntended(fsys fs.FS) ([]Intended, error) {
	content, err := fs.ReadFile(fsys, catalogue.IntendedFile)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", catalogue.IntendedFile, err)
	}
	var file struct {
		Intended []Intended `yaml:"intended"`
	}
	if err := yaml.Load(content, &file, yaml.WithKnownFields()); err != nil {
		return nil, fmt.Errorf("read %s: %w", catalogue.IntendedFile, err)
	}
	return file.Intended, nil
}

// explain gives intended differences their reasons, and lists the entries that match none.
func explain(differences []Difference, intended []Intended) (unused []Intended) {
	used := make([]bool, len(intended))
	type entry struct{ part, path, shipped, rendered *regexp.Regexp }
	entries := make([]entry, len(intended))
	for i, e := range intended {
		entries[i] = entry{glob(e.Part), glob(e.Path), glob(cmp.Or(e.Shipped, "*")), glob(cmp.Or(e.Rendered, "*"))}
	}
	for i := range differences {
		d := &differences[i]
		for j, e := range entries {
			if intended[j].Target == d.Target && e.part.MatchString(d.Part) && e.path.MatchString(d.Path) &&
				e.shipped.MatchString(d.Shipped) && e.rendered.MatchString(d.Rendered) {
				d.Reason, used[j] = intended[j].Reason, true
				break
			}
		}
	}
	for i, e := range intended {
		if !used[i] {
			unused = append(unused, e)
		}
	}
	return unused
}

func glob(pattern string) *regexp.Regexp {
	return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + "$")
}
