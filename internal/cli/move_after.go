package cli

import (
	"context"
	"fmt"
	"slices"

	"berth/internal/backup/stages"
	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/state"
	"berth/internal/view"
	"github.com/spf13/cobra"
)

func newMoveBackCmd(env *Env) *cobra.Command {
	f := moveFlags{getenv: env.Getenv}
	cmd := &cobra.Command{
		Use:   "back",
		Short: "Return to the source of a move",
		Long: `Close the destination of a move and open the source again, with the data that it had when the move began. berth first says what was written at the
destination since, which is lost then. The destination's data stays there until you delete it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return env.moveBack(cmd.Context(), f) },
	}
	configFlag(cmd, &f.file)
	cmd.Flags().BoolVar(&f.plan, "plan", false, "only show what would be done")
	yesFlag(cmd, &f.yes)
	placeFlags(env, cmd, &f.file)
	return cmd
}

func newMoveFinishCmd(env *Env) *cobra.Command {
	f := moveFlags{getenv: env.Getenv}
	cmd := &cobra.Command{
		Use:   "finish",
		Short: "Delete the source of a move, with its data",
		Long: `Delete the source of a move that is complete: what runs, its volumes, its passwords and its history. berth first proves that the destination answers.
After that, only a backup can bring it back. External databases of the source are left as they are.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return env.finishMove(cmd.Context(), f) },
	}
	configFlag(cmd, &f.file)
	yesFlag(cmd, &f.yes)
	placeFlags(env, cmd, &f.file)
	return cmd
}

// moved finds both sides of a move. Whoever gets them closes them.
func (e *Env) moved(ctx context.Context, f moveFlags) (s *seen, there *Env, d *seen, err error) {
	if s, err = e.look(ctx, f.file); err != nil {
		return nil, nil, nil, err
	}
	if n := len(s.records); s.move == nil && n > 0 && s.records[n-1].Action == plan.MoveBack && s.records[n-1].Result != state.Done && s.records[n-1].Plan != nil {
		p := s.records[n-1].Plan // it was killed after it had noted its end
		s.move = &state.Move{Name: p.Backup, Phase: state.Carried, Other: *p.Destination}
	}
	if !s.move.Source() {
		err = diag.List{{Code: "BERTH4605", Severity: diag.Error, Subject: s.File, Summary: "no move started from this installation", Hint: "see what was done: berth history"}}
	} else if there, d, err = e.toward(ctx, f, s.move.Other); err == nil && d.Upgrade.Open() {
		err = d.idle()
	}
	if err != nil {
		if d != nil {
			d.Close()
		}
		s.Close()
		return nil, nil, nil, err
	}
	return s, there, d, nil
}

func (e *Env) moveBack(ctx context.Context, f moveFlags) error {
	s, there, d, err := e.moved(ctx, f)
	if err != nil {
		return err
	}
	defer s.Close()
	defer d.Close()
	p := stages.Plan(stages.Request{Action: plan.MoveBack, Installation: s.Stack.Name, Target: s.Stack.Target, Release: s.Stack.Release, Config: string(s.Text), Backup: s.move.Name,
		Short: s.movesShort(), To: &s.move.Other, ToConfig: string(d.Text)})
	r := s.unfinished(p, e.Now())
	if f.plan {
		return e.give(p, func() { view.MoveBack(e.Stdout, p) })
	}
	if r != nil {
		fmt.Fprintln(e.Stdout, "continuing the return to the source that was stopped")
	} else {
		view.MoveBack(e.Stdout, p)
		if err := e.sayWritten(ctx, s, d); err != nil {
			return err
		}
		if err := e.agree(ctx, f.yes, "return to "+s.Stack.Name+" on "+string(s.Stack.Target)+"?"); err != nil {
			return err
		}
		r = state.NewRecord(plan.MoveBack, p.Release, string(s.Text), e.Now())
		r.Plan = p
	}
	if err := e.carryBoth(ctx, s, there, d, r); err != nil {
		return err
	}
	return e.give(r, func() {
		fmt.Fprintf(e.Stdout, "\nSourcegraph %s runs here again; the moved data stays at the destination\nnext      to delete it for good: berth down --config %s --delete-data %s\n", r.Release, d.File, d.Stack.Name)
	})
}

// movesShort reports whether the current move notes which rows are written.
func (s *seen) movesShort() bool {
	return slices.ContainsFunc(s.records, func(r state.Record) bool {
		return r.Action == plan.Move && r.Plan != nil && r.Plan.Backup == s.move.Name && r.Plan.Has(plan.Watch)
	})
}

// sayWritten says what was written at the destination of a move since it opened.
func (e *Env) sayWritten(ctx context.Context, s, d *seen) error {
	if s.move.Phase == state.Carried {
		fmt.Fprintln(e.Stdout, "lost      nothing: the destination was never open")
		return nil
	}
	known := e.Catalogue().State().Compared.Tables
	said, err := d.Asked(ctx)
	if err != nil {
		return err
	}
	if !said.Answered {
		fmt.Fprintln(e.Stdout, "lost      all that was written at the destination; its databases do not answer, so berth can't list it")
		return nil
	}
	w := &data.Worker{Tasks: d.Tasks, Tag: e.Tag(), Databases: d.Stack.Databases}
	now, err := w.Contents(ctx, d.Image("pgsql"), known)
	if err != nil {
		return err
	}
	was := s.move.Tables
	if was == nil { // a move with a short downtime that did not come to its end: what its rounds counted is still there
		kept, err := w.Kept(ctx, d.Image("pgsql"))
		if err != nil {
			return err
		}
		was = kept.Tables
	}
	changed, others := data.Changed(was, now.Tables, known)
	for _, line := range changed {
		fmt.Fprintf(e.Stdout, "lost      %s\n", line)
	}
	if len(changed) == 0 {
		fmt.Fprintln(e.Stdout, "lost      nothing that people wrote: their tables are as they were when the destination opened")
	}
	if others > 0 {
		fmt.Fprintf(e.Stdout, "          changes of %d other tables, which Sourcegraph writes by itself\n", others)
	}
	return nil
}

func (e *Env) finishMove(ctx context.Context, f moveFlags) error {
	s, _, d, err := e.moved(ctx, f)
	if err != nil {
		return err
	}
	defer s.Close()
	defer d.Close()
	if s.move.Phase != state.Moved {
		return s.idle()
	}
	if a := d.Answers(ctx); !a.Healthy && a.At != "" {
		return diag.List{{Code: "BERTH4610", Severity: diag.Error, Subject: d.File, Summary: "Sourcegraph does not answer at " + a.At + "; nothing was changed",
			Hint: "see how it is there: berth status --config " + d.File + "   or return to the source: berth move back"}}
	}
	i, err := e.Targets.Named(ctx, &e.Environment, installation.Named(s.File, s.Dir, s.Doc))
	if err != nil {
		return err
	}
	defer i.Close()
	ctx, release, err := i.Store.Lock(ctx, "move finish", e.Now)
	if err != nil {
		return err
	}
	defer release()
	err = e.teardown(ctx, &seen{Installation: i}, installation.DeleteVolumes, func(*plan.Plan) error {
		return e.agree(ctx, f.yes, "delete "+s.Stack.Name+" on "+string(s.Stack.Target)+" with its data, its passwords and its history for good?")
	})
	if err != nil {
		return err
	}
	if err := i.Store.Forget(ctx); err != nil {
		return err
	}
	fmt.Fprintf(e.Stdout, "%s on %s is deleted; Sourcegraph is at %s\n", s.Stack.Name, s.Stack.Target, d.Stack.URL)
	return nil
}
