package compose

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"berth/internal/config"
	"berth/internal/diag"
	"berth/internal/render/compose/spec"
	"berth/internal/stack"
)

// TestReservedKeys: Compose has every key that a patch must not set, the refusal is a whole sentence, and the key of the config that it names
// exists.
func TestReservedKeys(t *testing.T) {
	named := regexp.MustCompile(`services\.caddy\.([a-z]+)|set ([a-z]+)( |$)`)
	for key := range reserved {
		if !slices.Contains(spec.Keys(), key) {
			t.Errorf("Compose has no key %s", key)
		}
		r := &renderer{stack: &stack.Stack{Release: "7.5.4453"}}
		p := &patching{renderer: r, patch: stack.Patch{Service: "caddy", Change: map[string]any{key: 1}, At: func(...string) diag.Range { return diag.Range{} }}, under: []string{"services", "caddy"}}
		if _, changes := p.apply(mapping{}); len(changes) > 0 || len(r.problems) != 1 || strings.ContainsAny(r.problems[0].Hint+r.problems[0].Summary, "%!") {
			t.Errorf("%s: %v", key, r.problems)
			continue
		}
		for _, found := range named.FindAllStringSubmatch(r.problems[0].Hint, -1) {
			path, k := "services", config.Root().Key("services").Elem
			if found[2] != "" {
				path, k = found[2], config.Root()
			}
			if k.Key(found[1]+found[2]) == nil {
				t.Errorf("%s: the hint names %s of %s, which is no key", key, found[1]+found[2], path)
			}
		}
	}
}
