package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

// version is set when a release is built.
var version = "devel"

// DefaultConfig is the name of the site admin's file.
const DefaultConfig = "sourcegraph.yaml"

const long = `Run self-hosted Sourcegraph from one short file.

  berth init      write sourcegraph.yaml
  berth check     look at the file and at this host; nothing is touched
  berth plan      what would change, why, and what it costs
  berth up        carry the plan out, and wait until everything is healthy

Exit codes: 0 done or nothing to do, 1 error, 2 a plan has changes, 3 checks failed and nothing was touched, 130 interrupted.`

func newRoot(env *Env) *cobra.Command {
	root := &cobra.Command{
		Use:           "berth",
		Short:         "Run self-hosted Sourcegraph",
		Long:          long,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	for _, group := range []struct {
		id, title string
		commands  []*cobra.Command
	}{
		{"deploy", "Deploy and look after Sourcegraph", []*cobra.Command{newInitCmd(env), newCheckCmd(env), newPlanCmd(env), newUpCmd(env), newStatusCmd(env), newDownCmd(env), newHistoryCmd(env), newUpgradeCmd(env), newRehearseCmd(env), newAgentCmd(env), newRollbackCmd(env), newRevertCmd(env)}},
		{"file", "The file and what comes of it", []*cobra.Command{newExplainCmd(env), newRenderCmd(env), newLockCmd(env), newCatalogueCmd(env)}},
	} {
		root.AddGroup(&cobra.Group{ID: group.id, Title: group.title})
		for _, c := range group.commands {
			c.GroupID = group.id
			root.AddCommand(c)
		}
	}
	root.AddCommand(newVersionCmd(env), newSchemaCmd(env))
	return root
}

func newVersionCmd(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print berth's version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprintln(env.Stdout, "berth", version)
			return nil
		},
	}
}

// configFlag adds the flag that names the config.
func configFlag(c *cobra.Command, file *string) {
	c.Flags().StringVarP(file, "config", "c", DefaultConfig, "the site admin's file")
}
