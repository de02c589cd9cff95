package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	theirs "berth/internal/adopt/kubernetes"
	wishes "berth/internal/adopt/kubernetes/wanted"
	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/plan/fields"
	render "berth/internal/render/kubernetes"
	"berth/internal/target/kubernetes"
	"berth/internal/target/kubernetes/execute"
	"berth/internal/target/kubernetes/observe"
	"berth/internal/tree"
)

// A takeover from Helm is open as long as Helm's record of the release is there. So nothing has to be remembered, and everybody who may change the
// installation can end it. Of what kubectl applied, the file that berth adopt wrote beside the config remembers how it was.

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
		return nil, nil, diag.List{{Code: "BERTH4308", Severity: diag.Error, Subject: c.File, Summary: "no takeover to undo or finish: namespace " + c.namespace + " has no record of Helm's for Sourcegraph; nothing was changed",
			Hint: "to leave berth: berth eject --as helm, or --as kustomize"}}
	}
	live, err := liveObjects(ctx, c.client, c.namespace, newest.Objects)
	return newest, live, err
}

// predecessor is who deployed an installation before berth, and how its objects were.
type predecessor struct {
	release string
	next    string // the command of theirs that goes on
	objects []former
}

// former is an object that was taken over.
type former struct {
	body map[string]any // as it was deployed
	back func(live map[string]any) execute.Return
}

// helms is Helm's record of the release that was taken over.
func (c *inCluster) helms(ctx context.Context) (*predecessor, error) {
	h, _, err := c.taken(ctx)
	if err != nil {
		return nil, err
	}
	base, err := h.Base(c.env.Catalogue())
	if err != nil {
		return nil, err
	}
	p := &predecessor{release: base.Release, next: fmt.Sprintf("helm upgrade %s sourcegraph/%s --version %s --namespace %s --reuse-values", h.Name, h.Chart, h.ChartVersion, c.namespace)}
	for _, body := range h.Objects {
		p.objects = append(p.objects, former{body, func(live map[string]any) execute.Return { return returned(h, body, live) }})
	}
	return p, nil
}

// remembered is what the file of berth adopt has of an installation that kubectl applied; nil without such a file.
func (c *inCluster) remembered() (*predecessor, error) {
	text, err := os.ReadFile(filepath.Join(c.Dir, wishes.BeforeFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read how the objects were before berth: %w", err)
	}
	b, err := wishes.ReadBefore(text)
	if err != nil {
		return nil, err
	}
	if b.Namespace != c.namespace {
		return nil, nil // of another installation in this folder
	}
	p := &predecessor{release: b.Release, next: b.Next}
	for _, f := range b.Objects {
		p.objects = append(p.objects, former{f.Object, func(live map[string]any) execute.Return {
			r := unlabelled(live, f.Object)
			r.Manager, r.Operation = f.Manager, f.Operation
			return r
		}})
	}
	return p, nil
}

// giveBack is the plan that makes everything of who deployed it before again. What was made again, since its selector was another one, is made once more as it was.
func (c *inCluster) giveBack(ctx context.Context) (*plan.Plan, string, error) {
	was, err := c.remembered()
	if err == nil && was == nil {
		was, err = c.helms(ctx)
	}
	if err != nil {
		return nil, "", err
	}
	if release := c.Doc.Config.Release; release != was.release {
		return nil, "", diag.List{{Code: "BERTH4309", Severity: diag.Error, Subject: c.File, Summary: "what was there before is of " + was.release + ", and the config is of another release; nothing was changed",
			Hint: "roll back first: berth rollback; or leave with files for that release: berth eject"}}
	}
	inventory, err := c.state.Inventory(ctx)
	if err != nil {
		return nil, "", err
	}
	var bodies []map[string]any
	for _, f := range was.objects {
		bodies = append(bodies, f.body)
	}
	live, err := liveObjects(ctx, c.client, c.namespace, bodies)
	if err != nil {
		return nil, "", err
	}
	p := c.ending(plan.AdoptUndo, was.release)
	c.returns, c.formers = map[string]execute.Return{}, map[string]map[string]any{}
	for _, f := range was.objects {
		key := kubernetes.RefOf(f.body).String()
		if live[key] != nil && fields.Ours(live[key]) {
			c.giveBackOne(p, f, live[key])
		}
		if live[key] == nil {
			if err := c.placeBack(ctx, p, f); err != nil {
				return nil, "", err
			}
		}
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
	return p, was.next, nil
}

// giveBackOne adds the steps that make a live object who deployed it before.
func (c *inCluster) giveBackOne(p *plan.Plan, f former, live map[string]any) {
	key, service := kubernetes.RefOf(f.body).String(), tree.Text(live, "metadata", "labels", render.LabelService)
	step := plan.Step{ID: len(p.Steps) + 1, Verb: plan.GiveBack, Object: key, Service: service, Effect: plan.None, Why: []plan.Cause{{Text: "returned to the tool that deployed it"}}}
	selector := []string{"spec", "selector"}
	if tree.Pods(f.body) != nil && !tree.Same(tree.Branch(f.body, selector...), tree.Branch(live, selector...)) {
		c.formers[key] = c.inNamespace(f.body)
		p.Steps = append(p.Steps, plan.Step{ID: step.ID, Verb: plan.Recreate, Object: key, Service: service, Effect: plan.Downtime, Why: []plan.Cause{{Text: "made again as it was: its selector was another one"}}})
		step.ID, step.After = step.ID+1, []int{step.ID}
	}
	c.returns[key] = f.back(live)
	p.Steps = append(p.Steps, step)
}

// inNamespace is a body of a kind that lives in namespaces, with its namespace: the files of who deployed it may leave that to kubectl.
func (c *inCluster) inNamespace(body map[string]any) map[string]any {
	return fields.With(body, "metadata", fields.With(tree.Branch(body, "metadata"), "namespace", c.namespace))
}

// placeBack adds the steps that make a workload again of which one of berth's has the place, under the same name and of another kind.
func (c *inCluster) placeBack(ctx context.Context, p *plan.Plan, f former) error {
	body := c.inNamespace(f.body)
	rival, err := observe.Rival(ctx, c.client, body)
	if err != nil || rival == nil || !fields.Ours(rival) {
		return err
	}
	key, place, service := kubernetes.RefOf(body).String(), kubernetes.RefOf(rival), tree.Text(rival, "metadata", "labels", render.LabelService)
	first := len(p.Steps) + 1
	c.formers[key], c.returns[key] = body, f.back(body)
	p.Steps = append(p.Steps,
		plan.Step{ID: first, Verb: plan.Remove, Object: place.String(), APIVersion: place.APIVersion, Service: service, Effect: plan.Downtime, Why: []plan.Cause{{Text: key + " takes its place again; its claims are kept"}}},
		plan.Step{ID: first + 1, Verb: plan.Recreate, Object: key, Service: service, Effect: plan.Downtime, After: []int{first}, Why: []plan.Cause{{Text: "made again as it was: berth's is a " + place.Kind}}},
		plan.Step{ID: first + 2, Verb: plan.GiveBack, Object: key, Service: service, Effect: plan.None, After: []int{first + 1}, Why: []plan.Cause{{Text: "returned to the tool that deployed it"}}})
	return nil
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
	r := unlabelled(live, body)
	r.Manager, r.Operation = "helm", "Update"
	if h.Applies {
		r.Operation = "Apply"
	}
	r.Labels[render.LabelManager] = "Helm"
	r.Annotations["meta.helm.sh/release-name"], r.Annotations["meta.helm.sh/release-namespace"] = h.Name, h.Namespace
	return r
}

// unlabelled is what makes the labels and annotations of a live object what they were. Those of berth go.
func unlabelled(live, body map[string]any) execute.Return {
	r := execute.Return{Ref: kubernetes.RefOf(live), Labels: map[string]any{}, Annotations: map[string]any{}}
	for name := range tree.Branch(live, "metadata", "labels") {
		if strings.HasPrefix(name, "dev.berth.") {
			r.Labels[name] = nil
		}
	}
	maps.Copy(r.Labels, tree.Branch(body, "metadata", "labels"))
	maps.Copy(r.Annotations, tree.Branch(body, "metadata", "annotations"))
	return r
}

// finish is the plan that removes Helm's records of the release, once berth has taken it over. Of what kubectl applied nothing is in the cluster.
func (c *inCluster) finish(ctx context.Context) (*plan.Plan, error) {
	if was, err := c.remembered(); err != nil || was != nil {
		return c.finishRemembered(ctx, err)
	}
	h, live, err := c.taken(ctx)
	if err != nil {
		return nil, err
	}
	if !fields.Ours(live[frontendPods]) {
		return nil, notYet("Helm release " + h.Name)
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

func (c *inCluster) finishRemembered(ctx context.Context, err error) (*plan.Plan, error) {
	if err != nil {
		return nil, err
	}
	kind, name, _ := strings.Cut(frontendPods, "/")
	live, err := c.client.Get(ctx, kubernetes.Ref{APIVersion: "apps/v1", Kind: kind, Namespace: c.namespace, Name: name})
	if err != nil && !kubernetes.NotFound(err) {
		return nil, err
	}
	if !fields.Ours(live) {
		return nil, notYet("namespace " + c.namespace)
	}
	return c.ending(plan.AdoptFinish, c.Doc.Config.Release), nil
}

func notYet(subject string) diag.List {
	return diag.List{{Code: "BERTH4314", Severity: diag.Error, Subject: subject, Summary: "berth has not taken it over yet; nothing was changed", Hint: "take it over first: berth up"}}
}
