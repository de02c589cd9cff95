package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/state"
	"berth/internal/view"
	"github.com/spf13/cobra"
)

func newPlanCmd(env *Env) *cobra.Command {
	var file, out string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what would change, why, and what it costs; nothing is touched",
		Long: `Compare what the config asks for with what really runs, and list the work: + create, ~ change, - remove, ! data, = as it should be.
Exit code 2 says that there is something to do, 0 that there is nothing.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := env.Open(cmd.Context(), file)
			if err != nil {
				return err
			}
			defer s.Close()
			if refused, err := env.withdrawn(cmd.Context(), s); err != nil || refused.Failed() {
				return cmp.Or(err, refused.Err())
			}
			p, err := s.Plan(cmd.Context(), &env.Environment)
			if err != nil {
				if p != nil && !p.Empty() && !asJSON {
					view.Plan(env.Stdout, p) // what stands in its way is told below
				}
				return err
			}
			if out != "" {
				text, err := json.MarshalIndent(p, "", "  ")
				if err != nil {
					return fmt.Errorf("write the plan: %w", err)
				}
				if err := state.WriteFile(env.Abs(out), append(text, '\n'), 0o600); err != nil {
					return err
				}
			}
			if asJSON {
				err = env.printJSON(p)
			} else {
				view.Plan(env.Stdout, p)
			}
			if err == nil && !p.Empty() {
				return exit(ExitChanges)
			}
			return err
		},
	}
	configFlag(cmd, &file)
	cmd.Flags().StringVar(&out, "out", "", "also save the plan, for: berth up --plan FILE")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return cmd
}

// saved reads a saved plan and refuses it when it was made from something that is another now.
func (e *Env) saved(file string, now *plan.Plan) error {
	text, err := os.ReadFile(e.Abs(file))
	if errors.Is(err, fs.ErrNotExist) {
		return diag.List{{Code: "BERTH3103", Severity: diag.Error, Subject: file, Summary: "there is no such plan", Hint: "save one with: berth plan --out " + file}}
	}
	if err != nil {
		return fmt.Errorf("read the plan: %w", err)
	}
	var then plan.Plan
	if err := json.Unmarshal(text, &then); err != nil || then.Format != plan.Format {
		return diag.List{{Code: "BERTH3104", Severity: diag.Error, Subject: file, Summary: "this is no plan that this berth can read", Hint: "save a new one with: berth plan --out " + file}}
	}
	if stale := plan.Stale(then.Basis, now.Basis); len(stale) > 0 {
		return diag.List{{Code: "BERTH3105", Severity: diag.Error, Subject: file, Summary: "the plan is stale; nothing was touched",
			Detail: []string{"since it was saved, this changed: " + strings.Join(stale, ", ")}, Hint: "look at the new one and save it: berth plan --out " + file}}
	}
	return nil
}
