package kubernetes

import (
	"fmt"
	"slices"
	"strings"

	"berth/internal/adopt"
	"berth/internal/tree"
)

// pair compares each workload of theirs with the one that berth has under the same name, also where that is of another kind: the databases of Sourcegraph's
// older manifests are Deployments, and those of the chart are StatefulSets. Both mount the claim of that name, so the two must never run beside each other.
func (k *known) pair() {
	for _, ours := range tree.Keys(k.raw) {
		if tree.Pods(k.raw[ours]) == nil || k.source.raw[ours] != nil {
			continue
		}
		for _, kind := range []string{"Deployment", "StatefulSet"} {
			theirs := kind + "/" + nameOf(ours)
			if k.source.raw[theirs] == nil || k.raw[theirs] != nil {
				continue
			}
			k.source.kinds[ours] = kind
			k.source.raw[ours], k.source.Objects[ours] = k.source.raw[theirs], k.source.Objects[theirs]
			delete(k.source.raw, theirs)
			delete(k.source.Objects, theirs)
		}
	}
}

// placed says which workloads make room for one of another kind.
func (k *known) placed() (notes []string) {
	for ours, kind := range k.source.kinds {
		if k.raw[ours] != nil {
			notes = append(notes, fmt.Sprintf("%s/%s makes room for %s, which the release has in its place: berth up stops its pods first; its claims stay", kind, nameOf(ours), ours))
		}
	}
	slices.Sort(notes)
	return notes
}

// elsewhere: data in a claim that the pods which are made again do not have. They would begin without it.
func (k *known) elsewhere(d adopt.Difference, _ *adopt.Situation) *adopt.Answer {
	path := inPods(d)
	if len(path) < 3 || path[0] != "volumes" || path[2] != "persistentVolumeClaim" || d.Theirs == nil || !k.reselected(d.Object) {
		return nil
	}
	claim := tree.Text(tree.Named(tree.Branch(tree.Pods(k.source.raw[d.Object]), "spec")["volumes"], path[1]), "persistentVolumeClaim", "claimName")
	for _, v := range tree.Items(tree.Branch(tree.Pods(k.raw[d.Object]), "spec")["volumes"]) {
		if tree.Text(v, "persistentVolumeClaim", "claimName") == claim {
			return nil
		}
	}
	return &adopt.Answer{Fate: adopt.Lost, Why: "its data is in the claim " + claim + ", which the pods of the release do not mount: they would begin without it"}
}

// strategy: how a Deployment replaces its pod. A StatefulSet never has two pods of one number, which is what Recreate asks for.
func (k *known) strategy(d adopt.Difference, _ *adopt.Situation) *adopt.Answer {
	if k.source.kinds[d.Object] != "Deployment" || d.Theirs != "Recreate" || strings.Join(d.Path, ".") != "spec.strategy.type" {
		return nil
	}
	return &adopt.Answer{Fate: adopt.Default, Why: "a StatefulSet stops a pod before its successor starts"}
}
