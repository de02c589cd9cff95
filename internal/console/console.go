// Package console shows one installation in a browser of the machine that berth runs on. Its only way to the installation is the command line: a page
// types a command, and shows the document that it gives. So a page says nothing that a terminal doesn't, and what is started here is what is started there.
//
//	request -> the gate lets it in -> Ask types a command -> Answer: a document and its text -> a template
package console

import (
	"bytes"
	"context"
	"embed"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"berth/internal/browser"
	"berth/internal/picture"
	"berth/internal/plan"
	"berth/internal/run"
	"berth/internal/view"
)

// Ask types a command of berth about the installation, and gives what came of it.
type Ask func(context.Context, Command) Answer

// Command is what is typed.
type Command struct {
	Words   []string
	SaidYes string          // the ID of the plan that somebody said yes to; another one is refused. "": there is none
	Out     io.Writer       // takes what it prints while it works; nil: nobody does
	Watch   func(run.Event) // takes what happens in a run, from several goroutines; nil: nobody does
}

// Answer is what came of a command.
type Answer struct {
	view.Document
	Text string // what a terminal shows
}

// Console is an installation in a browser.
type Console struct {
	Ask     Ask
	Now     func() time.Time
	Version string // of berth
	Config  string // as the admin names it
	flags   []string

	gate    *gate
	mu      sync.Mutex
	current *started       // what was started last; nil: nothing was
	running sync.WaitGroup // of what was started
}

// New is a console that nobody is in yet. flags name the installation in commands, where that has to be said.
func New(ask Ask, now func() time.Time, version, config string, flags ...string) *Console {
	return &Console{Ask: ask, Now: now, Version: version, Config: config, flags: flags, gate: newGate()}
}

// Enter is the path by which the first browser gets in, once.
func (c *Console) Enter() string { return "/?" + tokenKey + "=" + c.gate.token }

// look is a page that shows the document of one command.
type look struct {
	Path, Title string
	command     string // that gives the document
	template    string
	starts      plan.Action // that carries out the plan it shows; "": it shows none
}

// looks are all of them, in the order of the navigation.
var looks = []look{
	{"/", "State", "status", "status", ""},
	{"/findings", "Findings", "doctor", "findings", ""},
	{"/plan", "Plan", "plan", "plan", plan.Up},
	{"/upgrade", "Upgrade", "upgrade --plan", "upgrade", plan.Upgrade},
	{"/backups", "Backups", "backup list", "backups", ""},
	{"/sizes", "Sizes", "size --measured", "sizes", ""},
	{"/history", "History", "history", "history", ""},
	{"/check", "Check", "check", "check", ""},
}

// asides are further ones, which pages lead to.
var asides = []look{
	{"/backup", "Back up", "backup --plan", "aside", plan.Backup},
	{"/rollback", "Roll back", "rollback --plan", "aside", plan.Rollback},
}

//go:embed pages/*.html pages/live.js
var files embed.FS

//go:embed pages/style.css
var style []byte

// templates are read by the first page: every command of berth would pay for them otherwise.
var templates = sync.OnceValue(func() *template.Template {
	words := template.FuncMap{"picture": drawn, "of": stagesOf, "part": part, "full": full, "newestFirst": newestFirst}
	return template.Must(template.New("").Funcs(view.Words).Funcs(words).ParseFS(files, "pages/*.html"))
})

// Handler answers all requests. What is started goes on until the context ends, also when its browser is gone.
func (c *Console) Handler(ctx context.Context) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /style.css", browser.Style(slices.Concat(style, picture.Style)))
	mux.HandleFunc("GET /live.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, files, "pages/live.js") })
	mux.HandleFunc("POST /start", func(w http.ResponseWriter, r *http.Request) { c.start(ctx, w, r) })
	mux.HandleFunc("POST /stop", c.stop)
	mux.HandleFunc("GET /run", c.ran)
	mux.HandleFunc("GET /run/events", c.events)
	for _, l := range slices.Concat(looks, asides) {
		path := l.Path
		if path == "/" {
			path = "/{$}"
		}
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) { c.look(w, r, l) })
	}
	mux.HandleFunc("GET /codes/{code}", c.code)
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		c.fail(w, http.StatusNotFound, "There is no such page.")
	})
	return browser.Strict(browser.Scripted, c.guarded(mux))
}

// page is what all pages have.
type page struct {
	Title, Path   string
	Config, Berth string
	Looks         []look
	At            time.Time
	Command       string // that a terminal shows the same with
	JSON          string // the address of its document; "": there is none
	Answer        Answer
	Chosen        string // the release that an upgrade is to lead to; "": as berth chooses
	Run           *seen  // what was started here; nil: the page is about something else
	Started       bool   // something was started here
	Again         *page  // the plan as it is now, where it became another one than the one that somebody said yes to
	Why           string // of a page that says why there is no other
}

// look shows the document of a command.
func (c *Console) look(w http.ResponseWriter, r *http.Request, l look) {
	p := c.looked(r.Context(), l, r.URL.Query().Get("to"))
	if r.URL.Query().Get("format") == "json" {
		w.Header().Set("Content-Type", "application/json")
		_ = p.Answer.Write(w, view.JSON) // the reader is gone, or has it
		return
	}
	c.show(w, http.StatusOK, l.template, p)
}

// looked is the page of a look. to is the release that an upgrade is to lead to; "": as berth chooses.
func (c *Console) looked(ctx context.Context, l look, to string) page {
	document := url.Values{"format": {"json"}}
	p := page{Title: l.Title, Path: l.Path}
	words := append(strings.Fields(l.command), c.flags...)
	if to != "" && l.starts == plan.Upgrade {
		p.Chosen = to
		words = append(words, "--to="+to) // one word, whatever is in it
		document.Set("to", to)
	}
	p.JSON = l.Path + "?" + document.Encode()
	p.Command, p.Answer = "berth "+strings.Join(words, " "), c.Ask(ctx, Command{Words: words})
	return p
}

// code explains a code.
func (c *Console) code(w http.ResponseWriter, r *http.Request) {
	code := r.PathValue("code")
	if !strings.HasPrefix(code, "BERTH") { // other words explain keys of the config
		c.fail(w, http.StatusNotFound, "There is no such code.")
		return
	}
	c.show(w, http.StatusOK, "code", page{Title: code, Path: "/codes", Command: "berth explain " + code, Answer: c.Ask(r.Context(), Command{Words: []string{"explain", code}})})
}

// show writes a page. It is made whole before, so that nobody sees half of one.
func (c *Console) show(w http.ResponseWriter, status int, name string, p page) {
	p.Config, p.Berth, p.Looks, p.At, p.Started = c.Config, c.Version, looks, c.Now(), c.last() != nil
	var text bytes.Buffer
	if err := templates().ExecuteTemplate(&text, name, p); err != nil {
		http.Error(w, "This page could not be made: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = text.WriteTo(w) // the reader is gone, or has it
}

// fail says in a page why there is nothing else.
func (c *Console) fail(w http.ResponseWriter, status int, why string) {
	c.show(w, status, "failed", page{Title: "Not shown", Why: why})
}
