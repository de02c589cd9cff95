package cluster

import (
	"context"
	"slices"

	"berth/internal/plan"
	render "berth/internal/render/kubernetes"
	"berth/internal/target/kubernetes"
	"berth/internal/tree"
)

// Fetch lets nodes fetch the images of what is about to be replaced on them.
func (c *inCluster) Fetch(ctx context.Context, p *plan.Plan, say func(string)) error {
	pods, err := c.pods(ctx, "")
	if err != nil {
		return err
	}
	return c.tasks().Images(ctx, wanted(c.set, p, pods), say)
}

// pod is what is read of a pod.
type pod struct {
	Metadata struct {
		Name   string
		Labels map[string]any
	}
	Spec   struct{ NodeName string }
	Status struct {
		Phase      string
		Conditions []condition
	}
}

type condition struct{ Type, Status string }

func (p pod) ready() bool { return slices.Contains(p.Status.Conditions, condition{"Ready", "True"}) }

// pods are those of the namespace, or those of them with a label.
func (c *inCluster) pods(ctx context.Context, label string) ([]pod, error) {
	return kubernetes.Items[pod](ctx, c.client, kubernetes.Query{APIVersion: "v1", Kind: "Pod", Namespace: c.namespace, Labels: label})
}

// wanted are the images that a plan needs, by the node where they are needed: where the pods are that it replaces. What has none yet is wanted
// where a frontend is, since the scheduler prefers nodes that have an image. DaemonSets are left out: they are on every node, and nobody waits
// for them.
func wanted(set *render.Set, p *plan.Plan, pods []pod) map[string][]string {
	nodes := func(selector map[string]any) []string {
		var names []string
		for _, p := range pods {
			if len(selector) > 0 && within(selector, p.Metadata.Labels) && p.Spec.NodeName != "" {
				names = append(names, p.Spec.NodeName)
			}
		}
		return names
	}
	frontends := nodes(map[string]any{"app": "sourcegraph-frontend"})
	images := map[string][]string{}
	for _, s := range p.Steps {
		o := set.Find(s.Object)
		if o == nil || s.Verb == plan.Wait || o.Kind() == "DaemonSet" {
			continue
		}
		at := nodes(tree.Branch(o.Body, "spec", "selector", "matchLabels"))
		if len(at) == 0 {
			at = frontends
		}
		spec := tree.Branch(o.Body, "spec", "template", "spec")
		for _, c := range tree.Containers(spec) {
			image, _ := c["image"].(string)
			for _, node := range at {
				images[node] = append(images[node], image)
			}
		}
	}
	for node := range images {
		slices.Sort(images[node])
		images[node] = slices.Compact(images[node])
	}
	return images
}
