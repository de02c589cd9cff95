// Package verify holds images against the contract: it starts the services of a release as a deployment does, and looks whether each does what
// contract.yaml says of it. The result is data.
package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"berth/testbed/internal/contract"
	"berth/testbed/internal/release"
)

// Options say what is held against the contract.
type Options struct {
	Images   string        // where the images are, such as index.docker.io/sourcegraph
	Release  string        // 7.5.4453
	Only     []string      // these services, with what they come after; empty: all
	Patience time.Duration // how long one thing is waited for; 0: a minute
	Contract *contract.Contract
	Say      func(format string, args ...any) // progress
}

// Result is what came of it. It is written as JSON.
type Result struct {
	Release     string       `json:"release"`
	Images      string       `json:"images"`
	Date        time.Time    `json:"date"`
	Contract    string       `json:"contract"` // which contract.yaml: contract.Version
	Services    []string     `json:"services"`
	Checked     int          `json:"checked"` // promises
	Differences []Difference `json:"differences"`
	NotChecked  []string     `json:"notChecked"` // promises that could not be looked at, and why
	// Tests are berth's tests on these images, with pass, fail or skip.
	Tests map[string]string `json:"tests,omitempty"`
}

// Difference is a promise that an image does not keep.
type Difference struct {
	Service string `json:"service"`
	Kind    string `json:"kind"` // env, need, port, uid, directory, health, log, exit, refusal
	What    string `json:"what"`
	Want    string `json:"want"`
	Got     string `json:"got"`
	Source  string `json:"source"` // of the promise
}

func (d Difference) String() string {
	return fmt.Sprintf("%s: %s %s: want %s, got %s (from: %s)", d.Service, d.Kind, d.What, d.Want, d.Got, d.Source)
}

// run is one verification. Its result is written by several at once.
type run struct {
	Options
	engine
	at      release.Minor
	ready   map[string]bool // what is healthy, or ended well
	mu      sync.Mutex
	result  Result
	started []contract.Service
}

// Run holds images against the contract. Differences are no error.
func Run(ctx context.Context, o Options) (Result, error) {
	at, err := release.Parse(o.Release)
	if err != nil {
		return Result{}, err
	}
	o.Patience = cmp.Or(o.Patience, time.Minute)
	r := &run{Options: o, at: at, engine: engine{fmt.Sprintf("berth-contract-%d", os.Getpid())}, ready: map[string]bool{},
		result: Result{Release: o.Release, Images: o.Images, Date: time.Now().UTC().Truncate(time.Second), Contract: contract.Version(),
			Differences: []Difference{}, NotChecked: []string{}}}
	services, err := r.services()
	if err != nil {
		return r.result, err
	}
	if _, err := docker(ctx, "network", "create", "--label", "berth.contract="+r.engine.run, r.engine.run); err != nil {
		return r.result, err
	}
	err = errors.Join(r.all(ctx, services), r.clean(context.WithoutCancel(ctx)))
	slices.SortFunc(r.result.Differences, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.What, b.What))
	})
	slices.Sort(r.result.NotChecked)
	return r.result, err
}

// services are those to look at: all of the release, or some with those that they come after.
func (r *run) services() ([]contract.Service, error) {
	all := r.Contract.At(r.at)
	if len(r.Only) == 0 {
		return all, nil
	}
	wanted := map[string]bool{}
	for _, name := range r.Only {
		if !slices.ContainsFunc(all, func(s contract.Service) bool { return s.Name == name }) {
			return nil, fmt.Errorf("the contract has no service %s at %s", name, r.Release)
		}
		wanted[name] = true
	}
	for _, s := range slices.Backward(all) {
		if wanted[s.Name] {
			for _, a := range s.After {
				wanted[a] = true
			}
		}
	}
	return slices.DeleteFunc(all, func(s contract.Service) bool { return !wanted[s.Name] }), nil
}

func (r *run) all(ctx context.Context, services []contract.Service) error {
	r.Say("pull %d images of %s from %s", len(services), r.Release, r.Images)
	if err := r.pull(ctx, services); err != nil {
		return err
	}
	for _, s := range services {
		r.result.Services = append(r.result.Services, s.Name)
	}
	for rest := services; len(rest) > 0; {
		var now []contract.Service
		now, rest = next(rest)
		r.Say("start %s", strings.Join(names(now), ", "))
		together(now, len(now), func(s contract.Service) { r.start(ctx, s) })
	}
	together(r.started, 8, func(s contract.Service) { r.look(ctx, s) })
	r.Say("stop")
	together(r.started, 8, func(s contract.Service) { r.stop(ctx, s) })
	r.Say("start without the variables that are needed")
	together(r.without(services), 6, func(w omission) { r.omit(ctx, w) })
	r.Say("refusals")
	for _, f := range r.Contract.Refusals {
		if slices.Contains(r.result.Services, f.Service) {
			r.refusal(ctx, f)
		}
	}
	return ctx.Err()
}

// next splits off the services that come after none of the others.
func next(all []contract.Service) (now, rest []contract.Service) {
	waiting := names(all)
	for _, s := range all {
		if slices.ContainsFunc(s.After, func(a string) bool { return slices.Contains(waiting, a) }) {
			rest = append(rest, s)
		} else {
			now = append(now, s)
		}
	}
	return now, rest
}

func names(of []contract.Service) []string {
	var out []string
	for _, s := range of {
		out = append(out, s.Name)
	}
	return out
}

// together does something for each, at most so many at once.
func together[T any](all []T, limit int, do func(T)) {
	var wait sync.WaitGroup
	turn := make(chan struct{}, max(1, limit))
	for _, one := range all {
		turn <- struct{}{}
		wait.Go(func() {
			defer func() { <-turn }()
			do(one)
		})
	}
	wait.Wait()
}

func (r *run) reference(s contract.Service) string {
	i, _ := s.Image(r.at) // the contract's test has one for each
	return r.Images + "/" + i.Name + ":" + cmp.Or(i.Tag, r.Release)
}

func (r *run) pull(ctx context.Context, services []contract.Service) error {
	all := map[string]bool{}
	for _, s := range services {
		all[r.reference(s)] = true
	}
	errs := make(chan error, len(all))
	together(slices.Sorted(maps.Keys(all)), 4, func(image string) {
		_, err := docker(ctx, "pull", "--quiet", image)
		errs <- err
	})
	close(errs)
	var failed error
	for err := range errs {
		failed = errors.Join(failed, err)
	}
	return failed
}

// promise counts a promise and notes it when it isn't kept.
func (r *run) promise(s contract.Service, kind, what, want, got, source string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Checked++
	if want != got {
		d := Difference{s.Name, kind, what, want, got, cmp.Or(source, r.Contract.Source(s, kind))}
		r.result.Differences = append(r.result.Differences, d)
		r.Say("differs: %s", d)
	}
}

func (r *run) notChecked(s contract.Service, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.NotChecked = append(r.result.NotChecked, s.Name+": "+fmt.Sprintf(format, args...))
}

// await asks until the answer is the wanted one, or patience is at its end, and gives the last answer.
func (r *run) await(ctx context.Context, want string, ask func() string) string {
	got := ask()
	for end := time.Now().Add(r.Patience); got != want && time.Now().Before(end) && ctx.Err() == nil; got = ask() {
		time.Sleep(250 * time.Millisecond)
	}
	return got
}
