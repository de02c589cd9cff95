package view

import (
	"fmt"
	"io"
	"strings"

	"berth/internal/adopt"
	"berth/internal/plan"
)

// fates are what became of lines of theirs, in the order in which people read them.
var fates = []struct {
	fate  adopt.Fate
	title string
}{
	{adopt.Lost, "can't be kept"},
	{adopt.Again, "recreated, as Sourcegraph ships it, with the settings of keys"},
	{adopt.Alone, "left alone: berth does not touch it"},
	{adopt.Patch, "kept by a patch"},
	{adopt.Secret, "kept as a secret, in a file"},
	{adopt.Key, "kept by a key"},
}

// Adoption writes what became of an installation of theirs. all shows every line, also those that are as Sourcegraph ships them.
func Adoption(w io.Writer, r adopt.Report, all bool) {
	fmt.Fprintf(w, "%s: Sourcegraph %s, %s\n", r.Source, r.Base.Release, known(r.Base))
	for _, f := range fates {
		items := ofFate(r, f.fate)
		if len(items) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s:\n", f.title)
		if f.fate == adopt.Again && !all {
			again(w, items)
			continue
		}
		follow := 0
		for _, i := range items {
			if !all && i.Fate == adopt.Key && len(i.Keys) == 0 {
				follow++
				continue
			}
			adopted(w, i)
		}
		if follow > 0 {
			fmt.Fprintf(w, "  %s from these keys\n", counted(follow, "more line follows", "more lines follow"))
		}
	}
	same := 0
	for _, i := range r.Items {
		if i.Fate != adopt.Default {
			continue
		}
		if same++; all {
			if same == 1 {
				fmt.Fprintf(w, "\nas Sourcegraph ships it:\n")
			}
			adopted(w, i)
		}
	}
	fmt.Fprintf(w, "\n%s as Sourcegraph %s ships it, unchanged by berth\n", counted(same, "line is", "lines are"), r.Base.Release)
	for _, note := range r.Notes {
		fmt.Fprintf(w, "note      %s\n", note)
	}
}

// again writes which objects are made again, and how many of their lines that changes: each of them is in the file with the report.
func again(w io.Writer, items []adopt.Item) {
	for len(items) > 0 {
		n := 1
		for n < len(items) && items[n].Object == items[0].Object {
			n++
		}
		fmt.Fprintf(w, "  %s: %s, since %s\n", items[0].Object, counted(n, "line of it changes", "lines of it change"), items[0].Why)
		items = items[n:]
	}
}

// Judged writes what the support record says of a config that was adopted.
func Judged(w io.Writer, support []plan.Judged) { judged(w, support, "support   ") }

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func ofFate(r adopt.Report, fate adopt.Fate) []adopt.Item {
	var out []adopt.Item
	for _, i := range r.Items {
		if i.Fate == fate {
			out = append(out, i)
		}
	}
	return out
}

// known says how the release is known.
func known(b adopt.Base) string {
	switch {
	case b.ByTag == 0:
		return fmt.Sprintf("by the digests of %d of %d images", b.ByDigest, b.Of)
	case b.ByDigest == 0:
		return fmt.Sprintf("by the tags of %d of %d images", b.ByTag, b.Of)
	}
	return fmt.Sprintf("by the digests of %d and the tags of %d of %d images", b.ByDigest, b.ByTag, b.Of)
}

func adopted(w io.Writer, i adopt.Item) {
	what := strings.TrimSpace(i.Object + " " + i.Path)
	value := strings.Join(strings.Fields(i.Theirs), " ")
	switch {
	case value == "" && i.Fate != adopt.Default:
		what += " (removed)"
	case value != "" && value != "true" && !strings.HasPrefix(value, "{"):
		what += " = " + value
	}
	fmt.Fprintf(w, "  %s\n", what)
	if len(i.Keys) > 0 {
		fmt.Fprintf(w, "    -> %s\n", strings.Join(i.Keys, ", "))
	}
	if i.Why != "" {
		fmt.Fprintf(w, "    %s\n", i.Why)
	}
}
