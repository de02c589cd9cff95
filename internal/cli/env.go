// Package cli is berth's command line: one file a command. A command parses, calls one function, and hands the result to a view.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"berth/internal/diag"
)

// Env is everything that a command has from outside, so that commands run in tests in-process.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Now            func() time.Time
	Dir            string // the working directory; relative paths start here
	Terminal       bool   // Stdout is a terminal, where progress may be redrawn
	Interactive    bool   // Stdin is a terminal, where questions may be asked
	Color          bool

	// Keep writes the config's text to where the agent has it from; nil: the file itself is the admin's.
	Keep func(text string) error
	// Current says that the cluster is the current one, or that of this pod, whatever context the config names.
	Current bool
}

// Exit codes of every command.
const (
	ExitOK      = 0
	ExitError   = 1   // something went wrong
	ExitChanges = 2   // a plan has something to do
	ExitChecks  = 3   // checks failed; nothing was touched
	ExitStopped = 130 // interrupted
)

// exit is an error that only carries an exit code: everything was already said.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// Run carries out one command line and gives its exit code. args are without the program's name.
func Run(ctx context.Context, env *Env, args []string) int {
	root := newRoot(env)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var code exit
	var problems diag.List
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &problems):
		problems.WriteText(env.Stderr, env.Color)
		return ExitChecks
	case errors.Is(err, context.Canceled):
		return ExitStopped
	}
	fmt.Fprintf(env.Stderr, "berth: %v\n", err)
	return ExitError
}
