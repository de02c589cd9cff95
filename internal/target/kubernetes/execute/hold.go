package execute

import (
	"context"
	"sync"
	"time"

	"berth/internal/plan"
	"berth/internal/stack"
)

// Hold lets requests wait at a door while something is replaced that exists once and that they need. It never fails a run: where the door
// can't be moved, requests are answered as if there were none.
type Hold struct {
	// Awaited are the objects that requests wait for, by key.
	Awaited map[string]bool
	// Door opens or closes the door.
	Door func(ctx context.Context, open bool) error

	mu      sync.Mutex
	away    map[string]bool // awaited objects that are being replaced
	closed  bool
	broken  error       // why it could not be closed
	reached time.Time   // when all nodes know that it is closed
	limit   *time.Timer // opens it whatever is away
	calm    *time.Timer // opens it when what was away is known to be back
}

const (
	// spreading is how long it takes until all nodes know where a Service leads, or who answers for one: kube-proxy gathers changes of one second.
	spreading = 2 * time.Second
	// opening is how long the API server may take to note that the door opens, after all else is over.
	opening = 10 * time.Second
)

// before closes the door when steps replace what requests need, and waits until that is known.
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
	if took && h.close(ctx) != nil {
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

// close closes the door, if it is open. What is away for longer than a request may wait is missed, as without a door.
func (h *Hold) close(ctx context.Context) error {
	stop(h.calm)
	if h.closed {
		return nil
	}
	if h.broken = h.Door(ctx, false); h.broken != nil {
		return h.broken
	}
	h.closed, h.reached = true, time.Now().Add(spreading)
	h.limit = time.AfterFunc(stack.LongestWait, h.End)
	return nil
}

// back notes that an object is replaced and ready, or will not be. When nothing is away any more the door opens.
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
	if len(h.away) == 0 && h.closed {
		h.calm = time.AfterFunc(spreading/2, h.openUnlessAway)
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
	case h.closed:
		return ", requests wait"
	case h.broken != nil:
		return ", requests do not wait: " + h.broken.Error()
	}
	return ", requests wait no longer"
}

// openUnlessAway opens the door unless something else went since that was decided.
func (h *Hold) openUnlessAway() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.away) == 0 {
		h.open()
	}
}

// End opens the door at the end of a run, whatever became of it.
func (h *Hold) End() {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open()
}

// open opens the door, if it is closed. Where that fails requests wait before they are let past it, until the next run opens it.
func (h *Hold) open() {
	stop(h.calm)
	stop(h.limit)
	if !h.closed {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), opening)
	defer cancel()
	h.closed = h.Door(ctx, true) != nil
}

func stop(t *time.Timer) {
	if t != nil {
		t.Stop()
	}
}
