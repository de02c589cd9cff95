package cli

import (
	"fmt"
	"strconv"
	"time"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/upgrade"
	"berth/internal/view"
	"github.com/spf13/cobra"
)

func newUpgradeCmd(env *Env) *cobra.Command {
	var f upgradeFlags
	cmd := &cobra.Command{
		Use:   "upgrade",
		Short: "Upgrade to a newer release, over any releases in between",
		Long: `Plan an upgrade to a newer release, show the plan, ask, and carry it out step by step. Each step is backed up, migrated, deployed and checked.
An upgrade can be interrupted or killed at any moment: the same command continues from there, and berth rollback rolls back.

The rollback that the plan shows stays possible, whatever you change in the config later. It ends when you roll back, when another upgrade is
complete, or with berth upgrade finish.

  berth upgrade                    to the release in your file, if it is newer, or to the newest available
  berth upgrade --to 7.5           to the newest patch of 7.5
  berth upgrade --to 7.5 --plan    only the plan; with --json for machines, with --ticket as a change ticket in Markdown
  berth upgrade --to 7.5 --graph   only what of it waits for what, and how long each step takes; with --out FILE as a picture (SVG)

Exit codes: 2 the plan has work to do; 3 a problem was found and nothing was changed.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.graph = f.graph || f.out != ""
			return env.upgrade(cmd.Context(), f)
		},
	}
	ownConfigFlag(cmd, &f.file)
	cmd.Flags().StringVar(&f.to, "to", "", "the release to upgrade to, or a minor release (default: the newest available)")
	cmd.Flags().BoolVar(&f.plan, "plan", false, "only show the plan")
	cmd.Flags().BoolVar(&f.ticket, "ticket", false, "print the plan as a change ticket in Markdown, and only that")
	graphFlag(cmd, &f.graph)
	cmd.Flags().StringVar(&f.out, "out", "", "write what waits for what into this file, as a picture (SVG)")
	cmd.MarkFlagsMutuallyExclusive("graph", "ticket")
	yesFlag(cmd, &f.yes)
	cmd.Flags().StringVar(&f.trust, "trust-backup", "", "make no backup, because you have one: say where it is")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 0, "how long a service may take to become ready (default: as the release says)")
	cmd.Flags().DurationVar(&f.patience, "patience", usualPatience, "how long a background migration may make no progress")
	cmd.AddCommand(newUpgradePathCmd(env), newUpgradeFinishCmd(env))
	placeFlags(env, cmd, &f.file)
	return cmd
}

// usualPatience is how long a background migration may stand still where nobody says otherwise.
const usualPatience = 10 * time.Minute

func newUpgradePathCmd(env *Env) *cobra.Command {
	var from, to, on, postgres string
	var external bool
	cmd := &cobra.Command{
		Use:   "path",
		Short: "Show the upgrade steps between two releases; needs no installation",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			major := 0
			if postgres != "" {
				var err error
				if major, err = strconv.Atoi(postgres); err != nil {
					return diag.List{{Code: "BERTH3758", Severity: diag.Error, Subject: "--postgres", Summary: fmt.Sprintf("%q is not a major release of Postgres", postgres),
						Hint: "write it as 12, or as 16"}}
				}
			}
			target := catalogue.Target(on)
			if target != catalogue.Compose && target != catalogue.Kubernetes {
				return diag.List{{Code: "BERTH3758", Severity: diag.Error, Subject: "--target", Summary: fmt.Sprintf("%q is not a target", on), Hint: "write compose, or kubernetes"}}
			}
			way, problems := upgrade.Path(env.Catalogue(), upgrade.Request{From: from, To: to, Target: target,
				Facts: upgrade.Facts{External: external, Postgres: major}})
			if problems.Failed() {
				return problems
			}
			return env.give(way, func() { view.Way(env.Stdout, way) })
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "the release to upgrade from")
	cmd.Flags().StringVar(&to, "to", "", "the release to upgrade to, or a minor release (default: the newest available)")
	cmd.Flags().StringVar(&on, "target", string(catalogue.Compose), "where it runs: compose or kubernetes")
	cmd.Flags().BoolVar(&external, "external-database", false, "a database is external")
	cmd.Flags().StringVar(&postgres, "postgres", "", "its major release, such as 12")
	_ = cmd.MarkFlagRequired("from") // it is there
	return cmd
}
