package kubernetes

import (
	"fmt"
	"slices"
	"strings"

	"berth/internal/plan/fields"
	"berth/internal/tree"
)

// trackers are the tools that keep objects of a cluster as a repository has them, with how each marks its objects, and what keeps it from changing them back.
//
// Source: https://argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking/, https://fluxcd.io/flux/components/kustomize/kustomizations/ and
// https://fluxcd.io/flux/components/helm/helmreleases/
var trackers = []struct {
	mark, title, off, after string // after is what follows the name in the command that switches it off
}{
	{"argocd.argoproj.io/tracking-id", "Argo CD's application", "argocd app set", " --sync-policy none"},
	{"argocd.argoproj.io/instance", "Argo CD's application", "argocd app set", " --sync-policy none"},
	{"kustomize.toolkit.fluxcd.io/name", "Flux' Kustomization", "flux suspend kustomization", ""},
	{"helm.toolkit.fluxcd.io/name", "Flux' HelmRelease", "flux suspend helmrelease", ""},
}

// argo is the name of Argo CD in managedFields. With its oldest way of tracking, it marks objects by a label that others set as well.
const argo = "argocd-controller"

// tracked notes who else maintains a live object.
func (s *Source) tracked(live map[string]any) {
	if s.trackers == nil {
		s.trackers = map[string]int{}
	}
	marks := tree.Branch(live, "metadata", "annotations")
	labels := tree.Branch(live, "metadata", "labels")
	for _, t := range trackers {
		name := tree.Text(marks, t.mark)
		if name == "" {
			name = tree.Text(labels, t.mark)
		}
		if name, _, _ = strings.Cut(name, ":"); name != "" {
			s.trackers[t.title+" "+name+"|"+t.off+" "+name+t.after]++
			return
		}
	}
	if slices.ContainsFunc(fields.Managers(live), func(m fields.Manager) bool { return m.Name == argo }) {
		name := tree.Text(labels, "app.kubernetes.io/instance")
		t := trackers[0]
		s.trackers[t.title+" "+name+"|"+t.off+" "+name+t.after]++
	}
}

// maintained are the notes on who else maintains the objects.
func (s *Source) maintained() (notes []string) {
	for _, key := range tree.Keys(s.trackers) {
		who, off, _ := strings.Cut(key, "|")
		notes = append(notes, fmt.Sprintf("%s maintains %d of these objects, and would change them back after berth up. Switch its automatic sync off before: %s", who, s.trackers[key], off))
	}
	return notes
}
