package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// version is set when a release is built.
var version = "devel"

// DefaultConfig is the name of the site admin's file.
const DefaultConfig = "sourcegraph.yaml"

const long = `Run self-hosted Sourcegraph from one short file.

  berth init      write sourcegraph.yaml
  berth check     check the file and this host; nothing is touched
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
		{"deploy", "Deploy and maintain Sourcegraph", []*cobra.Command{newInitCmd(env), newCheckCmd(env), newPlanCmd(env), newUpCmd(env), newStatusCmd(env), newDownCmd(env), newHistoryCmd(env), newUpgradeCmd(env), newRehearseCmd(env), newAgentCmd(env), newRollbackCmd(env), newRevertCmd(env)}},
		{"file", "The file and its results", []*cobra.Command{newExplainCmd(env), newRenderCmd(env), newLockCmd(env), newCatalogueCmd(env)}},
	} {
		root.AddGroup(&cobra.Group{ID: group.id, Title: group.title})
		for _, c := range group.commands {
			c.GroupID = group.id
			root.AddCommand(c)
		}
	}
	root.AddCommand(newVersionCmd(env), newSchemaCmd(env))
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	strict(root)
	return root
}

// strict makes a word that names no command an error, where cobra shows the help and ends well.
func strict(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		strict(c)
	}
	switch {
	case cmd.Name() == "help":
		cmd.Args = func(help *cobra.Command, args []string) error {
			found, rest, err := help.Root().Find(args)
			if err == nil && len(rest) > 0 {
				err = unknownCommand(found, rest[0])
			}
			return err
		}
	case cmd.HasSubCommands() && cmd.HasParent(): // of the root's own cobra tells
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return unknownCommand(cmd, args[0])
		}
		if !cmd.Runnable() {
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	}
}

// unknownCommand says what may have been meant by a word that names no command.
func unknownCommand(cmd *cobra.Command, word string) error {
	cmd.SuggestionsMinimumDistance = 2 // letters
	if near := cmd.SuggestionsFor(word); len(near) > 0 {
		return fmt.Errorf("unknown command %q; did you mean: %s %s", cmd.CommandPath()+" "+word, cmd.CommandPath(), near[0])
	}
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	if len(names) == 0 {
		return fmt.Errorf("unknown command %q: %s has no commands", cmd.CommandPath()+" "+word, cmd.CommandPath())
	}
	return fmt.Errorf("unknown command %q; %s has: %s", cmd.CommandPath()+" "+word, cmd.CommandPath(), strings.Join(names, ", "))
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
