// Package look collects the evidence that package doctor judges. It asks the target, the databases, Redis, the front proxy and the address that people
// use, all at the same time. Nothing is changed. What does not answer in time is noted as not seen, and stops nothing else.
package look

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/doctor"
	"berth/internal/installation"
	"berth/internal/secret"
	"berth/internal/upgrade/survey"
)

// patience is how long one source may take. What takes longer is of no use to somebody who waits.
const patience = 4 * time.Second

// task is how many times as long it may take to ask in a task: a container or a pod has to start first.
const task = 5

// Look collects evidence of an installation.
type Look struct {
	Env      *installation.Environment
	Open     installation.Open
	Patience time.Duration // of one source; 0: four seconds
	// Judge says what of a config is beside the support record; nil: nobody is asked.
	Judge func(*installation.Want) diag.List
	// Stream is how long a search is held open; 0: none is.
	Stream time.Duration
}

// take adds what was seen to the evidence.
type take func(e *doctor.Evidence)

// collector asks one source. What it gives is taken only if it came in time.
type collector struct {
	source doctor.Source
	ask    func(ctx context.Context) (take, error)
	slow   int // how many times as long it may take; 0: once
}

// Nothing is evidence where the config can't be read: its problems are all that is known.
func (l *Look) Nothing(problems diag.List) *doctor.Evidence {
	e := &doctor.Evidence{Taken: l.Env.Now(), Config: problems, Unseen: unseen("the config has to be fixed first")}
	for _, s := range []doctor.Source{doctor.FromConfig, doctor.FromTarget, doctor.FromCertificates} {
		e.Unseen[s] = e.Unseen[doctor.FromPlace]
	}
	return e
}

// unseen notes that nothing of a target was seen.
func unseen(why string) map[doctor.Source]doctor.Unseen {
	out := map[doctor.Source]doctor.Unseen{}
	for _, s := range []doctor.Source{doctor.FromPlace, doctor.FromRelease, doctor.FromHistory, doctor.FromServices, doctor.FromInstances, doctor.FromLogs,
		doctor.FromVolumes, doctor.FromPace, doctor.FromFigures, doctor.FromInodes, doctor.FromMemory, doctor.FromPlan, doctor.FromDatabases, doctor.FromRedis, doctor.FromObjects, doctor.FromFrontProxy} {
		out[s] = doctor.Unseen{Why: why}
	}
	return out
}

// Evidence looks at the installation that a config asks for. problems are those of the config.
func (l *Look) Evidence(ctx context.Context, w *installation.Want, problems diag.List) *doctor.Evidence {
	e := &doctor.Evidence{Taken: l.Env.Now(), Installation: w.Stack.Name, Target: w.Stack.Target, Wanted: w.Stack.Release, URL: w.Stack.URL, Config: problems,
		Unseen: map[doctor.Source]doctor.Unseen{}, Milliseconds: map[doctor.Source]int64{}, Uses: doctor.Needs(l.Env.Catalogue().Relations().NeededBy()), Mutes: mutes(w.Doc.Config)}
	if l.Judge != nil {
		e.Beside = l.Judge(w)
	}
	at, port := w.Stack.URL, w.Stack.Address.Port // read before the target is opened, which resolves w again
	address := collector{source: doctor.FromCertificates, ask: func(ctx context.Context) (take, error) { return l.address(ctx, at, port) }}
	var i *installation.Installation
	open := collector{source: doctor.FromTarget, ask: func(ctx context.Context) (take, error) {
		opened, err := l.Open(ctx, w)
		return func(*doctor.Evidence) { i = opened }, err
	}}
	l.collect(ctx, e, cmp.Or(l.Patience, patience), open, address)
	if i == nil {
		for s, why := range unseen("the target does not answer") {
			e.Unseen[s] = why
		}
		return e
	}
	defer i.Close()
	all := l.all(i)
	limit := cmp.Or(l.Patience, patience)
	late := l.collect(ctx, e, limit, all...)
	// On a machine under load an answer may take longer. While nothing else is asked, who did not answer gets a second chance.
	if slow := slices.DeleteFunc(l.all(i), func(c collector) bool { return c.slow > 0 || !slices.Contains(late, c.source) }); len(slow) > 0 {
		l.collect(ctx, e, 2*limit, slow...)
	}
	e.Issues = l.issues(w, e)
	return e
}

// issues are the known issues that an installation meets, as far as the evidence tells: logs are left to the doctor.
func (l *Look) issues(w *installation.Want, e *doctor.Evidence) (met []catalogue.KnownIssue) {
	c := survey.Circumstances(w, nil)
	c.Release = e.Release
	for _, d := range e.Databases {
		c.Bytes += d.Bytes
		c.Postgres = append(c.Postgres, d.Server/10000)
	}
	for _, i := range l.Env.KnownIssues(w) {
		if e.Release != "" && i.Meets(c) {
			met = append(met, i)
		}
	}
	return met
}

// all are the collectors of an installation whose target answers.
func (l *Look) all(i *installation.Installation) []collector {
	instances := once(func(ctx context.Context) ([]installation.Instance, error) { return i.Instances(ctx) })
	services := once(func(ctx context.Context) (installation.Services, error) { return i.Services(ctx) })
	s := &sight{Look: l, Installation: i, instances: instances, services: services}
	all := []collector{
		{doctor.FromServices, s.serviceStates, 0}, {doctor.FromPlace, s.place, 0}, {doctor.FromRelease, s.release, 0}, {doctor.FromHistory, s.history, 0},
		{doctor.FromInstances, s.instanceStates, 0}, {doctor.FromLogs, s.logs, 0}, {doctor.FromVolumes, s.usage, 0}, {doctor.FromPace, s.pace, 0}, {doctor.FromFigures, s.figures, 0}, {doctor.FromFrontProxy, s.front, 0},
		{doctor.FromObjects, s.objects, 0},
	}
	if l.Stream > 0 {
		all = append(all, collector{doctor.FromStream, s.stream, int(2*l.Stream/cmp.Or(l.Patience, patience)) + 1})
	}
	for _, name := range redisStores {
		all = append(all, collector{doctor.FromRedis.Of(name), func(ctx context.Context) (take, error) { return s.redis(ctx, name) }, 0})
	}
	for _, name := range i.Stack.Databases {
		c := collector{doctor.FromDatabases.Of(name), func(ctx context.Context) (take, error) { return s.database(ctx, name) }, 0}
		if i.Doc.Config.Databases[name].External != nil {
			c.slow = task
		}
		all = append(all, c)
	}
	return all
}

// sight is an installation that is looked at. What several collectors need is asked once.
type sight struct {
	*Look
	*installation.Installation
	instances func(context.Context) ([]installation.Instance, error)
	services  func(context.Context) (installation.Services, error)
}

// once asks a question one time, whoever needs the answer.
func once[T any](ask func(context.Context) (T, error)) func(context.Context) (T, error) {
	var mu sync.Mutex
	var asked bool
	var answer T
	var err error
	return func(ctx context.Context) (T, error) {
		mu.Lock()
		defer mu.Unlock()
		if !asked {
			asked = true
			answer, err = ask(ctx)
		}
		return answer, err
	}
}

// collect runs collectors at the same time, each with its time limit. One that hangs is left behind, and what it gives later is not taken. late
// are the sources that did not answer in time.
func (l *Look) collect(ctx context.Context, e *doctor.Evidence, limit time.Duration, all ...collector) (late []doctor.Source) {
	type answer struct {
		take take
		err  error
		took time.Duration
	}
	answers, limited := make([]chan answer, len(all)), make([]context.Context, len(all))
	begun := time.Now()
	for n, c := range all {
		own, cancel := context.WithTimeout(ctx, c.within(limit))
		defer cancel()
		answers[n], limited[n] = make(chan answer, 1), own
		go func() {
			taken, err := c.ask(own)
			answers[n] <- answer{taken, err, time.Since(begun)}
		}()
	}
	for n, c := range all {
		var a answer
		select {
		case a = <-answers[n]:
		case <-limited[n].Done():
			select {
			case a = <-answers[n]: // it came at the same moment
			case <-time.After(limit / 20): // what heard that time is up says what it knows
				a.err = limited[n].Err()
			}
			a.took = time.Since(begun)
		}
		e.Milliseconds[c.source] = a.took.Milliseconds()
		if a.take != nil && (a.err == nil || c.source != doctor.FromTarget) {
			a.take(e)
		}
		l.note(e, c.source, a.err, c.within(limit))
		if errors.Is(a.err, context.DeadlineExceeded) {
			late = append(late, c.source)
		}
	}
	return late
}

// within is how long a collector may take where others may take as long as limit.
func (c collector) within(limit time.Duration) time.Duration {
	return limit * time.Duration(max(c.slow, 1))
}

// note writes down why a source was not seen.
func (l *Look) note(e *doctor.Evidence, s doctor.Source, err error, limit time.Duration) {
	var problems diag.List
	switch {
	case err == nil:
		delete(e.Unseen, s)
	case errors.Is(err, context.DeadlineExceeded):
		e.Unseen[s] = doctor.Unseen{Why: fmt.Sprintf("no answer in %g s", limit.Seconds()), Refuses: asks(s)}
	case errors.As(err, &problems) && s == doctor.FromTarget:
		e.Reach = problems
		e.Unseen[s] = doctor.Unseen{Why: secret.Mask(problems.Error())}
	default:
		e.Unseen[s] = doctor.Unseen{Why: secret.Mask(oneLine(err.Error())), Refuses: errors.As(err, new(*refusal))}
	}
}

// refusal is the answer of a store that is there, and does not say what it is asked.
type refusal struct{ why string }

func (r *refusal) Error() string { return r.why }

// asks reports whether a source is a store that runs and is asked.
func asks(s doctor.Source) bool {
	return strings.HasPrefix(string(s), string(doctor.FromDatabases)+"/") || strings.HasPrefix(string(s), string(doctor.FromRedis)+"/")
}

// oneLine is the first line of a text.
func oneLine(text string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return first
}

// instance finds the instance of a store; the error says that it does not run.
func (s *sight) instance(ctx context.Context, service string) (installation.Instance, error) {
	all, err := s.instances(ctx)
	if err != nil {
		return installation.Instance{}, err
	}
	n := slices.IndexFunc(all, func(i installation.Instance) bool { return i.Service == service && !i.Init && !i.Own })
	switch {
	case n < 0:
		return installation.Instance{}, errors.New("it is not there")
	case !all[n].Up():
		return installation.Instance{}, errors.New("it does not run")
	}
	return all[n], nil
}
