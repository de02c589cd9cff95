package execute

import (
	"context"
	"sync"
	"time"

	"berth/internal/plan"
	"berth/internal/stack"
)

// Hold lets requests wait in the holding proxy while something with one instance that they need is replaced. It never fails a run: where the
// proxy can't be changed, requests are answered as if there were none.
type Hold struct {
	// Awaited are the objects that requests wait for, by key.
	Awaited map[string]bool
	// Pass makes the holding proxy pass requests on, or hold them.
	Pass func(ctx context.Context, on bool) error

	mu      sync.Mutex
	away    map[string]bool // awaited objects that are being replaced
	holding bool
	broken  error       // why requests could not be held
	reached time.Time   // when all nodes know that they are held
	limit   *time.Timer // passes them on whatever is away
	calm    *time.Timer // passes them on when what was away is known to be back
}

const (
	// spreading is how long it takes until all nodes know where a Service leads, or who answers for one: kube-proxy gathers changes of one second.
	spreading = 2 * time.Second
	// passing is how long the API server may take to note that requests pass again, after all else is over.
	passing = 10 * time.Second
)

// before holds requests when steps replace what they need, and waits until all nodes know it.
func (h *Hold) before(ctx context.Context, steps []plan.Step) {
	if h == nil {
		return
	}
	h.mu.Lock()
	took := false
	for _, s := range steps {
		if h.Awaited[s.Object] && s.Effect != plan.None {
			if h.away == nil {
				h.away = map[string]bool{}
			}
			h.away[s.Object], took = true, true
		}
	}
	if took && h.hold(ctx) != nil {
		took = false
	}
	wait := time.Until(h.reached)
	h.mu.Unlock()
	if !took {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(wait):
	}
}

// hold holds requests, if they pass. Requests fail as without a proxy when what they need is away for longer than they may wait.
func (h *Hold) hold(ctx context.Context) error {
	stop(h.calm)
	if h.holding {
		return nil
	}
	if h.broken = h.Pass(ctx, false); h.broken != nil {
		return h.broken
	}
	h.holding, h.reached = true, time.Now().Add(spreading)
	h.limit = time.AfterFunc(stack.LongestWait, h.End)
	return nil
}

// back notes that an object is replaced and ready, or will not be. When nothing is away any more requests pass.
func (h *Hold) back(object string) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.away[object] {
		return
	}
	delete(h.away, object)
	if len(h.away) == 0 && h.holding {
		h.calm = time.AfterFunc(spreading/2, h.passUnlessAway)
	}
}

// how says, of an object that is being replaced, whether requests wait for it; "" when they have no need to.
func (h *Hold) how(object string) string {
	if h == nil {
		return ""
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case !h.away[object]:
		return ""
	case h.holding:
		return ", requests wait"
	case h.broken != nil:
		return ", requests do not wait: " + h.broken.Error()
	}
	return ", requests wait no longer"
}

// passUnlessAway passes requests on unless something else went since that was decided.
func (h *Hold) passUnlessAway() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.away) == 0 {
		h.pass()
	}
}

// End passes requests on at the end of a run, whatever became of it.
func (h *Hold) End() {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pass()
}

// pass passes requests on, if they are held. Where that fails each request waits for the longest time, until the next run.
func (h *Hold) pass() {
	stop(h.calm)
	stop(h.limit)
	if !h.holding {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), passing)
	defer cancel()
	h.holding = h.Pass(ctx, true) != nil
}

func stop(t *time.Timer) {
	if t != nil {
		t.Stop()
	}
}
