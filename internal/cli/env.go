// Package cli is berth's command line: one file a command. A command parses, calls one function, and hands the result to a view.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/installation/cluster"
	"berth/internal/installation/engine"
	"berth/internal/view"
)

// Env is what a command has from outside, so that commands run in tests in-process.
type Env struct {
	installation.Environment
	Stdout   io.Writer
	Terminal bool // Stdout is a terminal, where progress may be redrawn
	Color    bool
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
	env.OnEngine = installation.Target{Find: engine.Find, ByName: engine.ByName}
	env.OnCluster = installation.Target{Find: cluster.Find, ByName: cluster.ByName}
	env.Watch = (&view.Progress{Out: env.Stdout, Terminal: env.Terminal, Color: env.Color, Now: env.Now}).Show
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

// LoadUsable loads a config. Problems of the file are an error; warnings are printed.
func (e *Env) LoadUsable(file string) (*installation.Want, error) {
	l, problems, err := e.Load(file)
	if err != nil {
		return nil, err
	}
	if problems.Failed() {
		return nil, problems
	}
	problems.WriteText(e.Stderr, e.Color)
	return l, nil
}

// Open loads a config and finds its target.
func (e *Env) Open(ctx context.Context, file string) (installation.Site, error) {
	l, err := e.LoadUsable(file)
	if err != nil {
		return nil, err
	}
	return e.Connect(ctx, l)
}
