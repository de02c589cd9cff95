package run

import (
	"context"
	"sync"
	"time"

	"berth/internal/plan"
)

// Hold lets requests wait in front of Sourcegraph while something that they need is replaced, and nothing else answers for it. It never fails a
// run: where requests can't be held, they are answered as if there were no Hold.
type Hold struct {
	// Awaited are the objects that requests wait for.
	Awaited map[string]bool
	// Shared are objects that others answer for, once what is in front of Sourcegraph passes requests on as Pass makes it.
	Shared map[string]bool
	// By is the object that holds requests, where it is one of the installation's: it passes all of them on before it is replaced itself.
	By string
	// Pass makes what is in front of Sourcegraph pass requests on, or hold them.
	Pass func(ctx context.Context, on bool) error
	// Spreading is how long it takes until requests that came before they are held are answered, and until all that passes requests on knows of a change.
	Spreading time.Duration
	// Longest is how long requests wait at most.
	Longest time.Duration
	// Over lets go of what is in front of Sourcegraph, at the end of a run; nil: there is nothing to let go of.
	Over func()

	mu      sync.Mutex
	away    map[string]bool // awaited objects that are being replaced
	holding bool
	passes  bool      // Pass made it pass requests on
	broken  error     // why requests could not be held
	reached time.Time // when all know that they are held
	since   time.Time // they are held
	longest time.Duration
	limit   *time.Timer // passes them on whatever is away
	calm    *time.Timer // passes them on when what was away is known to be back
}

// passing is how long it may take to note that requests pass again, after all else is done.
const passing = 10 * time.Second

// Before holds requests when steps replace what they need, and waits until that is known everywhere.
func (h *Hold) Before(ctx context.Context, steps []plan.Step) {
	if h == nil {
		return
	}
	h.mu.Lock()
	holds, waits := false, false
	for _, s := range steps {
		switch {
		case h.Awaited[s.Object] && s.Effect != plan.None:
			if h.away == nil {
				h.away = map[string]bool{}
			}
			h.away[s.Object], holds = true, true
		case s.Object == h.By && h.holding:
			h.pass()
			h.reached, waits = time.Now().Add(h.Spreading), true
		case h.Shared[s.Object] && !h.holding && !h.passes:
			h.broken = h.Pass(ctx, true)
			h.passes = h.broken == nil
		}
	}
	if holds {
		h.hold(ctx)
		waits = h.holding
	}
	wait := time.Until(h.reached)
	h.mu.Unlock()
	if !waits {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(wait):
	}
}

// hold holds requests, if they pass. Requests fail as without a Hold when what they need is away for longer than they may wait.
func (h *Hold) hold(ctx context.Context) {
	stop(h.calm)
	if h.holding {
		return
	}
	if h.broken = h.Pass(ctx, false); h.broken != nil {
		return
	}
	h.holding, h.passes, h.since = true, false, time.Now()
	h.reached = h.since.Add(h.Spreading)
	h.limit = time.AfterFunc(h.Longest, h.passAnyway)
}

// Back notes that an object is replaced and ready, or will not be. When nothing is away any more requests pass.
func (h *Hold) Back(object string) {
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
		h.calm = time.AfterFunc(h.Spreading/2, h.passUnlessAway)
	}
}

// How says, of an object that is being replaced, whether requests wait for it; "" when they have no need to.
func (h *Hold) How(object string) string {
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
	return ", requests no longer wait"
}

// passUnlessAway passes requests on unless something else went since that was decided.
func (h *Hold) passUnlessAway() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.away) == 0 {
		h.pass()
	}
}

// passAnyway passes requests on that have waited for long enough.
func (h *Hold) passAnyway() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pass()
}

// End passes requests on at the end of a run, whatever became of it.
func (h *Hold) End() {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pass()
	if h.Over != nil {
		h.Over()
	}
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
	h.longest = max(h.longest, time.Since(h.since))
	h.passes = h.Pass(ctx, true) == nil
	h.holding = !h.passes
}

// Waited is the longest time that requests were held for; 0: they were not.
func (h *Hold) Waited() time.Duration {
	if h == nil {
		return 0
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.holding {
		return max(h.longest, time.Since(h.since))
	}
	return h.longest
}

func stop(t *time.Timer) {
	if t != nil {
		t.Stop()
	}
}
