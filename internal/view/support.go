package view

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/proposal"
	"berth/internal/support"
)

// Support writes the answer to a question.
func Support(w io.Writer, a support.Answer) {
	about := "Sourcegraph " + a.Release
	if a.Assumed {
		about += ", the newest; name another with --release"
	}
	fmt.Fprintf(w, "%s (%s)\n", sentence(string(a.Verdict)), about)
	for _, f := range a.Findings {
		finding(w, f)
	}
	ignored(w, a)
}

// SupportLines writes the answer to each line of a list of requirements.
func SupportLines(w io.Writer, answers []support.Answer) {
	each := map[support.Verdict]int{}
	for i, a := range answers {
		if i > 0 {
			fmt.Fprintln(w)
		}
		each[a.Verdict]++
		fmt.Fprintf(w, "%s\n  %s\n", a.Question, sentence(string(a.Verdict)))
		for _, f := range a.Findings {
			finding(w, f)
		}
		ignored(w, a)
	}
	if len(answers) == 0 {
		return
	}
	var parts []string
	for _, v := range support.Verdicts() {
		if n := each[v]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	var releases []string
	for _, a := range answers {
		if !slices.Contains(releases, a.Release) {
			releases = append(releases, a.Release)
		}
	}
	fmt.Fprintf(w, "\n%s, for Sourcegraph %s: %s\n", count(len(answers), "line"), diag.Listed(releases, "and"), strings.Join(parts, " · "))
}

// Want is an exception that a list of requirements or a config needs.
type Want struct {
	Subject string
	Next    string // the command that asks for it, or how far it is
}

// Wanted writes how to ask for exceptions.
func Wanted(w io.Writer, all []Want) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(w, "\nWhat is not supported may be allowed by an exception. To ask for one:\n")
	for _, one := range all {
		fmt.Fprintf(w, "  %-18s %s\n", one.Subject, one.Next)
	}
}

func finding(w io.Writer, f support.Finding) {
	fmt.Fprintf(w, "  %s: %s. %s\n    %s, read %s", f.Name(), f.Status, f.Says, f.Source, f.Read)
	if f.Evidence != "" {
		fmt.Fprintf(w, "; shown by %s", f.Evidence)
	}
	fmt.Fprintln(w)
	if f.Stage != "" && f.Status != catalogue.Supported {
		life(w, f.Life, f.WayOff)
	}
	if f.Exception != "" {
		fmt.Fprintf(w, "    allowed by exception %s\n", f.Exception)
	}
}

func ignored(w io.Writer, a support.Answer) {
	if a.ReleaseSays != "" {
		Fit(w, "  mind      ", a.ReleaseSays)
	}
	if len(a.Ignored) > 0 {
		fmt.Fprintf(w, "  Not understood, so not answered: %s\n", strings.Join(a.Ignored, ", "))
	}
}

// SupportSubject writes all that the record has about a subject.
func SupportSubject(w io.Writer, s support.Subject) {
	fmt.Fprintf(w, "%s\n", s.Title)
	for _, st := range s.Statements {
		where := ""
		if st.Versions != "" {
			where += " version " + st.Versions
		}
		if st.Releases != "" {
			where += " in Sourcegraph " + st.Releases
		}
		if where == "" && len(s.Statements) > 1 {
			where = " otherwise"
		}
		if where != "" {
			where += ":"
		}
		fmt.Fprintf(w, " %s %s. %s\n    %s, read %s", where, st.Status, st.Says, st.Source, st.Read)
		if st.Evidence != "" {
			fmt.Fprintf(w, "; shown by %s", st.Evidence)
		}
		fmt.Fprintln(w)
	}
	for _, st := range s.Life {
		fmt.Fprintf(w, "  %s (%s): %s\n    %s, read %s\n", st.Stage, st.When(), st.Says, st.Source, st.Read)
	}
	life(w, nil, s.WayOff)
	fmt.Fprintf(w, "People call it: %s\n", strings.Join(s.Words, ", "))
}

// SupportOptions writes the deployment options with their life.
func SupportOptions(w io.Writer, options []support.Finding) {
	for i, f := range options {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s: %s\n", f.Title, cmp.Or(string(f.Stage), string(f.Status)))
		Fit(w, "  says      ", f.Says)
		life(w, f.Life, f.WayOff)
		Fit(w, "  source    ", f.Source+", read "+f.Read)
	}
}

// life writes the stages of a deployment option, and where it leads when it ends.
func life(w io.Writer, all catalogue.Life, off *catalogue.WayOff) {
	if len(all) > 0 {
		Fit(w, "  life      ", all.String())
	}
	if off != nil {
		Fit(w, "  way off   ", fmt.Sprintf("to %s. %s Begin with: %s", off.To, off.Says, off.Command))
	}
}

// SupportDifference writes what is supported otherwise in another release.
func SupportDifference(w io.Writer, changes []support.Change, from, to string) {
	if len(changes) == 0 {
		fmt.Fprintf(w, "Support is the same in %s and %s.\n", to, from)
		return
	}
	for _, c := range changes {
		fmt.Fprintf(w, "%s: %s in %s, %s in %s. %s\n  %s, read %s\n", c.After.Name(), c.Before.Status, from, c.After.Status, to, c.After.Says, c.After.Source, c.After.Read)
	}
}

// sentence begins with a capital.
func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// Proposal writes what a proposal comes to; the page has all of it.
func Proposal(w io.Writer, p *proposal.Proposal) {
	m, what := p.Estimate.Machine, "1 machine"
	if p.Target == catalogue.Kubernetes {
		what = count(p.Estimate.Nodes, "node")
	}
	Fit(w, "target    ", fmt.Sprintf("%s: %s", p.Target, p.Why))
	Fit(w, "size      ", fmt.Sprintf("%s: %s with %d cores and %d GB: %s (AWS), %s (GCP), %s (Azure)", p.Estimate.Size, what, m.Cores, m.Memory, m.AWS, m.GCP, m.Azure))
	for _, f := range p.Needs {
		Fit(w, "exception ", strings.TrimSpace(f.Title+" "+f.Version))
	}
	fmt.Fprintf(w, "open      %s\n", count(len(p.Open), "point"))
}
