package installation

import (
	"slices"

	"berth/internal/diag"
	"berth/internal/render/compose"
	"berth/internal/render/kubernetes"
	"berth/internal/stack"
)

// proof renders what should run, where its parts can contradict each other: two services that publish one port, the admin's patches and objects.
// Nothing is asked of a target.
func proof(s *stack.Stack) (problems diag.List) {
	switch {
	case s.Cluster == nil:
		_, problems = compose.Render(s, nil)
	case s.Cluster != nil && len(s.Patches)+len(s.Cluster.Extra) > 0:
		_, problems = kubernetes.Render(s, nil)
	}
	problems.Sort()
	return problems
}

// ofPatches are the codes of patches that don't fit what they are for.
var ofPatches = []string{"BERTH1190", "BERTH1191", "BERTH1196", "BERTH1197", "BERTH1198", "BERTH1670", "BERTH1154"}

// Outlook says which patches will not fit the newest release, which an upgrade would stop at.
func (e *Environment) Outlook(w *Want) (out diag.List) {
	newest, err := e.Catalogue().Release(e.Catalogue().Newest(w.Stack.Target), w.Stack.Target)
	if err != nil || newest.Version == w.Release.Version || len(w.Stack.Patches) == 0 {
		return nil // a catalogue without releases has nothing to say
	}
	later := w.Input
	later.Release = newest
	for _, d := range proof(stack.Resolve(later)) {
		if slices.Contains(ofPatches, d.Code) {
			d.Code, d.Severity = "BERTH1671", diag.Warning
			d.Summary = "an upgrade to " + newest.Version + " will stop: " + d.Summary
			out = append(out, d)
		}
	}
	return out
}
