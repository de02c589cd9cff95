package view

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"berth/internal/plan"
)

// shownFields is how many fields of an object people see; JSON has all.
const shownFields = 8

// word says what is done to an object.
func word(s plan.Step) string {
	replacesPods := func(c plan.Change) bool { return strings.HasPrefix(c.Field, "spec.template.") }
	if (s.Verb == plan.Update || s.Verb == plan.TakeOver) && slices.ContainsFunc(s.Changes, replacesPods) {
		return "roll" // its pods are replaced
	}
	return cmp.Or(words[s.Verb], string(s.Verb))
}

// label reports whether a field is one of the labels that change on every object with each release, or one of Helm's notes.
func label(c plan.Change) bool {
	note, annotation := strings.CutPrefix(c.Field, "metadata.annotations.")
	return strings.HasPrefix(c.Field, "metadata.labels.") || annotation && (strings.HasPrefix(note, "meta.helm.sh/") || strings.HasPrefix(note, "helm.sh/"))
}

// labelsOnly reports whether a step changes nothing that anybody would want to read one by one.
func labelsOnly(s plan.Step) bool {
	unsaid := s.Verb == plan.Update && len(s.Changes) > 0 && len(s.Why) == 0 || s.Verb == plan.TakeOver && len(s.Why) == 1
	return unsaid && !slices.ContainsFunc(s.Changes, func(c plan.Change) bool { return !label(c) })
}

// labelled writes how many objects there are of which only labels change, those that are taken over apart.
func labelled(w io.Writer, steps []plan.Step) {
	n := map[string]int{}
	for _, s := range steps {
		if !labelsOnly(s) {
			continue
		}
		how := ""
		if s.Verb == plan.TakeOver {
			how = " " + s.Why[0].Text
		}
		n[how]++
	}
	for _, how := range slices.Sorted(maps.Keys(n)) {
		fmt.Fprintf(w, "  ~ %s%s, only its labels change\n", count(n[how], "object"), how)
	}
}

// fields writes the fields that a step changes, below it: each with both values, and who set the one that goes when it was not us.
func fields(w io.Writer, s plan.Step) {
	shown := slices.DeleteFunc(slices.Clone(s.Changes), label)
	if len(shown) == 0 {
		shown = s.Changes
	}
	rest := max(len(shown)-shownFields, 0)
	for _, c := range shown[:len(shown)-rest] {
		fmt.Fprintf(w, "      %s  %s -> %s", c.Field, cmp.Or(c.From, "none"), cmp.Or(c.To, "none"))
		if c.Owner != "" && c.Owner != plan.Manager {
			fmt.Fprintf(w, "  (%s)", c.Owner)
		}
		fmt.Fprintln(w)
	}
	if rest > 0 {
		fmt.Fprintf(w, "      and %s\n", count(rest, "more field"))
	}
}

// decisions are what is done about a conflict, in words.
var decisions = map[plan.Choice]string{plan.Take: "taken", plan.Yield: "left to them", "": "UNDECIDED"}

var conflictSymbols = map[plan.Choice]string{plan.Take: "~", plan.Yield: "=", "": "?"}

// others writes what is not ours to change: fields that somebody else sets, and objects that stay for the data in them.
func others(w io.Writer, p *plan.Plan) {
	if len(p.Kept) > 0 {
		fmt.Fprintf(w, "  = %s no longer needed, kept for the data: %s\n", count(len(p.Kept), "object"), strings.Join(p.Kept, ", "))
	}
	for _, c := range p.Conflicts {
		width := max(len(c.Manager), len(plan.Manager))
		fmt.Fprintf(w, "  %s %s  %s: %s\n", conflictSymbols[c.Decision], c.Object, c.Field, decisions[c.Decision])
		fmt.Fprintf(w, "      %-*s  %s\n", width, c.Manager, cmp.Or(c.Theirs, "none"))
		fmt.Fprintf(w, "      %-*s  %s\n", width, plan.Manager, cmp.Or(c.Ours, "none"))
	}
}
