// Package look collects the evidence that package doctor judges. It asks the target, the databases, Redis, the front proxy and the address that people
// use, all at the same time. Nothing is touched. What does not answer in time is noted as not seen, and stops nothing else.
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

	"berth/internal/diag"
	"berth/internal/doctor"
	"berth/internal/installation"
	"berth/internal/secret"
)

// patience is how long one source may take. What takes longer is of no use to somebody who waits.
const patience = 4 * time.Second

// Look collects evidence of an installation.
type Look struct {
	Env      *installation.Environment
	Open     installation.Open
	Patience time.Duration // of one source; 0: four seconds
}

// take adds what was seen to the evidence.
type take func(e *doctor.Evidence)

// collector asks one source. What it gives is taken only if it came in time.
type collector struct {
	source doctor.Source
	ask    func(ctx context.Context) (take, error)
}

// Nothing is evidence where the config can't be read: its problems are all that is known.
func (l *Look) Nothing(problems diag.List) *doctor.Evidence {
	return &doctor.Evidence{Taken: l.Env.Now(), Config: problems, Unseen: unseen("the config has to be fixed first")}
}

// unseen notes that nothing of a target was seen.
func unseen(why string) map[doctor.Source]doctor.Unseen {
	out := map[doctor.Source]doctor.Unseen{}
	for _, s := range []doctor.Source{doctor.FromPlace, doctor.FromRelease, doctor.FromHistory, doctor.FromServices, doctor.FromInstances, doctor.FromLogs,
		doctor.FromVolumes, doctor.FromDatabases, doctor.FromRedis, doctor.FromFrontProxy} {
		out[s] = doctor.Unseen{Why: why}
	}
	return out
}

// Evidence looks at the installation that a config asks for. problems are those of the config.
func (l *Look) Evidence(ctx context.Context, w *installation.Want, problems diag.List) *doctor.Evidence {
	e := &doctor.Evidence{Taken: l.Env.Now(), Installation: w.Stack.Name, Target: w.Stack.Target, Wanted: w.Stack.Release, URL: w.Stack.URL, Config: problems,
		Unseen: map[doctor.Source]doctor.Unseen{}, Milliseconds: map[doctor.Source]int64{}, Uses: doctor.Needs(l.Env.Catalogue().Relations().NeededBy()), Mutes: mutes(w.Doc.Config)}
	address := collector{doctor.FromCertificates, func(ctx context.Context) (take, error) { return l.address(ctx, w) }}
	var i *installation.Installation
	open := collector{doctor.FromTarget, func(ctx context.Context) (take, error) {
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
	if slow := slices.DeleteFunc(l.all(i), func(c collector) bool { return !slices.Contains(late, c.source) }); len(slow) > 0 {
		l.collect(ctx, e, 2*limit, slow...)
	}
	return e
}

// all are the collectors of an installation whose target answers.
func (l *Look) all(i *installation.Installation) []collector {
	instances := once(func(ctx context.Context) ([]installation.Instance, error) { return i.Instances(ctx) })
	services := once(func(ctx context.Context) (installation.Services, error) { return i.Services(ctx) })
	s := &sight{Look: l, Installation: i, instances: instances, services: services}
	all := []collector{
		{doctor.FromServices, s.serviceStates}, {doctor.FromPlace, s.place}, {doctor.FromRelease, s.release}, {doctor.FromHistory, s.history},
		{doctor.FromInstances, s.instanceStates}, {doctor.FromLogs, s.logs}, {doctor.FromVolumes, s.usage}, {doctor.FromFrontProxy, s.front},
	}
	for _, name := range i.Stack.Databases {
		all = append(all, collector{doctor.FromDatabases.Of(name), func(ctx context.Context) (take, error) { return s.database(ctx, name) }})
	}
	for _, name := range redisStores {
		all = append(all, collector{doctor.FromRedis.Of(name), func(ctx context.Context) (take, error) { return s.redis(ctx, name) }})
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
	answers := make([]chan answer, len(all))
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	begun := time.Now()
	for n, c := range all {
		answers[n] = make(chan answer, 1)
		go func() {
			taken, err := c.ask(limited)
			answers[n] <- answer{taken, err, time.Since(begun)}
		}()
	}
	for n, c := range all {
		var a answer
		select {
		case a = <-answers[n]:
		case <-limited.Done():
			select {
			case a = <-answers[n]: // it came at the same moment
			case <-time.After(limit / 20): // what heard that time is over says what it knows
				a.err = limited.Err()
			}
			a.took = time.Since(begun)
		}
		e.Milliseconds[c.source] = a.took.Milliseconds()
		if a.take != nil && (a.err == nil || c.source != doctor.FromTarget) {
			a.take(e)
		}
		l.note(e, c.source, a.err, limit)
		if errors.Is(a.err, context.DeadlineExceeded) {
			late = append(late, c.source)
		}
	}
	return late
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
