package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/url"
	"sort"
	"strings"
	"sync"
	"time"

	"berth/testbed/internal/index"
	"berth/testbed/internal/shard"
)

// hop is one service that took part in answering, with how long it took.
type hop struct {
	Service string  `json:"service"`
	Address string  `json:"address"`
	MS      float64 `json:"ms,omitempty"`
	Detail  string  `json:"detail,omitempty"`
}

// result is a match with where it was found.
type result struct {
	index.Match
	From     string `json:"from"` // zoekt or searcher
	Verified bool   `json:"verified"`
}

// answer is the whole answer to a search.
type answer struct {
	Query   string   `json:"query"`
	Version string   `json:"version"`
	MS      float64  `json:"ms"`
	Repos   int      `json:"repos"`
	Results []result `json:"results"`
	Hops    []hop    `json:"hops"`
	Alerts  []string `json:"alerts"` // parts that couldn't answer

	mu sync.Mutex
}

// ask is what the frontend sends to zoekt-webserver and searcher.
type ask struct {
	index.Query
	Repos []string
}

// told is what they answer.
type told struct {
	Matches []index.Match
	Indexed map[string]string // commit of each repository that was searched
}

const limit = 100

// parse splits repo: and file: filters from the text of a query.
func parse(q string) (text, repo, file string) {
	var words []string
	for _, w := range strings.Fields(q) {
		switch {
		case strings.HasPrefix(w, "repo:"):
			repo = strings.TrimPrefix(w, "repo:")
		case strings.HasPrefix(w, "file:"):
			file = strings.TrimPrefix(w, "file:")
		default:
			words = append(words, w)
		}
	}
	return strings.Join(words, " "), repo, file
}

func (f *frontend) search(w http.ResponseWriter, r *http.Request) {
	a := &answer{Query: r.FormValue("q"), Version: f.version, Results: []result{}, Alerts: []string{}}
	start := time.Now()
	if via := r.Header.Get("X-Forwarded-For"); via != "" {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		a.Hops = append(a.Hops, hop{Service: "caddy", Address: host, Detail: "for " + via})
	}
	a.Hops = append(a.Hops, hop{Service: "frontend", Address: hostname()})
	mine := len(a.Hops) - 1
	if a.Query != "" {
		if err := f.find(r.Context(), a); err != nil {
			refuse(w, http.StatusServiceUnavailable, err)
			return
		}
	}
	a.MS = since(start)
	a.Hops[mine].MS = a.MS
	if r.FormValue("format") == "json" || strings.Contains(r.Header.Get("Accept"), "application/json") {
		reply(w, a)
		return
	}
	f.page(w, r, a)
}

// stream answers a search as Sourcegraph's stream API does: events, of which the last one is done. What went wrong on the way is an event, too,
// since the status was sent before.
func (f *frontend) stream(w http.ResponseWriter, r *http.Request) {
	a := &answer{Query: r.FormValue("q"), Version: f.version, Results: []result{}, Alerts: []string{}}
	w.Header().Set("Content-Type", "text/event-stream")
	event := func(kind string, data any) {
		text, _ := json.Marshal(data) // results and texts always marshal
		fmt.Fprintf(w, "event: %s\ndata: %s\n\n", kind, text)
	}
	if err := f.find(r.Context(), a); err != nil {
		a.Alerts = append(a.Alerts, err.Error())
	}
	for _, text := range a.Alerts {
		event("error", map[string]string{"message": text})
	}
	event("matches", a.Results)
	event("done", struct{}{})
}

func since(t time.Time) float64 { return float64(time.Since(t).Microseconds()) / 1000 }

func (a *answer) hop(service, address string, start time.Time, detail string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		detail = "error: " + err.Error()
		a.Alerts = append(a.Alerts, service+" "+address+": "+err.Error())
	}
	a.Hops = append(a.Hops, hop{service, address, since(start), detail})
}

func (a *answer) add(from string, matches []index.Match) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range matches {
		a.Results = append(a.Results, result{Match: m, From: from})
	}
}

// find asks the index of each repository's shard, then searches without an index what is not indexed at its commit, and last looks
// each match up in the repository itself.
func (f *frontend) find(ctx context.Context, a *answer) error {
	text, repoFilter, file := parse(a.Query)
	start := time.Now()
	all, err := f.listRepos(ctx)
	if err != nil {
		return err
	}
	byShard, repos := map[string][]string{}, map[string]repoInfo{}
	for _, r := range all {
		if r.Commit != "" && strings.Contains(r.Name, repoFilter) {
			repos[r.Name] = r
			byShard[r.Zoekt] = append(byShard[r.Zoekt], r.Name)
		}
	}
	a.Repos = len(repos)
	a.hop("pgsql", f.db.frontend().Config().ConnConfig.Host, start, fmt.Sprintf("%d of %d repositories", len(repos), len(all)), nil)
	start = time.Now()
	_, err = redisDo(ctx, f.cache, "INCR", "searches")
	a.hop("redis-cache", shard.Host(redisURL("cache", f.env)), start, "counted", err)

	query := index.Query{Text: text, Path: file, Limit: limit}
	rest := map[string][]string{} // by searcher
	var restMu sync.Mutex
	var wait sync.WaitGroup
	for address, names := range byShard {
		wait.Go(func() {
			var t told
			begin := time.Now()
			err := send(ctx, "POST", "http://"+address+"/search", ask{query, names}, &t)
			a.hop("zoekt-webserver", address, begin, fmt.Sprintf("%d matches in %d indexes", len(t.Matches), len(t.Indexed)), err)
			restMu.Lock()
			defer restMu.Unlock()
			for _, n := range names {
				if t.Indexed[n] != repos[n].Commit {
					s := shard.Owner(n, f.searchers)
					rest[s] = append(rest[s], n)
				}
			}
			var current []index.Match
			for _, m := range t.Matches {
				if repos[m.Repo].Commit == m.Commit {
					current = append(current, m)
				}
			}
			a.add("zoekt", current)
		})
	}
	wait.Wait()
	for address, names := range rest {
		wait.Go(func() {
			var t told
			begin := time.Now()
			err := send(ctx, "POST", address+"/search", ask{query, names}, &t)
			a.hop("searcher", address, begin, fmt.Sprintf("%d matches in %d repositories", len(t.Matches), len(t.Indexed)), err)
			a.add("searcher", t.Matches)
		})
	}
	wait.Wait()
	sort.Slice(a.Results, func(i, j int) bool {
		x, y := a.Results[i], a.Results[j]
		if x.Repo != y.Repo {
			return x.Repo < y.Repo
		}
		if x.Path != y.Path {
			return x.Path < y.Path
		}
		return x.LineNumber < y.LineNumber
	})
	a.Results = a.Results[:min(len(a.Results), limit)]
	f.verify(ctx, a, repos)
	return nil
}

// verify takes the lines of the first matches from the repositories, so that an answer never shows what only an index still has.
func (f *frontend) verify(ctx context.Context, a *answer, repos map[string]repoInfo) {
	type place struct{ repo, path string }
	files := map[place][]string{}
	type work struct {
		start time.Time
		n     int
		err   error
	}
	byServer := map[string]*work{}
	for i := range a.Results {
		r := &a.Results[i]
		p := place{r.Repo, r.Path}
		server := repos[r.Repo].Gitserver
		if byServer[server] == nil {
			byServer[server] = &work{start: time.Now()}
		}
		if _, ok := files[p]; !ok {
			if len(files) >= 20 || byServer[server].err != nil {
				continue
			}
			byServer[server].n++
			lines, err := lines(ctx, fmt.Sprintf("http://%s/file?repo=%s&commit=%s&path=%s", server, url.QueryEscape(r.Repo), r.Commit, url.QueryEscape(r.Path)))
			byServer[server].err = err
			files[p] = lines
		}
		if l := files[p]; r.LineNumber <= len(l) {
			r.Verified = l[r.LineNumber-1] == r.Line
			r.Line = l[r.LineNumber-1]
		}
	}
	for server, w := range byServer {
		a.hop("gitserver", server, w.start, fmt.Sprintf("%d files", w.n), w.err)
	}
}

func lines(ctx context.Context, url string) ([]string, error) {
	b, err := call(ctx, "GET", url, nil)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	var out []string
	s := bufio.NewScanner(b)
	s.Buffer(nil, 2<<20)
	for s.Scan() {
		out = append(out, s.Text())
	}
	return out, s.Err()
}

func (f *frontend) home(w http.ResponseWriter, r *http.Request) {
	f.page(w, r, &answer{Version: f.version})
}

func (f *frontend) page(w http.ResponseWriter, r *http.Request, a *answer) {
	data := struct {
		*answer
		Users int
		All   []repoInfo
		Error string
	}{answer: a}
	if err := f.db.frontend().QueryRow(r.Context(), "SELECT count(*) FROM users").Scan(&data.Users); err != nil {
		data.Error = err.Error()
	} else if data.All, err = f.listRepos(r.Context()); err != nil {
		data.Error = err.Error()
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = page.Execute(w, data) // a browser that went away needs no answer
}

var page = template.Must(template.New("").Parse(`<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{if .Query}}{{.Query}} - {{end}}Sourcegraph {{.Version}} (stand-in)</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
input{font:inherit;padding:.4rem .6rem;border:1px solid #999;border-radius:4px}input[name=q]{width:70%}
button{font:inherit;padding:.4rem 1rem;border:0;border-radius:4px;background:#14438a;color:#fff}
pre{background:#f4f5f7;padding:.5rem;overflow-x:auto;margin:.2rem 0 1rem}.note{color:#555;font-size:.85rem}td{padding:0 1rem 0 0}
@media (prefers-color-scheme:dark){body{color:#ddd;background:#181b22}pre{background:#242936}.note{color:#aaa}input{background:#242936;color:#ddd}}
</style>
<p class="note">Stand-in for Sourcegraph {{.Version}}, from berth's testbed. Not Sourcegraph's software.</p>
{{with .Error}}<p><b>Not ready:</b> {{.}}</p>{{end}}
{{if and (not .Error) (eq .Users 0)}}<h1>Set up the site</h1>
<form method="post" action="/api/site-init"><p><input name="email" type="email" placeholder="Email" required> <input name="username" placeholder="Username" required>
<input name="password" type="password" placeholder="Password" required> <button>Create the site admin</button></form>{{else}}
<form action="/search"><input name="q" value="{{.Query}}" placeholder="Search code; repo:name and file:name narrow it down" autofocus> <button>Search</button></form>
{{if .Query}}<p>{{len .Results}} results in {{.Repos}} repositories, {{printf "%.1f" .MS}} ms</p>
{{range .Alerts}}<p><b>Partial results:</b> {{.}}</p>{{end}}
{{range .Results}}<div>{{.Repo}} › <b>{{.Path}}</b>:{{.LineNumber}} <span class="note">{{.From}}</span></div><pre>{{.Line}}</pre>{{end}}
<table class="note">{{range .Hops}}<tr><td>{{.Service}}<td>{{.Address}}<td>{{if .MS}}{{printf "%.1f" .MS}} ms{{end}}<td>{{.Detail}}</tr>{{end}}</table>
{{else}}<h2>Repositories</h2><ul>{{range .All}}<li>{{.Name}} <span class="note">{{if .Commit}}{{.Commit}}{{else}}not cloned yet{{end}}</span>{{else}}<li>none yet{{end}}</ul>{{end}}
{{end}}`))
