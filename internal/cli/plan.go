package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/state"
	"berth/internal/upgrade/survey"
	"berth/internal/view"
	"github.com/spf13/cobra"
)

func newPlanCmd(env *Env) *cobra.Command {
	var f planFlags
	cmd := &cobra.Command{
		Use:     "plan",
		Aliases: []string{"diff"},
		Short:   "Show what would change, why, and what it costs (diff)",
		Long: `Compare the config with what runs, and list the work; nothing is changed: + create, ~ change, - remove, ! data, = unchanged.
Exit codes: 2 there is work to do, 0 there is none.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return env.plan(cmd.Context(), f) },
	}
	configFlag(cmd, &f.file)
	allFlag(cmd, &f.all)
	graphFlag(cmd, &f.graph)
	cmd.Flags().StringVar(&f.out, "out", "", "also save the plan, for: berth up --plan FILE; with --graph, only write that into the file, as SVG")
	placeFlags(env, cmd, &f.file)
	return cmd
}

// planFlags are what berth plan can be told.
type planFlags struct {
	file, out  string
	all, graph bool
}

// plan shows what up would do; the plan of an upgrade where that is what the file asks for.
func (e *Env) plan(ctx context.Context, f planFlags) error {
	s, err := e.look(ctx, f.file)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.observe(ctx, e, survey.InDoubt, ""); err != nil {
		return err
	}
	s.Problems = append(s.Problems, s.move.Stands(s.File)...)
	switch {
	case s.Problems.Failed():
		if s.Reached && !e.out.machine() {
			view.Plan(e.Stdout, s.plan, view.Detail(f.all)) // what stands in its way is said below
		}
		return s.Problems
	case !s.Reached && f.out != "" && !f.graph:
		return notSaved(f.out, s.From, s.To)
	case !s.Reached:
		return e.upgradeFrom(ctx, s, upgradeFlags{file: f.file, to: s.To, plan: true, graph: f.graph, out: f.out})
	}
	e.warn(s.Problems)
	if f.out != "" && !f.graph {
		text, err := json.MarshalIndent(s.plan, "", "  ")
		if err != nil {
			return fmt.Errorf("write the plan: %w", err)
		}
		if err := state.WriteFile(e.Abs(f.out), append(text, '\n'), 0o600); err != nil {
			return err
		}
	}
	switch e.out.result = s.plan; {
	case f.graph && !s.plan.Empty():
		if err := e.graph(s.plan, state.Usually(s.records), f.out); err != nil {
			return err
		}
	case !e.out.machine():
		view.Plan(e.Stdout, s.plan, view.Detail(f.all))
	}
	if !s.plan.Empty() {
		return exit(ExitChanges)
	}
	return nil
}

// notSaved refuses to save, or to carry out from a file, what is an upgrade.
func notSaved(file, from, to string) error {
	return diag.List{{Code: "BERTH3745", Severity: diag.Error, Subject: file, Summary: fmt.Sprintf("the change from %s to %s is an upgrade, which berth plans when it carries it out", from, to),
		Hint: "see it: berth upgrade --to " + to + " --plan"}}
}

// saved reads a saved plan. It is refused when it was made from something that is another now, or was edited.
func (e *Env) saved(file string, now *plan.Plan) (*plan.Plan, error) {
	text, err := os.ReadFile(e.Abs(file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, diag.List{{Code: "BERTH3103", Severity: diag.Error, Subject: file, Summary: "the plan file does not exist", Hint: "save one with: berth plan --out " + file}}
	}
	if err != nil {
		return nil, fmt.Errorf("read the plan: %w", err)
	}
	var then plan.Plan
	if err := json.Unmarshal(text, &then); err != nil || then.Format != plan.Format {
		return nil, diag.List{{Code: "BERTH3104", Severity: diag.Error, Subject: file, Summary: "this berth can't read the file as a plan", Hint: "save a new one with: berth plan --out " + file}}
	}
	if then.Basis.Steps != plan.Hash(then.Steps) {
		return nil, diag.List{{Code: "BERTH3104", Severity: diag.Error, Subject: file, Summary: "the steps in this plan differ from those that berth saved",
			Hint: "save a new one with: berth plan --out " + file}}
	}
	if stale := plan.Stale(then.Basis, now.Basis); len(stale) > 0 {
		return nil, diag.List{{Code: "BERTH3105", Severity: diag.Error, Subject: file, Summary: "the plan is stale; nothing was changed",
			Detail: []string{"since it was saved, this changed: " + strings.Join(stale, ", ")}, Hint: "look at the new one and save it: berth plan --out " + file}}
	}
	return &then, nil
}
