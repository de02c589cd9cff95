// Package view renders results for people. What machines read is the same value as JSON.
//
// One package because all renderings share their forms of numbers, tables and colours: each is a function that takes a document.
package view

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/plan"
)

// symbols carry the meaning of a verb; colour only repeats it.
var symbols = map[plan.Verb]string{
	plan.Pull: "+", plan.Write: "~", plan.Create: "+", plan.Execute: "+", plan.Update: "~", plan.Start: "~", plan.Restart: "~",
	plan.Recreate: "~", plan.Wait: ".", plan.Remove: "-", plan.RemoveNetwork: "-", plan.Delete: "!",
	plan.Grow: "~", plan.Orphan: "~", plan.TakeOver: "~", plan.GiveBack: "~",
}

var words = map[plan.Verb]string{plan.Update: "in place", plan.TakeOver: "in place", plan.Recreate: "recreate", plan.Delete: "DELETE"}

// Detail says how much of a plan is written.
type Detail bool

// The details.
const (
	Folded Detail = false // many steps of one kind and for one reason are one line
	All    Detail = true  // every step is a line
)

// Plan writes a plan as text.
func Plan(w io.Writer, p *plan.Plan, detail Detail) {
	release := p.Release
	if p.From != "" && p.From != p.Release {
		release = p.From + " -> " + p.Release
	}
	fmt.Fprintf(w, "Sourcegraph %s · installation %s on %s\n\n", release, p.Installation, p.Target)
	if p.Empty() {
		unchanged(w, p)
		return
	}
	pulls := 0
	width := 0
	folded := map[string][]plan.Step{}
	if detail == Folded {
		folded = alike(p.Steps)
	}
	for _, s := range p.Steps {
		if s.Verb != plan.Pull && !labelsOnly(s) && folded[kind(s)] == nil {
			width = max(width, len(s.Object))
		}
	}
	for _, s := range p.Steps {
		switch {
		case s.Verb == plan.Pull:
			pulls++
		case labelsOnly(s):
		case folded[kind(s)] != nil:
			if first := folded[kind(s)]; first[0].ID == s.ID {
				together(w, p, first)
			}
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
	sized(w, p.Size)
	judged(w, p.Support, "support  ")
	if len(folded) > 0 {
		fmt.Fprint(w, "         every line: --all\n")
	}
	if n := len(p.Undecided()); n > 0 {
		fmt.Fprintf(w, "plan %s can't be carried out: %s to decide\n", p.ID(), count(n, "conflict"))
		return
	}
	fmt.Fprintf(w, "plan %s; carry it out with: berth %s\n", p.ID(), command(p))
}

// unchanged writes a plan of nothing.
func unchanged(w io.Writer, p *plan.Plan) {
	fmt.Fprintf(w, "  = %d %ss, unchanged\n", len(p.Unchanged), thing(p))
	others(w, p)
	fmt.Fprintln(w)
	sized(w, p.Size)
	judged(w, p.Support, "support  ")
	fmt.Fprint(w, "nothing to do\n")
}

// sized writes the config's size, and what wins over it.
func sized(w io.Writer, s *plan.Size) {
	switch {
	case s == nil:
	case len(s.Won) == 0:
		fmt.Fprintf(w, "size     %s\n", s.Name)
	default:
		Fit(w, "size     ", s.Name+"; these lines win over it: "+strings.Join(s.Won, ", "))
	}
}

// judged writes what the support record says of a config, behind a label.
func judged(w io.Writer, support []plan.Judged, label string) {
	for i, j := range support {
		if i > 0 {
			label = strings.Repeat(" ", len(label))
		}
		Fit(w, label, j.Text)
	}
	if len(support) > 0 {
		fmt.Fprintf(w, "%smore: berth support check\n", strings.Repeat(" ", len(label)))
	}
}

// command is what carries a plan out.
func command(p *plan.Plan) string {
	if p.Action == plan.RestartOnly {
		return strings.Join(append([]string{string(p.Action)}, p.Services()...), " ")
	}
	return string(p.Action)
}

// many is how many steps of one kind are too many to read.
const many = 6

// kind is what steps have in common that are written as one line: what they do, and why. Those with a place in the config, with changes of fields, or that
// delete data are for themselves.
func kind(s plan.Step) string {
	why := ""
	for _, c := range s.Why {
		if c.Range.Line > 0 {
			return ""
		}
		why += c.Text + "\n"
	}
	if len(s.Changes) > 0 || s.Effect == plan.Data || !s.Verb.Single() {
		return ""
	}
	return string(s.Verb) + "\n" + why
}

// alike are steps by their kind, of which there are many.
func alike(steps []plan.Step) map[string][]plan.Step {
	out := map[string][]plan.Step{}
	for _, s := range steps {
		if k := kind(s); k != "" && s.Verb != plan.Pull && !labelsOnly(s) {
			out[k] = append(out[k], s)
		}
	}
	maps.DeleteFunc(out, func(_ string, steps []plan.Step) bool { return len(steps) < many })
	return out
}

// together writes many steps as one: how many, of which kinds of object in a cluster, and the first names.
func together(w io.Writer, p *plan.Plan, steps []plan.Step) {
	kinds, names := map[string]int{}, []string{}
	for _, s := range steps {
		of, name, isObject := strings.Cut(s.Object, "/")
		if !isObject {
			name = s.Object
		}
		kinds[of]++
		names = append(names, name)
	}
	what := strings.Join(names, ", ")
	if p.Target == catalogue.Kubernetes {
		var parts []string
		for _, of := range slices.Sorted(maps.Keys(kinds)) {
			parts = append(parts, fmt.Sprintf("%d %s", kinds[of], of))
		}
		what = strings.Join(parts, ", ")
	}
	text := fmt.Sprintf("%d %ss  %s", len(steps), thing(p), word(steps[0]))
	if len(steps[0].Why) > 0 {
		text += ": " + steps[0].Why[0].Text
	}
	fmt.Fprintf(w, "  %s %s\n", symbols[steps[0].Verb], text)
	Fit(w, "      ", what)
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
		return servicesOf(p, func(s plan.Step) bool { return s.Effect == e })
	}
	switch down, brief := of(plan.Downtime), of(plan.Brief); {
	case p.Notice != nil:
		return noticed(p)
	case p.Action == plan.Down:
		return "Sourcegraph stops"
	case p.From == "" && !slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return len(s.Changes) > 0 }): // else it takes over what somebody else started
		return "Sourcegraph starts; nothing runs yet"
	case down != "":
		return "Sourcegraph does not answer for a while: " + down
	case brief != "":
		return "a short pause of " + brief + "; the rest answers"
	}
	if starts := servicesOf(p, func(s plan.Step) bool { return s.Service != "" && (s.Verb == plan.Create || s.Verb == plan.Start) }); starts != "" {
		return "services start that do not run now: " + starts
	}
	return "none"
}

// servicesOf names the services of steps, the first ones where there are many.
func servicesOf(p *plan.Plan, are func(plan.Step) bool) string {
	var names []string
	for _, s := range p.Steps {
		if are(s) && !slices.Contains(names, s.Service) {
			names = append(names, s.Service)
		}
	}
	if len(names) > 4 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
	}
	return strings.Join(names, ", ")
}

// noticed says what people notice where requests wait, or where no connection is taken.
func noticed(p *plan.Plan) string {
	const next = "\n         "
	var lines []string
	awaited := func(s plan.Step) bool { return slices.Contains(p.Awaited, s.Object) }
	if n := p.Notice; n.Waits > 0 {
		source := "as measured here"
		if len(n.Guessed) > 0 {
			source = "a guess, because not all of it was measured here yet"
		}
		lines = append(lines, fmt.Sprintf("requests wait and are answered, the longest after about %.0f s (%s):", n.Waits, source), "  "+servicesOf(p, awaited))
	}
	if p.Notice.Refused > 0 {
		lines = append(lines, fmt.Sprintf("the front proxy takes no connections for about %.0f s: caddy", p.Notice.Refused))
	}
	rest := func(e plan.Effect) string {
		return servicesOf(p, func(s plan.Step) bool { return s.Effect == e && !awaited(s) && s.Service != "caddy" })
	}
	if down := rest(plan.Downtime); down != "" {
		lines = append(lines, "Sourcegraph does not answer for a while: "+down)
	}
	if brief := rest(plan.Brief); brief != "" {
		lines = append(lines, "a short pause of "+brief)
	}
	return strings.Join(lines, next)
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
	if slices.ContainsFunc(p.Problems, func(d diag.Diagnostic) bool { return d.Code == "BERTH1530" }) {
		return "connections to code hosts are deleted, as the warning says; volumes are kept"
	}
	return "none is deleted; volumes are kept"
}
