package site

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/diag"
	"berth/internal/journey"
	"berth/internal/plan"
	"berth/internal/run"
	"berth/internal/stack"
)

// Place is an installation as a journey needs it, as its Site: whatever config it has at the moment.
type Place struct {
	env     *Environment
	file    string // the admin's, as they named it
	dir     string
	timeout time.Duration
	// alter makes the config of a clone from the admin's; nil: this is the admin's installation itself.
	alter func(*config.Config)
}

var _ journey.Site = (*Place)(nil)

// NewPlace is the place of a config's installation. timeout is how long a service may take to be ready; 0: as the release says.
func NewPlace(e *Environment, l *Loaded, timeout time.Duration) *Place {
	return &Place{env: e, file: l.File, dir: l.Dir, timeout: timeout}
}

// At finds the installation as a config's text asks for it, with a front.
func (p *Place) At(ctx context.Context, text string, front stack.Front, page string) (Site, error) {
	l := &Loaded{File: p.file, Dir: p.dir, Text: []byte(text), Front: front, Page: page, Accepted: true}
	if problems, err := p.env.Understand(l); err != nil || problems.Failed() {
		return nil, cmp.Or(err, problems.Err())
	}
	if p.alter != nil {
		p.alter(l.Doc.Config)
		if err := l.Resolve(""); err != nil {
			return nil, err
		}
	}
	return p.env.Connect(ctx, l)
}

// planned finds the installation as a config's text asks for it, and what there is to do for that. Whoever gets it closes it.
func (p *Place) planned(ctx context.Context, text string, front stack.Front) (Site, *plan.Plan, error) {
	s, err := p.At(ctx, text, front, "")
	if err != nil {
		return nil, nil, err
	}
	todo, err := s.Plan(ctx, p.env)
	if err != nil {
		s.Close()
		return nil, nil, err
	}
	return s, todo, nil
}

// Ready proves that what a config asks for can be had and run here, and what a front takes.
func (p *Place) Ready(ctx context.Context, text string, front stack.Front) error {
	s, todo, err := p.planned(ctx, text, front)
	if err != nil {
		return err
	}
	defer s.Close()
	if todo.Empty() {
		return nil
	}
	return s.Preflight(ctx, p.env, todo).Err()
}

// Fetch brings images to where a config needs them.
func (p *Place) Fetch(ctx context.Context, text string, front stack.Front) error {
	s, todo, err := p.planned(ctx, text, front)
	if err != nil {
		return err
	}
	defer s.Close()
	return s.Fetch(ctx, p.env, todo, p.timeout)
}

// Deploy makes what runs what a config asks for, with a front.
func (p *Place) Deploy(ctx context.Context, text string, front stack.Front, page string) error {
	s, err := p.At(ctx, text, front, page)
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err := p.env.Generate(ctx, s); err != nil {
		return err
	}
	todo, err := s.Plan(ctx, p.env)
	if err != nil {
		return err
	}
	if todo.Empty() {
		err = s.Settle(ctx)
	} else {
		_, err = p.env.Carry(ctx, s, todo, p.timeout)
	}
	if err == nil && (front == stack.Closed || front == stack.Stopped) {
		err = s.Still(ctx, p.env.Now)
	}
	return err
}

// Roll makes what runs what a config asks for while people work with it. In a cluster they go through a door meanwhile, at which they wait for
// what exists once. Where that can't be made, they don't wait, and meet what is away.
func (p *Place) Roll(ctx context.Context, text string) error {
	l, err := p.understood(text)
	if err != nil {
		return err
	}
	if l.Doc.Config.Held() {
		err := p.Deploy(ctx, text, stack.Held, "")
		if why := doorless(err); len(why) > 0 {
			p.env.Watch(run.Event{Kind: run.Warned, Text: "requests can't be held, so they fail while a service restarts", Problems: why})
		} else if err != nil {
			return err
		}
	}
	return p.Deploy(ctx, text, stack.Open, "")
}

// doorless are the problems of a run when all of them are of the door. Nothing else was touched then: all waits for it.
func doorless(err error) diag.List {
	var problems diag.List
	if !errors.As(err, &problems) || slices.ContainsFunc(problems, func(d diag.Diagnostic) bool { return !strings.Contains(d.Subject, stack.Door) }) {
		return nil
	}
	return problems
}

// SetAside stops everything but the page, and moves the databases' data out of the way.
func (p *Place) SetAside(ctx context.Context, text, page string) error {
	if err := p.Deploy(ctx, text, stack.Stopped, page); err != nil {
		return err
	}
	s, err := p.At(ctx, text, stack.Stopped, page)
	if err != nil {
		return err
	}
	defer s.Close()
	return s.SetAside(ctx, p.env)
}

// Image is the reference of a service's image, as a config's release has it.
func (p *Place) Image(text, service string) (string, error) {
	l, err := p.understood(text)
	if err != nil {
		return "", err
	}
	return l.ImageOf(service), nil
}

// Migrator is the reference of a release's migrator, from the registry that the admin's file names.
func (p *Place) Migrator(release string) (string, error) {
	text, problems, err := p.env.text(p.file)
	if err != nil || problems.Failed() {
		return "", cmp.Or(err, problems.Err())
	}
	doc, problems := config.Load(p.file, text.Text)
	if problems.Failed() {
		return "", problems
	}
	r, err := p.env.Catalogue().Release(release, doc.Config.On)
	if err != nil {
		return "", err
	}
	lock, err := text.Lock()
	if err != nil {
		return "", err
	}
	return stack.Image(doc.Config.Images.Registry, r, lock.For(doc.Config.Images.Registry, release), "migrator"), nil
}

// Valid finds what is wrong with a config's text.
func (p *Place) Valid(text string) error {
	_, err := p.understood(text)
	return err
}

func (p *Place) understood(text string) (*Loaded, error) {
	l := &Loaded{File: p.file, Dir: p.dir, Text: []byte(text), Accepted: true}
	problems, err := p.env.Understand(l)
	if err == nil {
		err = problems.Err()
	}
	return l, err
}

// ImageOf is the image of a service as its release has it, also of one that runs elsewhere here, such as an external database.
func (l *Loaded) ImageOf(service string) string {
	name := ""
	switch s := l.Release.Services[service]; l.Stack.Target {
	case catalogue.Kubernetes:
		if w := l.Release.Workload(service); w != nil {
			ref, _ := w.Container["image"].(string)
			name = strings.TrimPrefix(ref, catalogue.ImagePrefix)
		}
	default:
		if s.Compose != nil {
			name = s.Compose.Image
		}
	}
	return stack.Image(l.Doc.Config.Images.Registry, l.Release, l.Digests, name)
}

// Task runs a task beside the installation, as it is now.
func (p *Place) Task(ctx context.Context, t run.Task, line func(string)) (int, error) {
	tasks, done, err := p.tasks(ctx)
	if err != nil {
		return 0, err
	}
	defer done()
	return tasks.Task(ctx, t, line)
}

// Forget removes what is left of a task.
func (p *Place) Forget(ctx context.Context, name string) error {
	tasks, done, err := p.tasks(ctx)
	if err != nil {
		return err
	}
	defer done()
	return tasks.Forget(ctx, name)
}

func (p *Place) tasks(ctx context.Context) (run.Tasks, func(), error) {
	s, err := p.env.open(ctx, p.file)
	if err != nil {
		return nil, nil, err
	}
	return s.Tasks(p.env), s.Close, nil
}

// Space is the room that there is for data.
func (p *Place) Space(ctx context.Context) (journey.Space, error) {
	s, err := p.env.open(ctx, p.file)
	if err != nil {
		return journey.Space{}, err
	}
	defer s.Close()
	return s.Disk(ctx)
}

// Write makes a text the admin's file.
func (p *Place) Write(text string) error { return p.env.Rewrite(p.file, text) }

// SearchPath asks for one result of anything: what answers it has an index or a clone to look into.
//
// Source: https://sourcegraph.com/docs/api/stream_api
const SearchPath = "/.api/search/stream"

// SearchQuery is the query of SearchPath, for anything and one result of it.
const SearchQuery = "q=count%3A1+.&display=1"

// Search proves that a search is answered.
func (p *Place) Search(ctx context.Context, text string, direct bool) (string, error) {
	s, err := p.At(ctx, text, stack.Open, "")
	if err != nil {
		return "", err
	}
	defer s.Close()
	var last error
	for end := p.env.Now().Add(SearchPatience); ; {
		started := p.env.Now()
		status, said, err := s.Search(ctx, direct)
		took := p.env.Now().Sub(started).Milliseconds()
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
			return fmt.Sprintf("a search was answered in %d ms", took), nil
		}
		if p.env.Now().After(end) || ctx.Err() != nil {
			return "", diag.List{{Code: "BERTH3711", Severity: diag.Error, Subject: "search", Summary: "search fails",
				Detail: []string{last.Error()}, Hint: "see the frontend's log: " + s.Hint()}}
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// SearchPatience is how long a search may go unanswered after everything is ready: indexes are opened and caches filled meanwhile.
const SearchPatience = time.Minute

// Aside moves a database's data into a folder of its volume, from where it can be had back. What was moved before stays where it is.
func Aside(ctx context.Context, tasks run.Tasks, l *Loaded, database, volume, path string) error {
	if l.Doc.Config.Databases[database].External != nil {
		return nil
	}
	name := "aside-" + database
	if err := tasks.Forget(ctx, name); err != nil {
		return err
	}
	t := run.Task{Name: name, Identity: name, Image: l.ImageOf(database), As: database, Volume: volume, Path: path, Own: true,
		Entry: []string{"/bin/sh", "-c", `set -eu; cd "$DATA"; to=berth-aside-$(date -u +%Y%m%d-%H%M%S); mkdir "$to"
			for f in * .[!.]*; do case $f in berth-aside-*|lost+found) ;; *) [ ! -e "$f" ] || mv "$f" "$to/" ;; esac; done; echo "kept in $to"`},
		Env: map[string]string{"DATA": path}}
	var said []string
	exit, err := tasks.Task(ctx, t, func(line string) { said = append(said, line) })
	if err != nil {
		return err
	}
	if exit != 0 {
		return diag.List{{Code: "BERTH3724", Severity: diag.Error, Subject: database, Summary: "the data of " + database + " could not be moved aside",
			Detail: said, Hint: "see the lines above, then: berth rollback"}}
	}
	return tasks.Forget(ctx, name)
}
