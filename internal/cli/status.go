package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"berth/internal/diag"
	"berth/internal/journey"
	"berth/internal/installation"
	"github.com/spf13/cobra"
)

// Status is how an installation is.
type Status struct {
	Installation string         `json:"installation"`
	Release      string         `json:"release"`             // that runs; "" when nothing does
	Databases    string         `json:"databases,omitempty"` // the release that the databases say they are of; "" where they could not be asked
	Wanted       string         `json:"wanted"`              // that the config asks for
	URL          string         `json:"url"`
	Answers      bool           `json:"answers"` // through the front door
	Door         string         `json:"door"`    // where it was asked
	Milliseconds int64          `json:"milliseconds"`
	Services     []installation.Service `json:"services"`
	Missing      []string       `json:"missing"` // that the config asks for and that are not there
	LastRun      string         `json:"lastRun,omitempty"`
	Upgrade      string         `json:"upgrade,omitempty"`  // that is under way, and where it is
	Upgrades     string         `json:"upgrades,omitempty"` // what berth agent saw last
	Problems     diag.List      `json:"problems,omitempty"` // what of its release is not as it should be

	next string // what to do about Upgrade
}

func newStatusCmd(env *Env) *cobra.Command {
	var file string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show versions, health, and the address",
		Long:  "Show what runs, its health, and whether Sourcegraph answers at its address. Exit code 1: something is not ready.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			at, err := env.Open(cmd.Context(), file)
			if err != nil {
				return err
			}
			defer at.Close()
			s, err := env.status(cmd.Context(), at)
			if err != nil {
				return err
			}
			if asJSON {
				err = env.printJSON(s)
			} else {
				s.write(env.Stdout)
				if len(s.Problems) > 0 {
					fmt.Fprintln(env.Stdout)
					s.Problems.WriteText(env.Stdout, env.Color)
				}
			}
			if err == nil && !s.well() {
				return exit(ExitError)
			}
			return err
		},
	}
	configFlag(cmd, &file)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return cmd
}

func (e *Env) status(ctx context.Context, at installation.Site) (*Status, error) {
	want := at.Of().Stack
	s := &Status{Installation: want.Name, Wanted: want.Release, URL: want.URL, Services: []installation.Service{}, Missing: []string{}}
	services, missing, release, err := at.Services(ctx, &e.Environment)
	if err != nil {
		return nil, err
	}
	if release != "" && release != want.Release {
		// What is missing is a question of the release that is there, not of the one that the file names.
		if l, _ := e.as(at.Of(), release); l != nil {
			there, err := e.Connect(ctx, l)
			if err != nil {
				return nil, err
			}
			defer there.Close()
			if services, missing, _, err = there.Services(ctx, &e.Environment); err != nil {
				return nil, err
			}
		}
	}
	s.Services, s.Missing, s.Release = append(s.Services, services...), append(s.Missing, missing...), release
	s.Answers, s.Door, s.Milliseconds = at.Knock(ctx, e.Now)
	records, err := at.Store().History(ctx)
	if err != nil {
		return nil, err
	}
	j, err := journey.Load(ctx, at.Store())
	if err != nil {
		return nil, err
	}
	if j.Open() {
		s.Upgrade = fmt.Sprintf("%s, %s to %s: %s", j.Status, j.From, j.To, j.Describe())
		s.next = "continue with: berth upgrade   roll back with: berth rollback"
		if j.Status == journey.Returning {
			s.next = "continue with: berth rollback"
		}
	}
	var agent AgentReport
	if err := at.Store().Note(ctx, agentNote, &agent); err != nil {
		return nil, err
	}
	s.Upgrades = agent.about(s.Release, e.Now())
	if len(records) > 0 {
		last := records[len(records)-1]
		s.LastRun = fmt.Sprintf("%s %s, %s", last.What(), last.Result, last.Started.Format(time.DateTime))
	}
	if j.Open() {
		s.Release = j.Release() // whoever carries the upgrade out asks the databases
		return s, nil
	}
	standing, err := installation.Stand(ctx, &e.Environment, at, runs(services), installation.IfQuick)
	if err != nil {
		return nil, err
	}
	s.Databases = standing.Databases
	c := at.Of().Compare(e.Catalogue(), standing, j)
	if s.Release != "" {
		s.Release = cmp.Or(c.From, s.Release)
	}
	s.Problems = c.Problems
	return s, nil
}

func (s *Status) well() bool {
	return (s.Answers || s.Door == "") && len(unready(s.Services, s.Missing)) == 0
}

func (s *Status) write(w io.Writer) {
	if s.Release == "" {
		fmt.Fprintf(w, "Sourcegraph does not run here.")
		if !s.Problems.Failed() {
			fmt.Fprintf(w, " Start it with: berth up")
		}
		fmt.Fprintln(w)
		return
	}
	fmt.Fprintf(w, "Sourcegraph %s · installation %s\n\n", s.Release, s.Installation)
	ready := 0
	for _, v := range s.Services {
		if v.Ready {
			ready++
			continue
		}
		fmt.Fprintf(w, "  ! %-30s %s\n", v.Name, v.Status)
	}
	for _, m := range s.Missing {
		fmt.Fprintf(w, "  - %-30s is not there\n", m)
	}
	fmt.Fprintf(w, "  = %d of %d services are ready\n\n", ready, len(s.Services)+len(s.Missing))
	switch {
	case s.Door == "":
		fmt.Fprintf(w, "answers   not reachable from here\n")
	case s.Answers:
		fmt.Fprintf(w, "answers   %s, in %d ms\n", s.Door, s.Milliseconds)
	default:
		fmt.Fprintf(w, "answers   NOT: %s\n", s.Door)
	}
	fmt.Fprintf(w, "url       %s\n", s.URL)
	if s.Wanted != s.Release {
		fmt.Fprintf(w, "config    asks for %s\n", s.Wanted)
	}
	if s.Upgrade != "" {
		fmt.Fprintf(w, "upgrade   %s; %s\n", s.Upgrade, s.next)
	}
	if s.Upgrades != "" {
		fmt.Fprintf(w, "upgrades  %s\n", s.Upgrades)
	}
	if s.LastRun != "" {
		fmt.Fprintf(w, "last run  %s\n", s.LastRun)
	}
}

// The patience of the look at everything after a run.
const (
	recovers = 5 * time.Minute        // a service that a run did not touch, but that needed what it did
	opens    = 30 * time.Second       // the front door, once everything is ready
	between  = 200 * time.Millisecond // between two looks
)

// answers waits until everything is as berth status wants it, and tells where Sourcegraph answers. A run waits for what it starts; this
// waits for the rest as well: a frontend that stays becomes unhealthy when its database is away for long, and is ready again a while after it.
func (e *Env) answers(ctx context.Context, s installation.Site) error {
	begun, ready, said := e.Now(), time.Time{}, false
	for {
		services, missing, _, err := s.Services(ctx, &e.Environment)
		if err != nil {
			return err
		}
		unready := unready(services, missing)
		if len(unready) > 0 {
			ready = time.Time{}
		} else if ready.IsZero() {
			ready = e.Now()
		}
		ok, door, ms := s.Knock(ctx, e.Now)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case len(unready) > 0 && e.Now().Sub(begun) > recovers:
			return diag.List{{Code: "BERTH3208", Severity: diag.Error, Subject: s.Of().Stack.Name,
				Summary: fmt.Sprintf("every step is done, but after %s not everything is ready", recovers), Detail: unready,
				Hint: "see the logs of these services, then look again: berth status"}}
		case len(unready) > 0 && !said && e.Now().Sub(begun) > time.Second:
			said = true
			fmt.Fprintf(e.Stdout, "waiting   for %s\n", listed(unready, 3))
		case len(unready) == 0 && door == "":
			fmt.Fprintf(e.Stdout, "\nall services are ready; Sourcegraph's address is not reachable from here, so berth did not check it\n")
			return nil
		case len(unready) == 0 && ok:
			fmt.Fprintf(e.Stdout, "\nSourcegraph answers at %s (in %d ms)\n", s.Of().Stack.URL, ms)
			return nil
		case len(unready) == 0 && e.Now().Sub(ready) > opens:
			return fmt.Errorf("all services are ready, but Sourcegraph does not answer at %s; see: %s", door, s.Hint())
		}
		select {
		case <-ctx.Done():
		case <-time.After(between):
		}
	}
}

// unready names what is not ready, and how it is.
func unready(services []installation.Service, missing []string) (names []string) {
	for _, v := range services {
		if !v.Ready {
			names = append(names, v.Name+" ("+v.Status+")")
		}
	}
	for _, m := range missing {
		names = append(names, m+" (is not there)")
	}
	return names
}
