package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"berth/internal/diag"
	"berth/internal/hq/store"
	"berth/internal/hq/web"
)

func newServeCmd(e *env) *cobra.Command {
	var listen, public string
	var provider web.Provider
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Take reports by POST, and show the figures in a browser",
		Long: `Take reports by POST at /v1/reports, and show the figures in a browser.

It listens on this machine alone. For others put a proxy with TLS in front, and name its address with --url; then it may listen elsewhere, too. The
proxy has to set X-Forwarded-For. Add people who may see the figures: berth-hq people add NAME.

With --oidc-issuer people also sign in at a provider of OpenID Connect. It has to lead back to the address of --url, with /sign-in/callback behind it. The
client's secret is in the variable BERTH_HQ_OIDC_SECRET. People sign in whose verified e-mail address is the name of a person: berth-hq people add jo@example.com.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := reachable(listen, public); err != nil {
				return err
			}
			provider.Secret = e.getenv("BERTH_HQ_OIDC_SECRET")
			if err := identifies(&provider, public); err != nil {
				return err
			}
			s, err := e.ready(cmd.Context())
			if err != nil {
				return err
			}
			defer s.Close()
			return serve(cmd.Context(), e, s, listen, public, &provider)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:7474", "the address to listen on")
	cmd.Flags().StringVar(&public, "url", "", "the https address that people type, of a proxy in front")
	cmd.Flags().StringVar(&provider.Issuer, "oidc-issuer", "", "the https address of a provider of OpenID Connect")
	cmd.Flags().StringVar(&provider.Client, "oidc-client", "", "the name that the provider knows berth-hq by")
	return cmd
}

// reachable refuses to let sessions travel without TLS.
func reachable(listen, public string) error {
	wrong := func(summary, hint string) error {
		return diag.List{{Code: "BERTH4923", Severity: diag.Error, Subject: "serve", Summary: summary, Hint: hint}}
	}
	if u, err := url.Parse(public); public != "" && (err != nil || u.Scheme != "https" || u.Host == "" || u.Path != "" || u.RawQuery != "") {
		return wrong("--url must begin with https:// and have no path", "name the proxy: berth-hq serve --url https://hq.example.com")
	}
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return wrong(fmt.Sprintf("--listen %s is not an address", listen), "name an address and a port, such as 127.0.0.1:7474")
	}
	if ip := net.ParseIP(host); public == "" && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return wrong(fmt.Sprintf("others can reach %s, and sessions would be sent without TLS", listen), "put a proxy with TLS in front, and name it: berth-hq serve --listen "+listen+" --url https://hq.example.com")
	}
	return nil
}

// identifies refuses a provider that nobody could sign in at.
func identifies(p *web.Provider, public string) error {
	wrong := func(summary, hint string) error {
		return diag.List{{Code: "BERTH4927", Severity: diag.Error, Subject: "serve", Summary: summary, Hint: hint}}
	}
	u, err := url.Parse(p.Issuer)
	switch {
	case p.Issuer == "" && p.Client == "":
		return nil
	case err != nil || u.Scheme != "https" || u.Host == "":
		return wrong("--oidc-issuer must begin with https://", "name the issuer as the provider's own page does")
	case p.Client == "" || p.Secret == "":
		return wrong("--oidc-client or BERTH_HQ_OIDC_SECRET is missing", "create a client at the provider, and name both")
	case public == "":
		return wrong("the provider can't send people back without --url", "put a proxy with TLS in front, and name it with --url")
	}
	return nil
}

// serve answers until the context ends, and then finishes what it began.
func serve(ctx context.Context, e *env, s *store.Store, listen, public string, provider *web.Provider) error {
	record, err := e.record()
	if err != nil {
		return err
	}
	site := &web.Site{Store: s, Record: record, Now: e.now, Log: slog.New(slog.NewTextHandler(e.stderr, nil)), Public: public}
	if provider.Issuer != "" {
		site.Provider = provider
	}
	handler, err := site.Handler()
	if err != nil {
		return err
	}
	if err := site.Read(ctx); err != nil {
		return err
	}
	people, err := s.People(ctx)
	if err != nil {
		return err
	}
	socket, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10}
	follow, stop := context.WithCancel(ctx)
	defer stop()
	go site.Follow(follow)
	fmt.Fprintf(e.stdout, "berth-hq answers at http://%s\n", socket.Addr())
	if len(people) == 0 {
		fmt.Fprintln(e.stderr, "nobody can sign in yet; add a person: berth-hq people add NAME --role admin")
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(socket) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(last); err != nil {
		return fmt.Errorf("some requests were interrupted: %w", err)
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func newPeopleCmd(e *env) *cobra.Command {
	cmd := &cobra.Command{Use: "people", Short: "Manage the people who may see the figures"}
	var role string
	add := &cobra.Command{
		Use:   "add NAME",
		Short: "Add a person, and print the token",
		Long:  "Add a person, and print the token once. berth-hq keeps only its hash. A reader sees the figures, an engineer also logs issues and asks for\nexceptions, a reviewer also votes, Delivery also decides, an admin also lets people in.",
		Args:  cobra.ExactArgs(1),
		RunE: e.with(func(ctx context.Context, s *store.Store, args []string) error {
			token, err := s.AddPerson(ctx, e.by(), args[0], store.Role(role))
			if err == nil {
				_, err = fmt.Fprintln(e.stdout, token)
			}
			return err
		}),
	}
	add.Flags().StringVar(&role, "role", string(store.Reader), "reader, engineer, reviewer, delivery or admin")
	remove := &cobra.Command{
		Use:   "remove NAME",
		Short: "Remove a person, and end all sessions",
		Args:  cobra.ExactArgs(1),
		RunE: e.with(func(ctx context.Context, s *store.Store, args []string) error {
			return s.RemovePerson(ctx, e.by(), args[0])
		}),
	}
	list := &cobra.Command{
		Use:   "list",
		Short: "List the people, as JSON",
		Args:  cobra.NoArgs,
		RunE: e.with(func(ctx context.Context, s *store.Store, _ []string) error {
			all, err := s.People(ctx)
			if err != nil {
				return err
			}
			return writeJSON(e.stdout, all)
		}),
	}
	cmd.AddCommand(add, list, remove)
	return cmd
}

// by is who types commands, for the audit log.
func (e *env) by() store.By { return store.By{Name: store.CommandLine, At: e.now()} }

// with is a command that needs the database.
func (e *env) with(do func(context.Context, *store.Store, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		s, err := e.ready(cmd.Context())
		if err != nil {
			return err
		}
		defer s.Close()
		return do(cmd.Context(), s, args)
	}
}
