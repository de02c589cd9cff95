package status

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/internal/data"
	"berth/internal/installation"
)

// Verification is whether people can work with an installation, leg by leg.
type Verification struct {
	Installation string `json:"installation"`
	Release      string `json:"release"` // that the config asks for
	Legs         []Leg  `json:"legs"`
}

// Leg is one thing that people do, and the services behind it.
type Leg struct {
	Name         string  `json:"name"`
	Verdict      Verdict `json:"verdict"`
	Milliseconds int64   `json:"milliseconds,omitempty"` // until the answer
	Detail       string  `json:"detail,omitempty"`
}

// Verdict is what became of a leg.
type Verdict string

// The verdicts.
const (
	Works      Verdict = "ok"
	Fails      Verdict = "failed"
	NotChecked Verdict = "not checked"
)

// Works reports whether no leg fails.
func (v *Verification) Works() bool {
	return !slices.ContainsFunc(v.Legs, func(l Leg) bool { return l.Verdict == Fails })
}

// searches are the ways that a search takes, each by a query that needs its services.
//
// Source: https://sourcegraph.com/docs/code-search/queries
var searches = []struct{ name, query string }{
	{"search, indexed", "count:1 ."},                       // zoekt-webserver
	{"search, not indexed", "index:no count:1 ."},          // searcher, which asks gitserver
	{"search of symbols", "type:symbol count:1 ."},         // searcher with ctags; before, the service symbols
	{"search of commits", "type:commit count:1 ."},         // gitserver
	{"search of changes", "type:diff count:1 after:1week"}, // gitserver
}

// legPatience is how long one leg may take.
const legPatience = 30 * time.Second

// Verify does what people do, as far as that can be done without changing anything.
func Verify(ctx context.Context, e *installation.Environment, i *installation.Installation) (*Verification, error) {
	v := &Verification{Installation: i.Stack.Name, Release: i.Stack.Release}
	token := e.Getenv(installation.TokenVariable)
	page := ask(ctx, e, i, "sign-in page", installation.Page{Path: "/sign-in"})
	v.Legs = append(v.Legs, page)
	for _, s := range searches {
		q := url.Values{"q": {s.query}, "display": {"1"}}
		v.Legs = append(v.Legs, ask(ctx, e, i, s.name, installation.Page{Path: installation.SearchPath, Query: q.Encode(), Token: token}))
	}
	v.Legs = append(v.Legs, uploads(ctx, i))
	return v, ctx.Err()
}

// ask asks for one page, and judges its answer.
func ask(ctx context.Context, e *installation.Environment, i *installation.Installation, name string, p installation.Page) Leg {
	ctx, cancel := context.WithTimeout(ctx, legPatience)
	defer cancel()
	start := e.Now()
	status, answer, err := i.Get(ctx, installation.ByFrontProxy, p)
	l := Leg{Name: name, Verdict: Works, Milliseconds: e.Now().Sub(start).Milliseconds()}
	_, message, failed := strings.Cut(answer, "event: error\ndata: ")
	switch {
	case err != nil && ctx.Err() != nil:
		l.Verdict, l.Detail = Fails, "no answer within "+legPatience.String()
	case err != nil:
		l.Verdict, l.Detail = Fails, err.Error()
	case status == 0:
		l.Verdict, l.Detail, l.Milliseconds = NotChecked, "Sourcegraph is not reachable from here", 0
	case (status == 401 || status == 403) && p.Token == "":
		l.Verdict, l.Detail = NotChecked, "it needs a sign-in: put an access token into the variable "+installation.TokenVariable
	case status == 401 || status == 403:
		l.Verdict, l.Detail = Fails, fmt.Sprintf("the access token of %s is not accepted: HTTP status %d", installation.TokenVariable, status)
	case status >= 400:
		l.Verdict, l.Detail = Fails, fmt.Sprintf("HTTP status %d", status)
	case failed:
		l.Verdict, l.Detail = Fails, fmt.Sprintf("%.300s", said(message))
	}
	return l
}

// said is the message of an error event.
func said(data string) string {
	data, _, _ = strings.Cut(data, "\n")
	var event struct{ Message string }
	if json.Unmarshal([]byte(data), &event) != nil || event.Message == "" {
		return data
	}
	return event.Message
}

// uploadsQuery asks how many uploads of code intelligence were processed, failed in the last week, and wait for over an hour.
const uploadsQuery = `SELECT count(*) FILTER (WHERE state = 'completed'), count(*) FILTER (WHERE state IN ('failed', 'errored') AND uploaded_at > now() - interval '7 days'),
count(*) FILTER (WHERE state IN ('queued', 'processing') AND uploaded_at < now() - interval '1 hour') FROM lsif_uploads`

// uploads judges by what became of people's own uploads: berth makes none.
func uploads(ctx context.Context, i *installation.Installation) Leg {
	l := Leg{Name: "uploads processed", Verdict: NotChecked}
	if i.Doc.Config.Databases["pgsql"].External != nil {
		l.Detail = "pgsql is an external database; ask it with: berth psql"
		return l
	}
	all, err := i.Instances(ctx)
	at := slices.IndexFunc(all, func(i installation.Instance) bool { return i.Service == "pgsql" && i.Up() && !i.Init })
	if err != nil || at < 0 {
		l.Verdict, l.Detail = Fails, "pgsql does not run"
		return l
	}
	ctx, cancel := context.WithTimeout(ctx, legPatience)
	defer cancel()
	var said, complaint bytes.Buffer
	exit, err := i.Exec(ctx, all[at], installation.Command{Args: data.Session{Database: "pgsql"}.Inside("-XAtqc", uploadsQuery), Stdout: &said, Stderr: &complaint})
	if err != nil || exit != 0 {
		why, _, _ := strings.Cut(strings.TrimSpace(complaint.String()), "\n") // psql shows the query below
		if why == "" {
			why = fmt.Sprint(cmp.Or(err, fmt.Errorf("exit code %d", exit)))
		}
		l.Detail = fmt.Sprintf("pgsql can't be asked: %.300s", why)
		return l
	}
	var n [3]int
	for k, text := range strings.SplitN(strings.TrimSpace(said.String()), "|", 3) {
		n[k], _ = strconv.Atoi(text) // the server counts
	}
	done, failed, stuck := n[0], n[1], n[2]
	switch {
	case stuck > 0:
		l.Verdict, l.Detail = Fails, fmt.Sprintf("%d wait for over an hour; see: berth logs precise-code-intel-worker", stuck)
	case done == 0 && failed == 0:
		l.Detail = "nothing was uploaded yet"
	default:
		l.Verdict, l.Detail = Works, fmt.Sprintf("%d so far; %d failed in the last week", done, failed)
	}
	return l
}
