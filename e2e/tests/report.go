package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// event is a line of go test -json.
type event struct {
	Time    time.Time
	Action  string
	Package string
	Test    string
	Elapsed float64 // seconds
	Output  string
}

// result is what became of a test.
type result struct {
	name    string
	seconds float64
	why     string // of one that was not run
}

// ran is what became of all tests.
type ran struct {
	passed          int
	subtests        bool // one was run
	failed, skipped []result
	longest         []result
	output          map[string]*strings.Builder // of each package and test, as long as it may be wanted
}

// options say what a report is of.
type options struct {
	all     bool // print all output, and not only that of packages that fail
	subtest bool // a subtest was asked for
}

// report copies the output of tests to out, and says at the end what became of them.
func report(in io.Reader, out io.Writer, o options) error {
	r := ran{output: map[string]*strings.Builder{}}
	for lines := bufio.NewReader(in); ; {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			r.line(out, line, o.all)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	r.end(out)
	switch {
	case len(r.failed) > 0:
		return fmt.Errorf("%d failed", len(r.failed))
	case r.passed+len(r.skipped) == 0:
		return errors.New("no test has such a name; the names: make e2e")
	case o.subtest && !r.subtests && len(r.skipped) == 0:
		return errors.New("no subtest has such a name; the names: make e2e")
	}
	return nil
}

func (r *ran) line(out io.Writer, line []byte, all bool) {
	var e event
	if json.Unmarshal(line, &e) != nil {
		fmt.Fprintf(out, "%s", line) // what is no event, such as an error of go itself
		return
	}
	name := e.Package + " " + e.Test
	switch e.Action {
	case "output", "build-output":
		if all || e.Action == "build-output" {
			fmt.Fprint(out, e.Output)
		}
		if r.output[name] == nil {
			r.output[name] = &strings.Builder{}
		}
		r.output[name].WriteString(e.Output)
	case "pass", "fail", "skip":
		r.result(out, e, all)
		delete(r.output, name)
	}
}

// result counts a test, or prints the line of a package.
func (r *ran) result(out io.Writer, e event, all bool) {
	text := ""
	if b := r.output[e.Package+" "+e.Test]; b != nil {
		text = b.String()
	}
	if e.Action == "fail" && !all {
		fmt.Fprint(out, text)
	}
	if e.Test == "" {
		if e.Action == "fail" {
			r.failed = append(r.failed, result{name: e.Package})
		}
		if !all && e.Action == "pass" {
			fmt.Fprintf(out, "ok    %-60s %6.1f s\n", e.Package, e.Elapsed)
		}
		return
	}
	was := result{name: e.Test, seconds: e.Elapsed}
	switch e.Action {
	case "pass":
		r.passed++
	case "fail":
		r.failed = append(r.failed, was)
	case "skip":
		was.why = reason(text)
		r.skipped = append(r.skipped, was)
	}
	if strings.Contains(e.Test, "/") {
		r.subtests = true
	} else {
		r.longest = append(r.longest, was)
	}
}

// reason is why a test was skipped: the last line that it printed before go's own.
func reason(output string) string {
	why := ""
	for line := range strings.Lines(output) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") {
			if _, after, found := strings.Cut(line, ".go:"); found {
				_, line, _ = strings.Cut(after, ": ")
			}
			why = line
		}
	}
	return why
}

// slow is how long a test takes that is named at the end.
const slow = 5 // seconds

func (r *ran) end(out io.Writer) {
	slices.SortStableFunc(r.longest, func(a, b result) int { return int(1000 * (b.seconds - a.seconds)) })
	fmt.Fprintln(out)
	for _, t := range r.longest {
		if t.seconds >= slow {
			fmt.Fprintf(out, "TOOK %6.0f s  %s\n", t.seconds, t.name)
		}
	}
	r.notRun(out)
	for _, t := range r.failed {
		fmt.Fprintf(out, "FAILED  %s\n", t.name)
	}
	fmt.Fprintf(out, "passed: %d, failed: %d, not run: %d\n", r.passed, len(r.failed), len(r.skipped))
}

// notRun names the tests that were not run, those with the same reason together.
func (r *ran) notRun(out io.Writer) {
	var reasons []string
	names := map[string][]string{}
	for _, t := range r.skipped {
		if names[t.why] == nil {
			reasons = append(reasons, t.why)
		}
		names[t.why] = append(names[t.why], t.name)
	}
	for _, why := range reasons {
		n := names[why]
		if len(n) > few {
			n = append(n[:few:few], fmt.Sprintf("and %d more", len(n)-few))
		}
		fmt.Fprintf(out, "NOT RUN  %s: %s\n", strings.Join(n, ", "), why)
	}
}

// few is how many names of tests stand in a line.
const few = 3
