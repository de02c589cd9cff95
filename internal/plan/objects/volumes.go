package objects

import (
	"fmt"
	"maps"
	"slices"

	"berth/internal/diag"
	"berth/internal/tree"
)

// leftBehind finds data that would stay behind: pods that would get another claim than the one with their data, and volumes that are reserved
// for a claim that is bound to another.
func (b *differ) leftBehind() {
	for i := range b.desired.Objects {
		o := &b.desired.Objects[i]
		if o.Keeps != "" {
			b.otherClaim(o)
		}
		if kindOf(o.Key) == "PersistentVolume" {
			b.boundElsewhere(o)
		}
	}
}

// otherClaim reports a claim that takes the place of the one with the data.
func (b *differ) otherClaim(o *Object) {
	live, wanted := b.cluster.Seen[o.Key].Live, claimsOf(o.Body)
	has := claimsOf(live)
	for _, volume := range tree.Keys(wanted) {
		was := has[volume]
		if live == nil {
			// What is stopped left its claim: one of a StatefulSet's own, or the one that the release names after the service.
			for _, name := range []string{volume + "-" + nameOf(o.Key) + "-0", o.Service} {
				there := slices.ContainsFunc(b.cluster.Claims, func(c Claim) bool { return c.Name == name })
				if there && !slices.Contains(slices.Collect(maps.Values(wanted)), name) {
					was = name
				}
			}
		}
		if was == "" || was == wanted[volume] {
			continue
		}
		b.problems = append(b.problems, diag.Diagnostic{Code: "BERTH1661", Severity: diag.Error, Subject: o.Key, Range: originOf(o, "volume"),
			Summary: fmt.Sprintf("its data is in the claim %s and would stay there; the service would start without data in %s", was, wanted[volume]),
			Detail:  []string{o.Service + " keeps " + o.Keeps},
			Hint:    fmt.Sprintf("copy %s while Sourcegraph is stopped (berth down), then write  volume: {name: %s, holdsData: true}; or remove the change", was, wanted[volume])})
	}
}

// claimsOf are the claims of an object's pods, by the name of the volume in them: for a StatefulSet's own ones, those of its first pod.
func claimsOf(body map[string]any) map[string]string {
	out := map[string]string{}
	for _, v := range tree.Items(tree.Branch(body, "spec", "template", "spec")["volumes"]) {
		if claim := tree.Text(v, "persistentVolumeClaim", "claimName"); claim != "" {
			out[tree.Text(v, "name")] = claim
		}
	}
	for _, t := range templates(body) {
		name := tree.Text(t, "metadata", "name")
		out[name] = name + "-" + tree.Text(body, "metadata", "name") + "-0"
	}
	return out
}

// boundElsewhere reports a volume that is reserved for a claim which has another: a bound claim never changes its volume.
func (b *differ) boundElsewhere(o *Object) {
	claim := tree.Text(o.Body, "spec", "claimRef", "name")
	for _, c := range b.cluster.Claims {
		if c.Name != claim || c.Volume == "" || c.Volume == nameOf(o.Key) || tree.Text(o.Body, "spec", "claimRef", "namespace") != b.desired.Namespace {
			continue
		}
		b.problems = append(b.problems, diag.Diagnostic{Code: "BERTH1668", Severity: diag.Error, Subject: "PersistentVolumeClaim/" + claim, Range: originOf(o, "volume"),
			Summary: fmt.Sprintf("the claim %s is bound to the volume %s, so its data stays there", claim, c.Volume),
			Hint:    fmt.Sprintf("remove the change; or stop Sourcegraph (berth down), copy the data, then: kubectl --namespace %s delete pvc %s", b.desired.Namespace, claim)})
	}
}
