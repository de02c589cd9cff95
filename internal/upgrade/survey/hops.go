package survey

import (
	"errors"
	"maps"
	"slices"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/upgrade"
)

// Later is a config with another release, and without what that one no longer has; edits say what was changed beside the release.
func Later(e *installation.Environment, w *installation.Want, release string) (out *installation.Want, edits []string, problems diag.List) {
	text, err := config.WithRelease(w.File, w.Text, release)
	if err == nil {
		text, edits, err = without(e.Catalogue(), w, text, release)
	}
	if errors.As(err, &problems) {
		return nil, nil, problems
	}
	if err == nil {
		out, problems, err = e.Another(w, text)
	}
	if err != nil {
		problems = append(problems, diag.Diagnostic{Code: "BERTH3757", Severity: diag.Error, Subject: w.File, Summary: err.Error(),
			Hint: "check that every file that the config names can be read"})
	}
	return out, edits, problems
}

// As is a config with another release, and as it is where it names that one. Problems are why there is none.
func As(e *installation.Environment, w *installation.Want, release string) (*installation.Want, diag.List) {
	if w.Release.Version == release {
		return w, nil
	}
	out, _, problems := Later(e, w, release)
	if problems.Failed() {
		return nil, problems
	}
	return out, nil
}

// without takes services out of a config's text that a release no longer has.
func without(c *catalogue.Catalogue, w *installation.Want, text []byte, release string) ([]byte, []string, error) {
	r, err := c.Release(release, w.Stack.Target)
	if err != nil {
		return text, nil, err
	}
	var edits []string
	configured := w.Doc.Config.Services
	gone := c.Upgrades().Gone
	for _, name := range slices.Sorted(maps.Keys(configured)) {
		g, known := gone[name]
		if _, there := r.Services[name]; there || !known {
			continue
		}
		into := g.Into
		if _, taken := configured[into]; taken {
			into = ""
		}
		if text, err = config.WithoutService(w.File, text, name, into); err != nil {
			return text, nil, err
		}
		edit := "services." + name + " goes: " + g.Reason
		if into != "" {
			edit = "services." + name + " becomes services." + into + ": " + g.Reason
		}
		edits = append(edits, edit)
	}
	return text, edits, nil
}

// hops gives a way's hops with their edits, and the configs that they end with. What a release on the way finds wrong in the config is a problem: all at
// once, and before anything is changed.
func hops(e *installation.Environment, w *installation.Want, way upgrade.Way) (out []plan.Hop, configs plan.Configs, problems diag.List) {
	configs = plan.Configs{w.Release.Version: string(w.Text)}
	for _, h := range way.Hops {
		later, edits, found := Later(e, w, h.To)
		for _, d := range found {
			if d.Severity == diag.Error {
				d.Summary = "with " + h.To + ": " + d.Summary
				problems = append(problems, d)
			}
		}
		if later != nil {
			h.Edits = edits
			out, configs[h.To] = append(out, h), string(later.Text)
			w = later
		}
	}
	return out, configs, problems
}

// OnTheWay are the configs of the releases that a way passes, and the other releases whose migrators it takes.
func OnTheWay(e *installation.Environment, w *installation.Want, to string) (passed []*installation.Want, migrators []string, problems diag.List) {
	way, problems := upgrade.Path(e.Catalogue(), upgrade.Request{From: w.Release.Version, To: to, Target: w.Stack.Target, Facts: Facts(w, nil)})
	if problems.Failed() {
		return nil, nil, problems
	}
	ends := map[string]bool{w.Release.Version: true}
	for _, h := range way.Hops {
		later, _, found := Later(e, w, h.To)
		if found.Failed() {
			return nil, nil, found
		}
		passed, ends[h.To] = append(passed, later), true
		w = later
	}
	for _, h := range way.Hops {
		if !ends[h.Migrator] && !slices.Contains(migrators, h.Migrator) {
			migrators = append(migrators, h.Migrator)
		}
	}
	return passed, migrators, nil
}
