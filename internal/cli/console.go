package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"berth/internal/console"
	"berth/internal/diag"
	"berth/internal/view"
	"github.com/spf13/cobra"
)

// consoleFlags are what berth console can be told.
type consoleFlags struct {
	file, listen string
	noOpen       bool
}

func newConsoleCmd(env *Env) *cobra.Command {
	var f consoleFlags
	cmd := &cobra.Command{
		Use:   "console",
		Short: "Show the installation in a browser of this machine, and start its plans there",
		Long: `Serve pages about the installation of your config until Ctrl-C: status, the doctor's findings, the plan with its differences, the steps of an
upgrade as a picture, backups, sizes and history. They show what the commands of the same names show. A page with a plan starts it after you
confirm. If the plan has changed meanwhile, the page shows the new one. Ctrl-C finishes the current step first.

It listens on this machine alone. The address that it prints has a token, which lets in one browser, once. To use it from another machine, forward
the port: ssh -L 7473:127.0.0.1:7473 HOST, and there berth console --listen 127.0.0.1:7473.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return env.console(cmd.Context(), f) },
	}
	ownConfigFlag(cmd, &f.file)
	cmd.Flags().StringVar(&f.listen, "listen", "127.0.0.1:0", "the address of this machine to listen at; port 0 is a free one")
	cmd.Flags().BoolVar(&f.noOpen, "no-open", false, "only print the address")
	placeFlags(env, cmd, &f.file)
	return cmd
}

func (e *Env) console(ctx context.Context, f consoleFlags) error {
	if e.out.machine() {
		return usageError("berth console", "it serves pages, and writes no document", "use the commands, such as: berth status --json")
	}
	listener, err := listening(ctx, f.listen)
	if err != nil {
		return err
	}
	var about []string
	if f.file != DefaultConfig {
		about = []string{"--config=" + f.file}
	}
	c := console.New(e.ask, e.Now, version, f.file, about...)
	server := &http.Server{Handler: c.Handler(ctx), ReadHeaderTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() {
		if c.Busy() {
			fmt.Fprintln(e.Stdout, "stopping: the current step is finished first")
			c.Wait()
		}
		server.Close()
	})()
	at := "http://" + listener.Addr().String() + c.Enter()
	fmt.Fprintf(e.raw(), "%s\n", at)
	fmt.Fprintln(e.Stdout, "the address works once, in one browser; Ctrl-C stops the console")
	if !f.noOpen {
		defer e.browseInto(ctx, at)()
	}
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the console: %w", err)
	}
	return nil // Ctrl-C is how one ends it
}

// listening takes a port of this machine. Others can't reach it: whoever is let in may change the installation.
func listening(ctx context.Context, address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil || !console.Loopback(host) {
		return nil, diag.List{{Code: "BERTH4412", Severity: diag.Error, Subject: "--listen", Summary: fmt.Sprintf("%q is not an address that only this machine reaches", address),
			Hint: "write it as 127.0.0.1:7473; from another machine, forward that port with ssh -L"}}
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, diag.List{{Code: "BERTH4410", Severity: diag.Error, Subject: "--listen", Summary: address + " can't be used", Detail: []string{err.Error()},
			Hint: "leave --listen out, and berth uses a free port"}}
	}
	return listener, nil
}

// browseInto opens the console in a browser by a file that only this user can read: the arguments of a browser, which everybody on this machine can read,
// must not have the token. What it gives removes the file.
func (e *Env) browseInto(ctx context.Context, address string) (remove func()) {
	dir, err := os.MkdirTemp("", "berth-console-")
	if err != nil {
		return func() {} // the address was printed
	}
	file := filepath.Join(dir, "console.html")
	text := "<!doctype html><title>berth</title><meta http-equiv=\"refresh\" content=\"0;url=" + address + "\"><a href=\"" + address + "\">To the console</a>\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err == nil {
		_ = e.browse(ctx, file) // the address was printed
	}
	return func() { os.RemoveAll(dir) }
}

// ask types a command for the console: nobody can be asked there, and what it prints is kept.
func (e *Env) ask(ctx context.Context, c console.Command) console.Answer {
	printed := lines{also: c.Out}
	child := &Env{Environment: e.Environment, Stdout: &printed, Targets: e.Targets, saidYes: c.SaidYes, also: c.Watch}
	child.Stdin, child.Stderr, child.Interactive = strings.NewReader(""), &printed, false
	code := Run(ctx, child, c.Words)
	return console.Answer{Text: printed.String(),
		Document: view.Document{Version: view.DocumentVersion, Command: child.out.command, ExitCode: code, Result: child.out.result, Problems: child.out.found}}
}

// lines is what a command prints, on either stream. It is safe for concurrent use.
type lines struct {
	also io.Writer // takes the same at once; nil: nobody does

	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.also != nil {
		_, _ = l.also.Write(text) // it keeps it, too
	}
	return l.text.Write(text)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
