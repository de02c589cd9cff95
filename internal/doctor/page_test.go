package doctor

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/diag"
)

var update = flag.Bool("update", false, "write the generated documents")

// TestPages holds docs/doctor.md and docs/troubleshooting.md against the list of checks.
func TestPages(t *testing.T) {
	const reliability = "../../docs/reliability.md"
	for file, want := range map[string]string{"../../docs/doctor.md": doctorPage(t, read(t, "testdata/doctor.md")), "../../docs/troubleshooting.md": symptomPage(), reliability: withCounts(t, read(t, reliability))} {
		if *update {
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got := read(t, file); got != want {
			t.Errorf("%s is stale; run: make gen", file)
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil && !*update {
		t.Fatal(err)
	}
	return string(text)
}

// areas are the parts of docs/doctor.md.
var areas = []struct {
	title  string
	checks []*Check
}{
	{"Config, host and cluster", placeChecks}, {"Services", serviceChecks}, {"Figures of Prometheus", figureChecks}, {"Disks", volumeChecks}, {"Databases", databaseChecks}, {"Redis", redisChecks}, {"Object storage", objectChecks},
	{"Lines of logs", logChecks}, {"What people see", frontChecks}, {"Runs of berth", runChecks},
}

// doctorPage is what was written by hand, with each check below it.
func doctorPage(t *testing.T, head string) string {
	var b strings.Builder
	b.WriteString(head)
	n := 0
	for _, a := range areas {
		fmt.Fprintf(&b, "\n## %s\n", a.title)
		for _, c := range a.checks {
			n++
			code, ok := diag.Explain(c.Code)
			if !ok {
				t.Errorf("%s is not explained", c.Code)
			}
			fmt.Fprintf(&b, "\n### %s\n\n**%s.** %s\n\n", c.Code, code.Title, strings.TrimSpace(code.Why))
			looks := "Looks at " + c.Looks
			if pattern, ok := strings.CutPrefix(c.Looks, "lines of logs: "); ok {
				looks = "Looks for this in the last lines of logs: `" + pattern + "`"
			}
			if c.Limit != nil {
				looks += "; " + c.Limit.String()
			}
			if c.Target != "" {
				looks += "; only on " + map[catalogue.Target]string{catalogue.Compose: "Docker Compose", catalogue.Kubernetes: "Kubernetes"}[c.Target]
			}
			if c.Passes != "" {
				looks += "; what it finds has codes `" + c.Passes + "`, see [Codes](codes.md)"
			}
			if c.Named {
				looks += fmt.Sprintf("; only when you name it, because it takes minutes: `berth doctor %s`", c.Code)
			}
			if c.Strict {
				looks += "; can't be muted"
			}
			fmt.Fprintf(&b, "%s.\n\nWhat to do: %s\n", looks, strings.TrimSpace(code.Do))
		}
	}
	if n != len(Checks("")) {
		t.Errorf("the page has %d of %d checks", n, len(Checks("")))
	}
	return b.String()
}

// symptomPage is docs/troubleshooting.md: what people see, and which checks say why.
func symptomPage() string {
	by := map[string][]*Check{}
	for _, c := range Checks("") {
		for _, s := range c.Symptoms {
			by[s] = append(by[s], c)
		}
	}
	var b strings.Builder
	b.WriteString(`# Troubleshooting

<!-- Generated from internal/doctor. Regenerate with: go test ./internal/doctor -update -->

Run ` + "`berth doctor`" + ` first, in the folder of your ` + "`sourcegraph.yaml`" + `: it looks at everything below, names the cause, and says what to do. It changes nothing. See [The doctor](doctor.md).
For what it does not find:

| question | answer |
|---|---|
| The shell says ` + "`berth: command not found`" + ` | [Installing berth](install.md#the-installer) |
| Docker says *permission denied* | [What you need](first-trial.md#what-you-need) |
| ` + "`berth up`" + ` stopped, by an error or by Ctrl-C | type it again: it continues from where it was. Its last lines name the service and the reason |
| A message has a code, such as BERTH1102 | ` + "`berth explain BERTH1102`" + `, or [all codes](codes.md) |
| It worked before a change of the file | ` + "`berth revert`" + ` goes back to the config before |
| It worked before an upgrade | ` + "`berth rollback --plan`" + ` says whether a way back is there and what it costs: [Upgrading](upgrade.md#what-a-rollback-guarantees) |
| Somebody else should look at it | ` + "`berth bundle`" + ` makes an archive without secrets: [Bundles](bundle.md) |

What people see, and what the doctor looks at then:

| what you see | what the doctor looks at |
|---|---|
`)
	for _, s := range slices.Sorted(maps.Keys(by)) {
		var causes []string
		for _, c := range by[s] {
			causes = append(causes, fmt.Sprintf("[%s](doctor.md#%s)", c.Title(), strings.ToLower(c.Code)))
		}
		fmt.Fprintf(&b, "| %s | %s |\n", s, strings.Join(causes, ", "))
	}
	return b.String()
}

// The part of docs/reliability.md that is counted.
const countsBegin, countsEnd = "<!-- counted by: go test ./internal/doctor -update -->\n", "<!-- end of what is counted -->\n"

// withCounts is a page with how many faults the doctor finds in evidence, as TestFaults and TestLines inject them, and how often it is wrong on what is well.
func withCounts(t *testing.T, page string) string {
	before, rest, begins := strings.Cut(page, countsBegin)
	_, after, ends := strings.Cut(rest, countsEnd)
	if !begins || !ends {
		t.Fatal("the page has no place for counts")
	}
	found, first, alone := 0, 0, 0
	for _, f := range faults {
		e := healthy(catalogue.Compose)
		f.inject(e)
		switch r := Examine(e, Request{}); {
		case len(r.Findings) == 0:
		case r.Findings[0].Problem.Code == f.first && len(r.Findings) == 1+len(f.others):
			alone++
			fallthrough
		case r.Findings[0].Problem.Code == f.first:
			first++
			fallthrough
		default:
			found++
		}
	}
	lined := 0
	for code, of := range lines {
		e := healthy(catalogue.Compose)
		e.says(of[0], of[1])
		if r := Examine(e, Request{Only: []string{code}}); len(r.Findings) == 1 {
			lined++
		}
	}
	wrong := len(Examine(healthy(catalogue.Compose), Request{}).Findings) + len(Examine(healthy(catalogue.Kubernetes), Request{}).Findings)
	return before + countsBegin + fmt.Sprintf("| injected into evidence | found | cause named first | and no other cause |\n|---|---|---|---|\n| %d faults | %d | %d | %d |\n| %d lines of logs | %d | | |\n| none, on each target | %d | | |\n",
		len(faults), found, first, alone, len(lines), lined, wrong) + countsEnd + after
}
