package view

import (
	"fmt"
	"io"
	"time"

	"berth/internal/status"
	"berth/internal/upgrade/survey"
)

// Status writes how an installation is.
func Status(w io.Writer, s *status.Status) {
	if s.Release == "" {
		fmt.Fprintf(w, "Sourcegraph does not run here.")
		if s.Next == "" && !s.Problems.Failed() {
			fmt.Fprintf(w, " Start it with: berth up")
		}
		fmt.Fprintln(w)
		runs(w, s)
		return
	}
	fmt.Fprintf(w, "Sourcegraph %s · installation %s\n\n", s.Release, s.Installation)
	services(w, s)
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
	runs(w, s)
}

// runs writes what was done last, and what goes on.
func runs(w io.Writer, s *status.Status) {
	if s.Upgrade != "" {
		fmt.Fprintf(w, "upgrade   %s; %s\n", s.Upgrade, s.Next)
	}
	if s.Move != "" {
		fmt.Fprintf(w, "move      %s\n", s.Move)
	}
	if s.Newest != nil {
		fmt.Fprintf(w, "newest    %s\n", newest(s.Newest))
	}
	if text := searched(s); text != "" {
		fmt.Fprintf(w, "search    %s\n", text)
	}
	if s.Size != "" {
		Fit(w, "size      ", s.Size)
	}
	if s.Backup != "" {
		fmt.Fprintf(w, "backup    %s\n", s.Backup)
	}
	if s.Upgrades != "" {
		fmt.Fprintf(w, "upgrades  %s\n", s.Upgrades)
	}
	if s.Doctor != "" {
		fmt.Fprintf(w, "doctor    %s\n", s.Doctor)
	}
	if s.LastRun != "" {
		fmt.Fprintf(w, "last run  %s\n", s.LastRun)
	}
	if s.Upgrade == "" && s.Next != "" {
		fmt.Fprintf(w, "next      %s\n", s.Next)
	}
}

// searched says of a new installation whether a search has had a result; "" of an older one.
func searched(s *status.Status) string {
	switch {
	case !s.Fresh:
		return ""
	case s.Start.Waits():
		return "no result yet; add repositories, then: berth verify"
	}
	return firstResult(s.Start.Took())
}

// FirstSearch says how long it took from the first berth up to the first search with a result.
func FirstSearch(w io.Writer, took time.Duration) {
	fmt.Fprintf(w, "search    %s\n", firstResult(took))
}

func firstResult(took time.Duration) string {
	return fmt.Sprintf("first result %s after the first berth up", About(took.Seconds()))
}

// newest says what an upgrade to the newest release would cost.
func newest(n *survey.Newest) string {
	text := fmt.Sprintf("%s: %s, about %s", n.Release, count(n.Steps, "upgrade step"), About(n.Seconds))
	switch {
	case n.Page > 0:
		text += fmt.Sprintf(", %s of it behind a maintenance page%s", About(n.Page), migrators(n.Migrator))
	case n.Fails:
		text += "; requests fail for some seconds"
	case n.Waits > 0:
		text += fmt.Sprintf("; requests wait, %.0f s at most the last time", n.Waits)
	default:
		text += "; requests wait for some seconds"
	}
	if n.Refused && n.Page == 0 {
		text += "; the port is closed for about 1 s"
	}
	return text
}

// services writes which services are not ready and how many are, and the same of containers of the admin's own.
func services(w io.Writer, s *status.Status) {
	var ready, own, ownReady int
	for _, v := range s.Services {
		name := v.Name
		if v.Own {
			own++
			name += " (yours)"
		}
		switch {
		case !v.Ready:
			fmt.Fprintf(w, "  ! %-30s %s\n", name, v.Status)
		case v.Own:
			ownReady++
		default:
			ready++
		}
	}
	for _, m := range s.Missing {
		fmt.Fprintf(w, "  - %-30s is not there\n", m)
	}
	own += len(s.Lacking)
	for _, m := range s.Lacking {
		fmt.Fprintf(w, "  - %-30s is not there\n", m+" (yours)")
	}
	fmt.Fprintf(w, "  = %d of %d services are ready\n", ready, len(s.Services)+len(s.Lacking)-own+len(s.Missing))
	if own > 0 {
		verb := map[bool]string{true: "is", false: "are"}[own == 1]
		fmt.Fprintf(w, "  = %d of %s of yours %s ready\n", ownReady, count(own, "container"), verb)
	}
	fmt.Fprintln(w)
}
