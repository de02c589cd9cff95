package health

import (
	"context"
	"fmt"
	"sync"
	"time"

	"berth/internal/diag"
	"berth/internal/target/kubernetes"
	"golang.org/x/sync/errgroup"
)

// Watcher observes an installation's objects at little cost: a list of each kind that is waited for and, while something is not ready, one
// of pods, one of claims and one of warnings. Single requests are made only for the nodes of slow pods.
type Watcher struct {
	client    *kubernetes.Client
	namespace string
	now       func() time.Time
	since     time.Time

	mu      sync.Mutex
	nodes   nodes
	applied time.Time // when something was applied last
	at      time.Time // of the last look
	known   map[kubernetes.Ref]Readiness
	found   map[kubernetes.Ref]Finding
}

// A look is valid for a tenth of the time since the last apply, within these bounds: more frequent callers get the same answer. So pods
// that start in a moment are seen at once, and hours of waiting for images cost the API server little.
const (
	leastFresh = 100 * time.Millisecond
	mostFresh  = time.Second
)

// lastLines is how many lines of a log are shown.
const lastLines = 20

// NewWatcher watches a namespace. Events from before now are reported, but no object counts as failed because of them.
func NewWatcher(c *kubernetes.Client, namespace string, now func() time.Time) *Watcher {
	return &Watcher{client: c, namespace: namespace, now: now, since: now(), applied: now()}
}

// judged are the kinds that need more than to exist to be ready.
func judged(kind string) bool {
	switch kind {
	case "Deployment", "StatefulSet", "DaemonSet", "Job", "PersistentVolumeClaim", "Service":
		return true
	}
	return false
}

// Look says how ready some objects are.
func (w *Watcher) Look(ctx context.Context, refs []kubernetes.Ref) (map[kubernetes.Ref]Readiness, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.valid(refs) {
		if err := w.look(ctx, refs); err != nil {
			return nil, err
		}
	}
	out := map[kubernetes.Ref]Readiness{}
	for _, r := range refs {
		out[r] = w.known[r]
	}
	return out, nil
}

// valid reports whether the last look is still valid, and was about these objects.
func (w *Watcher) valid(refs []kubernetes.Ref) bool {
	for _, r := range refs {
		if _, ok := w.known[r]; !ok {
			return false
		}
	}
	return w.now().Sub(w.at) < min(max(w.now().Sub(w.applied)/10, leastFresh), mostFresh)
}

// Forget makes the next look read again, as after an apply.
func (w *Watcher) Forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at, w.applied = time.Time{}, w.now()
}

func (w *Watcher) look(ctx context.Context, refs []kubernetes.Ref) error {
	objects, err := w.objects(ctx, refs)
	if err != nil {
		return err
	}
	known, waiting := map[kubernetes.Ref]Readiness{}, false
	for _, r := range refs {
		o, there := objects[r]
		switch {
		case !judged(r.Kind):
			known[r] = Readiness{Ready: true, How: "there"}
		case !there:
			known[r] = Readiness{How: "not there"}
		default:
			known[r] = Ready(o)
			waiting = waiting || !known[r].Ready
		}
	}
	found := map[kubernetes.Ref]Finding{}
	if waiting {
		e, err := w.evidence(ctx)
		if err != nil {
			return err
		}
		for r, o := range objects {
			if known[r].Ready {
				continue
			}
			if e.finished(o) {
				known[r] = Readiness{Ready: true, How: "finished"}
				continue
			}
			if f, ok := Diagnose(o, e); ok {
				found[r], known[r] = f, Readiness{Failed: f.Failed || known[r].Failed, How: f.How}
			}
		}
	}
	w.known, w.found, w.at = known, found, w.now()
	return nil
}

// objects reads the objects that are waited for, by kind.
func (w *Watcher) objects(ctx context.Context, refs []kubernetes.Ref) (map[kubernetes.Ref]Object, error) {
	wanted := map[kubernetes.Ref]bool{}
	kinds := map[kubernetes.Ref]bool{} // without names
	for _, r := range refs {
		if judged(r.Kind) {
			wanted[r] = true
			kinds[kubernetes.Ref{APIVersion: r.APIVersion, Kind: r.Kind, Namespace: r.Namespace}] = true
		}
	}
	out := map[kubernetes.Ref]Object{}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	for k := range kinds {
		g.Go(func() error {
			list, err := kubernetes.Items[Object](ctx, w.client, kubernetes.Query{APIVersion: k.APIVersion, Kind: k.Kind, Namespace: k.Namespace})
			mu.Lock()
			defer mu.Unlock()
			for _, o := range list {
				r := kubernetes.Ref{APIVersion: k.APIVersion, Kind: k.Kind, Namespace: k.Namespace, Name: o.Metadata.Name}
				if wanted[r] {
					o.Kind = k.Kind // lists have it once
					out[r] = o
				}
			}
			return err
		})
	}
	return out, g.Wait()
}

// evidence reads what explains why something is not ready.
func (w *Watcher) evidence(ctx context.Context) (Evidence, error) {
	e := Evidence{Now: w.now(), Since: w.since}
	g, asking := errgroup.WithContext(ctx)
	in := func(kind, fields string) kubernetes.Query {
		return kubernetes.Query{APIVersion: "v1", Kind: kind, Namespace: w.namespace, Fields: fields}
	}
	g.Go(func() (err error) {
		e.Pods, err = kubernetes.Items[Pod](asking, w.client, in("Pod", ""))
		return err
	})
	g.Go(func() (err error) {
		e.Claims, err = kubernetes.Items[Object](asking, w.client, in("PersistentVolumeClaim", ""))
		return err
	})
	g.Go(func() (err error) {
		e.Events, err = kubernetes.Items[Event](asking, w.client, in("Event", "type=Warning"))
		return err
	})
	if err := g.Wait(); err != nil {
		return e, err
	}
	var err error
	e.LostNodes, err = w.nodes.lost(ctx, w.client, e)
	return e, err
}

// Explain says why an object is not ready, as of the last look, with the last lines of the container that causes it.
func (w *Watcher) Explain(ctx context.Context, r kubernetes.Ref) diag.Diagnostic {
	w.mu.Lock()
	f, ok := w.found[r]
	how := w.known[r].How
	w.mu.Unlock()
	if !ok {
		return diag.Diagnostic{Code: "BERTH3433", Severity: diag.Error, Subject: r.Name, Summary: fmt.Sprintf("%s is not ready: %s", r, sentence(how)),
			Hint: "see:  kubectl describe " + r.String() + " -n " + w.namespace}
	}
	d := f.Diagnostic
	if f.Log == nil {
		return d
	}
	q := kubernetes.LogQuery{Namespace: w.namespace, Pod: f.Log.Pod, Container: f.Log.Container, Previous: f.Log.Previous, Tail: lastLines}
	text, err := w.client.PodLogs(ctx, q)
	if err != nil || len(text) == 0 {
		// The log of the previous run may be deleted, or this run's may still be empty.
		q.Previous = !q.Previous
		text, err = w.client.PodLogs(ctx, q)
	}
	if err == nil && len(text) > 0 {
		d.Detail = append(append(d.Detail[:len(d.Detail):len(d.Detail)], "its last lines:"), barred(text)...)
	}
	return d
}

func barred(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = "  | " + l
	}
	return out
}
