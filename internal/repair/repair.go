// Package repair does to an installation's databases what the doctor proposes and what changes no data: statements while people work, and new indexes while
// Sourcegraph is stopped. A step leads to something whatever is there when its turn comes, so each of them can be killed and done again.
package repair

import (
	"context"
	"fmt"
	"time"

	"berth/internal/data"
	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/run"
	"berth/internal/stack"
	"berth/internal/state"
)

// Wish is what is to be repaired.
type Wish struct {
	Statements []Statement
	Rebuild    bool  // the indexes that were built with another version of the system's collations
	Bytes      int64 // of all databases
}

// Statement is one that is run in a database.
type Statement struct{ Database, SQL string }

// What stages take, in seconds, where nothing is known of what they do.
const (
	aMoment   = 5.0
	indexRate = 20.0 // a GiB of data, all indexes built at 50 MB/s
)

// Plan is the plan of a wish, for an installation whose config is deployed.
func Plan(i *installation.Installation, w Wish) *plan.Plan {
	p := &plan.Plan{Format: plan.Format, Action: plan.Repairs, Installation: i.Stack.Name, Target: i.Stack.Target, Release: i.Stack.Release, Bytes: w.Bytes,
		Configs: plan.Configs{plan.ConfigFile: string(i.Text)}, Steps: []plan.Step{}, Unchanged: []string{}}
	stage := func(name, text string, seconds float64, effect plan.Effect, s plan.Step) {
		s.Config = plan.ConfigFile
		p.Append(plan.Stage{Name: name, Text: text, Seconds: seconds, Source: "default", Effect: effect}, []plan.Step{s})
		if effect == plan.Downtime {
			p.Downtime += seconds
		}
	}
	for _, s := range w.Statements {
		stage("repair", s.Database+": "+s.SQL, aMoment, plan.None, plan.Step{Verb: plan.Repair, Object: s.Database, Statement: s.SQL})
	}
	if !w.Rebuild {
		return p
	}
	stage("close", "everything but the databases stops; people see a maintenance page", aMoment, plan.Downtime, reach(stack.Closed))
	stage("index", "builds the indexes again whose collations changed, notes the new version, and checks all indexes with amcheck",
		aMoment+indexRate*float64(w.Bytes)/(1<<30), plan.Downtime, plan.Step{Verb: plan.Index, Object: "indexes"})
	last := &p.Stages[len(p.Stages)-1]
	last.Source = fmt.Sprintf("%s at %.0f s a GiB", data.Size(w.Bytes), indexRate)
	back := reach(stack.Open)
	back.Config, back.Object = plan.ConfigFile, "the repair failed; Sourcegraph answers again as before, and nothing was lost"
	last.Fallback, last.Again = []plan.Step{back}, true
	stage("open", "everything starts, and the maintenance page is removed", aMoment, plan.Downtime, reach(stack.Open))
	stage("prove", "proves that a search is answered", aMoment, plan.None, plan.Step{Verb: plan.Prove, Object: "search"})
	return p
}

func reach(front stack.Front) plan.Step {
	return plan.Step{Verb: plan.Reach, Object: "sourcegraph " + string(front), Front: string(front)}
}

// Job is a repair of one installation. Whoever does it holds the lock.
type Job struct {
	Env     *installation.Environment
	Open    installation.Open
	At      *installation.Installation
	Timeout time.Duration

	runner *installation.Runner
	record *state.Record
}

// Carry carries out the plan of a record, from its begin or from where it stopped, and writes down how it ended.
func (j *Job) Carry(ctx context.Context, r *state.Record) error {
	j.record = r
	runner := installation.Runner{Open: j.Open, Record: r, Now: j.Env.Now, Watch: j.Env.Watch, Timeout: j.Timeout}
	return installation.Recorded(ctx, j.At, runner, func(runner *installation.Runner) error {
		j.runner = runner
		return runner.New(r.Plan, &run.Acts{By: map[plan.Verb]func(context.Context, plan.Step) (run.Readiness, error){
			plan.Repair: j.repair, plan.Reach: j.reach, plan.Index: j.index, plan.Prove: j.prove,
		}}, 0).Carry(ctx)
	})
}

func (j *Job) worker(step plan.Step) *data.Worker { return j.runner.Worker(j.At, "r", step) }

// image is the one that scripts for the databases run in.
func (j *Job) image() data.Image { return j.At.Image("pgsql") }

func (j *Job) repair(ctx context.Context, step plan.Step) (run.Readiness, error) {
	return run.Readiness{How: "done: " + step.Statement}, j.worker(step).Write(ctx, j.image(), step.Object, step.Statement)
}

func (j *Job) index(ctx context.Context, step plan.Step) (run.Readiness, error) {
	return run.Readiness{How: "indexes built and checked"}, j.worker(step).Index(ctx, j.image())
}

// reach makes what runs what the config asks for, with the front of a step.
func (j *Job) reach(ctx context.Context, step plan.Step) (none run.Readiness, err error) {
	w, err := j.Env.Accepted(j.At.Want, j.record.Plan.Configs[step.Config], nil)
	if err != nil {
		return none, err
	}
	page := ""
	if step.Front != string(stack.Open) {
		page = stack.PageOf("Sourcegraph is being repaired", "Its databases build their indexes again since "+j.record.Started.UTC().Format("15:04")+
			" UTC. Sourcegraph will be back when that is complete. This page reloads every 30 seconds.")
	}
	return none, j.runner.Reach(ctx, w.With(stack.Front(step.Front), page), step.ID)
}

func (j *Job) prove(ctx context.Context, _ plan.Step) (run.Readiness, error) {
	how, err := j.At.Searched(ctx, installation.ByFrontProxy, j.Env.Now)
	return run.Readiness{How: how}, err
}
