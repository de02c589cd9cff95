// Package fake is a Docker Engine and a Kubernetes cluster in memory, with installations on them, for tests of everything above. Plans are made by the
// real renderers and differences. Steps change memory at once. Databases have a release, a major Postgres and rows, and Sourcegraph's programs refuse
// what the real ones refuse. What would spoil data is noted. Faults are planted in the World.
//
// One package because a world is one value, which all of it reads and changes.
package fake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"berth/catalogue"
	"berth/internal/installation"
	"berth/internal/state"
)

// World is everything that outlives a process of berth. It is one engine, or one cluster.
type World struct {
	// Spoiled is what would have spoiled data on a real target.
	Spoiled []string
	// Failing are tasks that fail, by their names.
	Failing map[string]bool
	// Unhealthy are services that do not get ready.
	Unhealthy map[string]bool
	// Hanging are services that do not get ready until they are restarted.
	Hanging map[string]bool
	// Converting are databases that convert their data after they started: how often somebody looks until they are ready. Twenty minutes are between two looks.
	Converting map[string]int
	// Free is the free disk in bytes.
	Free int64
	// Held are secrets that the target holds, with spaces between them.
	Held string
	// Pooler says that something stands before the databases that leaves out the settings of sessions.
	Pooler bool
	// Searchable says that a search has a result.
	Searchable bool
	// Planted is what instances show, by service.
	Planted map[string]Planted

	mu     sync.Mutex
	places map[string]*place // by the installation's name
	killAt int               // the effect at which the process is killed; 0: never
	count  int               // effects of this process
	clock  time.Time
}

// New is a world with nothing in it.
func New() *World {
	return &World{Failing: map[string]bool{}, Unhealthy: map[string]bool{}, Hanging: map[string]bool{}, Converting: map[string]int{}, Planted: map[string]Planted{}, Free: 1 << 40, places: map[string]*place{},
		clock: time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)}
}

// ErrKilled is what a process gets that was killed: nobody sees it.
var ErrKilled = errors.New("killed")

// Process begins a process of berth. killAt is the effect at which it is killed; 0: it is not.
func (w *World) Process(killAt int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count, w.killAt = 0, killAt
	for _, p := range w.places {
		p.held = "" // a lock ends with its process
	}
}

// Killed reports whether the process was killed.
func (w *World) Killed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.killed()
}

// Effects is how many effects the process had.
func (w *World) Effects() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}

func (w *World) killed() bool { return w.killAt > 0 && w.count >= w.killAt }

// Now is a clock that moves on whenever somebody looks.
func (w *World) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(50 * time.Millisecond)
	return w.clock
}

// Pass lets time pass.
func (w *World) Pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

// Touch is an effect of the process on something else, such as the admin's file: it fails once the process is killed.
func (w *World) Touch() error { return w.effect(func() error { return nil }) }

// effect does something to the world, unless the process was killed before.
func (w *World) effect(do func() error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.count++; w.killed() {
		return ErrKilled
	}
	return do()
}

// place is where one installation is, with its data and its state.
type place struct {
	world     *World
	name      string
	target    catalogue.Target
	project   string
	images    map[string]bool
	runs      map[string]*running       // by unit, or by the object's key
	bodies    map[string]map[string]any // of a cluster's objects, as they were applied
	claims    map[string]string         // sizes of claims that StatefulSets made, by name
	network   bool
	namespace bool
	data      *databases // nil: there are no volumes
	backups   map[string]databases
	files     map[string]string // of volumes that a move filled
	kept      bool              // the volume of backups is there
	tasks     map[string]*atWork
	original  string // of a clone: the installation that it is one of

	held    string // by whom the lock is held
	secrets map[string]string
	notes   map[string][]byte
	history [][]byte
	journal []state.Entry
}

// running is a container, or a cluster's workload.
type running struct {
	service, release, image, spec, files string
	cpus                                 float64
	memory                               int64
	env                                  map[string]string
	stopped                              bool // it does not run
	once                                 bool // it ran to its end
	started                              time.Time
}

// databases are an installation's three databases.
type databases struct {
	Release  string // that they say they are of; "" before Sourcegraph ever ran
	Schema   string // the release that their schemas are of
	Postgres int    // the major release of their data
	Rows     string // what people and Sourcegraph wrote
	Between  bool   // a migrator was stopped in the middle
	Stale    bool   // indexes are not valid for the database's C library
	Aside    string // rows that were moved out of the way
	Watched  bool   // which rows are written is noted, for a move
}

// place is the place of an installation, which is made when it is not there.
func (w *World) place(name string, target catalogue.Target) *place {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.places[name]
	if p == nil {
		p = &place{world: w, name: name, target: target}
		p.clear()
		w.places[name] = p
	}
	return p
}

// clear takes everything away but backups.
func (p *place) clear() {
	p.images, p.runs, p.bodies, p.claims, p.tasks = map[string]bool{}, map[string]*running{}, map[string]map[string]any{}, map[string]string{}, map[string]*atWork{}
	p.data, p.project, p.network, p.namespace = nil, "", false, false
	if p.backups == nil {
		p.backups = map[string]databases{}
	}
	p.forget()
}

// Open finds installations as a config asks for them.
func (w *World) Open(_ context.Context, e *installation.Environment, want *installation.Want) (*installation.Installation, error) {
	return w.open(e, want, true)
}

// OpenNamed finds installations of which only the name is known.
func (w *World) OpenNamed(_ context.Context, e *installation.Environment, want *installation.Want) (*installation.Installation, error) {
	return w.open(e, want, false)
}

func (w *World) open(e *installation.Environment, want *installation.Want, rendered bool) (*installation.Installation, error) {
	p := w.place(want.Stack.Name, want.Stack.Target)
	f := &found{Want: want, env: e, place: p}
	if rendered {
		if err := f.Render(p.secrets); err != nil {
			return nil, err
		}
	}
	return &installation.Installation{Want: want, Store: state.Store{Locker: p, Secrets: p, Log: p, Notes: p}, Planner: f, Host: f, Prober: f, Insider: f, Witness: f, Data: f, Secrets: f,
		Tasks: f, Clone: f, Backups: "backups of " + p.name, Hint: "docker logs caddy", Close: func() {}, Volumes: f.volumes}, nil
}

// found is an installation as a config asks for it.
type found struct {
	*installation.Want
	env *installation.Environment
	*place
	wanted
}

// releaseOf is the release in an image's tag.
func releaseOf(image string) string {
	if m := tag.FindStringSubmatch(image); m != nil {
		return m[1]
	}
	return ""
}

var tag = regexp.MustCompile(`:v?([0-9]+\.[0-9]+\.[0-9]+)`)

// Rows gives the data of an installation, and the release that its databases are of; "" when there is none.
func (w *World) Rows(name string) (rows, release string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.places[name]; p != nil && p.data != nil {
		return p.data.Rows, p.data.Release
	}
	return "", ""
}

// History gives the records of an installation.
func (w *World) History(name string) []state.Record {
	w.mu.Lock()
	p := w.places[name]
	w.mu.Unlock()
	if p == nil {
		return nil
	}
	records, err := p.History(context.Background())
	if err != nil {
		panic(err) // they were written by the fake
	}
	return records
}

// Write adds to the data of an installation, as people do.
func (w *World) Write(name, row string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.places[name]; p != nil && p.data != nil {
		p.data.Rows += row
	}
}

// Age changes the C library below an installation's databases, so that their indexes are not valid any more.
func (w *World) Age(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.places[name]; p != nil && p.data != nil {
		p.data.Stale = true
	}
}

// Releases are the releases of what runs, by service, for what runs on.
func (w *World) Releases(name string) map[string]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[string]string{}
	if p := w.places[name]; p != nil {
		for _, r := range p.runs {
			if !r.once && !r.stopped {
				out[r.service] = r.release
			}
		}
	}
	return out
}

// Left names what is there of an installation: "" when there is nothing.
func (w *World) Left(name string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.places[name]
	if p == nil {
		return ""
	}
	tasks := 0
	for task := range p.tasks {
		if !asks.MatchString(task) {
			tasks++
		}
	}
	if len(p.runs) == 0 && p.data == nil && tasks == 0 && len(p.secrets) == 0 {
		return ""
	}
	watched := ""
	if p.data != nil && p.data.Watched {
		watched = ", rows are noted"
	}
	return fmt.Sprintf("%d running, data %v%s, %d tasks, %d secrets", len(p.runs), p.data != nil, watched, tasks, len(p.secrets))
}

// asks are the names of tasks that only ask: a process that is killed leaves them, and down takes them away. See Environment.Tag.
var asks = regexp.MustCompile(`-[0-9a-f]{8}$`)

// spoil notes what would have spoiled data.
func (p *place) spoil(format string, a ...any) {
	p.world.Spoiled = append(p.world.Spoiled, fmt.Sprintf(format, a...))
}

// copied is a deep copy of a value that JSON can write.
func copied[T any](from any) (out T) {
	text, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		panic(err) // everything that is kept is JSON
	}
	return out
}

// Delete deletes a container, or an object of a cluster, as somebody does by hand.
func (w *World) Delete(name, unit string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.places[name]; p != nil {
		delete(p.runs, unit)
		delete(p.bodies, unit)
	}
}

// Stop is somebody who stops a container of an engine.
func (w *World) Stop(name, unit string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.places[name]; p != nil && p.runs[unit] != nil {
		p.runs[unit].stopped = true
	}
}

// unwell reports whether a service is not ready, although it runs.
func (w *World) unwell(service string) bool { return w.Unhealthy[service] || w.Hanging[service] }
