package installation

import (
	"context"
	"fmt"
	"strings"
	"time"

	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/run"
	"berth/internal/state"
)

// SearchPath asks for one result of anything: what answers it has an index or a clone to look into.
//
// Source: https://sourcegraph.com/docs/api/stream_api
const SearchPath = "/.api/search/stream"

// SearchQuery is the query of SearchPath, for anything and one result of it. TokenVariable names the variable with an access token, as src has it.
const SearchQuery, TokenVariable = "q=count%3A1+.&display=1", "SRC_ACCESS_TOKEN"

// SearchPatience is how long a search may go unanswered after everything is ready: indexes are opened and caches filled meanwhile.
const SearchPatience = time.Minute

// firstPatience is how long a search may take that nobody asked for.
const firstPatience = 5 * time.Second

// Search asks for one search result. Status is the one of HTTP; 0 when there is no way to ask.
func (i *Installation) Search(ctx context.Context, by Route) (status int, answer string, err error) {
	return i.Get(ctx, by, Page{Path: SearchPath, Query: SearchQuery})
}

// Searched proves that a search is answered, and says how.
func (i *Installation) Searched(ctx context.Context, by Route, now func() time.Time) (string, error) {
	var last error
	for end := now().Add(SearchPatience); ; {
		started := now()
		status, said, err := i.Search(ctx, by)
		took := now().Sub(started).Milliseconds()
		switch {
		case err != nil:
			last = err
		case status == 0:
			return "search not checked: the frontend is not reachable from here", nil
		case status == 401 || status == 403:
			return "search not checked: it needs a sign-in here; the services' own checks pass", nil
		case status >= 300:
			last = fmt.Errorf("a search was answered with HTTP status %d: %.200s", status, said)
		case strings.Contains(said, "event: error"):
			last = fmt.Errorf("a search was answered with an error: %.300s", said)
		default:
			if HasResult(said) {
				if _, err := state.Searched(ctx, i.Store, now()); err != nil {
					return "", err
				}
			}
			return fmt.Sprintf("a search was answered in %d ms", took), nil
		}
		if now().After(end) || ctx.Err() != nil {
			return "", diag.List{{Code: "BERTH3711", Severity: diag.Error, Subject: "search", Summary: "search fails",
				Detail: []string{last.Error()}, Hint: "see the frontend's log: " + i.Hint}}
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// HasResult reports whether an answer to a search has a result in it. One of an installation without repositories has none.
func HasResult(answer string) bool {
	for _, event := range strings.Split(answer, "event: matches\ndata: ")[1:] {
		if matches, _, _ := strings.Cut(event, "\n"); strings.Trim(matches, "[] ") != "" {
			return true
		}
	}
	return false
}

// FirstSearch asks once for a search, where the first one is still to come, and notes the first one that has a result. It gives how the installation began as
// it is known then, nil where nobody saw that, and whether the search was the first.
func (i *Installation) FirstSearch(ctx context.Context, e *Environment) (start *state.Start, first bool, err error) {
	start, err = state.StartOf(ctx, i.Store)
	if err != nil || !start.Waits() {
		return start, false, err
	}
	ctx, cancel := context.WithTimeout(ctx, firstPatience)
	defer cancel()
	status, said, err := i.Get(ctx, ByFrontProxy, Page{Path: SearchPath, Query: SearchQuery, Token: e.Getenv(TokenVariable)})
	if err != nil || status != 200 || !HasResult(said) {
		return start, false, nil // whoever wants to know why asks berth verify or berth doctor
	}
	now, err := state.Searched(context.WithoutCancel(ctx), i.Store, e.Now())
	if err != nil || now == nil {
		return start, false, err
	}
	return now, true, nil
}

// Inspected asks the databases by a task. Where none can be run, for whatever reason, they can't be asked.
func Inspected(ctx context.Context, e *Environment, w *Want, tasks run.Tasks) (Said, error) {
	e.Watch(run.Event{Kind: run.Asked, Text: "querying the databases for their release"})
	asker := data.Worker{Tasks: tasks, Tag: e.Tag()}
	facts, err := asker.Inspect(ctx, w.Image("pgsql"))
	if err != nil {
		return Said{}, ctx.Err()
	}
	return Said{Answered: true, Release: facts.Release, Postgres: facts.Postgres()}, nil
}
