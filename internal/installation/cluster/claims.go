package cluster

import (
	"context"
	"strconv"
	"strings"

	"berth/internal/plan"
	render "berth/internal/render/kubernetes"
	"berth/internal/target/kubernetes"
	"berth/internal/tree"
)

// claims are the keys of the installation's volumes: its own, and those that its StatefulSets made, which carry the labels
// of their selectors.
func (c *inCluster) claims(ctx context.Context) ([]string, error) {
	list, err := c.client.List(ctx, kubernetes.Query{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: c.namespace})
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, o := range list {
		labels := tree.Branch(o, "metadata", "labels")
		if labels[render.LabelInstallation] == c.Stack.Name || labels["app.kubernetes.io/name"] == "sourcegraph" {
			keys = append(keys, kubernetes.RefOf(o).String())
		}
	}
	return keys, nil
}

// keepClaims puts the installation's label on the claims that its StatefulSets made. Their controller copies no label of ours, and without one
// nobody could tell later whose data they hold.
func (c *inCluster) keepClaims(ctx context.Context) error {
	list, err := c.client.List(ctx, kubernetes.Query{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: c.namespace, Labels: "!" + render.LabelInstallation, Metadata: true})
	if err != nil {
		return err
	}
	for _, o := range list {
		ref := kubernetes.RefOf(o)
		if !c.makes(ref.Name) {
			continue
		}
		label := map[string]any{"metadata": map[string]any{"labels": map[string]any{render.LabelInstallation: c.Stack.Name}}}
		if _, err := c.client.Patch(ctx, ref, label, plan.Manager); err != nil && !kubernetes.NotFound(err) {
			return err
		}
	}
	return nil
}

// makes reports whether a claim is one that a StatefulSet of ours makes.
func (c *inCluster) makes(claim string) bool {
	for i := range c.set.Objects {
		if claims(c.set.Objects[i].Body, claim) {
			return true
		}
	}
	return false
}

// claims reports whether an object makes a claim: "repos-gitserver-0" is of the template repos of StatefulSet gitserver.
func claims(object map[string]any, claim string) bool {
	for _, template := range tree.Items(tree.Branch(object, "spec")["volumeClaimTemplates"]) {
		shard, ok := strings.CutPrefix(claim, kubernetes.RefOf(template).Name+"-"+kubernetes.RefOf(object).Name+"-")
		if _, err := strconv.ParseUint(shard, 10, 16); ok && err == nil {
			return true
		}
	}
	return false
}
