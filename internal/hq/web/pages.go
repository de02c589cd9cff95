package web

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"berth/catalogue"
	"berth/internal/hq/fleet"
	"berth/internal/hq/issue"
	"berth/internal/hq/store"
	"berth/internal/report"
)

//go:embed pages/*.html
var files embed.FS

//go:embed pages/style.css
var style []byte

var pages = template.Must(template.New("").Funcs(template.FuncMap{"percent": percent, "stack": stack, "minutes": minutes, "day": fleetDay, "link": func(q query, id, key string) string { return q.address(id, key, "") }}).
	ParseFS(files, "pages/*.html"))

// most is how many rows a page shows. The CSV has all.
const most = 1000

type personKey struct{}

func withPerson(ctx context.Context, p *store.Person) context.Context {
	return context.WithValue(ctx, personKey{}, p)
}

// person is who asks; nil on pages that need no right.
func person(r *http.Request) *store.Person {
	p, _ := r.Context().Value(personKey{}).(*store.Person)
	return p
}

// page is what all pages have.
type page struct {
	Person *store.Person
	At     time.Time // when the figures were read
	Of     string    // what they were read from
	Body   any
}

// show writes a page. It is made whole before, so that nobody sees half of one.
func (s *Site) show(w http.ResponseWriter, r *http.Request, name string, body any) {
	p := page{Person: person(r), Body: body}
	if seen := s.seen.Load(); seen != nil {
		p.At, p.Of = seen.at, fmt.Sprintf("%d installations, %.1f GB on disk", len(seen.fleet.Installations), float64(seen.bytes)/1e9)
		if seen.bytes < 1e9 {
			p.Of = fmt.Sprintf("%d installations, %d MB on disk", len(seen.fleet.Installations), seen.bytes/1e6)
		}
	}
	var text bytes.Buffer
	if err := pages.ExecuteTemplate(&text, name, p); err != nil {
		s.Log.Error("a page was not made", "page", name, "error", err)
		http.Error(w, "This page could not be made.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = text.WriteTo(w) // the reader is gone, or has it
}

// fail says in a page, or to a program, why there is nothing else.
func (s *Site) fail(w http.ResponseWriter, r *http.Request, status int, why string) {
	if wantsData(r) {
		http.Error(w, why, status)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	s.show(w, r, "failed", why)
}

type signInData struct {
	To, Problem string
	Provider    bool // people may sign in there
}

func (s *Site) signInPage(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, "sign-in", signInData{To: local(r.URL.Query().Get("to")), Provider: s.Provider != nil})
}

func escaped(address string) string { return url.QueryEscape(address) }

func unescaped(text string) string {
	address, _ := url.QueryUnescape(text) // local makes the first page of what can't be read
	return address
}

// query is which figures are wanted, as it stands in addresses.
type query struct {
	fleet.Query
	today time.Time
}

// defaultMonths is how long figures over time go back.
const defaultMonths = 18

// read reads a query of an address. What it does not name is as usual, so an address without a query always has the newest figures.
func read(values url.Values, now time.Time) (query, error) {
	q := query{fleet.Query{Day: now.UTC().Truncate(24 * time.Hour), Months: defaultMonths, Target: catalogue.Target(values.Get("target")), Option: values.Get("option"), Size: values.Get("size"),
		Use: report.Use(values.Get("use"))}, now.UTC().Truncate(24 * time.Hour)}
	if text := values.Get("day"); text != "" {
		day, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return q, fmt.Errorf("%q is no day such as 2026-11-29", text)
		}
		q.Day = day
	}
	if text := values.Get("months"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 60 {
			return q, fmt.Errorf("%q is no number of months from 1 to 60", text)
		}
		q.Months = n
	}
	return q, nil
}

// values are the query for an address, without what is as usual.
func (q query) values() url.Values {
	out := url.Values{}
	for name, value := range map[string]string{"target": string(q.Target), "option": q.Option, "size": q.Size, "use": string(q.Use)} {
		if value != "" {
			out.Set(name, value)
		}
	}
	if !q.Day.Equal(q.today) {
		out.Set("day", q.Day.Format(time.DateOnly))
	}
	if q.Months != defaultMonths {
		out.Set("months", strconv.Itoa(q.Months))
	}
	return out
}

// address is that of a figure, or of the list behind one of its rows.
func (q query) address(id, row, format string) string {
	v, path := q.values(), "/"
	if id != "" {
		path = "/figures/" + url.PathEscape(id)
	}
	if row != "" {
		v.Set("row", row)
	}
	if format != "" {
		v.Set("format", format)
	}
	if len(v) == 0 {
		return path
	}
	return path + "?" + v.Encode()
}

// DayText is the day of the query.
func (q query) DayText() string { return q.Day.Format(time.DateOnly) }

// choice is a field of the form that narrows figures.
type choice struct {
	Name, Label, Chosen string
	Values              []string
}

// choices are the values that installations have.
func choices(f *fleet.Fleet, q query) []choice {
	out := []choice{{Name: "target", Label: "Target", Chosen: string(q.Target)}, {Name: "option", Label: "Option", Chosen: q.Option}, {Name: "size", Label: "Size", Chosen: q.Size},
		{Name: "use", Label: "Use", Chosen: string(q.Use)}}
	found := make([]map[string]bool, len(out))
	for n := range out {
		found[n] = map[string]bool{out[n].Chosen: true}
	}
	for _, k := range f.Kinds() {
		for n, value := range []string{string(k.Target), k.Option, k.Size, string(k.Use)} {
			found[n][value] = true
		}
	}
	for n := range out {
		for value := range found[n] {
			if value != "" {
				out[n].Values = append(out[n].Values, value)
			}
		}
		slices.SortFunc(out[n].Values, f.InOrder)
	}
	return out
}

// asked is the query of a request, with the fleet; ok is false when the answer was given.
func (s *Site) asked(w http.ResponseWriter, r *http.Request) (f *seen, q query, ok bool) {
	q, err := read(r.URL.Query(), s.Now())
	if err != nil {
		s.fail(w, r, http.StatusBadRequest, err.Error()+".")
		return nil, q, false
	}
	seen := s.seen.Load()
	if seen == nil {
		s.fail(w, r, http.StatusServiceUnavailable, "The figures are not loaded yet.")
		return nil, q, false
	}
	return seen, q, true
}

type dashboardData struct {
	Query   query
	Choices []choice
	Figures []*fleet.Figure

	JSON, CSV string // addresses of the same figures
}

func (s *Site) dashboard(w http.ResponseWriter, r *http.Request) {
	f, q, ok := s.asked(w, r)
	if !ok {
		return
	}
	d := dashboardData{Query: q, Choices: choices(f.fleet, q), Figures: f.figures(q, fleet.IDs()...)}
	d.JSON, d.CSV = q.address("", "", "json"), q.address("", "", "csv")
	s.asTables(w, r, d.Figures, func() { s.show(w, r, "dashboard", d) }, dashboardTable(d.Figures))
}

// digest is what the week brought, as Markdown.
func (s *Site) digest(w http.ResponseWriter, r *http.Request) {
	f, q, ok := s.asked(w, r)
	if !ok {
		return
	}
	w.Header().Set("Content-Type", "text/markdown; charset=utf-8")
	_, _ = io.WriteString(w, f.fleet.Digest(q.Query)) // the reader is gone, or has it
}

type figureData struct {
	Query     query
	Figure    *fleet.Figure
	Row       string // whose list it is; "": the figure itself
	Table     fleet.Table
	All       int // rows, of which the page shows some
	JSON, CSV string
}

// figure shows a figure, or the list that one of its rows was counted from.
func (s *Site) figure(w http.ResponseWriter, r *http.Request) {
	f, q, ok := s.asked(w, r)
	if !ok {
		return
	}
	id, key := r.PathValue("id"), r.URL.Query().Get("row")
	if !slices.Contains(fleet.IDs(), id) {
		s.fail(w, r, http.StatusNotFound, "There is no such figure.")
		return
	}
	figure := f.figures(q, id)[0]
	d := figureData{Query: q, Figure: figure, Row: key, Table: figure.Table, JSON: q.address(id, key, "json"), CSV: q.address(id, key, "csv")}
	document := any(figure)
	if key != "" {
		row, ok := figure.Row(key)
		if !ok {
			s.fail(w, r, http.StatusNotFound, "The figure has no such row on this day.")
			return
		}
		d.Table = row.List()
		document = d.Table
	}
	s.inItsFormat(w, r, id, document, d.Table.WriteCSV, func() {
		d.All = len(d.Table.Rows)
		d.Table.Rows = d.Table.Rows[:min(d.All, most)]
		s.show(w, r, "figure", d)
	})
}

type installationData struct {
	*fleet.Installation
	Issues []issue.Issue
}

func (s *Site) installation(w http.ResponseWriter, r *http.Request) {
	f, _, ok := s.asked(w, r)
	if !ok {
		return
	}
	i, ok := f.fleet.Find(r.PathValue("name"))
	if !ok {
		s.fail(w, r, http.StatusNotFound, "No installation of this name reported.")
		return
	}
	issues := slices.DeleteFunc(slices.Clone(f.fleet.Issues), func(of issue.Issue) bool { return of.Installation != i.Name })
	d := installationData{i, issues}
	s.asTables(w, r, i, func() { s.show(w, r, "installation", d) }, installationTables(d)...)
}

// auditLines is how many lines of the audit log a page has.
const auditLines = 200

type auditData struct {
	Entries []store.Entry
	Next    int64 // the page after this one begins before it; 0: there is none

	JSON, CSV string // addresses of the same lines
}

func (s *Site) audit(w http.ResponseWriter, r *http.Request) {
	before, err := strconv.ParseInt(cmp.Or(r.URL.Query().Get("before"), "0"), 10, 64)
	if err != nil {
		s.fail(w, r, http.StatusBadRequest, "A line of the log has a number.")
		return
	}
	d := auditData{}
	if d.Entries, err = s.Store.Audit(r.Context(), before, auditLines); err != nil {
		s.troubled(w, r, err)
		return
	}
	if len(d.Entries) == auditLines {
		d.Next = d.Entries[auditLines-1].Number
	}
	d.JSON, d.CSV = fmt.Sprintf("/audit?before=%d&format=json", before), fmt.Sprintf("/audit?before=%d&format=csv", before)
	s.asTables(w, r, d.Entries, func() { s.show(w, r, "audit", d) }, auditTable(d.Entries))
}

type peopleData struct {
	Roles        []store.Role
	People       []store.Person
	Added, Token string
	Problem      string
}

func (s *Site) people(w http.ResponseWriter, r *http.Request) { s.showPeople(w, r, peopleData{}) }

func (s *Site) showPeople(w http.ResponseWriter, r *http.Request, d peopleData) {
	var err error
	d.Roles = store.Roles()
	if d.People, err = s.Store.People(r.Context()); err != nil {
		s.troubled(w, r, err)
		return
	}
	s.asTables(w, r, d.People, func() { s.show(w, r, "people", d) }, peopleTable(d.People))
}

func (s *Site) addPerson(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	d := peopleData{Added: r.PostFormValue("name")}
	token, err := s.Store.AddPerson(r.Context(), s.by(r), d.Added, store.Role(r.PostFormValue("role")))
	if d.Token = token; err != nil {
		d.Problem = err.Error()
	}
	s.showPeople(w, r, d)
}

func (s *Site) removePerson(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	d := peopleData{}
	if err := s.Store.RemovePerson(r.Context(), s.by(r), r.PostFormValue("name")); err != nil {
		d.Problem = err.Error()
	}
	s.showPeople(w, r, d)
}
