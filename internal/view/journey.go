package view

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"berth/internal/journey"
	"berth/internal/upgrade"
)

// Journey writes the plan of an upgrade as text.
func Journey(w io.Writer, p *journey.Plan) {
	if len(p.Hops) == 0 {
		fmt.Fprintf(w, "Sourcegraph %s · installation %s on %s\n\nnothing to upgrade: already at %s\n", p.From, p.Installation, p.Target, p.To)
		return
	}
	fmt.Fprintf(w, "Sourcegraph %s -> %s · installation %s on %s, %s\n", p.From, p.To, p.Installation, p.Target, count(len(p.Hops), "hop"))
	for i, h := range p.Hops {
		fmt.Fprintf(w, "\n%d  %s -> %s   %s\n", i+1, h.From, h.To, h.How())
		for _, r := range h.Reasons {
			fmt.Fprintf(w, "     why       %s\n", r.Text)
		}
		for _, f := range h.Found {
			fmt.Fprintf(w, "     found     %s\n", f)
		}
		for _, s := range h.Stages {
			if s.Stage == h.NoReturn {
				fmt.Fprintf(w, "   ▌ point of no return: until here %s\n", h.Before)
				fmt.Fprintf(w, "   ▌ from here: %s\n", h.After)
			}
			fmt.Fprintf(w, "     %-9s %s\n", s.Stage, s.Text)
			if s.Seconds > 15 {
				fmt.Fprintf(w, "     %-9s about %s (%s)\n", "", About(s.Seconds), s.Source)
			}
		}
		if h.NoReturn == "" {
			fmt.Fprintf(w, "     back      %s\n", h.After)
		}
		for _, e := range h.Edits {
			fmt.Fprintf(w, "     your file %s\n", e)
		}
		advice(w, h.Hop.Hop)
		if h.Downtime > 0 {
			fmt.Fprintf(w, "     downtime  about %s; people see a maintenance page\n", About(h.Downtime))
		} else {
			fmt.Fprintf(w, "     downtime  none planned: services are replaced one after the other\n")
		}
	}
	if len(p.Hops) > 1 && p.Downtime > 0 {
		fmt.Fprintf(w, "\ntotal downtime: about %s\n", About(p.Downtime))
	}
}

// advice writes what a person meets on a hop.
func advice(w io.Writer, h upgrade.Hop) {
	for _, halt := range h.Background {
		fmt.Fprintf(w, "     waits     %s\n", halt)
	}
	for _, c := range h.Changes {
		fmt.Fprintf(w, "     changes   %s\n", c.Text)
	}
	for _, b := range h.ByHand {
		fmt.Fprintf(w, "     by hand   %s\n", b.Text)
	}
}

// About is a number of seconds, as people say it.
func About(seconds float64) string {
	switch {
	case seconds < 90:
		return fmt.Sprintf("%.0f s", seconds)
	case seconds < 5400:
		return fmt.Sprintf("%.0f min", seconds/60)
	}
	return fmt.Sprintf("%.1f h", seconds/3600)
}

// Ticket writes the plan of an upgrade as a change ticket in Markdown.
func Ticket(w io.Writer, p *journey.Plan) {
	fmt.Fprintf(w, "# Upgrade Sourcegraph from %s to %s\n\n", p.From, p.To)
	fmt.Fprintf(w, "| | |\n|---|---|\n| installation | %s, on %s |\n| upgrade steps | %d |\n| downtime | %s |\n\n", p.Installation, p.Target, len(p.Hops), downtime(p.Downtime))
	for i, h := range p.Hops {
		fmt.Fprintf(w, "## %d. %s to %s (%s)\n\n", i+1, h.From, h.To, h.How())
		for _, r := range h.Reasons {
			fmt.Fprintf(w, "- Why: %s%s\n", r.Text, source(r.Source))
		}
		for _, f := range h.Found {
			fmt.Fprintf(w, "- Found: %s\n", f)
		}
		for _, halt := range h.Background {
			fmt.Fprintf(w, "- Waits %s\n", halt)
		}
		for _, c := range h.Changes {
			fmt.Fprintf(w, "- Changes: %s%s\n", c.Text, source(c.Source))
		}
		for _, b := range h.ByHand {
			fmt.Fprintf(w, "- By hand: %s%s\n", b.Text, source(b.Source))
		}
		for _, e := range h.Edits {
			fmt.Fprintf(w, "- In sourcegraph.yaml: %s\n", e)
		}
		fmt.Fprintf(w, "\n| stage | what happens | about | estimate from |\n|---|---|---|---|\n")
		for _, s := range h.Stages {
			mark := ""
			if s.Stage == h.NoReturn {
				mark = "**Point of no return.** "
			}
			fmt.Fprintf(w, "| %s | %s%s | %s | %s |\n", s.Stage, mark, s.Text, About(s.Seconds), s.Source)
		}
		fmt.Fprintf(w, "\n**Rolling back**\n\n- before the point of no return: %s\n- after it: %s\n\n", h.Before, h.After)
	}
	fmt.Fprintf(w, "## Commands\n\n```\nberth upgrade --to %s\nberth rollback   # to roll back\n```\n", p.To)
	if len(p.Problems) > 0 {
		fmt.Fprintf(w, "\n## To do first\n\n")
		for _, d := range p.Problems {
			fmt.Fprintf(w, "- %s: %s. %s\n", d.Code, d.Summary, d.Hint)
		}
	}
}

func source(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}

func downtime(seconds float64) string {
	if seconds == 0 {
		return "none planned"
	}
	return "about " + About(seconds)
}

// Back writes how an installation goes back, and what that costs.
func Back(w io.Writer, j *journey.Journey, way journey.Way) {
	fmt.Fprintf(w, "back from %s to %s\n\n", j.Hop().To, way.To)
	if len(way.Stages) == 0 {
		fmt.Fprintf(w, "  nothing was changed yet: this only ends the upgrade\n")
	}
	for _, s := range way.Stages {
		switch s {
		case journey.Redeploy:
			fmt.Fprintf(w, "  %-9s %s is deployed again\n", s, way.To)
		case journey.Undo:
			fmt.Fprintf(w, "  %-9s the migrator takes the databases back to %s\n", s, way.To)
		case journey.Restore:
			fmt.Fprintf(w, "  %-9s backup %s is restored\n", s, way.Backup)
		}
	}
	fmt.Fprintf(w, "\ncost     %s\n", way.Cost)
	if way.Page {
		fmt.Fprintf(w, "effect   Sourcegraph does not answer meanwhile; people see a maintenance page\n")
	}
}

// Walk writes how a journey goes on, line by line.
type Walk struct {
	Out io.Writer

	mu sync.Mutex
}

// Show writes an event.
func (v *Walk) Show(e journey.Event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case e.Begun:
		fmt.Fprintf(v.Out, "\n== upgrade step %d of %d, %s -> %s: %s\n", e.Place.Hop+1, e.Of, e.Hop.From, e.Hop.To, e.Place.Stage)
	case e.Done != nil:
		note := ""
		if e.Done.Note != "" {
			note = ": " + e.Done.Note
		}
		fmt.Fprintf(v.Out, "   done in %s%s\n", (time.Duration(e.Done.Seconds * float64(time.Second))).Round(100*time.Millisecond), note)
	default:
		fmt.Fprintf(v.Out, "   | %s\n", strings.TrimRight(e.Line, " "))
	}
}

// Way writes the way between two releases.
func Way(w io.Writer, j upgrade.Journey) {
	if len(j.Hops) == 0 {
		fmt.Fprintf(w, "already at %s\n", j.From)
		return
	}
	fmt.Fprintf(w, "%s -> %s, %s\n", j.From, j.To, count(len(j.Hops), "hop"))
	for i, h := range j.Hops {
		fmt.Fprintf(w, "\n%d  %s -> %s   %s\n", i+1, h.From, h.To, h.How())
		for _, r := range h.Reasons {
			fmt.Fprintf(w, "     why       %s\n", r.Text)
		}
		if h.Kind == upgrade.MultiVersion && !h.SameMinor() {
			fmt.Fprintf(w, "     migrator  %s\n", h.Migrator)
		}
		for _, text := range h.Irreversible {
			fmt.Fprintf(w, "   ▌ only a backup can undo this: %s\n", text)
		}
		advice(w, h)
	}
	for _, u := range j.Unknown {
		fmt.Fprintf(w, "\nnot known %s\n", u)
	}
	if j.Then != "" {
		fmt.Fprintf(w, "\nthen      %s\n", j.Then)
	}
}
