package cluster

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	theirs "berth/internal/adopt/kubernetes"
	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/plan/fields"
	render "berth/internal/render/kubernetes"
	"berth/internal/target/kubernetes"
	"berth/internal/target/kubernetes/execute"
	"berth/internal/tree"
)

// A takeover from Helm is open as long as Helm's record of the release is there. So nothing has to be remembered, and everybody who may change the
// installation can end it.

// frontendPods are the object by which a release of Sourcegraph is known.
const frontendPods = "Deployment/sourcegraph-frontend"

// taken is Helm's newest record of the release that was taken over, with its live objects. The error says that there is none.
func (c *inCluster) taken(ctx context.Context) (*theirs.Helm, map[string]map[string]any, error) {
	all, err := c.client.List(ctx, kubernetes.Query{APIVersion: "v1", Kind: "Secret", Namespace: c.namespace, Labels: helmSecrets})
	if err != nil {
		return nil, nil, fmt.Errorf("look for Helm's records: %w", err)
	}
	var newest *theirs.Helm
	for _, secret := range all {
		h, err := theirs.Decode(secret)
		if err != nil {
			continue // another program's
		}
		ofSourcegraph := slices.ContainsFunc(h.Objects, func(body map[string]any) bool { return kubernetes.RefOf(body).String() == frontendPods })
		if ofSourcegraph && (newest == nil || h.Version > newest.Version) {
			newest = h
		}
	}
	if newest == nil {
		return nil, nil, diag.List{{Code: "BERTH4308", Severity: diag.Error, Subject: c.File, Summary: "no takeover is open: namespace " + c.namespace + " has no record of Helm's for Sourcegraph; nothing was touched",
			Hint: "to leave berth: berth eject --as helm, or --as kustomize"}}
	}
	live, err := liveObjects(ctx, c.client, c.namespace, newest.Objects)
	return newest, live, err
}

// giveBack is the plan that makes everything Helm's again, as its record has it.
func (c *inCluster) giveBack(ctx context.Context) (*plan.Plan, string, error) {
	h, live, err := c.taken(ctx)
	if err != nil {
		return nil, "", err
	}
	base, err := h.Base(c.env.Catalogue())
	if err != nil {
		return nil, "", err
	}
	if release := c.Doc.Config.Release; release != base.Release {
		return nil, "", diag.List{{Code: "BERTH4309", Severity: diag.Error, Subject: c.File, Summary: "Helm's record is of " + base.Release + ", and the config is of another release; nothing was touched",
			Hint: "go back first: berth rollback; or leave with values for the chart of that release: berth eject --as helm"}}
	}
	inventory, err := c.state.Inventory(ctx)
	if err != nil {
		return nil, "", err
	}
	p := c.ending(plan.AdoptUndo, base.Release)
	c.returns = map[string]execute.Return{}
	for _, body := range h.Objects {
		key := kubernetes.RefOf(body).String()
		if live[key] == nil || !fields.Ours(live[key]) {
			continue
		}
		c.returns[key] = returned(h, body, live[key])
		p.Steps = append(p.Steps, plan.Step{ID: len(p.Steps) + 1, Verb: plan.GiveBack, Object: key, Service: tree.Text(live[key], "metadata", "labels", render.LabelService),
			Effect: plan.None, Why: []plan.Cause{{Text: "given back to Helm"}}})
	}
	if err := c.freeClaims(ctx, p); err != nil {
		return nil, "", err
	}
	for _, ref := range inventory.All() {
		if ref.Kind == "Job" {
			p.Steps = append(p.Steps, plan.Step{ID: len(p.Steps) + 1, Verb: plan.Remove, Object: ref.String(), APIVersion: ref.APIVersion, Effect: plan.None,
				Why: []plan.Cause{{Text: "only berth has it"}}})
		}
	}
	return p, fmt.Sprintf("helm upgrade %s sourcegraph/%s --version %s --namespace %s --reuse-values", h.Name, h.Chart, h.ChartVersion, c.namespace), nil
}

// freeClaims takes berth's label off the claims that StatefulSets made: they are in nobody's record.
func (c *inCluster) freeClaims(ctx context.Context, p *plan.Plan) error {
	claims, err := c.client.List(ctx, kubernetes.Query{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: c.namespace, Labels: render.LabelInstallation + "=" + c.Stack.Name})
	if err != nil {
		return fmt.Errorf("look for the claims of StatefulSets: %w", err)
	}
	for _, live := range claims {
		ref := kubernetes.RefOf(live)
		if fields.Ours(live) {
			continue
		}
		c.returns[ref.String()] = execute.Return{Ref: ref, Manager: plan.Manager, Labels: map[string]any{render.LabelInstallation: nil}}
		p.Steps = append(p.Steps, plan.Step{ID: len(p.Steps) + 1, Verb: plan.GiveBack, Object: ref.String(), Effect: plan.None, Why: []plan.Cause{{Text: "without berth's label"}}})
	}
	return nil
}

// ending is a plan that ends a takeover.
func (c *inCluster) ending(action plan.Action, release string) *plan.Plan {
	return &plan.Plan{Format: plan.Format, Action: action, Installation: c.Stack.Name, Target: c.Stack.Target, Release: release, From: release,
		Basis: plan.Basis{Catalogue: c.env.Catalogue().Digest()}, Steps: []plan.Step{}, Unchanged: []string{}}
}

// returned is what makes a live object Helm's again: its labels and annotations, and who owns its fields. Those of berth go.
func returned(h *theirs.Helm, body, live map[string]any) execute.Return {
	r := execute.Return{Ref: kubernetes.RefOf(live), Manager: "helm", Operation: "Update", Labels: map[string]any{}, Annotations: map[string]any{
		"meta.helm.sh/release-name": h.Name, "meta.helm.sh/release-namespace": h.Namespace}}
	if h.Applies {
		r.Operation = "Apply"
	}
	for name := range tree.Branch(live, "metadata", "labels") {
		if strings.HasPrefix(name, "dev.berth.") {
			r.Labels[name] = nil
		}
	}
	maps.Copy(r.Labels, tree.Branch(body, "metadata", "labels"))
	maps.Copy(r.Annotations, tree.Branch(body, "metadata", "annotations"))
	r.Labels[render.LabelManager] = "Helm"
	return r
}

// finish is the plan that removes Helm's records of the release, once berth has taken it over.
func (c *inCluster) finish(ctx context.Context) (*plan.Plan, error) {
	h, live, err := c.taken(ctx)
	if err != nil {
		return nil, err
	}
	if !fields.Ours(live[frontendPods]) {
		return nil, diag.List{{Code: "BERTH4314", Severity: diag.Error, Subject: "Helm release " + h.Name, Summary: "berth has not taken it over yet; nothing was touched", Hint: "take it over first: berth up"}}
	}
	records, err := c.client.List(ctx, kubernetes.Query{APIVersion: "v1", Kind: "Secret", Namespace: c.namespace, Labels: helmSecrets + ",name=" + h.Name, Metadata: true})
	if err != nil {
		return nil, fmt.Errorf("look for Helm's records: %w", err)
	}
	p := c.ending(plan.AdoptFinish, c.Doc.Config.Release)
	for _, record := range records {
		p.Steps = append(p.Steps, plan.Step{ID: len(p.Steps) + 1, Verb: plan.Remove, Object: kubernetes.RefOf(record).String(), APIVersion: "v1", Effect: plan.None,
			Why: []plan.Cause{{Text: "Helm's own record; berth maintains the installation"}}})
	}
	return p, nil
}
