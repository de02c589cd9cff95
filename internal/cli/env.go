// Package cli is berth's command line: one file a command. A command parses, calls one function, and hands the result to a view.
// One package because all commands share one Env, one set of flags and one form of errors; a reader needs one file of it at a time.
package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/doctor"
	"berth/internal/fold"
	"berth/internal/installation"
	"berth/internal/installation/cluster"
	"berth/internal/installation/engine"
	"berth/internal/run"
	"berth/internal/view"
	"github.com/spf13/cobra"
)

// Env is what a command has from outside, so that commands run in tests in-process.
type Env struct {
	installation.Environment
	Stdout   io.Writer
	Terminal bool    // Stdout is a terminal, where progress may be redrawn
	Color    bool    // of Stdout
	ErrColor bool    // of Stderr
	Targets  Targets // the zero Targets are the real ones

	saidYes string          // the ID of the plan that somebody said yes to in the console; "": whoever is asked says it
	also    func(run.Event) // takes what happens, too; nil: nobody

	out   *output       // shared by all copies of an Env
	lines *bufio.Reader // of Stdin, once somebody is asked
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
	ExitChecks  = 3   // checks failed; nothing was changed
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
	env.Issues = env.issuesOf
	result := env.Stdout
	env.watchOn(env.Stdout, env.Terminal)
	env.Stdout = view.Fitting(result)
	if fitted, ok := env.Stdout.(*view.Fitted); ok {
		defer fitted.Close()
	}
	root := newRoot(env)
	env.out.stdout = result
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil && !env.out.begun {
		env.out.asked(args)
	}
	if err != nil && !env.out.begun && !errors.As(err, new(*usage)) {
		err = usageError(env.out.command, err.Error(), "see: "+env.out.command+" --help")
	}
	code := env.exit(err)
	if report, ok := env.out.result.(*doctor.Report); ok && slices.Contains(view.Doctors, env.out.format) {
		if err := view.DoctorAs(result, report, env.out.format); err != nil {
			return env.exit(err)
		}
	} else if slices.Contains(view.Formats, env.out.format) && env.out.machine() && !env.out.streams {
		document := view.Document{Version: view.DocumentVersion, Command: env.out.command, ExitCode: code, Result: env.out.result, Problems: env.out.found}
		if err := document.Write(result, env.out.format); err != nil {
			return env.exit(err)
		}
	}
	return code
}

// prepare is called before a command. Where the result is for a program, it alone goes to the standard output.
func (e *Env) prepare(cmd *cobra.Command) error {
	e.out.command = cmd.CommandPath()
	if e.out.json {
		e.out.format = view.JSON
	}
	if e.out.machine() {
		e.Stdout, e.Terminal, e.Color = e.Stderr, false, e.ErrColor
		e.watchOn(e.Stdout, false)
	}
	if slices.Contains(view.Doctors, e.out.format) && cmd.Annotations[reports] == "" {
		return usageError(cmd.CommandPath(), fmt.Sprintf("its result can't be written as %s", e.out.format), "use text, json or yaml")
	}
	return nil
}

// give is how a command ends that has a result: for a program as a value, for a person as text.
func (e *Env) give(result any, text func()) error {
	if e.out.result = result; !e.out.machine() {
		text()
	}
	return nil
}

// warn says what is wrong.
func (e *Env) warn(problems diag.List) {
	e.out.found = append(e.out.found, problems...)
	problems.WriteText(e.Stderr, diag.Paper{Columns: view.Columns(e.Stderr), Color: e.ErrColor})
}

// raw is the standard output without folding: for what is redrawn, for what is copied or read by programs, and for programs that get the terminal.
func (e *Env) raw() io.Writer { return view.Raw(e.Stdout) }

// paper is what problems are written on that are a part of the result.
func (e *Env) paper() diag.Paper { return diag.Paper{Columns: view.Columns(e.Stdout), Color: e.Color} }

// watchOn shows what happens.
func (e *Env) watchOn(out io.Writer, terminal bool) {
	show := (&view.Progress{Out: out, Asked: e.Stderr, Terminal: terminal, Color: e.Color, Now: e.Now}).Show
	if e.Watch = show; e.also != nil {
		e.Watch = func(event run.Event) {
			show(event)
			e.also(event)
		}
	}
}

// exit says what an error is, and gives the exit code for it.
func (e *Env) exit(err error) int {
	var code exit
	var problems diag.List
	var misused *usage
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &misused):
		e.warn(diag.List{misused.problem})
		return ExitError
	case errors.As(err, &problems):
		e.warn(problems)
		return ExitChecks
	case errors.Is(err, context.Canceled):
		return ExitStopped
	}
	if problem, ok := unusable(err); ok {
		e.warn(diag.List{problem})
		return ExitError
	}
	e.out.found = append(e.out.found, diag.Diagnostic{Code: "BERTH4102", Severity: diag.Error, Summary: err.Error()})
	fmt.Fprintln(e.Stderr, fold.Rows(view.Columns(e.Stderr), fmt.Sprintf("berth: %v", err)))
	return ExitError
}

// unusable says why a file or a folder that somebody named can't be read or written, and what to do.
func unusable(err error) (diag.Diagnostic, bool) {
	var at *fs.PathError
	if !errors.As(err, &at) {
		return diag.Diagnostic{}, false
	}
	p := diag.Diagnostic{Code: "BERTH4103", Severity: diag.Error, Subject: at.Path, Summary: at.Op + ": " + at.Err.Error(), Hint: "name another file or folder"}
	if context, _, wrapped := strings.Cut(err.Error(), ": "+at.Error()); wrapped {
		p.Detail = []string{context}
	}
	switch {
	case errors.Is(at, fs.ErrNotExist):
		p.Summary, p.Hint = "there is no such file or folder", "correct the name, or make the folder first"
	case errors.Is(at, syscall.EISDIR):
		p.Summary, p.Hint = "this is a folder, and a file is needed", "name a file in it"
	case errors.Is(at, syscall.ENOTDIR):
		p.Summary, p.Hint = "a part of the path is a file, and a folder is needed", "correct the name"
	case errors.Is(at, fs.ErrPermission):
		p.Summary, p.Hint = "you have no permission for it", "run berth as the owner of the file, or change its permissions"
	case errors.Is(at, syscall.EROFS):
		p.Summary, p.Hint = "it is on a file system that can't be written to", "name another folder"
	case errors.Is(at, syscall.ENOSPC):
		p.Summary, p.Hint = "the disk is full", "make room, and give the command again"
	}
	return p, true
}

// LoadUsable loads a config. Problems of the file are an error; warnings are printed.
func (e *Env) LoadUsable(file string) (*installation.Want, error) { return e.usable(e.Load(file)) }

// usable makes problems of a file an error, and prints warnings.
func (e *Env) usable(w *installation.Want, problems diag.List, err error) (*installation.Want, error) {
	if err != nil {
		return nil, err
	}
	if problems.Failed() {
		return nil, problems
	}
	e.warn(problems)
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
