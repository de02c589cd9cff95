package view

import (
	"fmt"
	"io"

	"berth/internal/status"
)

// Status writes how an installation is.
func Status(w io.Writer, s *status.Status) {
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
	case s.FrontProxy == "":
		fmt.Fprintf(w, "answers   not reachable from here\n")
	case s.Answers:
		fmt.Fprintf(w, "answers   %s, in %d ms\n", s.FrontProxy, s.Milliseconds)
	default:
		fmt.Fprintf(w, "answers   NOT: %s\n", s.FrontProxy)
	}
	fmt.Fprintf(w, "url       %s\n", s.URL)
	if s.Wanted != s.Release {
		fmt.Fprintf(w, "config    asks for %s\n", s.Wanted)
	}
	if s.Upgrade != "" {
		fmt.Fprintf(w, "upgrade   %s; %s\n", s.Upgrade, s.Next)
	}
	if s.Upgrades != "" {
		fmt.Fprintf(w, "upgrades  %s\n", s.Upgrades)
	}
	if s.LastRun != "" {
		fmt.Fprintf(w, "last run  %s\n", s.LastRun)
	}
	if s.Upgrade == "" && s.Next != "" {
		fmt.Fprintf(w, "next      %s\n", s.Next)
	}
}
