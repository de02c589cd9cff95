package cli

import (
	"fmt"

	"berth/internal/plan"
	"berth/internal/plan/graph"
	"berth/internal/state"
	"berth/internal/view"
	"github.com/spf13/cobra"
)

func graphFlag(cmd *cobra.Command, is *bool) {
	cmd.Flags().BoolVar(is, "graph", false, "only show what waits for what, and how long each step takes, as measured here")
}

// graph shows what of a plan waits for what, or writes it as a picture into a file. usual is how many seconds objects took before.
func (e *Env) graph(p *plan.Plan, usual map[string]float64, file string) error {
	g := graph.Of(p, usual)
	if file == "" {
		if !e.out.machine() {
			view.Graph(e.Stdout, p, g)
		}
		return nil
	}
	if err := state.WriteFile(e.Abs(file), []byte(view.GraphPicture(p, g).File()), 0o644); err != nil {
		return err
	}
	if !e.out.machine() {
		fmt.Fprintf(e.Stdout, "written into %s: what waits for what\n", file)
	}
	return nil
}
