// Package web is berth-hq in a browser: reports come in, and figures go out as pages, JSON and CSV. Pages are made here, have no script, and load nothing from
// elsewhere. Who asks for a page or for data has a right to it, from a session or from a token; only reports need none, since each proves itself.
//
// One package because all pages share who may see them, the fleet that was read for them, and the table of addresses that a test holds against the rights.
package web

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"berth/catalogue"
	"berth/internal/browser"
	"berth/internal/diag"
	"berth/internal/hq/fleet"
	"berth/internal/hq/store"
	"berth/internal/report"
)

// Site is berth-hq behind an address.
type Site struct {
	Store *store.Store
	// Record is the support record that counts: its subjects need exceptions, and its deciders sign them.
	Record *catalogue.SupportRecord
	Now    func() time.Time
	Log    *slog.Logger
	// Public is the https address that people type, of a proxy in front; "": there is none, and only this machine comes here.
	Public string
	// Provider says who somebody is; nil: people sign in with tokens alone.
	Provider *Provider

	seen     atomic.Pointer[seen]
	requests *limiter
	attempts *limiter
	known    *report.Known // what words of reports mean something here
}

// seen is the fleet as it was read once. Pages share it, and what was counted of it.
type seen struct {
	fleet *fleet.Fleet
	at    time.Time
	bytes int64 // that the database has on disk

	mu      sync.Mutex
	counted map[string]*fleet.Figure // by address
}

// manyFigures is how many figures are kept. Then all are counted again: nobody fills the memory by asking for many days.
const manyFigures = 1000

// figures counts figures, or gives them as they were counted before. There are all of them.
func (s *seen) figures(q query, ids ...string) []*fleet.Figure {
	out, missing := make([]*fleet.Figure, len(ids)), []string{}
	key := func(id string) string { return q.DayText() + q.address(id, "", "") }
	s.mu.Lock()
	for n, id := range ids {
		if out[n] = s.counted[key(id)]; out[n] == nil {
			missing = append(missing, id)
		}
	}
	s.mu.Unlock()
	if len(missing) == 0 {
		return out
	}
	fresh := s.fleet.Figures(q.Query, missing...)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.counted) >= manyFigures {
		clear(s.counted)
	}
	for _, f := range fresh {
		out[slices.Index(ids, f.ID)] = f
		s.counted[key(f.ID)] = f
	}
	return out
}

// How often one client may do something: at once, and then in a second.
const (
	requestsAtOnce, requestsPerSecond = 500, 50
	attemptsAtOnce, attemptsPerSecond = 10, 0.2
)

// refresh is how old the figures of a page may be, at the least.
const refresh = 15 * time.Second

// Read reads the fleet for all pages, and counts the figures of the first one.
func (s *Site) Read(ctx context.Context) error {
	at := s.Now()
	f, err := s.Store.Fleet(ctx, catalogue.Embedded(), s.Record)
	if err != nil {
		return err
	}
	bytes, err := s.Store.Size(ctx)
	if err != nil {
		return err
	}
	next := &seen{fleet: f, at: at, bytes: bytes, counted: map[string]*fleet.Figure{}}
	q, _ := read(nil, at) // nothing is asked for, so nothing is wrong
	next.figures(q, fleet.IDs()...)
	s.seen.Store(next)
	return nil
}

// Follow reads the fleet again and again, until the context ends. A large fleet is read less often, so that reading takes a tenth of the time.
func (s *Site) Follow(ctx context.Context) {
	for took := time.Duration(0); ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(refresh, 9*took)):
		}
		start := time.Now()
		if err := s.Read(ctx); err != nil && ctx.Err() == nil {
			s.Log.Error("the figures stay as they are", "error", err)
		}
		took = time.Since(start)
	}
}

// route is an address, and who may go there.
type route struct {
	pattern string
	right   store.Right // that it takes; "": none
	serve   http.HandlerFunc
}

func (s *Site) routes() []route {
	var signIn []route
	if s.Provider != nil {
		signIn = []route{{"GET /sign-in/begin", "", s.begin}, {"GET " + callbackPath, "", s.callback}}
	}
	return append(signIn, []route{
		{"POST " + report.Path, "", s.receive},
		{"GET /style.css", "", browser.Style(style)},
		{"GET /sign-in", "", s.signInPage},
		{"POST /sign-in", "", s.signIn},
		{"POST /sign-out", "", s.signOut},
		{"GET /{$}", store.Read, s.dashboard},
		{"GET /figures/{id}", store.Read, s.figure},
		{"GET /digest", store.Read, s.digest},
		{"GET /installations/{name}", store.Read, s.installation},
		{"GET /issues", store.Read, s.issues},
		{"POST /issues", store.Write, s.addIssue},
		{"GET /issues/new", store.Write, s.newIssue},
		{"GET /issues/{number}", store.Read, s.issue},
		{"POST /issues/{number}", store.Write, s.editIssue},
		{"POST /issues/{number}/remove", store.Write, s.removeIssue},
		{"GET /exceptions", store.Read, s.exceptions},
		{"POST /exceptions", store.Write, s.addException},
		{"GET /exceptions/new", store.Write, s.newException},
		{"GET /exceptions/{number}", store.Read, s.exception},
		{"GET /exceptions/{number}/files/{file}", store.Read, s.exceptionFile},
		{"POST /exceptions/{number}/own", store.Write, s.own},
		{"POST /exceptions/{number}/vote", store.Vote, s.vote},
		{"POST /exceptions/{number}/decide", store.Decide, s.decide},
		{"POST /exceptions/{number}/sign", store.Decide, s.sign},
		{"POST /exceptions/{number}/revoke", store.Decide, s.revoke},
		{"POST /exceptions/{number}/statement", store.Decide, s.statement},
		{"GET /options", store.Read, s.options},
		{"POST /options", store.Decide, s.keepOptions},
		{"GET /options/edit", store.Decide, s.editOptions},
		{"GET /options/{id}", store.Read, s.option},
		{"GET /audit", store.Admit, s.audit},
		{"GET /people", store.Admit, s.people},
		{"POST /people", store.Admit, s.addPerson},
		{"POST /people/remove", store.Admit, s.removePerson},
	}...)
}

// Handler answers all requests.
func (s *Site) Handler() (http.Handler, error) {
	s.requests, s.attempts = newLimiter(requestsPerSecond, requestsAtOnce), newLimiter(attemptsPerSecond, attemptsAtOnce)
	s.known = report.KnownOf(catalogue.Embedded())
	mux := http.NewServeMux()
	for _, r := range s.routes() {
		serve := r.serve
		if r.right != "" {
			serve = s.only(r.right, serve)
		}
		mux.HandleFunc(r.pattern, serve)
	}
	// What a browser was led to post from another site is refused.
	own := http.NewCrossOriginProtection()
	if s.Public != "" {
		if err := own.AddTrustedOrigin(s.Public); err != nil {
			return nil, err
		}
	}
	return browser.Strict(browser.Plain, own.Handler(mux)), nil
}

// receive takes a report. It is on disk when it is acknowledged.
func (s *Site) receive(w http.ResponseWriter, r *http.Request) {
	if !s.requests.allow(s.client(r)) {
		w.Header().Set("Retry-After", "10")
		answer(w, http.StatusTooManyRequests, report.Answer{Problems: diag.List{{Code: "BERTH4925", Severity: diag.Error, Subject: "report", Summary: "too many reports from one address", Hint: "send it again in a minute"}}})
		return
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, report.MaxSize+1))
	if err != nil {
		return // the client is gone
	}
	got, problems := report.Open(text, s.Now())
	if problems.Failed() {
		if err := s.Store.Refuse(r.Context(), s.Now(), problems[0].Code); err != nil {
			s.Log.Error("a refused report is not counted", "error", err)
		}
		status := http.StatusUnprocessableEntity
		if len(text) > report.MaxSize {
			status = http.StatusRequestEntityTooLarge
		}
		answer(w, status, report.Answer{Problems: problems})
		return
	}
	s.known.Narrow(&got.Report)
	known, err := s.Store.Receive(r.Context(), got)
	if err != nil {
		s.Log.Error("a report was not taken", "error", err)
		answer(w, http.StatusServiceUnavailable, report.Answer{Problems: diag.List{{Code: "BERTH4926", Severity: diag.Error, Subject: "report", Summary: "the server can't save the report now", Hint: "send it again later: berth report --send"}}})
		return
	}
	answer(w, http.StatusOK, report.Answer{ID: got.ID, Known: known})
}

func answer(w http.ResponseWriter, status int, a report.Answer) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(a) // the client is gone, or has it
}
