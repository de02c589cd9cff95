package wanted

import (
	"cmp"
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

// Argo is the name of Argo CD in managedFields. With its oldest way of tracking, it marks objects by a label that others set as well.
const Argo = "argocd-controller"

// Maintainer is who else keeps a live object as a repository has it, and the command that switches that off; "" where nobody does.
func Maintainer(live map[string]any) (who, off string) {
	annotations, labels := tree.Branch(live, "metadata", "annotations"), tree.Branch(live, "metadata", "labels")
	for _, t := range trackers {
		name, _, _ := strings.Cut(cmp.Or(tree.Text(annotations, t.mark), tree.Text(labels, t.mark)), ":")
		if name != "" {
			return t.title + " " + name, t.off + " " + name + t.after
		}
	}
	if !slices.ContainsFunc(fields.Managers(live), func(m fields.Manager) bool { return m.Name == Argo }) {
		return "", ""
	}
	name := tree.Text(labels, "app.kubernetes.io/instance")
	return trackers[0].title + " " + name, trackers[0].off + " " + name + trackers[0].after
}
