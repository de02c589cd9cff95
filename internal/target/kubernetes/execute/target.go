// Package execute does the steps of plans, and runs tasks, in a cluster.
package execute

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/run"
	"berth/internal/secret"
	"berth/internal/stack"
	"berth/internal/target/kubernetes"
	"berth/internal/target/kubernetes/health"
	"berth/internal/target/kubernetes/store"
)

// Target does steps in a cluster.
type Target struct {
	Client    *kubernetes.Client
	State     *store.Store
	Namespace string
	Bodies    map[string]map[string]any // the objects as they are applied, by key, without fields that are left to others
	Timeout   time.Duration             // how long every object may take to be ready; 0: as usual
	// Converting is how long a database may take that converts its data to another major Postgres first; 0: as usual. Timeout counts before it.
	Converting time.Duration
	Now        func() time.Time
	Secrets    []string  // values that are not to be shown
	Hold       *run.Hold // nil: requests are not held
	Returns    map[string]Return

	began    time.Time
	intend   sync.Once
	intent   error
	watching sync.Once
	watcher  *health.Watcher
	heard    map[string]int // lines of a pod's log that were reported already
}

const (
	// applies is how many objects are applied at once.
	applies = 8
	// readiness is how long an object may take to be ready: images are pulled and volumes made meanwhile.
	readiness = 15 * time.Minute
	// spread is how long a new role may take to be known to all of an API server.
	spread = 15 * time.Second
	// proxyReadiness is how long the holding proxy may take to be ready: one can do without it.
	proxyReadiness = 2 * time.Minute
	// removal is how long deleting an object may take before it is created again.
	removal = 5 * time.Minute
	// Spreading is how long it takes until all nodes know where a Service leads, or who answers for one: kube-proxy gathers changes of one second.
	Spreading = 2 * time.Second
	// poll is how often it is tried or looked again.
	poll = 200 * time.Millisecond
)

// Do does steps of one verb. Before the first one, the inventory says what is about to be there.
func (t *Target) Do(ctx context.Context, verb plan.Verb, steps []plan.Step, _ func(plan.Step, int64, int64)) error {
	if verb == plan.Restart { // nothing is made or removed, so the inventory stays as it is
		t.watch()
	} else if err := t.begin(ctx); err != nil {
		return err
	}
	defer t.watch().Forget()
	t.Hold.Before(ctx, steps)
	return run.Each(ctx, applies, steps, func(ctx context.Context, s plan.Step) error { return t.one(ctx, verb, s) })
}

func (t *Target) begin(ctx context.Context) error {
	t.intend.Do(func() {
		t.began = t.Now()
		var refs []kubernetes.Ref
		for _, body := range t.Bodies {
			refs = append(refs, kubernetes.RefOf(body))
		}
		t.intent = t.State.Intend(ctx, refs)
	})
	return t.intent
}

func (t *Target) one(ctx context.Context, verb plan.Verb, s plan.Step) error {
	body := t.Bodies[s.Object]
	switch verb {
	case plan.Wait:
		return t.renew(ctx, body, t.Now())
	case plan.Create, plan.Update, plan.TakeOver:
		if verb == plan.TakeOver {
			if err := t.takeOver(ctx, s); err != nil {
				return err
			}
		}
		if err := t.apply(ctx, body); err != nil {
			return err
		}
		return t.renew(ctx, body, t.began)
	case plan.Recreate, plan.Execute: // a Job that failed has to go before it can run again
		if err := t.remove(ctx, kubernetes.RefOf(body), kubernetes.Foreground); err != nil {
			return err
		}
		return t.apply(ctx, body)
	case plan.Restart:
		return t.restart(ctx, s)
	case plan.GiveBack:
		return t.giveBack(ctx, s)
	case plan.Orphan:
		return t.remove(ctx, kubernetes.RefOf(body), kubernetes.Orphan)
	case plan.Grow:
		return t.grow(ctx, s)
	case plan.Remove, plan.Delete:
		ref := t.removed(s)
		err := t.Client.Delete(ctx, ref, kubernetes.DeleteOptions{Propagation: propagation(ref.Kind)})
		if kubernetes.NotFound(err) {
			return nil
		}
		return err
	}
	return fmt.Errorf("unknown action %s on Kubernetes", verb)
}

// removed is the object that a step removes.
func (t *Target) removed(s plan.Step) kubernetes.Ref {
	kind, name, _ := strings.Cut(s.Object, "/")
	ref := kubernetes.Ref{APIVersion: s.APIVersion, Kind: kind, Namespace: t.Namespace, Name: name}
	if s.Clusterwide {
		ref.Namespace = ""
	}
	return ref
}

// propagation is how an object is removed. When a workload is gone, its pods are; nobody has to wait for what hangs on a Service.
func propagation(kind string) kubernetes.Propagation {
	if slices.Contains(workloads, kind) || kind == "Job" {
		return kubernetes.Foreground
	}
	return kubernetes.Background
}

// workloads are the kinds whose pods run on.
var workloads = []string{"Deployment", "StatefulSet", "DaemonSet"}

// renew deletes pods that were made before a moment and are broken: they serve nobody, and keep their fixed successors from starting.
func (t *Target) renew(ctx context.Context, body map[string]any, before time.Time) error {
	ref := kubernetes.RefOf(body)
	if !slices.Contains(workloads, ref.Kind) {
		return nil
	}
	_, err := health.Renew(ctx, t.Client, ref, before)
	return err
}

// apply applies an object. What others want otherwise was decided in the plan: fields that are left to them are not in the body.
//
// Who may not grant everything can only bind a role that is there, and all of the API server knows of one a moment after it was made.
func (t *Target) apply(ctx context.Context, body map[string]any) error {
	for end := t.Now().Add(spread); ; {
		_, err := t.Client.Apply(ctx, body, kubernetes.ApplyOptions{Manager: plan.Manager, Force: true})
		if !kubernetes.NotFound(err) || body["roleRef"] == nil || t.Now().After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(poll):
		}
	}
}

// remove deletes an object and waits until it is gone.
func (t *Target) remove(ctx context.Context, ref kubernetes.Ref, how kubernetes.Propagation) error {
	err := t.Client.Delete(ctx, ref, kubernetes.DeleteOptions{Propagation: how})
	for end := t.Now().Add(removal); err == nil; {
		if _, err = t.Client.Get(ctx, ref); kubernetes.NotFound(err) {
			return nil
		}
		if t.Now().After(end) {
			return fmt.Errorf("%s is still there %s after it was deleted", ref, removal)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(poll):
		}
	}
	if kubernetes.NotFound(err) {
		return nil
	}
	return err
}

// restart replaces the pods of a workload one after the other, as its strategy says. It does what kubectl rollout restart does, in its name: the
// annotation is no part of what berth renders, and plans leave it alone.
func (t *Target) restart(ctx context.Context, s plan.Step) error {
	kind, name, _ := strings.Cut(s.Object, "/")
	ref := kubernetes.Ref{APIVersion: "apps/v1", Kind: kind, Namespace: t.Namespace, Name: name}
	at := map[string]any{"kubectl.kubernetes.io/restartedAt": t.Now().UTC().Format(time.RFC3339)}
	patch := map[string]any{"spec": map[string]any{"template": map[string]any{"metadata": map[string]any{"annotations": at}}}}
	_, err := t.Client.Patch(ctx, ref, patch, "kubectl-rollout")
	return err
}

// grow asks for a larger volume.
func (t *Target) grow(ctx context.Context, s plan.Step) error {
	for _, c := range s.Changes {
		if c.Field != plan.SizeField {
			continue
		}
		_, name, _ := strings.Cut(s.Object, "/")
		ref := kubernetes.Ref{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: t.Namespace, Name: name}
		patch := map[string]any{"spec": map[string]any{"resources": map[string]any{"requests": map[string]any{"storage": c.To}}}}
		if _, err := t.Client.Patch(ctx, ref, patch, plan.Manager); err != nil {
			return err
		}
	}
	return nil
}

// Waited is the longest time that requests waited for steps.
func (t *Target) Waited() time.Duration { return t.Hold.Waited() }

// Patience is how long an object may take.
func (t *Target) Patience(s plan.Step) time.Duration {
	usual := cmp.Or(t.Timeout, readiness)
	switch {
	case s.Service == stack.HoldingProxy:
		return min(usual, proxyReadiness)
	case t.Timeout == 0 && slices.Contains(stack.Databases(), s.Service):
		return max(usual, t.Converting)
	}
	return usual
}

// Ready tells how far what steps started is.
func (t *Target) Ready(ctx context.Context, steps []plan.Step) (map[int]run.Readiness, error) {
	out := map[int]run.Readiness{}
	refs := map[int]kubernetes.Ref{}
	for _, s := range steps {
		switch s.Verb {
		case plan.Create, plan.Update, plan.TakeOver, plan.Recreate, plan.Execute, plan.Wait:
			refs[s.ID] = kubernetes.RefOf(t.Bodies[s.Object])
		case plan.Restart:
			kind, name, _ := strings.Cut(s.Object, "/")
			refs[s.ID] = kubernetes.Ref{APIVersion: "apps/v1", Kind: kind, Namespace: t.Namespace, Name: name}
		case plan.Remove, plan.Delete:
			_, err := t.Client.Get(ctx, t.removed(s))
			if err != nil && !kubernetes.NotFound(err) {
				return nil, err
			}
			out[s.ID] = run.Readiness{Ready: err != nil, How: map[bool]string{true: "gone", false: "going"}[err != nil]}
		default:
			out[s.ID] = run.Readiness{Ready: true, How: "done"}
		}
	}
	if len(refs) == 0 {
		return out, nil
	}
	how, err := t.watch().Look(ctx, slices.Collect(maps.Values(refs)))
	if err != nil {
		return nil, err
	}
	for id, ref := range refs {
		out[id] = run.Readiness{Ready: how[ref].Ready, Failed: how[ref].Failed, How: how[ref].How}
	}
	for _, s := range steps {
		if r := out[s.ID]; r.Ready || r.Failed {
			t.Hold.Back(s.Object)
		} else {
			r.How += t.Hold.How(s.Object)
			out[s.ID] = r
		}
		if s.Verb == plan.Execute {
			r := out[s.ID]
			r.Said = t.said(ctx, s)
			out[s.ID] = r
		}
	}
	return out, nil
}

// watch is the watcher of this run: it begins when the run does, so that nothing is given up for what was before.
func (t *Target) watch() *health.Watcher {
	t.watching.Do(func() { t.watcher = health.NewWatcher(t.Client, t.Namespace, t.Now) })
	return t.watcher
}

// Explain says why a step failed.
func (t *Target) Explain(ctx context.Context, s plan.Step, err error) diag.Diagnostic {
	if errors.Is(err, run.ErrNotReady) {
		d := t.watch().Explain(ctx, kubernetes.RefOf(t.Bodies[s.Object]))
		d.Detail = secret.Hide(t.Secrets)(append(d.Detail, "nothing else was changed; nothing was lost"))
		return d
	}
	d := diag.Diagnostic{Severity: diag.Error, Subject: s.Object, Code: "BERTH3203", Summary: fmt.Sprintf("%s %s failed", s.Verb, s.Object),
		Detail: secret.Hide(t.Secrets)([]string{err.Error()}), Hint: "fix the cause shown above"}
	var refusal *kubernetes.Refusal
	if errors.As(err, &refusal) {
		for _, c := range refusal.Causes {
			d.Detail = append(d.Detail, secret.Hide(t.Secrets)([]string{c.Field + ": " + c.Message})...)
		}
		if strings.Contains(refusal.Message, "failed calling webhook") {
			d.Hint = "check that the webhook's own pods run; the message names it"
		}
	}
	return d
}
