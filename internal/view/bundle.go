package view

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"berth/internal/bundle"
)

// News is what of a bundle was not in the one before it.
type News struct {
	Before string   `json:"before"` // the file of the one before; "": there was none
	Made   string   `json:"made"`   // when
	Files  []string `json:"files"`  // that it did not have
	Gone   []string `json:"gone"`   // that only it had
}

// Bundle shows what is in a bundle.
func Bundle(w io.Writer, m *bundle.Made, news *News, all bool) {
	folders := map[string][2]int64{}
	var names []string
	for _, f := range m.Manifest.Files {
		name, _, below := strings.Cut(f.Path, "/")
		if below {
			name += "/"
		}
		if _, seen := folders[name]; !seen {
			names = append(names, name)
		}
		folders[name] = [2]int64{folders[name][0] + 1, folders[name][1] + f.Bytes}
	}
	for _, name := range names {
		f := folders[name]
		fmt.Fprintf(w, "%-22s %4d %-5s  %10s\n", name, f[0], plural(int(f[0]), "file", "files"), bundle.Size(f[1]))
	}
	if all {
		fmt.Fprintln(w)
		for _, f := range m.Manifest.Files {
			fmt.Fprintf(w, "  %10s  %s\n", bundle.Size(f.Bytes), f.Path)
		}
	}
	times := 0
	for _, one := range m.Manifest.Secrets() {
		times += one.Times
	}
	fmt.Fprintf(w, "\nmasked    %s; %s searched for by value\n", count(times, "time"), count(m.Manifest.Known, "secret"))
	for _, one := range topMasked(m.Manifest.Secrets(), all) {
		fmt.Fprintf(w, "          %s\n", one)
	}
	replaced(w, m, all)
	missing(w, m.Manifest.Missing, all)
	if news != nil {
		newIn(w, news, all)
	}
}

// Verified says that nothing is wrong with a bundle.
func Verified(w io.Writer, c *bundle.Checked) {
	searched := count(c.Known, "secret")
	if c.Names > 0 {
		searched += " and " + count(c.Names, "name")
	}
	fmt.Fprintf(w, "the bundle is complete: %s; searched for %s, and none is in it\n", count(c.Files, "file"), searched)
}

// few is how many lines of a kind are shown without --all.
const few = 5

// replaced shows which names pseudonyms replaced. Only who writes the bundle sees them.
func replaced(w io.Writer, m *bundle.Made, all bool) {
	if len(m.Manifest.Pseudonyms) == 0 {
		return
	}
	fmt.Fprintf(w, "names     %s replaced by pseudonyms\n", count(len(m.Names), "name"))
	for i, n := range m.Names {
		if i == few && !all {
			fmt.Fprintf(w, "          and %d more: --all\n", len(m.Names)-few)
			return
		}
		fmt.Fprintf(w, "          %s is %s, %s\n", n.Pseudonym, n.Name, count(n.Times, "time"))
	}
}

func topMasked(masked []bundle.Masked, all bool) (out []string) {
	masked = slices.SortedStableFunc(slices.Values(masked), func(a, b bundle.Masked) int { return cmp.Compare(b.Times, a.Times) })
	for i, one := range masked {
		if i == few && !all {
			return append(out, fmt.Sprintf("and %s more: --all", count(len(masked)-few, "kind")))
		}
		out = append(out, one.What+", "+count(one.Times, "time"))
	}
	return out
}

func missing(w io.Writer, all []bundle.Missing, everything bool) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(w, "missing   %d %s could not be collected\n", len(all), plural(len(all), "thing", "things"))
	for i, one := range all {
		if i == few && !everything {
			fmt.Fprintf(w, "          and %d more: --all\n", len(all)-few)
			return
		}
		fmt.Fprintf(w, "          %s: %s\n", one.What, one.Why)
	}
}

func newIn(w io.Writer, n *News, all bool) {
	if n.Before == "" {
		fmt.Fprintln(w, "new       everything: no bundle was made here before")
		return
	}
	fmt.Fprintf(w, "new       since %s (%s): %d %s\n", n.Before, n.Made, len(n.Files), plural(len(n.Files), "file", "files"))
	for i, name := range n.Files {
		if i == few && !all {
			fmt.Fprintf(w, "          and %d more: --all\n", len(n.Files)-few)
			return
		}
		fmt.Fprintf(w, "          %s\n", name)
	}
}

func plural(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}

// Analysis shows what a bundle says.
func Analysis(w io.Writer, a *bundle.Analysis, all bool) {
	fmt.Fprintf(w, "bundle    of %s, %d files, %s\n", a.By, a.Files, bundle.Size(a.Bytes))
	if a.Installation != "" {
		fmt.Fprintf(w, "from      %s, Sourcegraph %s, %s\n", a.Installation, a.Release, a.Made)
	}
	if a.Report != nil {
		fmt.Fprintln(w)
		Doctor(w, a.Report)
		fmt.Fprintln(w)
	}
	unwell := 0
	for _, i := range a.Instances {
		if !i.Well() {
			unwell++
		}
	}
	fmt.Fprintf(w, "services  %d containers, %d of them with a problem\n", len(a.Instances), unwell)
	for _, i := range a.Instances {
		if !i.Well() || all {
			fmt.Fprintf(w, "          %s: %s\n", i.Name, i.Describe())
		}
	}
	fmt.Fprintf(w, "errors    %d kinds of lines in logs\n", len(a.Errors))
	for n, e := range a.Errors {
		if n == few*2 && !all {
			fmt.Fprintf(w, "          and %d more: --all\n", len(a.Errors)-few*2)
			break
		}
		fmt.Fprintf(w, "          %s in %s\n            %s\n", count(e.Times, "time"), e.Log, e.Text)
	}
	missing(w, a.Missing, all)
}

// Difference shows what differs between two bundles.
func Difference(w io.Writer, d *bundle.Difference) {
	if d.Releases[0] != d.Releases[1] {
		fmt.Fprintf(w, "release   %s, then %s\n", cmp.Or(d.Releases[0], "unknown"), cmp.Or(d.Releases[1], "unknown"))
	}
	for _, c := range d.Instances {
		fmt.Fprintf(w, "changed   %s: %s, then %s\n", c.Name, cmp.Or(c.Before, "not there"), cmp.Or(c.After, "not there"))
	}
	for _, e := range d.Errors {
		fmt.Fprintf(w, "new       %s in %s\n            %s\n", count(e.Times, "time"), e.Log, e.Text)
	}
	for _, e := range d.Gone {
		fmt.Fprintf(w, "gone      %s in %s\n            %s\n", count(e.Times, "time"), e.Log, e.Text)
	}
	for _, f := range d.Added {
		fmt.Fprintf(w, "added     %s\n", f)
	}
	for _, f := range d.Removed {
		fmt.Fprintf(w, "removed   %s\n", f)
	}
	if len(d.Instances)+len(d.Errors)+len(d.Gone)+len(d.Added)+len(d.Removed) == 0 && d.Releases[0] == d.Releases[1] {
		fmt.Fprintln(w, "no differences between the bundles")
	}
}
