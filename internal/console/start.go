package console

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/run"
)

// starts are the commands that carry out the plans that pages show. Each is the one that the plan names in a terminal, with the yes that the page asked for.
var starts = map[plan.Action]string{plan.Up: "up --yes", plan.Upgrade: "upgrade --yes", plan.Rollback: "rollback --yes", plan.Backup: "backup"}

// The codes that pages know, because of what can be done about them here.
const (
	underway = "BERTH3734" // an upgrade is under way: its plan is shown, and can be continued
	changed  = "BERTH3738" // the plan is another one than the person said yes to
)

// Startable is the plan of a page, where it can be carried out; nil: it can't.
func (p page) Startable() *plan.Plan {
	found, ok := p.Answer.Result.(*plan.Plan)
	if !ok || found == nil || found.Empty() || len(found.Undecided()) > 0 || starts[found.Action] == "" {
		return nil
	}
	for _, d := range p.Answer.Problems {
		if d.Severity == diag.Error && d.Code != underway {
			return nil
		}
	}
	return found
}

// started is a command that somebody started in the console, while it goes on and after it.
type started struct {
	Command string // that a terminal shows the same with
	action  plan.Action
	to      string // the release that an upgrade leads to
	cancel  context.CancelFunc

	mu       sync.Mutex
	text     []byte        // what it printed
	changed  chan struct{} // closed when there is more to see
	progress progress
	stopping bool
	answer   *Answer // nil: it goes on
}

// progress is how far a run is.
type progress struct {
	Stage       string // "migrate, 5 of 10"; "": the plan has none
	Done, Total int    // steps of the plan that is carried out now
	Waiting     string
}

// Text is the progress in words.
func (p progress) Text() string {
	var parts []string
	if p.Stage != "" {
		parts = append(parts, "stage "+p.Stage)
	}
	if p.Total > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d steps done", p.Done, p.Total))
	}
	if p.Waiting != "" {
		parts = append(parts, "waiting for "+p.Waiting)
	}
	return strings.Join(parts, "; ")
}

// Write takes what the command prints.
func (s *started) Write(text []byte) (int, error) {
	s.change(func() { s.text = append(s.text, text...) })
	return len(text), nil
}

// see takes what happens in the run.
func (s *started) see(e run.Event) {
	if e.Kind == run.Progress {
		return // bytes of pulls, many times in a second
	}
	s.change(func() {
		switch p := &s.progress; e.Kind {
		case run.Started:
			p.Done, p.Total, p.Waiting = 0, len(e.Plan.Steps), ""
		case run.StageBegun:
			p.Stage = fmt.Sprintf("%s, %d of %d", e.Plan.Stages[e.Stage].Name, e.Stage+1, len(e.Plan.Stages))
			p.Done, p.Total, p.Waiting = 0, 0, ""
		case run.Finished:
			p.Done = min(p.Done+1, p.Total)
		case run.Waiting:
			p.Waiting = strings.Join(e.Waiting, ", ")
		case run.Ended:
			p.Waiting = ""
		}
	})
}

// change changes something, and wakes who watches.
func (s *started) change(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
	close(s.changed)
	s.changed = make(chan struct{})
}

// seen is what there is to see of a command at a moment.
type seen struct {
	Text     string
	Progress progress
	Stopping bool
	Answer   *Answer
	next     chan struct{}
}

func (s *started) seen() seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return seen{string(s.text), s.progress, s.stopping, s.answer, s.changed}
}

// start carries out the plan that somebody said yes to, and leads to the page that shows how it goes. Where another one goes on, it leads there.
func (c *Console) start(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	id, action, to := r.PostFormValue("plan"), plan.Action(r.PostFormValue("action")), r.PostFormValue("to")
	command, ok := starts[action]
	if !ok || id == "" {
		c.fail(w, http.StatusBadRequest, "The request names no plan. Nothing was changed.")
		return
	}
	words := append(strings.Fields(command), c.flags...)
	if action == plan.Upgrade {
		words = append(words, "--to="+to)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.current; s == nil || s.seen().Answer != nil {
		ctx, cancel := context.WithCancel(ctx)
		s := &started{Command: "berth " + strings.Join(words, " "), action: action, to: to, cancel: cancel, changed: make(chan struct{})}
		c.current = s
		c.running.Go(func() {
			defer cancel()
			answer := c.Ask(ctx, Command{Words: words, SaidYes: id, Out: s, Watch: s.see})
			s.change(func() { s.answer = &answer })
		})
	}
	http.Redirect(w, r, "/run", http.StatusSeeOther)
}

// stop asks the command to stop after the step that it is at, as Ctrl-C does in a terminal.
func (c *Console) stop(w http.ResponseWriter, r *http.Request) {
	if s := c.last(); s != nil {
		s.change(func() { s.stopping = true })
		s.cancel()
	}
	http.Redirect(w, r, "/run", http.StatusSeeOther)
}

// last is the command that was started last; nil: none was.
func (c *Console) last() *started {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current
}

// Busy reports whether something that was started here goes on.
func (c *Console) Busy() bool {
	s := c.last()
	return s != nil && s.seen().Answer == nil
}

// Wait waits until what was started has ended.
func (c *Console) Wait() { c.running.Wait() }

// ran is the page of the command that was started last.
func (c *Console) ran(w http.ResponseWriter, r *http.Request) {
	s := c.last()
	if s == nil {
		c.show(w, http.StatusOK, "idle", page{Title: "Run", Path: "/run"})
		return
	}
	now := s.seen()
	p := page{Title: "Run", Path: "/run", Command: s.Command, Run: &now}
	if now.Answer != nil {
		p.Answer = *now.Answer
		p.Answer.Text = "" // it is on the page already
		for _, d := range p.Answer.Problems {
			if d.Code == changed {
				p.Again = c.again(r.Context(), s)
			}
		}
	}
	c.show(w, http.StatusOK, "run", p)
}

// again is the page with the plan as it is now, for one that became another while somebody read it.
func (c *Console) again(ctx context.Context, s *started) *page {
	for _, l := range slices.Concat(looks, asides) {
		if l.starts == s.action {
			p := c.looked(ctx, l, s.to)
			return &p
		}
	}
	return nil
}

// events sends what happens to the page, as server-sent events, until the command has ended: its text from where the page has it, and how far it is.
func (c *Console) events(w http.ResponseWriter, r *http.Request) {
	s := c.last()
	if s == nil {
		c.fail(w, http.StatusNotFound, "Nothing was started here.")
		return
	}
	at, err := strconv.Atoi(r.Header.Get("Last-Event-ID"))
	if err != nil {
		at, _ = strconv.Atoi(r.URL.Query().Get("from")) // else from the begin
	}
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	for {
		now := s.seen()
		at = min(max(at, 0), len(now.Text))
		data, err := json.Marshal(map[string]any{"text": now.Text[at:], "progress": now.Progress.Text(), "done": now.Progress.Done, "total": now.Progress.Total})
		if err != nil {
			return // texts and numbers always marshal
		}
		at = len(now.Text)
		kind := "progress"
		if now.Answer != nil {
			kind = "end"
		}
		if _, err := fmt.Fprintf(w, "id: %d\nevent: %s\ndata: %s\n\n", at, kind, data); err != nil || out.Flush() != nil || now.Answer != nil {
			return // the reader is gone, or has all
		}
		select {
		case <-now.next:
		case <-r.Context().Done():
			return
		}
	}
}
