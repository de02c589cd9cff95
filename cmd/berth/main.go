// Command berth runs self-hosted Sourcegraph. Everything is in internal/cli; here are only signals and the exit code.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"berth/internal/cli"
	"berth/internal/installation"
	"berth/internal/view"
	"golang.org/x/term"
)

func main() {
	// Most commands end within milliseconds and some megabytes; collecting garbage on the way would take a third of their time.
	debug.SetGCPercent(800)
	dir, err := os.Getwd()
	if err != nil {
		dir = "."
	}
	ctx, cancel := context.WithCancel(context.Background())
	first := make(chan os.Signal, 1)
	signal.Notify(first, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		<-first
		// The first signal asks a run to finish the current step. From now on signals act as usual, so a second one ends berth at once, also one that comes
		// as soon as a person reads that the run stops.
		signal.Stop(first)
		cancel()
	}()
	terminal, errTerminal := term.IsTerminal(int(os.Stdout.Fd())), term.IsTerminal(int(os.Stderr.Fd()))
	color := os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	os.Exit(cli.Run(ctx, &cli.Env{
		Stdout:   shown(os.Stdout, terminal),
		Terminal: terminal && os.Getenv("TERM") != "dumb",
		Color:    terminal && color,
		ErrColor: errTerminal && color,
		Environment: installation.Environment{
			Stdin:       os.Stdin,
			Stderr:      shown(os.Stderr, errTerminal),
			Getenv:      os.Getenv,
			Now:         time.Now,
			Dir:         dir,
			Interactive: terminal && term.IsTerminal(int(os.Stdin.Fd())),
		},
	}, os.Args[1:]))
}

// shown is a stream as the terminal behind it can show it.
func shown(stream *os.File, terminal bool) io.Writer {
	if terminal && !view.UTF8(os.Getenv) {
		return view.ASCII{File: stream}
	}
	return stream
}
