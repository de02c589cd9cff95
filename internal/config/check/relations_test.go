package check

import (
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/config"
)

// TestKeysOfRelationsExist: a message names only keys that berth explain knows.
func TestKeysOfRelationsExist(t *testing.T) {
	for _, e := range catalogue.Embedded().Relations().Refused {
		for _, key := range []string{e.Key, e.Unless} {
			if key == "" {
				continue
			}
			if _, err := config.Explain(key, config.Facts{}); err != nil {
				t.Errorf("%v: %v", e.Variables, err)
			}
		}
	}
}

// TestPatchesDoNotFight: what services.SERVICE.env can't set, a patch can't set or remove either, for every variable, service, release and
// target, in each form that a patch can have.
func TestPatchesDoNotFight(t *testing.T) {
	cat := catalogue.Embedded()
	doc, _ := config.Load("sourcegraph.yaml", []byte("url: http://localhost\n"))
	for _, target := range []catalogue.Target{catalogue.Compose, catalogue.Kubernetes} {
		for _, rel := range newestOfMinors(t, cat, target) {
			met := 0
			for service := range rel.Services {
				for _, variable := range refusals(rel, service) {
					for _, patch := range []config.Patch{
						{Compose: map[string]any{"environment": map[string]any{variable: "x"}}},
						{Compose: map[string]any{"environment": map[string]any{variable: nil}}},
						{Compose: map[string]any{"environment": []any{variable + "=x"}}},
						{Kubernetes: inPods(map[string]any{"name": variable, "value": "x"})},
					} {
						c := &checker{doc: doc, Config: doc.Config, rel: rel, world: around(nil), refusedAt: map[string]bool{}}
						patch.Service = service
						c.patchedVariables("patches.0", patch)
						if met++; len(c.problems) != 1 || c.problems[0].Code != "BERTH1172" {
							t.Errorf("%s on %s: %+v: %v", rel.Version, target, patch, c.problems)
						}
					}
				}
			}
			if met == 0 {
				t.Errorf("%s on %s has no variable that is refused", rel.Version, target)
			}
		}
	}
}

// inPods is a patch of one variable of pods.
func inPods(variable map[string]any) map[string]any {
	container := map[string]any{"name": "x", "env": []any{variable}}
	return map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{"containers": []any{container}}}}}
}

// refusals are the variables that an admin can't set of a service, by a patch neither.
func refusals(rel *catalogue.Release, service string) (out []string) {
	for _, e := range rel.Relations.Refused {
		for _, variable := range e.Variables {
			variable = strings.ReplaceAll(variable, "*", "ANY")
			if r := rel.Relations.Refuses(service, variable, func(string) bool { return false }); r != nil && !r.ByPatch {
				out = append(out, variable)
			}
		}
	}
	return out
}

// newestOfMinors are the newest releases of all minors for a target.
func newestOfMinors(t *testing.T, cat *catalogue.Catalogue, target catalogue.Target) (out []*catalogue.Release) {
	for _, v := range cat.Versions(target) { // the newest first
		if len(out) > 0 && catalogue.Minor(out[len(out)-1].Version) == catalogue.Minor(v.Version) {
			continue
		}
		rel, err := cat.Release(v.Version, target)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, rel)
	}
	return out
}
