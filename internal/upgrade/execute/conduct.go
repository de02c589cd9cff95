package execute

import (
	"context"
	"errors"
	"fmt"
	"time"

	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/state"
	"berth/internal/upgrade/stages"
)

// Conductor carries out upgrades and rollbacks of an installation. Whoever has one holds the lock.
type Conductor struct {
	Env      *installation.Environment
	Open     installation.Open
	At       *installation.Installation // as the admin's file asks for it
	Timeout  time.Duration              // how long a service may take to be ready; 0: as the release says
	Patience time.Duration              // how long a background migration may make no progress
}

// Carry carries out the plan of a record, from its begin or from where it stopped, and writes down how it ended. A stage that fails falls back as
// its plan says.
func (c *Conductor) Carry(ctx context.Context, r *state.Record) error {
	runner := installation.Runner{Open: c.Open, Record: r, Now: c.Env.Now, Watch: c.Env.Watch, Timeout: c.Timeout}
	return installation.Recorded(ctx, c.At, runner, func(runner *installation.Runner) error {
		steps := &Steps{Env: c.Env, Base: c.At.Want, Runner: runner, Plan: r.Plan, Wait: c.Patience,
			Write: func(text string) error { return c.Env.Rewrite(c.At.File, text) }}
		err := Carry(ctx, steps)
		if u := stages.Last([]state.Record{*r}); u != nil {
			r.Release, r.Config = u.Release(), u.Running()
		}
		return err
	})
}

// Carry runs a plan's steps, and falls back where a stage fails.
func Carry(ctx context.Context, s *Steps) error {
	one := s.Runner.New(s.Plan, s.target(), 0)
	if err := one.Again(); err != nil {
		return err
	}
	err := one.Execute(ctx)
	var problems diag.List
	if !errors.As(err, &problems) || ctx.Err() != nil {
		return err
	}
	s.Reasons = problems
	stage := one.Stage()
	if again, err := one.FallBack(ctx, problems); !again {
		return err
	}
	h := s.Plan.Hops[s.Plan.Stages[stage].Hop]
	return append(problems, diag.Diagnostic{Code: "BERTH3710", Severity: diag.Error, Subject: h.To,
		Summary: fmt.Sprintf("%s failed, so %s runs again; nothing was lost", h.To, h.From),
		Hint:    "fix the cause shown above, then: berth upgrade   or keep the earlier release: berth rollback"})
}

// GiveUp ends an upgrade that touched nothing, so that it stands in nobody's way.
func (c *Conductor) GiveUp(ctx context.Context, r *state.Record) error {
	if err := (&data.Worker{Tasks: c.At.Tasks}).Halt(ctx); err != nil {
		return err
	}
	r.GivenUp = true
	return c.At.Store.Save(ctx, r)
}

// Begin is the record of an upgrade that begins with a plan.
func Begin(p *plan.Plan, now time.Time) *state.Record {
	r := state.NewRecord(plan.Upgrade, p.Release, p.Configs[p.From], now)
	r.Plan, r.From = p, p.From
	return r
}

// Return is the record of a rollback that begins. config is the text that it leads to, and current the one of what runs.
func Return(u *stages.Progress, way stages.WayBack, config, current string, now time.Time) *state.Record {
	r := state.NewRecord(plan.Rollback, way.To, config, now)
	r.Plan, r.From = u.Return(way, config, current), way.From
	return r
}

// Examine adds to a plan what only the migrator and the releases themselves know: whether the schema drifted, and whether each release can be
// had and run here as the config says. What later hops meet is looked at from what runs now, so that it is only warned of. Nothing is changed.
func (c *Conductor) Examine(ctx context.Context, p *plan.Plan, say func(string)) error {
	s := c.looking(p)
	say("comparing the databases with the schema of " + p.From)
	first := p.Steps[0]
	drift, err := s.examined(ctx, first)
	if err != nil {
		return err
	}
	p.Problems = append(p.Problems, drift...)
	if len(drift) == 0 {
		p.Hops[0].Found = append(p.Hops[0].Found, "schema: no drift")
	}
	for i := range p.Hops {
		h := &p.Hops[i]
		say("checking what " + h.To + " needs")
		step := p.Of(p.Find(i, stages.Check))[0]
		problems, err := collected(nil, s.ready(ctx, step))
		if err != nil {
			return err
		}
		if len(problems) == 0 {
			h.Found = append(h.Found, "images, host and file: ready for "+h.To)
		}
		for _, d := range problems {
			if i > 0 {
				d.Severity, d.Summary = diag.Warning, "if nothing changes, "+h.To+" would have this problem: "+d.Summary
			}
			p.Problems = append(p.Problems, d)
		}
	}
	return nil
}

// Ready proves that what the first upgrade step leads to can be had and run here. Nothing is changed.
func (c *Conductor) Ready(ctx context.Context, p *plan.Plan) error {
	return c.looking(p).ready(ctx, p.Steps[0])
}

// Verified proves that a config can be had and run here, such as the one that a rollback leads to.
func (c *Conductor) Verified(ctx context.Context, p *plan.Plan, config string) error {
	return c.looking(p).ready(ctx, plan.Step{Config: config})
}

// looking does steps that touch nothing.
func (c *Conductor) looking(p *plan.Plan) *Steps {
	runner := &installation.Runner{Open: c.Open, Record: &state.Record{Started: c.Env.Now()}, Now: c.Env.Now, Watch: c.Env.Watch}
	return &Steps{Env: c.Env, Base: c.At.Want, Runner: runner, Plan: p}
}

// examined compares the databases with the schemas of the release that they are of, with tasks that others may run at the same time.
func (s *Steps) examined(ctx context.Context, step plan.Step) (drift diag.List, err error) {
	err = s.with(ctx, step, func(i *installation.Installation) error {
		w := s.worker(step, i.Tasks)
		w.Tag = s.Env.Tag()
		drift, err = s.drifted(ctx, step, w)
		return err
	})
	return drift, err
}
