package cli

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"berth/internal/diag"
	"berth/internal/installation"
	"github.com/spf13/cobra"
)

// Opened is where Sourcegraph can be reached.
type Opened struct {
	URL     string `json:"url"`     // of the config
	Answers bool   `json:"answers"` // from here
}

// openFlags are what berth open can be told.
type openFlags struct {
	file    string
	forward bool
	port    int
}

func newOpenCmd(env *Env) *cobra.Command {
	var f openFlags
	cmd := &cobra.Command{
		Use:   "open",
		Short: "Open Sourcegraph in a browser",
		Long: `Print the address of the config, and open it in a browser where this machine has one. In a cluster, if the address does not answer from here,
berth forwards a port of this machine to a frontend until Ctrl-C.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return env.openPage(cmd.Context(), f) },
	}
	cmd.Flags().BoolVar(&f.forward, "forward", false, "forward a port of this machine to a frontend in any case (Kubernetes)")
	cmd.Flags().IntVar(&f.port, "port", 0, "the port of this machine (default: a free one)")
	insideFlags(env, cmd, &f.file)
	return cmd
}

func (e *Env) openPage(ctx context.Context, f openFlags) error {
	w, err := e.usable(e.LoadReferring(f.file))
	if err != nil {
		return err
	}
	o := Opened{URL: w.Stack.URL, Answers: !f.forward && leadsThere(ctx, w.Stack.URL)}
	if e.out.machine() {
		return e.give(o, nil)
	}
	if o.Answers {
		fmt.Fprintln(e.Stdout, o.URL)
		return e.browse(ctx, o.URL)
	}
	i, err := e.open(ctx, w)
	if err != nil {
		return err
	}
	defer i.Close()
	if i.Forward == nil {
		return diag.List{{Code: "BERTH4409", Severity: diag.Error, Subject: "open", Summary: o.URL + " does not answer from here",
			Hint: "see how everything is: berth status"}}
	}
	return e.forwarding(ctx, i, f.port)
}

// leadsThere reports whether anything answers at an address. Whether its certificate is trusted is for the browser to say.
func leadsThere(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return false
	}
	asker := &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := asker.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode < http.StatusInternalServerError
}

// forwarding leads a port of this machine to a frontend, until ctx ends.
func (e *Env) forwarding(ctx context.Context, i *installation.Installation, port int) error {
	// Where no frontend is, that is said before a browser opens.
	first, err := i.Forward(ctx)
	if err != nil {
		return err
	}
	first.Close()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return diag.List{{Code: "BERTH4410", Severity: diag.Error, Subject: "--port", Summary: fmt.Sprintf("port %d of this machine can't be used", port),
			Detail: []string{err.Error()}, Hint: "leave --port out, and berth uses a free one"}}
	}
	defer context.AfterFunc(ctx, func() { listener.Close() })()
	at := "http://" + listener.Addr().String()
	fmt.Fprintf(e.Stdout, "%s does not answer from here, or was not asked\n%s forwards to a frontend until Ctrl-C\n", i.Stack.URL, at)
	if err := e.browse(ctx, at); err != nil {
		return err
	}
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			return nil // Ctrl-C is how one ends it
		}
		if err != nil {
			return fmt.Errorf("take a connection: %w", err)
		}
		go func() {
			defer conn.Close()
			to, err := i.Forward(ctx)
			if err != nil {
				fmt.Fprintf(e.Stderr, "berth: %v\n", err)
				return
			}
			defer to.Close()
			go func() {
				_, _ = io.Copy(to, conn) // the other direction ends it
			}()
			_, _ = io.Copy(conn, to) // as a browser's connection, it ends in any way
		}()
	}
}

// browse opens a page in the browser of a person at this machine, where there is one.
func (e *Env) browse(ctx context.Context, address string) error {
	if !e.Interactive {
		return nil
	}
	var command []string
	switch {
	case runtime.GOOS == "darwin":
		command = []string{"open"}
	case runtime.GOOS == "windows":
		command = []string{"rundll32", "url.dll,FileProtocolHandler"}
	case e.Getenv("DISPLAY") != "" || e.Getenv("WAYLAND_DISPLAY") != "":
		command = []string{"xdg-open"}
	default:
		return nil // nobody sees a browser here
	}
	if _, err := exec.LookPath(command[0]); err != nil {
		return nil
	}
	if err := exec.CommandContext(ctx, command[0], append(command[1:], address)...).Run(); err != nil {
		fmt.Fprintf(e.Stderr, "the browser did not open: %s: %v\n", strings.Join(command, " "), err)
	}
	return nil
}
