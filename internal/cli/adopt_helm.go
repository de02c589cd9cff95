package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"berth/catalogue"
	"berth/internal/adopt"
	theirs "berth/internal/adopt/kubernetes"
	"berth/internal/adopt/kubernetes/wanted"
	"berth/internal/installation"
	"berth/internal/installation/cluster"
	"berth/internal/plan"
	"berth/internal/run"
	"berth/internal/state"
	"berth/internal/view"
)

// helmRelease reads a Helm release, and finds the config for it. Nothing is written.
func (e *Env) helmRelease(ctx context.Context, f *adoptFlags) (taking, error) {
	s, err := cluster.Theirs(ctx, &e.Environment, f.at, f.helm)
	if err != nil {
		return taking{}, err
	}
	return e.inCluster(s, f)
}

// inNamespace reads what runs in a namespace, and finds the config for it. Nothing is written.
func (e *Env) inNamespace(ctx context.Context, f *adoptFlags) (taking, error) {
	s, err := cluster.TheirObjects(ctx, &e.Environment, f.at)
	if err != nil {
		return taking{}, err
	}
	return e.inCluster(s, f)
}

// inCluster finds the config for an installation in a cluster.
func (e *Env) inCluster(s *theirs.Source, f *adoptFlags) (taking, error) {
	t := taking{target: catalogue.Kubernetes}
	base, err := adopt.FindBase(e.Catalogue(), catalogue.Kubernetes, s.Images)
	if err != nil {
		return t, err
	}
	if problems := theirs.Known(base, s); problems.Failed() {
		return t, problems
	}
	r, problems := theirs.Adopt(s, e.Catalogue(), base, f.url, filepath.Dir(e.Abs(f.out)), e.Now)
	if problems.Failed() {
		return t, problems
	}
	before, err := s.Before(base.Release)
	if err != nil {
		return t, err
	}
	if before != nil {
		r.Files[wanted.BeforeFile] = before
	}
	r.Report.Source = s.Origin.Name
	t.result, t.guessed = r, s.Guessed
	return t, nil
}

// ending is how a takeover from Helm ends.
type ending struct {
	question string
	plan     func(context.Context, *installation.Installation) (*plan.Plan, error)
	then     func(context.Context, *installation.Installation) error
}

// end ends a takeover from Helm by a plan.
func (e *Env) end(ctx context.Context, w *installation.Want, yes bool, how ending) error {
	i, err := e.Targets.Named(ctx, &e.Environment, w)
	if err != nil {
		return err
	}
	defer i.Close()
	if i.GiveBack == nil {
		return noTakeover(w.File)
	}
	s := &seen{Installation: i}
	if err := s.remember(ctx); err != nil {
		return err
	}
	if err := s.idle(); err != nil {
		return err
	}
	ctx, release, err := i.Store.Lock(ctx, "adopt", e.Now)
	if err != nil {
		return err
	}
	defer release()
	p, err := how.plan(ctx, i)
	if err != nil {
		return err
	}
	view.Plan(e.Stdout, p, view.Folded)
	if err := e.agree(ctx, yes, how.question); err != nil {
		return err
	}
	if !p.Empty() {
		fmt.Fprintln(e.Stdout)
		r := state.NewRecord(p.Action, p.Release, string(i.Text), e.Now())
		r.Plan = p
		if err := e.execute(ctx, i, r, 0, func(runner *installation.Runner) (*run.Run, error) { return runner.Run(ctx, i, p, 0) }); err != nil {
			return err
		}
	}
	return how.then(ctx, i)
}

// forgetBefore removes the file that remembers how the objects were.
func forgetBefore(dir string) ([]string, error) {
	name := filepath.Join(dir, wanted.BeforeFile)
	err := os.Remove(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return []string{}, nil
	case err != nil:
		return nil, fmt.Errorf("remove what berth adopt wrote: %w", err)
	}
	return []string{name}, nil
}

// giveBack makes the objects of a cluster those of who deployed them again, and forgets the installation.
func (e *Env) giveBack(ctx context.Context, w *installation.Want, yes bool) error {
	next := ""
	return e.end(ctx, w, yes, ending{
		question: "Return everything to the tool that deployed it before, and forget the installation?",
		plan: func(ctx context.Context, i *installation.Installation) (p *plan.Plan, err error) {
			p, next, err = i.GiveBack(ctx)
			return p, err
		},
		then: func(ctx context.Context, i *installation.Installation) error {
			if err := i.Store.Forget(ctx); err != nil {
				return err
			}
			removed, err := forgetBefore(i.Dir)
			if err != nil {
				return err
			}
			return e.give(Returned{Removed: removed, Kept: []string{i.File}, Next: next}, func() {
				fmt.Fprintln(e.Stdout, "the objects are of who deployed them before, and berth has forgotten the installation")
				fmt.Fprintln(e.Stdout, "kept      "+i.File+" and the files that it names: remove them when you don't need them")
				if next != "" {
					fmt.Fprintln(e.Stdout, "next: "+next)
				}
			})
		}})
}

// finishCluster makes a takeover in a cluster final.
func (e *Env) finishCluster(ctx context.Context, w *installation.Want, yes bool) error {
	return e.end(ctx, w, yes, ending{
		question: "Make the takeover final? Helm's records are deleted, and so is what berth adopt undo needs.",
		plan:     func(ctx context.Context, i *installation.Installation) (*plan.Plan, error) { return i.Finish(ctx) },
		then: func(_ context.Context, i *installation.Installation) error {
			removed, err := forgetBefore(i.Dir)
			if err != nil {
				return err
			}
			return e.give(Finished{Dir: i.Dir, InUse: []string{}}, func() {
				if len(removed) > 0 {
					fmt.Fprintln(e.Stdout, "the takeover is final: you no longer need your files")
				} else {
					fmt.Fprintln(e.Stdout, "the takeover is final: Helm no longer knows the installation")
				}
				fmt.Fprintln(e.Stdout, "next: berth status"+naming(i.File))
			})
		}})
}
