// Package cli is berth's command line: one file a command. A command parses, calls one function, and hands the result to a view.
// One package because all commands share one Env, one set of flags and one form of errors; a reader needs one file of it at a time.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"berth/catalogue"
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
	Targets  Targets // the zero Targets are the real ones
}

// Targets find installations.
type Targets struct {
	Open   Opener // as a config asks for it, rendered
	Named  Opener // of which only the name is known
	Stored Opener // of which only the state is asked for: on a Docker host that needs no engine
}

// Opener finds an installation at its target.
type Opener func(context.Context, *installation.Environment, *installation.Want) (*installation.Installation, error)

// real are the Docker Engine and the cluster that are there.
var real = Targets{
	Open:   on(engine.Open, cluster.Open),
	Named:  on(engine.OpenNamed, cluster.OpenNamed),
	Stored: on(engine.Stored, cluster.OpenNamed),
}

// on is the opener for the target that a config names.
func on(compose, kubernetes Opener) Opener {
	return func(ctx context.Context, e *installation.Environment, w *installation.Want) (*installation.Installation, error) {
		if w.Stack.Target == catalogue.Kubernetes {
			return kubernetes(ctx, e, w)
		}
		return compose(ctx, e, w)
	}
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
	if env.Targets.Open == nil {
		env.Targets = real
	}
	env.watchOn(env.Stdout, env.Terminal)
	root := newRoot(env)
	root.SetArgs(args)
	return env.exit(root.ExecuteContext(ctx))
}

// watchOn shows what happens.
func (e *Env) watchOn(out io.Writer, terminal bool) {
	e.Watch = (&view.Progress{Out: out, Asked: e.Stderr, Terminal: terminal, Color: e.Color, Now: e.Now}).Show
}

// quietly is the same environment where only a document is the result: all else goes to where errors go.
func (e *Env) quietly() *Env {
	out := *e
	out.Stdout, out.Terminal = e.Stderr, false
	out.watchOn(out.Stdout, false)
	return &out
}

// exit says what an error is, and gives the exit code for it.
func (e *Env) exit(err error) int {
	var code exit
	var problems diag.List
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &problems):
		problems.WriteText(e.Stderr, e.Color)
		return ExitChecks
	case errors.Is(err, context.Canceled):
		return ExitStopped
	}
	fmt.Fprintf(e.Stderr, "berth: %v\n", err)
	return ExitError
}

// LoadUsable loads a config. Problems of the file are an error; warnings are printed.
func (e *Env) LoadUsable(file string) (*installation.Want, error) {
	w, problems, err := e.Load(file)
	if err != nil {
		return nil, err
	}
	if problems.Failed() {
		return nil, problems
	}
	problems.WriteText(e.Stderr, e.Color)
	return w, nil
}

// Open loads a config and finds its installation.
func (e *Env) Open(ctx context.Context, file string) (*installation.Installation, error) {
	w, err := e.LoadUsable(file)
	if err != nil {
		return nil, err
	}
	return e.open(ctx, w)
}

// open finds the installation that a config asks for.
func (e *Env) open(ctx context.Context, w *installation.Want) (*installation.Installation, error) {
	return e.Targets.Open(ctx, &e.Environment, w)
}
