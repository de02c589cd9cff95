package execute

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/run"
	"berth/internal/stack"
	"berth/internal/upgrade/stages"
)

// image is the image of pgsql, as one of the plan's configs has it.
func (s *Steps) image(name string) (data.Image, error) {
	w, err := s.want(name)
	if err != nil {
		return "", err
	}
	return w.Image("pgsql"), nil
}

// migrator is a release's migrator.
func (s *Steps) migrator(step plan.Step, release string) (data.Image, error) {
	w, err := s.want(s.now(step))
	if err != nil {
		return "", err
	}
	return w.Migrator(s.Env.Catalogue(), release)
}

// work does something to the databases, with the image of pgsql as the step's config has it.
func (s *Steps) work(ctx context.Context, step plan.Step, do func(*data.Worker, data.Image) error) error {
	image, err := s.image(step.Config)
	if err != nil {
		return err
	}
	return s.with(ctx, step, func(i *installation.Installation) error { return do(s.worker(step, i.Tasks), image) })
}

// begins is the config whose databases run when a hop begins.
func (s *Steps) begins(step plan.Step) string {
	if s.Plan.Stages[step.Stage].Hop == 0 && s.Plan.Configs[plan.ConfigStart] != "" {
		return plan.ConfigStart
	}
	return s.hop(step).From
}

// check proves that the databases, the host and the images are as the hop needs them.
func (s *Steps) check(ctx context.Context, step plan.Step) (found run.Readiness, err error) {
	h := s.hop(step)
	image, err := s.image(s.begins(step))
	if err != nil {
		return found, err
	}
	var problems diag.List
	err = s.with(ctx, step, func(i *installation.Installation) error {
		w := s.worker(step, i.Tasks)
		facts, err := w.Inspect(ctx, image)
		if err != nil {
			return err
		}
		space, err := i.Space(ctx)
		if err != nil {
			return err
		}
		found.How = fmt.Sprintf("release %s, Postgres %d, %s of data, no drift", facts.Release, facts.Postgres(), data.Size(facts.Bytes()))
		saves := s.Clone == nil && stages.Saves(s.Plan, s.Plan.Stages[step.Stage].Hop)
		problems = append(stages.Preflight(h, facts), stages.Enough(space, h, facts, saves)...)
		if h.Rolls() {
			if err := s.background(ctx, step, w, h.From, h.From, h.To, h.From+" runs and answers, and nothing was changed"); err != nil {
				return err
			}
		}
		drift, err := s.drifted(ctx, step, w)
		problems = append(problems, drift...)
		return err
	})
	if err != nil {
		return found, err
	}
	if problems, err = collected(problems, s.ready(ctx, step)); err != nil {
		return found, err
	}
	return found, problems.Err()
}

// drifted compares the databases with what the upgrade step begins at. A rollback without the migrator leaves the schema of the next release. That is as
// good for a step that does not take the migrator's upgrade.
func (s *Steps) drifted(ctx context.Context, step plan.Step, w *data.Worker) (diag.List, error) {
	h := s.hop(step)
	drift, err := s.drift(ctx, step, w, h.From)
	if err != nil || len(drift) == 0 || !h.Rolls() && !h.SameMinor() {
		return drift, err
	}
	if ahead, err := s.drift(ctx, step, w, h.To); err != nil || len(ahead) == 0 {
		return nil, err
	}
	return drift, nil
}

func (s *Steps) drift(ctx context.Context, step plan.Step, w *data.Worker, release string) (diag.List, error) {
	migrator, err := s.migrator(step, release)
	if err != nil {
		return nil, err
	}
	return w.Drift(ctx, migrator, release)
}

// dump backs the databases up. One that was killed is made again under another name: a backup is never older than it says.
func (s *Steps) dump(ctx context.Context, step plan.Step) (made run.Readiness, err error) {
	name := data.Stamp(s.Env.Now())
	image, err := s.image(step.Config)
	if err != nil {
		return made, err
	}
	do := func(tasks run.Tasks, trust string) error {
		w := s.worker(step, tasks)
		facts, err := w.Inspect(ctx, image)
		if err != nil {
			return err
		}
		return w.Dump(ctx, image, data.Dump{Name: name, Bytes: facts.Bytes(), Prove: true, Keep: true, Sums: s.Env.Catalogue().State().Compared.Tables, Trust: trust})
	}
	if s.Clone != nil {
		err = s.Clone.Source(ctx, func(tasks run.Tasks) error { return do(tasks, "") })
	} else {
		err = s.with(ctx, step, func(i *installation.Installation) error {
			return do(i.Tasks, `berth upgrade --trust-backup "where it is"`)
		})
	}
	return run.Readiness{How: "backup " + name + ", restored once and compared", Made: name}, err
}

// convert waits for databases that were started with the release's images, which may convert their data.
func (s *Steps) convert(ctx context.Context, step plan.Step) (found run.Readiness, err error) {
	err = s.work(ctx, step, func(w *data.Worker, image data.Image) error {
		facts, err := w.Await(ctx, image)
		if err == nil {
			found.How = fmt.Sprintf("Postgres %d", facts.Postgres())
		}
		return err
	})
	return found, err
}

// index checks the indexes of the databases.
func (s *Steps) index(ctx context.Context, step plan.Step) (run.Readiness, error) {
	err := s.work(ctx, step, func(w *data.Worker, image data.Image) error { return w.Index(ctx, image) })
	return run.Readiness{How: "indexes checked, analyzed"}, err
}

// migration is the migrator's command that brings the databases over a hop, in the way that the hop does it.
func migration(h *plan.Hop) []string {
	if h.Rolls() || h.SameMinor() {
		return []string{"up"} // as the migrator does it that is deployed with the release
	}
	return []string{"upgrade", "--from=v" + h.From, "--to=v" + h.To, "--disable-animation", "--ignore-migrator-update"}
}

// migrate brings the schemas to the hop's release.
func (s *Steps) migrate(ctx context.Context, step plan.Step) (found run.Readiness, err error) {
	defer close(s.over(step))
	h := s.hop(step)
	m := data.Migration{From: h.From, To: h.To, Command: migration(h)}
	if s.Clone == nil {
		m.Begun, m.Failed = s.Runner.HasBegun(step.ID)
	}
	if m.Migrator, err = s.migrator(step, h.Migrator); err != nil {
		return found, err
	}
	err = s.work(ctx, step, func(w *data.Worker, image data.Image) error {
		done, err := w.Migrate(ctx, m, image)
		if done {
			found.How = "was done before"
		}
		return err
	})
	return found, err
}

// compare compares the databases with the schema of the release that an upgrade step leads to.
func (s *Steps) compare(ctx context.Context, step plan.Step) (found run.Readiness, err error) {
	h := s.hop(step)
	var problems diag.List
	err = s.with(ctx, step, func(i *installation.Installation) (err error) {
		problems, err = s.drift(ctx, step, s.worker(step, i.Tasks), h.To)
		return err
	})
	if err != nil {
		return found, err
	}
	return run.Readiness{How: "no drift"}, problems.Err()
}

// prove looks at what was deployed.
func (s *Steps) prove(ctx context.Context, step plan.Step) (run.Readiness, error) {
	how, err := s.search(ctx, step)
	return run.Readiness{How: how}, err
}

// search proves that a search is answered. In a clone nobody can be asked.
func (s *Steps) search(ctx context.Context, step plan.Step) (string, error) {
	if s.Clone != nil {
		return "no search, because only databases run here", nil
	}
	w, err := s.want(step.Config)
	if err != nil {
		return "", err
	}
	i, err := s.Runner.Open(ctx, w)
	if err != nil {
		return "", err
	}
	defer i.Close()
	by := installation.ByFrontProxy
	if step.Front == string(stack.BehindPage) {
		by = installation.Directly
	}
	return i.Searched(ctx, by, s.Env.Now)
}

// await waits for the migrations that run in the background: those that the next hop needs, or all that a release is known to need.
func (s *Steps) await(ctx context.Context, step plan.Step) (run.Readiness, error) {
	h := s.hop(step)
	next := step.Release
	if next == "" {
		next = "999.0"
	}
	err := s.with(ctx, step, func(i *installation.Installation) error {
		return s.background(ctx, step, s.worker(step, i.Tasks), step.Config, h.To, next, h.To+" runs and answers")
	})
	return run.Readiness{How: "background migrations at 100 %"}, err
}

// background waits until the migrations that the worker of release at does and that the release next needs are finished. In a clone there is no worker,
// so that the migrator runs them.
func (s *Steps) background(ctx context.Context, step plan.Step, w *data.Worker, config, at, next, now string) error {
	if s.Clone != nil {
		migrator, err := s.migrator(step, at)
		if err != nil {
			return err
		}
		return w.RunBackground(ctx, migrator)
	}
	image, err := s.image(config)
	if err != nil {
		return err
	}
	return w.Background(ctx, image, at, next, now, s.Wait)
}

// halt stops what an upgrade left at work.
func (s *Steps) halt(ctx context.Context, step plan.Step) (none run.Readiness, err error) {
	return none, s.with(ctx, step, func(i *installation.Installation) error { return s.worker(step, i.Tasks).Halt(ctx) })
}

// setAside moves the data of bundled databases out of the way.
func (s *Steps) setAside(ctx context.Context, step plan.Step) (none run.Readiness, err error) {
	if s.Clone != nil {
		return none, errors.New("a clone is deleted, not rolled back")
	}
	w, err := s.want(step.Config)
	if err != nil {
		return none, err
	}
	return none, s.with(ctx, step, func(i *installation.Installation) error {
		for _, name := range stack.Databases() {
			if w.Doc.Config.Databases[name].External != nil || !slices.Contains(w.Stack.Databases, name) {
				continue
			}
			if err := s.worker(step, i.Tasks).SetAside(ctx, w.Image(name), name); err != nil {
				return err
			}
		}
		return nil
	})
}

// restore puts a backup into the databases: the one that a step names, or the last one that the run made.
func (s *Steps) restore(ctx context.Context, step plan.Step) (run.Readiness, error) {
	backup := step.Backup
	for _, t := range s.Runner.Record.Steps {
		if step.Backup == "" && t.Made != "" {
			backup = t.Made
		}
	}
	err := s.work(ctx, step, func(w *data.Worker, image data.Image) error {
		return w.Restore(ctx, image, backup, s.Env.Catalogue().State().Compared.Tables)
	})
	return run.Readiness{How: "backup restored and compared"}, err
}

// downgrade takes the schemas back to the release before.
func (s *Steps) downgrade(ctx context.Context, step plan.Step) (none run.Readiness, err error) {
	h := s.hop(step)
	m := data.Migration{From: h.To, To: h.From}
	if m.Migrator, err = s.migrator(step, h.Migrator); err != nil {
		return none, err
	}
	return none, s.work(ctx, step, func(w *data.Worker, image data.Image) error { return w.Downgrade(ctx, m, image) })
}
