// Package view renders results for people. What machines read is the same value as JSON.
package view

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"berth/catalogue"
	"berth/internal/plan"
)

// symbols carry the meaning of a verb; colour only repeats it.
var symbols = map[plan.Verb]string{
	plan.Pull: "+", plan.Write: "~", plan.Create: "+", plan.Execute: "+", plan.Update: "~", plan.Start: "~", plan.Restart: "~",
	plan.Recreate: "~", plan.Wait: ".", plan.Remove: "-", plan.RemoveNetwork: "-", plan.Delete: "!",
	plan.Grow: "~", plan.Orphan: "~", plan.TakeOver: "~",
}

var words = map[plan.Verb]string{plan.Update: "in place", plan.TakeOver: "in place", plan.Recreate: "recreate", plan.Delete: "DELETE"}

// Plan writes a plan as text.
func Plan(w io.Writer, p *plan.Plan) {
	release := p.Release
	if p.From != "" && p.From != p.Release {
		release = p.From + " -> " + p.Release
	}
	fmt.Fprintf(w, "Sourcegraph %s · installation %s on %s\n\n", release, p.Installation, p.Target)
	if p.Empty() {
		fmt.Fprintf(w, "  = %d %ss, as they should be\n", len(p.Unchanged), thing(p))
		others(w, p)
		fmt.Fprint(w, "\nnothing to do\n")
		return
	}
	pulls := 0
	width := 0
	for _, s := range p.Steps {
		if s.Verb != plan.Pull && !labelsOnly(s) {
			width = max(width, len(s.Object))
		}
	}
	for _, s := range p.Steps {
		switch {
		case s.Verb == plan.Pull:
			pulls++
		case labelsOnly(s):
		default:
			line := fmt.Sprintf("  %s %-*s  %-8s", symbols[s.Verb], width, s.Object, word(s))
			if len(s.Why) == 0 {
				line = strings.TrimRight(line, " ")
			}
			fmt.Fprint(w, line)
			causes(w, s.Why, width)
			fields(w, s)
		}
	}
	if pulls > 0 {
		fmt.Fprintf(w, "  + %s to pull\n", count(pulls, "image"))
	}
	labelled(w, p.Steps)
	if len(p.Unchanged) > 0 {
		fmt.Fprintf(w, "  = %s\n", count(len(p.Unchanged), thing(p)))
	}
	others(w, p)
	fmt.Fprintf(w, "\neffect   %s\ndata     %s\n", effect(p), deleted(p))
	if n := len(p.Undecided()); n > 0 {
		fmt.Fprintf(w, "plan %s can't be carried out: %s to decide\n", p.ID(), count(n, "conflict"))
		return
	}
	fmt.Fprintf(w, "plan %s; carry it out with: berth %s\n", p.ID(), p.Action)
}

// thing is what a plan's steps are about.
func thing(p *plan.Plan) string {
	if p.Target == catalogue.Kubernetes {
		return "object"
	}
	return "service"
}

func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// causes writes the reasons of a step, each with its place in the config, the second one below the first.
func causes(w io.Writer, why []plan.Cause, width int) {
	if len(why) == 0 {
		fmt.Fprintln(w)
		return
	}
	for i, c := range why {
		if i > 0 {
			fmt.Fprintf(w, "    %-*s  %-8s", width, "", "")
		}
		fmt.Fprintf(w, "  %s", c.Text)
		if c.Range.Line > 0 {
			fmt.Fprintf(w, "   %s:%d:%d", c.Range.File, c.Range.Line, c.Range.Column)
		}
		fmt.Fprintln(w)
	}
}

// effect says in words what people notice.
func effect(p *plan.Plan) string {
	of := func(e plan.Effect) string {
		var names []string
		for _, s := range p.Steps {
			if s.Effect == e && !slices.Contains(names, s.Service) {
				names = append(names, s.Service)
			}
		}
		if len(names) > 4 {
			return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
		}
		return strings.Join(names, ", ")
	}
	switch down, brief := of(plan.Downtime), of(plan.Brief); {
	case p.Action == plan.Down:
		return "Sourcegraph stops"
	case p.From == "":
		return "Sourcegraph starts; nothing runs yet"
	case down != "":
		return "Sourcegraph does not answer for a while: " + down
	case brief != "":
		return "a short pause of " + brief + "; the rest answers"
	}
	return "none"
}

func deleted(p *plan.Plan) string {
	var names []string
	for _, s := range p.Steps {
		if s.Effect == plan.Data {
			names = append(names, s.Object)
		}
	}
	if len(names) > 0 {
		return "DELETED FOR GOOD: " + count(len(names), "volume")
	}
	return "none is deleted; volumes are kept"
}
