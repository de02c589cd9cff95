package cli

import (
	"fmt"

	"berth/internal/view"
	"github.com/spf13/cobra"
)

// DefaultConfig is the name of the site admin's file.
const DefaultConfig = "sourcegraph.yaml"

const long = `Run self-hosted Sourcegraph from one short file.

  berth init      write sourcegraph.yaml
  berth check     check the file and this host; nothing is changed
  berth plan      what would change, why, and what it costs
  berth up        carry the plan out, and wait until everything is healthy

berth help concepts lists what else berth help explains.

Exit codes: 0 done or nothing to do, 1 error, 2 a plan has changes, 3 checks failed and nothing was changed, 130 interrupted.`

// group are commands that the help shows together.
type group struct {
	id, title string
	commands  []*cobra.Command
}

func groups(env *Env) []group {
	return []group{
		{"deploy", "Deploy and maintain Sourcegraph", []*cobra.Command{
			newInitCmd(env),
			newAdoptCmd(env),
			newCheckCmd(env),
			newPlanCmd(env),
			newUpCmd(env),
			newStatusCmd(env),
			newDoctorCmd(env),
			newConsoleCmd(env),
			newDownCmd(env),
			newHistoryCmd(env),
			newUpgradeCmd(env),
			newRehearseCmd(env),
			newAgentCmd(env),
			newRollbackCmd(env),
			newRevertCmd(env),
			newBackupCmd(env),
			newRestoreCmd(env),
			newMoveCmd(env),
			newBundleCmd(env),
			newReportCmd(env),
		}},
		{"inside", "Look into what runs", []*cobra.Command{
			newLogsCmd(env),
			newExecCmd(env),
			newPsqlCmd(env),
			newTopCmd(env),
			newRestartCmd(env),
			newVerifyCmd(env),
			newOpenCmd(env),
		}},
		{"file", "The file and its results", []*cobra.Command{
			newExplainCmd(env),
			newRenderCmd(env),
			newEjectCmd(env),
			newLockCmd(env),
			newSchemaCmd(env),
			newCatalogueCmd(env),
			newSupportCmd(env),
			newExceptionCmd(env),
			newSizeCmd(env),
			newRunbookCmd(env),
		}},
	}
}

func newRoot(env *Env) *cobra.Command {
	root := &cobra.Command{
		Use:           "berth",
		Short:         "Run self-hosted Sourcegraph",
		Long:          long,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	env.out = &output{format: view.Text, command: root.Name()}
	root.SetIn(env.Stdin)
	root.SetOut(env.raw()) // scripts for completion
	root.SetErr(env.Stderr)
	for _, group := range groups(env) {
		root.AddGroup(&cobra.Group{ID: group.id, Title: group.title})
		for _, c := range group.commands {
			c.GroupID = group.id
			root.AddCommand(c)
		}
	}
	root.AddCommand(newVersionCmd(env), newDocsCmd(env), newManCmd(env))
	root.SetGlobalNormalizationFunc(currentFlag)
	outputFlags(root, env.out)
	root.SetFlagErrorFunc(misused)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return env.prepare(cmd) }
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { fmt.Fprint(env.Stdout, helpText(cmd, env.proseWidth())) })
	root.SetHelpCommand(newHelpCmd(env))
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	completions(root, env)
	strict(root, env.out)
	return root
}
