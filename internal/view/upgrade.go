package view

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"berth/internal/fold"
	"berth/internal/plan"
	"berth/internal/upgrade"
	"berth/internal/upgrade/stages"
)

// Upgrade writes the plan of an upgrade as text.
func Upgrade(w io.Writer, p *plan.Plan) {
	if len(p.Hops) == 0 {
		fmt.Fprintf(w, "Sourcegraph %s · installation %s on %s\n\nnothing to upgrade: already at %s\n", p.From, p.Installation, p.Target, p.Release)
		return
	}
	fmt.Fprintf(w, "Sourcegraph %s -> %s · installation %s on %s, %s\n", p.From, p.Release, p.Installation, p.Target, count(len(p.Hops), "upgrade step"))
	for i := range p.Hops {
		hop(w, p, i)
	}
	if len(p.Hops) > 1 && p.Downtime > 0 {
		fmt.Fprintf(w, "\ntotal downtime: about %s%s\n", About(p.Downtime), migrators(stages.MigratorShare(p)))
	}
	if len(p.Support) > 0 {
		fmt.Fprintf(w, "\nWhat the support record says of your file, with %s:\n", p.Release)
		judged(w, p.Support, "  ")
	}
}

// hop writes an upgrade step with its stages.
func hop(w io.Writer, p *plan.Plan, i int) {
	h := &p.Hops[i]
	fmt.Fprintf(w, "\n%d  %s -> %s   %s\n", i+1, h.From, h.To, h.How())
	for _, r := range h.Reasons {
		item(w, "why", r.Text)
	}
	for _, f := range h.Found {
		item(w, "found", f)
	}
	noReturn := false
	for _, s := range p.Stages {
		if s.Hop != i {
			continue
		}
		if s.NoReturn {
			noReturn = true
			Fit(w, "   ▌ ", "point of no return: until here "+h.Before)
			Fit(w, "   ▌ ", "from here: "+h.After)
		}
		item(w, s.Name, s.Text)
		if s.Seconds > 15 {
			item(w, "", fmt.Sprintf("about %s (%s)", About(s.Seconds), s.Source))
		}
	}
	if !noReturn {
		item(w, "back", h.After)
	}
	for _, e := range h.Edits {
		item(w, "your file", e)
	}
	advice(w, h)
	downtime := "none planned: services are replaced one after the other"
	if h.Downtime > 0 {
		downtime = fmt.Sprintf("about %s%s; people see a maintenance page", About(h.Downtime), migrators(stages.MigratorShare(p, i)))
	}
	item(w, "downtime", downtime)
}

// migrators says how much of a downtime is the migrator's.
func migrators(seconds float64) string {
	if seconds == 0 {
		return ""
	}
	return " (" + About(seconds) + " the migrator)"
}

// advice writes what a person meets in an upgrade step.
func advice(w io.Writer, h *plan.Hop) {
	for _, halt := range h.Background {
		item(w, "waits", halt.String())
	}
	for _, c := range h.Changes {
		item(w, "changes", c.Text)
	}
	for _, b := range h.ByHand {
		item(w, "by hand", b.Text)
	}
}

// item writes a text beside its label.
func item(w io.Writer, label, text string) { Fit(w, fmt.Sprintf("     %-9s ", label), text) }

// usualColumns is the width of a usual terminal.
const usualColumns = 80

// Fit writes a text after what stands before it, in lines that fit the terminal, and are no longer than a usual one has them.
func Fit(w io.Writer, before, text string) {
	width, _ := size(w)
	rest := strings.Repeat(" ", fold.Width(before))
	if strings.Contains(before, "▌") {
		rest = before
	}
	fmt.Fprintln(w, strings.Join(fold.Line(min(width, usualColumns), before, rest, text), "\n"))
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
func Ticket(w io.Writer, p *plan.Plan) {
	fmt.Fprintf(w, "# Upgrade Sourcegraph from %s to %s\n\n", p.From, p.Release)
	fmt.Fprintf(w, "| | |\n|---|---|\n| installation | %s, on %s |\n| upgrade steps | %d |\n| downtime | %s |\n\n", p.Installation, p.Target, len(p.Hops), downtime(p.Downtime))
	for i := range p.Hops {
		section(w, p, i)
	}
	if len(p.Support) > 0 {
		fmt.Fprintf(w, "## What Sourcegraph supports\n\n")
		for _, j := range p.Support {
			fmt.Fprintf(w, "- %s.\n", j.Text)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "## Commands\n\n```\nberth upgrade --to %s\nberth rollback   # to roll back\n```\n", p.Release)
	if len(p.Problems) > 0 {
		fmt.Fprintf(w, "\n## To do first\n\n")
		for _, d := range p.Problems {
			fmt.Fprintf(w, "- %s: %s. %s\n", d.Code, d.Summary, d.Hint)
		}
	}
}

// section writes an upgrade step of a ticket.
func section(w io.Writer, p *plan.Plan, i int) {
	h := &p.Hops[i]
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
	for _, s := range p.Stages {
		if s.Hop != i {
			continue
		}
		mark := ""
		if s.NoReturn {
			mark = "**Point of no return.** "
		}
		fmt.Fprintf(w, "| %s | %s%s | %s | %s |\n", s.Name, mark, s.Text, About(s.Seconds), s.Source)
	}
	fmt.Fprintf(w, "\n**Rolling back**\n\n- before the point of no return: %s\n- after it: %s\n\n", h.Before, h.After)
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

// Back writes the plan of a rollback, and what it costs.
func Back(w io.Writer, p *plan.Plan, way stages.WayBack) {
	fmt.Fprintf(w, "back from %s to %s\n\n", p.From, p.Release)
	if len(way.Stages) == 0 {
		fmt.Fprintf(w, "  nothing was changed yet: this only ends the upgrade\n")
	}
	for _, s := range p.Stages {
		if slices.Contains(way.Stages, s.Name) {
			fmt.Fprintf(w, "  %-9s %s\n", s.Name, s.Text)
		}
	}
	fmt.Fprintf(w, "\ncost     %s\n", way.Cost)
	if way.Page {
		fmt.Fprintf(w, "effect   Sourcegraph does not answer meanwhile; people see a maintenance page\n")
	}
}

// Way writes the way between two releases.
func Way(w io.Writer, j upgrade.Way) {
	if len(j.Hops) == 0 {
		fmt.Fprintf(w, "already at %s\n", j.From)
		return
	}
	fmt.Fprintf(w, "%s -> %s, %s\n", j.From, j.To, count(len(j.Hops), "upgrade step"))
	for i := range j.Hops {
		h := &j.Hops[i]
		fmt.Fprintf(w, "\n%d  %s -> %s   %s\n", i+1, h.From, h.To, h.How())
		for _, r := range h.Reasons {
			item(w, "why", r.Text)
		}
		if !h.Rolls() && !h.SameMinor() {
			item(w, "migrator", h.Migrator)
		}
		for _, text := range h.Irreversible {
			Fit(w, "   ▌ ", "only a backup can undo this: "+text)
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
