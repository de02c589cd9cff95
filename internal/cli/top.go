package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"berth/internal/diag"
	"berth/internal/fold"
	"berth/internal/status"
	"berth/internal/view"
	"github.com/spf13/cobra"
)

func newTopCmd(env *Env) *cobra.Command {
	var file string
	var watch bool
	cmd := &cobra.Command{
		Use:   "top [SERVICE...]",
		Short: "Show cpu, memory and disk of each instance, against its limits",
		Long: `Show what each instance uses: cores, memory without what the kernel can free, and how full the file systems of its data are, against the
limits. ! marks more than 90 % of the memory or 85 % of a disk. Instances that share a disk have one line for it below.

Docker measures for a second. A cluster needs its metrics server for cpu and memory. berth measures disks with df in the containers.`,
		RunE: func(cmd *cobra.Command, names []string) error {
			look := func(ctx context.Context, w io.Writer) error { return env.top(ctx, w, file, names) }
			if watch {
				return env.watching(cmd.Context(), look)
			}
			return look(cmd.Context(), env.Stdout)
		},
	}
	watchFlag(cmd, &watch)
	insideFlags(env, cmd, &file)
	return cmd
}

func (e *Env) top(ctx context.Context, w io.Writer, file string, names []string) error {
	i, err := e.inside(ctx, file)
	if err != nil {
		return err
	}
	defer i.Close()
	chosen, problems := i.Choose(i.all, names)
	if problems.Failed() {
		return problems
	}
	t, err := status.TopOf(ctx, i.Installation, chosen)
	if err != nil {
		return err
	}
	return e.give(t, func() { view.Top(w, t) })
}

// watchFlag adds the flag that looks again and again.
func watchFlag(c *cobra.Command, watch *bool) {
	c.Flags().BoolVarP(watch, "watch", "w", false, "look again every two seconds, until Ctrl-C")
}

// lookAgain is how long to wait between two looks of a person.
const lookAgain = 2 * time.Second

// watching shows a look again and again: on a terminal in place of the one before, else whenever it is another one. Ctrl-C stops it. A look that fails
// is shown, and the next one may not fail.
func (e *Env) watching(ctx context.Context, look func(context.Context, io.Writer) error) error {
	if e.out.machine() {
		return usageError("--watch", "it has no end, so it can't be one document for a program", "leave --watch out, and run berth again")
	}
	var before []byte
	for {
		var now bytes.Buffer
		err := look(ctx, &now)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			e.said(&now, err)
		}
		switch {
		case e.Terminal:
			fmt.Fprintf(e.raw(), "\x1b[H\x1b[2J%s\n%s, every %s; Ctrl-C ends it\n", fold.Rows(view.Columns(e.Stdout), now.String()), e.Now().Format(time.DateTime), lookAgain)
		case !bytes.Equal(now.Bytes(), before):
			fmt.Fprintf(e.Stdout, "%s\n%s\n", e.Now().Format(time.DateTime), now.Bytes())
		}
		before = now.Bytes()
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(lookAgain):
		}
	}
}

// said writes what is wrong.
func (e *Env) said(w io.Writer, err error) {
	var problems diag.List
	switch {
	case errors.As(err, new(exit)): // it was shown
	case errors.As(err, &problems):
		problems.WriteText(w, e.paper())
	default:
		fmt.Fprintf(w, "berth: %v\n", err)
	}
}
