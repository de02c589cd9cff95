package cli

import (
	"context"
	"fmt"
	"os"

	"berth/internal/installation"
	"github.com/spf13/cobra"
)

// execFlags are what berth exec can be told.
type execFlags struct {
	file       string
	stdin, tty bool
	noTTY      bool
}

// shell is what runs without a command: the better of the shells that an image has.
var shell = []string{"sh", "-c", "command -v bash >/dev/null 2>&1 && exec bash || exec sh"}

func newExecCmd(env *Env) *cobra.Command {
	var f execFlags
	cmd := &cobra.Command{
		Use:   "exec SERVICE [COMMAND [ARGUMENT...]]",
		Short: "Run a command in a service, or a shell",
		Long: `Run a command in a running instance of a service. Without a command, it is a shell.

  berth exec gitserver                    a shell in the first instance that runs
  berth exec gitserver-0 df -h            a command in this instance
  berth exec -i redis-store redis-cli < commands.txt

On a terminal, the command gets it, as with -it; without one, its input is empty unless you give -i. The exit code is that of the command.
Put flags of berth before the name of the service. Changes inside a container are lost when it is replaced.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError(cmd.CommandPath(), "it needs the name of a service", "see the services: berth status")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return env.exec(cmd.Context(), f, args[0], args[1:]) },
	}
	cmd.Flags().BoolVarP(&f.stdin, "stdin", "i", false, "give berth's standard input to the command")
	cmd.Flags().BoolVarP(&f.tty, "tty", "t", false, "give the command a terminal")
	cmd.Flags().BoolVarP(&f.noTTY, "no-tty", "T", false, "no terminal, even if berth has one")
	cmd.Flags().SetInterspersed(false)
	insideFlags(env, cmd, &f.file)
	return cmd
}

func (e *Env) exec(ctx context.Context, f execFlags, name string, args []string) error {
	if e.out.machine() {
		return usageError("--output", "the output is the command's own", "leave --output and --json out")
	}
	if f.tty && !e.Interactive {
		return usageError("--tty", "there is no terminal to give", "leave -t out, or run it in a terminal")
	}
	terminal := (f.tty || e.Interactive) && !f.noTTY
	if len(args) > 0 && args[0] == "--" { // as hands type it that know kubectl
		args = args[1:]
	}
	if len(args) == 0 {
		if !terminal && !f.stdin {
			return usageError("exec", "without a terminal it needs a command", "such as: berth exec "+name+" ls   or give the shell its input with: berth exec -i "+name)
		}
		args = shell
	}
	i, err := e.inside(ctx, f.file)
	if err != nil {
		return err
	}
	defer i.Close()
	in, up, err := i.one(name)
	if err != nil {
		return err
	}
	if len(up) > 1 && terminal {
		fmt.Fprintf(e.Stderr, "in %s, one of %d instances\n", in.Name, len(up))
	}
	c := installation.Command{Args: args, Stdout: e.raw(), Stderr: e.Stderr}
	if f.stdin || terminal {
		c.Stdin = e.Stdin
	}
	return e.attached(ctx, i, in, c, terminal)
}

// attached runs a command, with this terminal where it is to have one, and ends as the command does.
func (e *Env) attached(ctx context.Context, i installation.Insider, in installation.Instance, c installation.Command, terminal bool) error {
	if stdin, ok := e.Stdin.(*os.File); terminal && ok {
		sizes, restore, err := rawTerminal(stdin)
		if err != nil {
			return fmt.Errorf("prepare the terminal: %w", err)
		}
		defer restore()
		c.TTY, c.Sizes = true, sizes
		c.Env = map[string]string{"TERM": e.Getenv("TERM")}
	}
	code, err := i.Exec(ctx, in, c)
	if err != nil {
		return commandFailed(err, in)
	}
	if code != 0 {
		return exit(code)
	}
	return nil
}
