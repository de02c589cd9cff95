package view

import (
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"berth/internal/diag"
	"berth/internal/doctor"
)

// codeAt is the column of codes, as in diag.
const codeAt = 79

// Doctor writes what the doctor says: first the one thing to do, then each cause with what follows from it, then what it could not look at.
func Doctor(w io.Writer, r *doctor.Report) {
	if r.Do != "" {
		fmt.Fprintf(w, "first     %s\n\n", r.Do)
	}
	muted := 0
	for _, f := range r.Findings {
		if f.Muted != nil {
			muted++
			continue
		}
		diagnosed(w, f, 0)
		fmt.Fprintln(w)
	}
	for _, f := range r.All() {
		if f.Muted != nil {
			fmt.Fprintf(w, "muted     %s %s: %s, until the end of %s\n", f.Problem.Code, f.Problem.Subject, f.Muted.Reason, f.Muted.Until.Add(-1).Format("2006-01-02"))
		}
	}
	unseen(w, r)
	excepted(w, r)
	fmt.Fprintf(w, "%s: %d passed", count(len(r.Checks), "check"), r.Count(doctor.Pass))
	for _, v := range []struct {
		verdict doctor.Verdict
		words   string
	}{{doctor.Warn, "with warnings"}, {doctor.Fail, "failed"}, {doctor.Unknown, "could not run"}} {
		if n := r.Count(v.verdict); n > 0 {
			fmt.Fprintf(w, ", %d %s", n, v.words)
		}
	}
	if r.Milliseconds > 0 {
		fmt.Fprintf(w, "; in %.1f s", float64(r.Milliseconds)/1000)
	}
	if len(r.Did) == 0 {
		fmt.Fprint(w, "; nothing was changed")
	}
	fmt.Fprintln(w)
}

// diagnosed writes one finding, and what follows from it below.
func diagnosed(w io.Writer, f *doctor.Finding, depth int) {
	p, margin := f.Problem.Shown(), strings.Repeat("  ", depth)
	word := "fail"
	if p.Severity == "warning" {
		word = "warn"
	}
	where := p.Subject
	if p.Range.File != "" {
		where = fmt.Sprintf("%s:%d", p.Range.File, p.Range.Line)
	}
	line := margin + word + "  " + where + ": " + p.Summary
	if where == "" {
		line = margin + word + "  " + p.Summary
	}
	fmt.Fprintf(w, "%s%s%s\n", line, strings.Repeat(" ", max(codeAt-utf8.RuneCountInString(line), 2)), p.Code)
	for _, d := range p.Detail {
		fmt.Fprintf(w, "%s      | %s\n", margin, d)
	}
	if depth == 0 && p.Hint != "" {
		fmt.Fprintf(w, "%s      %s\n", margin, p.Hint)
	}
	if len(f.Follows) > 0 {
		fmt.Fprintf(w, "%s      as a result:\n", margin)
	}
	for _, below := range f.Follows {
		diagnosed(w, below, depth+3)
	}
}

// unseen writes what could not be looked at, by the reason.
func unseen(w io.Writer, r *doctor.Report) {
	by := map[string][]string{}
	for _, c := range r.Checks {
		if c.Verdict == doctor.Unknown {
			by[c.Why] = append(by[c.Why], c.Code)
		}
	}
	for _, why := range slices.Sorted(maps.Keys(by)) {
		codes := by[why]
		text := strings.Join(codes, ", ")
		if len(codes) > 3 {
			text = fmt.Sprintf("%s and %d more", strings.Join(codes[:2], ", "), len(codes)-2)
		}
		fmt.Fprintf(w, "unseen    %s: %s\n", text, why)
	}
}

// excepted counts the exceptions from the support record.
func excepted(w io.Writer, r *doctor.Report) {
	all, parts := 0, []string(nil)
	for _, status := range slices.Sorted(maps.Keys(r.Exceptions)) {
		all += r.Exceptions[status]
		parts = append(parts, fmt.Sprintf("%d %s", r.Exceptions[status], status))
	}
	if all > 0 {
		fmt.Fprintf(w, "support   %s from the support record: %s; list them: berth exception list\n", count(all, "exception"), strings.Join(parts, ", "))
	}
}

// Remedies says what berth doctor --fix would do; nothing where it would do nothing.
func Remedies(w io.Writer, r *doctor.Report) {
	for _, by := range doctor.Remedies {
		if causes := r.Fixable(by); len(causes) > 0 {
			fmt.Fprintf(w, "fix       berth doctor --fix %s: %s\n", remedies[by], subjects(causes))
		}
	}
}

// Remedy says what is done about causes; its plan follows.
func Remedy(w io.Writer, by doctor.Remedy, causes []*doctor.Finding) {
	fmt.Fprintf(w, "\nfix       %s: %s\n\n", remedies[by], subjects(causes))
}

// Unfixable says that there is nothing that berth does by itself.
func Unfixable(w io.Writer, r *doctor.Report) {
	if r.Count(doctor.Warn)+r.Count(doctor.Fail) == 0 {
		fmt.Fprintln(w, "fix       nothing is wrong")
		return
	}
	fmt.Fprintln(w, "fix       berth can't fix these safely; each finding says what to do")
	for _, f := range r.Findings {
		if f.Muted == nil && f.Left != "" {
			fmt.Fprintf(w, "left      %s %s: %s\n", f.Problem.Code, f.Problem.Subject, f.Left)
		}
	}
}

// remedies says in words what is done.
var remedies = map[doctor.Remedy]string{doctor.Resume: "continues the repair that was stopped", doctor.Repair: "repairs the database while people work", doctor.Rebuild: "builds indexes again while Sourcegraph is stopped", doctor.Restart: "restarts what hangs", doctor.Deploy: "brings back what is missing, stopped or not ready"}

// subjects are what causes are about.
func subjects(causes []*doctor.Finding) string {
	var names []string
	for _, f := range causes {
		if !slices.Contains(names, f.Problem.Subject) {
			names = append(names, f.Problem.Subject)
		}
	}
	return diag.Listed(names, "and")
}

// Doctors are the formats that only reports of the doctor have.
var Doctors = []Format{JUnit, Prometheus}

// The formats of the doctor's reports for other programs.
const (
	JUnit      Format = "junit"      // a suite of tests, for CI
	Prometheus Format = "prometheus" // lines for node_exporter's folder of text files
)

// DoctorAs writes a report in one of these formats.
func DoctorAs(w io.Writer, r *doctor.Report, as Format) error {
	if as == JUnit {
		return junit(w, r)
	}
	return prometheus(w, r)
}

type suite struct {
	XMLName  xml.Name `xml:"testsuite"`
	Name     string   `xml:"name,attr"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Skipped  int      `xml:"skipped,attr"`
	Time     string   `xml:"time,attr"`
	At       string   `xml:"timestamp,attr"`
	Cases    []testcase
}

type testcase struct {
	XMLName xml.Name `xml:"testcase"`
	Name    string   `xml:"name,attr"`
	Class   string   `xml:"classname,attr"`
	Failure *outcome `xml:"failure"`
	Skipped *outcome `xml:"skipped"`
	Out     string   `xml:"system-out,omitempty"`
}

type outcome struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// junit writes each check as a test: a warning is one that passes, with its text.
//
// Source: https://github.com/testmoapp/junitxml
func junit(w io.Writer, r *doctor.Report) error {
	s := suite{Name: "berth doctor " + r.Installation, Tests: len(r.Checks), Failures: r.Count(doctor.Fail), Skipped: r.Count(doctor.Unknown),
		Time: fmt.Sprintf("%.3f", float64(r.Milliseconds)/1000), At: r.Taken.UTC().Format("2006-01-02T15:04:05")}
	for _, c := range r.Checks {
		one := testcase{Name: c.Code + " " + c.Title, Class: "berth.doctor"}
		var texts []string
		for _, f := range r.All() {
			if f.Check == c.Code && f.Muted == nil {
				p := f.Problem.Shown()
				texts = append(texts, fmt.Sprintf("%s %s: %s\n%s", p.Code, p.Subject, p.Summary, p.Hint))
			}
		}
		text := strings.Join(texts, "\n\n")
		switch c.Verdict {
		case doctor.Fail:
			first, _, _ := strings.Cut(text, "\n")
			one.Failure = &outcome{Message: first, Text: text}
		case doctor.Unknown:
			one.Skipped = &outcome{Message: c.Why}
		default:
			one.Out = text
		}
		s.Cases = append(s.Cases, one)
	}
	text, err := xml.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, text)
	return err
}

// prometheus writes the verdict of each check as a number: 0 pass, 1 warn, 2 fail, -1 could not run.
//
// Source: https://prometheus.io/docs/instrumenting/exposition_formats/
func prometheus(w io.Writer, r *doctor.Report) error {
	values := map[doctor.Verdict]int{doctor.Pass: 0, doctor.Warn: 1, doctor.Fail: 2, doctor.Unknown: -1}
	var b strings.Builder
	label := strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
	b.WriteString("# HELP berth_doctor_check The result of a check: 0 pass, 1 warn, 2 fail, -1 could not run.\n# TYPE berth_doctor_check gauge\n")
	for _, c := range r.Checks {
		fmt.Fprintf(&b, "berth_doctor_check{installation=\"%s\",code=\"%s\",title=\"%s\"} %d\n", label.Replace(r.Installation), c.Code, label.Replace(c.Title), values[c.Verdict])
	}
	b.WriteString("# HELP berth_doctor_finding A problem that the doctor found; cause says whether no other finding explains it.\n# TYPE berth_doctor_finding gauge\n")
	causes := map[*doctor.Finding]bool{}
	for _, f := range r.Findings {
		causes[f] = true
	}
	seen := map[string]bool{}
	for _, f := range r.All() {
		line := fmt.Sprintf("berth_doctor_finding{installation=\"%s\",code=\"%s\",subject=\"%s\",severity=\"%s\",muted=\"%t\",cause=\"%t\"} 1\n", label.Replace(r.Installation),
			f.Problem.Code, label.Replace(f.Problem.Shown().Subject), f.Problem.Severity, f.Muted != nil, causes[f])
		if !seen[line] {
			b.WriteString(line)
		}
		seen[line] = true
	}
	fmt.Fprintf(&b, "# HELP berth_doctor_time_seconds When the doctor ran.\n# TYPE berth_doctor_time_seconds gauge\nberth_doctor_time_seconds{installation=\"%s\"} %d\n", label.Replace(r.Installation), r.Taken.Unix())
	_, err := io.WriteString(w, b.String())
	return err
}
