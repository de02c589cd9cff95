package web

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"berth/catalogue"
	"berth/internal/exception"
	"berth/internal/hq/fleet"
	"berth/internal/hq/issue"
	"berth/internal/hq/option"
	"berth/internal/hq/review"
	"berth/internal/hq/simulate"
	"berth/internal/hq/store"
	"berth/internal/hq/store/pgtest"
	"berth/internal/plan"
	"berth/internal/report"
	"berth/internal/state"
)

var now = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// visitor is somebody with a browser, or a program.
type visitor struct {
	t      *testing.T
	site   *Site
	url    string
	client *http.Client
	token  string // of a program
	cookie *http.Cookie
}

// start is a site with a database of its own.
func start(t *testing.T, server *pgtest.Server) *visitor {
	t.Helper()
	st, err := store.Open(t.Context(), server.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	all, err := store.Migrations()
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Migrate(t.Context(), len(all), func(string) {}); err != nil {
		t.Fatal(err)
	}
	s := &Site{Store: st, Record: catalogue.Embedded().SupportRecord(), Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)}
	handler, err := s.Handler()
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(handler)
	t.Cleanup(web.Close)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &visitor{t: t, site: s, url: web.URL, client: client}
}

// asks sends a request and gives the answer with its text.
func (v *visitor) asks(method, path, body string, headers ...string) (*http.Response, string) {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), method, v.url+path, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	if method == http.MethodPost && path != report.Path {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if v.token != "" {
		req.Header.Set("Authorization", "Bearer "+v.token)
	}
	if v.cookie != nil {
		req.AddCookie(v.cookie)
	}
	for n := 0; n < len(headers); n += 2 {
		req.Header.Set(headers[n], headers[n+1])
	}
	resp, err := v.client.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	for _, c := range resp.Cookies() {
		v.cookie = c
	}
	return resp, string(text)
}

// gets expects an answer.
func (v *visitor) gets(status int, path string) string {
	v.t.Helper()
	resp, text := v.asks(http.MethodGet, path, "")
	if resp.StatusCode != status {
		v.t.Fatalf("%s: %s, want %d\n%s", path, resp.Status, status, text)
	}
	return text
}

// sends sends a report.
func (v *visitor) sends(status int, text, code string) report.Answer {
	v.t.Helper()
	resp, body := v.asks(http.MethodPost, report.Path, text)
	var a report.Answer
	if err := json.Unmarshal([]byte(body), &a); err != nil || resp.StatusCode != status {
		v.t.Fatalf("%s %v: %s", resp.Status, err, body)
	}
	if code != "" && (len(a.Problems) == 0 || a.Problems[0].Code != code) {
		v.t.Errorf("%s, want %s", body, code)
	}
	return a
}

func (v *visitor) person(role store.Role) string {
	v.t.Helper()
	token, err := v.site.Store.AddPerson(v.t.Context(), store.By{Name: "test", At: now}, string(role)+"-1", role)
	if err != nil {
		v.t.Fatal(err)
	}
	return token
}

func simulated(t *testing.T, installations int) (out []string) {
	t.Helper()
	of := simulate.Shape{Seed: 4, Installations: installations, From: now.AddDate(0, -8, 0), To: now, Every: 7 * 24 * time.Hour}
	for text, err := range simulate.Arrivals(4, simulate.Fleet(of, catalogue.Embedded())) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(text))
	}
	return out
}

// TestRights: each page and each kind of data needs a right, and what needs none is listed here.
func TestRights(t *testing.T) {
	v := start(t, pgtest.Start(t))
	if err := v.site.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	free := []string{"POST " + report.Path, "GET /style.css", "GET /sign-in", "POST /sign-in", "POST /sign-out"}
	tokens := map[store.Role]string{"": ""}
	for _, role := range store.Roles() {
		tokens[role] = v.person(role)
	}
	replace := strings.NewReplacer("{$}", "", "{id}", "behind", "{name}", "x", "{number}", "1", "{file}", "x.yaml")
	for _, r := range v.site.routes() {
		method, path, _ := strings.Cut(replace.Replace(r.pattern), " ")
		if r.right == "" {
			if !strings.Contains(strings.Join(free, "\n"), r.pattern) {
				t.Errorf("%s needs no right", r.pattern)
			}
			continue
		}
		for role, token := range tokens {
			v.token = token
			resp, _ := v.asks(method, path, "name=nobody")
			refused := resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden || strings.HasPrefix(resp.Header.Get("Location"), "/sign-in")
			if refused && role.May(r.right) || !refused && !role.May(r.right) {
				t.Errorf("%s as %q: %s", r.pattern, role, resp.Status)
			}
		}
	}
	v.token = ""
	if resp, _ := v.asks("GET", "/?format=json", ""); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("data without a right: %s", resp.Status)
	}
	if resp, _ := v.asks("GET", "/figures/behind?size=S", ""); resp.Header.Get("Location") != "/sign-in?to="+url.QueryEscape("/figures/behind?size=S") {
		t.Errorf("%s %s", resp.Status, resp.Header.Get("Location"))
	}
}

// TestSession is a person with a browser: signs in, is led back, can't be led elsewhere, is refused from other sites, signs out.
func TestSession(t *testing.T) {
	v := start(t, pgtest.Start(t))
	if err := v.site.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	token := v.person(store.Admin)
	if resp, _ := v.asks("POST", "/sign-in", "token=wrong"); resp.StatusCode != http.StatusForbidden || v.cookie != nil {
		t.Error(resp.Status)
	}
	resp, _ := v.asks("POST", "/sign-in", "to=%2Ffigures%2Fbehind&token="+token)
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/figures/behind" {
		t.Errorf("%s %s", resp.Status, resp.Header.Get("Location"))
	}
	if c := v.cookie; c == nil || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Value == token {
		t.Errorf("the cookie is %+v", c)
	}
	text := v.gets(200, "/people")
	if !strings.Contains(text, "admin-1") || strings.Contains(text, token) {
		t.Error("the page has no people, or a token")
	}
	resp, _ = v.asks("POST", "/people/remove", "name=admin-1", "Sec-Fetch-Site", "cross-site")
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("a form of another site: %s", resp.Status)
	}
	_, text = v.asks("POST", "/people", "name=new&role=reader", "Sec-Fetch-Site", "same-origin")
	shown := regexp.MustCompile(`hq_[A-Z2-7]{26}`).FindString(text)
	if shown == "" || strings.Contains(v.gets(200, "/people"), shown) {
		t.Error("the token is not shown, or shown twice")
	}
	v.asks("POST", "/sign-out", "")
	if resp, _ := v.asks("GET", "/", ""); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("after the sign-out: %s", resp.Status)
	}
	for to, want := range map[string]string{"": "/", "https://elsewhere": "/", "//elsewhere": "/", "/\\elsewhere": "/", "/a?b=c": "/a?b=c"} {
		if got := local(to); got != want {
			t.Errorf("%q leads to %q", to, got)
		}
	}
	// A session ends after its time, and with the right of its person.
	session, err := v.site.Store.SignIn(t.Context(), shown, now)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := v.site.Store.BySession(t.Context(), session, now.Add(store.SessionLife)); p != nil || err != nil {
		t.Errorf("a session lasts forever: %v %v", p, err)
	}
	if err := v.site.Store.RemovePerson(t.Context(), store.By{Name: "test", At: now}, "new"); err != nil {
		t.Fatal(err)
	}
	if p, err := v.site.Store.BySession(t.Context(), session, now); p != nil || err != nil {
		t.Errorf("a session of nobody: %v %v", p, err)
	}
	v.cookie = nil
	for range 12 {
		resp, _ = v.asks("POST", "/sign-in", "token=wrong")
	}
	if resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("an attempt too many: %s", resp.Status)
	}
}

// TestReports takes reports by POST, and counts those that it refuses.
func TestReports(t *testing.T) {
	server := pgtest.Start(t)
	v := start(t, server)
	all := simulated(t, 6)
	if a := v.sends(200, all[0], ""); a.Known || a.ID == "" {
		t.Errorf("%+v", a)
	}
	if a := v.sends(200, all[0], ""); !a.Known {
		t.Errorf("%+v", a)
	}
	forged := strings.Replace(all[1], `"postgres":16`, `"postgres":12`, 1)
	var signed report.Signed
	if err := json.Unmarshal([]byte(all[1]), &signed); err != nil {
		t.Fatal(err)
	}
	deep := strings.Repeat("[", 50) + strings.Repeat("]", 50)
	v.sends(422, "", "BERTH4911")
	v.sends(422, deep, "BERTH4911")
	v.sends(422, forged, "BERTH4912")
	v.sends(413, strings.Repeat("x", report.MaxSize+1), "BERTH4910")
	v.sends(413, strings.Repeat("x", 8<<20), "BERTH4910")
	if err := v.site.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	v.token = v.person(store.Reader)
	text := v.gets(200, "/figures/refused?format=csv")
	if want := "code,title,reports\nBERTH4910,Report is too large,2\nBERTH4911,Not a report,2\nBERTH4912,Report's signature does not match,1\n"; text != want {
		t.Errorf("%s", text)
	}
	v.token = ""
	server.Crash(t)
	v.sends(503, all[1], "BERTH4926")
	server.Up(t)
	sent := 0
	for sent < 2*requestsAtOnce {
		sent++
		if resp, body := v.asks("POST", report.Path, "x"); resp.StatusCode == http.StatusTooManyRequests {
			if !strings.Contains(body, "BERTH4925") || resp.Header.Get("Retry-After") == "" {
				t.Error(body)
			}
			break
		}
	}
	if sent < requestsAtOnce/2 || sent == 2*requestsAtOnce {
		t.Errorf("%d reports from one address were read", sent)
	}
}

// TestWordsOfSomebody: an installation that reports releases, options and sizes that nobody knows is one kind of installation, however many it makes up.
func TestWordsOfSomebody(t *testing.T) {
	v := start(t, pgtest.Start(t))
	key := report.NewKey("somebody")
	for n := range 20 {
		signed, err := key.Sign(&report.Report{Version: 1, Installation: key.Installation(), Made: now.AddDate(0, 0, n-20), Berth: "0.4.0", Release: fmt.Sprintf("9999.1.%d", n), Target: catalogue.Compose,
			Option: "mine " + strings.Repeat("x", n), Size: "huge " + strings.Repeat("x", n), Runs: []report.Run{{Number: 1, Action: plan.Upgrade, Started: now, Result: state.Failed, From: "7.4.0", Release: "9999.1.0", Stage: "my stage"}}})
		if err != nil {
			t.Fatal(err)
		}
		text, err := signed.Text()
		if err != nil {
			t.Fatal(err)
		}
		v.sends(200, string(text), "")
	}
	if err := v.site.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	v.token = v.person(store.Reader)
	i, ok := v.site.seen.Load().fleet.Find(key.Installation())
	if !ok || len(i.Stays) != 1 || i.Stays[0].Said.Release != report.Other || i.Stays[0].Said.Option != report.Other || i.Stays[0].Said.Size != report.Other || i.Upgrades[0].Stage != report.Other {
		t.Errorf("%+v", i)
	}
	if text := v.gets(200, "/?format=json"); strings.Contains(text, "9999") || strings.Contains(text, "mine") {
		t.Error(text)
	}
}

// TestPages: each figure is a page, JSON and CSV with the same numbers, its rows lead to their lists, and these to the installations.
func TestPages(t *testing.T) {
	v := start(t, pgtest.Start(t))
	v.token = v.person(store.Reader)
	v.gets(503, "/")
	for _, text := range simulated(t, 30) {
		r, problems := report.Open([]byte(text), now)
		if problems.Failed() {
			t.Fatal(problems)
		}
		if _, err := v.site.Store.Take(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.site.Store.Refuse(t.Context(), now, "BERTH4912"); err != nil {
		t.Fatal(err)
	}
	if _, err := v.site.Store.LogIssues(t.Context(), store.By{Name: "test", At: now}, issue.Issue{Title: "Slow", Opened: "2026-11-02", Use: report.Production}); err != nil {
		t.Fatal(err)
	}
	if _, err := v.site.Store.AddRequest(t.Context(), store.By{Name: "test", At: now}, review.Request{Exception: exception.Exception{ID: "podman", Subject: "podman", AskedOn: "2026-11-02"}, By: "test"}); err != nil {
		t.Fatal(err)
	}
	if err := v.site.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	resp, page := v.asks("GET", "/?use=production", "")
	if resp.StatusCode != 200 || !strings.Contains(resp.Header.Get("Content-Security-Policy"), "default-src 'none'") || strings.Contains(page, "<script") || strings.Contains(page, " style=") {
		t.Errorf("%s %v", resp.Status, resp.Header)
	}
	name := ""
	for _, id := range fleet.IDs() {
		if !strings.Contains(page, `href="/figures/`+id+`?use=production"`) {
			t.Errorf("the page does not lead to %s with its filter", id)
		}
		var figure struct {
			Headline string
			Rows     []struct {
				Key   string
				Cells []any
			}
		}
		if err := json.Unmarshal([]byte(v.gets(200, "/figures/"+id+"?use=production&format=json")), &figure); err != nil || len(figure.Rows) == 0 {
			t.Fatalf("%s: %v, %d rows", id, err, len(figure.Rows))
		}
		lines, err := csv.NewReader(strings.NewReader(v.gets(200, "/figures/"+id+"?use=production&format=csv"))).ReadAll()
		if err != nil || len(lines) != len(figure.Rows)+1 {
			t.Errorf("%s: %v, %d lines of CSV and %d rows of JSON", id, err, len(lines), len(figure.Rows))
		}
		if own := v.gets(200, "/figures/"+id+"?use=production"); !strings.Contains(own, figure.Headline) || !strings.Contains(page, figure.Headline) {
			t.Errorf("%s: %q is not on the pages", id, figure.Headline)
		}
		for _, row := range figure.Rows {
			list := v.gets(200, "/figures/"+id+"?use=production&row="+url.QueryEscape(row.Key))
			if m := regexp.MustCompile(`/installations/([0-9a-f]{32})`).FindStringSubmatch(list); m != nil {
				name = m[1]
			}
		}
	}
	// What is counted once is counted again when there is more to count, and by day.
	before := v.gets(200, "/figures/refused?format=csv")
	if err := v.site.Store.Refuse(t.Context(), now, "BERTH4912"); err != nil {
		t.Fatal(err)
	}
	if err := v.site.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := v.gets(200, "/figures/refused?format=csv"); after == before || v.gets(200, "/figures/refused?format=csv&day=2026-11-01") == after {
		t.Error("an old figure is shown")
	}
	if text := v.gets(200, "/installations/"+name); !strings.Contains(text, name) || !strings.Contains(text, "What ran") {
		t.Error(text)
	}
	v.everyPageAsData(name)
	v.gets(404, "/installations/nobody")
	v.gets(404, "/installations/"+name+"?format=csv&table=nothing")
	v.gets(404, "/figures/nothing")
	v.gets(404, "/figures/behind?row=99")
	v.gets(400, "/?day=soon")
	v.gets(400, "/figures/behind?months=-1")
	v.gets(400, "/figures/behind?format=xls")
	if text := v.gets(200, "/?size=%22%3E%3Cscript%3E"); strings.Contains(text, "<script>") {
		t.Error("a filter gets into the page as it is")
	}
}

// everyPageAsData: each page that shows something has it as JSON and CSV, too, and leads there.
func (v *visitor) everyPageAsData(installation string) {
	v.t.Helper()
	v.token = v.person(store.Admin)
	if err := v.site.Store.KeepSheet(v.t.Context(), store.By{Name: "test", At: now}, 0, option.Example); err != nil {
		v.t.Fatal(err)
	}
	for _, route := range v.site.routes() {
		path, page := strings.CutPrefix(route.pattern, "GET ")
		switch {
		case !page || route.right == "" || strings.HasSuffix(path, "/new") || strings.HasSuffix(path, "/edit") || strings.Contains(path, "/files/"): // a form, or a file
			continue
		case path == "/digest": // Markdown, of the figures
			continue
		}
		path = strings.NewReplacer("{$}", "", "{name}", installation, "{number}", "1", "/figures/{id}", "/figures/versions", "/options/{id}", "/options/kubernetes").Replace(path)
		shown := v.gets(200, path)
		for _, format := range []string{"json", "csv"} {
			if !strings.Contains(shown, "format="+format) {
				v.t.Errorf("%s does not lead to its %s", path, format)
			}
			text := v.gets(200, path+"?format="+format)
			if format == "json" && !json.Valid([]byte(text)) {
				v.t.Errorf("%s: %s", path, text)
			}
			if lines, err := csv.NewReader(strings.NewReader(text)).ReadAll(); format == "csv" && (err != nil || len(lines) < 2) {
				v.t.Errorf("%s: %v, %d lines of CSV", path, err, len(lines))
			}
		}
		v.gets(400, path+"?format=xls")
	}
	if text := v.gets(200, "/options?format=csv&table=sensitivities"); !strings.Contains(text, "unless") {
		v.t.Error(text)
	}
}
