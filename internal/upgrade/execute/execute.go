// Package execute does the steps of upgrades, rollbacks and rehearsals, as upgrade/stages plans them. A step leads to something whatever is there when its
// turn comes, so each of them can be killed and done again.
package execute

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"berth/internal/config"
	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/run"
	"berth/internal/stack"
	"berth/internal/upgrade/stages"
)

// Steps does the steps of one plan.
type Steps struct {
	Env    *installation.Environment
	Base   *installation.Want // the admin's file, as it is
	Runner *installation.Runner
	Plan   *plan.Plan
	Write  func(text string) error // makes a text the admin's file
	Wait   time.Duration           // how long a background migration may make no progress
	// Clone says that the steps are done to a clone, whose databases alone run; nil: they are done to the installation itself.
	Clone *Clone
	// Reasons are why the run stops, for the maintenance page.
	Reasons diag.List

	mu    sync.Mutex                    // steps may be done beside each other
	wants map[string]*installation.Want // by the text that they were made of
	ends  map[int]chan struct{}         // by stage: closed when what others are done beside has ended
	at    string                        // the config that the clone has
}

// Clone is what is different where steps are done to a clone.
type Clone struct {
	Alter  func(*config.Config)                                      // makes the clone's config from the admin's
	Source func(ctx context.Context, do func(run.Tasks) error) error // lends tasks that reach the original's databases
	Ready  func(ctx context.Context, w *installation.Want) error     // proves that the images of everything else can be had
}

// action does a step, and says what it found and what it made.
type action func(s *Steps, ctx context.Context, step plan.Step) (run.Readiness, error)

// actions are what the verbs do.
var actions = map[plan.Verb]action{
	plan.Reach:     (*Steps).reach,
	plan.Roll:      (*Steps).roll,
	plan.Check:     (*Steps).check,
	plan.Fetch:     (*Steps).fetch,
	plan.Dump:      (*Steps).dump,
	plan.Convert:   (*Steps).convert,
	plan.Index:     (*Steps).index,
	plan.Begin:     (*Steps).begin,
	plan.Migrate:   (*Steps).migrate,
	plan.Compare:   (*Steps).compare,
	plan.Prove:     (*Steps).prove,
	plan.Save:      (*Steps).save,
	plan.Await:     (*Steps).await,
	plan.Halt:      (*Steps).halt,
	plan.SetAside:  (*Steps).setAside,
	plan.Restore:   (*Steps).restore,
	plan.Downgrade: (*Steps).downgrade,
}

// target does the steps.
func (s *Steps) target() *run.Acts {
	t := &run.Acts{By: map[plan.Verb]func(context.Context, plan.Step) (run.Readiness, error){}}
	for verb, do := range actions {
		t.By[verb] = func(ctx context.Context, step plan.Step) (run.Readiness, error) { return do(s, ctx, step) }
	}
	return t
}

// hop is the upgrade step that a step belongs to.
func (s *Steps) hop(step plan.Step) *plan.Hop { return &s.Plan.Hops[s.Plan.Stages[step.Stage].Hop] }

// want is one of the plan's configs. Each is read and resolved once.
func (s *Steps) want(name string) (*installation.Want, error) {
	text, known := s.Plan.Configs[name]
	if !known {
		return nil, fmt.Errorf("the plan has no config %q", name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.wants[text]; w != nil {
		return w, nil
	}
	var alter func(*config.Config)
	if s.Clone != nil {
		alter = s.Clone.Alter
	}
	w, err := s.Env.Accepted(s.Base, text, alter)
	if err != nil {
		return nil, err
	}
	if s.wants == nil {
		s.wants = map[string]*installation.Want{}
	}
	s.wants[text] = w
	return w, nil
}

// now is the config of what runs, or should, while a step is done: that of the release before until the new one is saved.
func (s *Steps) now(step plan.Step) string {
	h := s.hop(step)
	switch {
	case s.Clone != nil && s.at != "":
		return s.at
	case s.Plan.Action == plan.Rollback, s.Plan.Stages[step.Stage].Name == stages.Finish:
		return h.To
	}
	return h.From
}

// with opens the installation as it is while a step is done.
func (s *Steps) with(ctx context.Context, step plan.Step, do func(*installation.Installation) error) error {
	w, err := s.want(s.now(step))
	if err != nil {
		return err
	}
	i, err := s.Runner.Open(ctx, w)
	if err != nil {
		return err
	}
	defer i.Close()
	return do(i)
}

// worker works on the databases.
func (s *Steps) worker(step plan.Step, tasks run.Tasks) *data.Worker {
	w := &data.Worker{Tasks: tasks, ID: fmt.Sprintf("%s/%d", data.Stamp(s.Runner.Record.Started), s.Plan.Stages[step.Stage].Hop), Again: "berth upgrade",
		Say: func(line string) { s.Runner.Watch(run.Event{Kind: run.Said, Step: step, Text: line}) }}
	if want, err := s.want(s.now(step)); err == nil { // with has opened the same before
		w.Databases = want.Stack.Databases
	}
	switch s.Plan.Action {
	case plan.Upgrade:
		w.Back = "or roll back: berth rollback"
	case plan.Rollback:
		w.Again = "berth rollback"
	case plan.Rehearse:
		w.Again = "berth rehearse"
	}
	return w
}

// front is what people meet, as a step says.
func (s *Steps) front(step plan.Step) (front stack.Front, page string) {
	if s.Clone != nil {
		return stack.DatabasesOnly, ""
	}
	h := s.hop(step)
	switch step.Page {
	case plan.UpgradePage:
		page = stages.Page(h, nil)
	case plan.ReasonPage:
		page = stages.Page(h, s.Reasons)
	case plan.RollbackPage:
		page = stages.Page(h, diag.List{{Code: "BERTH3721", Summary: "it rolls back to " + s.Plan.Release}})
	}
	return stack.Front(step.Front), page
}

// reach makes what runs what a config asks for, with a front.
func (s *Steps) reach(ctx context.Context, step plan.Step) (none run.Readiness, err error) {
	w, err := s.want(step.Config)
	if err != nil {
		return none, err
	}
	s.at = step.Config
	w = w.With(s.front(step))
	if s.Plan.Stages[step.Stage].Name == stages.Convert && s.hop(step).ConvertsPostgres {
		w.Converting = data.Conversion
	}
	return none, s.Runner.Reach(ctx, w, step.ID)
}

// begin makes what runs what a config asks for, beside the step that its stage is about, and for as long as that takes.
func (s *Steps) begin(ctx context.Context, step plan.Step) (none run.Readiness, err error) {
	w, err := s.want(step.Config)
	if err != nil {
		return none, err
	}
	return none, s.Runner.Begin(ctx, w.With(s.front(step)), step.ID, s.over(step))
}

// over is closed when what the steps of a stage are done beside has ended.
func (s *Steps) over(step plan.Step) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ends == nil {
		s.ends = map[int]chan struct{}{}
	}
	if s.ends[step.Stage] == nil {
		s.ends[step.Stage] = make(chan struct{})
	}
	return s.ends[step.Stage]
}

// roll makes what runs what a config asks for while people work with it. Nobody works with a clone.
func (s *Steps) roll(ctx context.Context, step plan.Step) (none run.Readiness, err error) {
	if s.Clone != nil {
		return s.reach(ctx, step)
	}
	w, err := s.want(step.Config)
	if err != nil {
		return none, err
	}
	return none, s.Runner.Roll(ctx, w, step.ID)
}

// save makes a config the admin's file.
func (s *Steps) save(_ context.Context, step plan.Step) (none run.Readiness, err error) {
	return none, s.Write(s.Plan.Configs[step.Config])
}

// fetch brings the images of a config's release, and of a front, to where they will be needed, as far as that is known.
func (s *Steps) fetch(ctx context.Context, step plan.Step) (none run.Readiness, err error) {
	w, err := s.want(step.Config)
	if err != nil {
		return none, err
	}
	front, _ := s.front(step)
	return none, s.Runner.Fetch(ctx, w.With(front, ""), step.ID)
}

// ready proves that what a step's config asks for can be had and run here, with its front.
func (s *Steps) ready(ctx context.Context, step plan.Step) error {
	w, err := s.want(step.Config)
	if err != nil {
		return err
	}
	front, _ := s.front(step)
	if err := s.preflight(ctx, w.With(front, "")); err != nil || s.Clone == nil {
		return err
	}
	return s.Clone.Ready(ctx, w)
}

// preflight finds what would keep an installation from what a config asks for.
func (s *Steps) preflight(ctx context.Context, w *installation.Want) error {
	i, err := s.Runner.Open(ctx, w)
	if err != nil {
		return err
	}
	defer i.Close()
	p, err := i.Plan(ctx)
	if err != nil || p.Empty() {
		return err
	}
	return i.Preflight(ctx, p).Err()
}

// collected adds problems to others; any other error ends the step.
func collected(problems diag.List, err error) (diag.List, error) {
	var more diag.List
	if errors.As(err, &more) {
		return append(problems, more...), nil
	}
	return problems, err
}
