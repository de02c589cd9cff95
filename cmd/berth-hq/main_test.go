package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/catalogue"
	"berth/internal/hq/fleet"
	"berth/internal/hq/store/pgtest"
	"berth/internal/report"
)

// now is the day of these tests.
var now = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// admin types commands.
type admin struct {
	t       *testing.T
	address string
}

func (a admin) types(input string, code int, args ...string) (stdout, stderr string) {
	a.t.Helper()
	return a.typesAt(0, input, code, args...)
}

// typesAt types a command so many days later.
func (a admin) typesAt(days int, input string, code int, args ...string) (stdout, stderr string) {
	a.t.Helper()
	var out, errs bytes.Buffer
	e := &env{strings.NewReader(input), &out, &errs, func(name string) string {
		if name == "BERTH_HQ_DATABASE" {
			return a.address
		}
		return ""
	}, func() time.Time { return now.AddDate(0, 0, days) }}
	if got := run(a.t.Context(), e, args); got != code {
		a.t.Fatalf("berth-hq %s: exit code %d, want %d\n%s\n%s", strings.Join(args, " "), got, code, out.String(), errs.String())
	}
	return out.String(), errs.String()
}

func contains(t *testing.T, text string, all ...string) {
	t.Helper()
	for _, part := range all {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in:\n%s", part, text)
		}
	}
}

// TestLife is a database from its beginning to its end, in the wrong order first.
func TestLife(t *testing.T) {
	a := admin{t, "postgres:///hq?host=" + t.TempDir()}
	_, errs := a.types("", 1, "migrate")
	contains(t, errs, "BERTH4920", "set BERTH_HQ_DATABASE")
	a.address = pgtest.Start(t).Create(t, "createdb", "hq")
	_, errs = a.types("", 1, "export")
	contains(t, errs, "BERTH4921", "then: berth-hq migrate")
	a.types("", 0, "migrate")
	a.types("", 0, "migrate")

	reports, _ := a.types("", 0, "simulate", "--installations", "30", "--months", "6")
	out, _ := a.types(reports, 0, "import", "-")
	contains(t, out, " 0 refused")
	file := filepath.Join(t.TempDir(), "reports.json")
	if err := os.WriteFile(file, []byte(reports), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _ = a.types("", 0, "import", "--json", file)
	var i Imported
	if err := json.Unmarshal([]byte(out), &i); err != nil || i.Taken != 0 || i.Known != strings.Count(reports, "\n") {
		t.Errorf("%v %s", err, out)
	}

	issues := filepath.Join(t.TempDir(), "issues.csv")
	a.types("", 0, "simulate", "--installations", "30", "--months", "6", "--issues", issues)
	out, _ = a.types("", 0, "import", issues)
	contains(t, out, "issues: ", " added, 0 changed, 0 as before, 0 refused")
	out, _ = a.types("", 0, "import", issues)
	contains(t, out, "issues: 0 added, 0 changed,")
	if strings.Contains(out, "reports") {
		t.Error(out)
	}
	out, errs = a.types(`[{"title": "Slow", "html_url": "https://github.com/example/deploy/issues/1", "created_at": "2026-11-01T00:00:00Z"}, {"title": "x"}]`, 3, "import", "-")
	contains(t, out, "issues: 1 added, 0 changed, 0 as before, 1 refused")
	contains(t, errs, "-, issue 2", "BERTH4930")
	log, _ := a.types("", 0, "issues", "--csv")
	out, _ = a.types(log, 0, "import", "-")
	contains(t, out, "issues: 0 added, 0 changed,")
	out, _ = a.types("", 0, "export", "causes", "--csv")
	contains(t, out, "cause,issues,share,hours", "database,")

	request := "id: podman\nsubject: podman\nreleases: \">=7.0 <8.0\"\nwhat: run on Podman\nwhy: no Docker\nrisk: nobody tested it\naskedBy: jo\naskedOn: \"2026-11-01\"\nexpires: \"2027-06-30\"\nservices: no\nmerged: no\nvalue: a renewal\nfit: no\n"
	out, _ = a.types(request, 0, "import", "-")
	contains(t, out, "requests for exceptions: 1 added, 0 refused")
	out, errs = a.types(request, 3, "import", "-")
	contains(t, out, "0 added, 1 refused")
	contains(t, errs, "BERTH4940", "a request of this name exists already")
	out, _ = a.types("", 0, "exceptions", "--csv")
	contains(t, out, "1,podman,podman,>=7.0 <8.0,asked,2026-11-01,2027-06-30,0,\"engineering, product, support, services\"")
	out, _ = a.types("", 0, "export", "exceptions", "--csv")
	contains(t, out, "podman,1,1,0,0,0,0,0")

	_, errs = a.types("", 1, "options")
	contains(t, errs, "BERTH4952", "then: berth-hq import options.yaml")
	sheet, _ := a.types("", 0, "options", "--example")
	out, _ = a.types(sheet, 0, "import", "-")
	contains(t, out, "sheet of options: kept")
	out, errs = a.types(strings.Replace(sheet, "score: 5", "score: 7", 1), 3, "import", "-")
	contains(t, out, "sheet of options: refused")
	contains(t, errs, "BERTH4950", "a score is from 0 to 5")
	if again, _ := a.types("", 0, "options", "--sheet"); again != sheet {
		t.Error("the sheet is not as it was written")
	}
	out, _ = a.types("", 0, "options")
	contains(t, out, `"version": 1`, "stays first unless Cost of support weighs more than 0.56")
	out, _ = a.types("", 0, "options", "--csv")
	contains(t, out, "compose,Docker Compose on one machine,3.40,supported,true")
	out, _ = a.types("", 0, "options", "--record")
	contains(t, out, "stage: end of life", "2026-02-25", "wayOff:")

	out, _ = a.types("", 0, "digest", "--day", "2026-11-20")
	contains(t, out, "# Week to 2026-11-20", "- **Installations that leave support.** 8.0 is expected on", "## Issues of this week: ", "- podman waits for the votes of")
	a.types("", 1, "digest", "--day", "soon")

	first, _, _ := strings.Cut(reports, "\n")
	forged := strings.Replace(first, `"postgres":16`, `"postgres":12`, 1)
	out, errs = a.types(first+forged+`{"report": 1}`+`{"cut":`, 3, "import", "-")
	contains(t, out, "0 reports imported, 1 known already, 3 refused")
	contains(t, errs, "-, report 2", "BERTH4912", "-, report 3", "-, after report 3", "BERTH4911")

	hostile := ""
	for _, start := range []report.Start{{Began: now, FirstSearch: -1}, {Began: now, FirstSearch: math.MaxInt64}, {Began: now.AddDate(0, 0, 9)}} {
		key := report.NewKey("hostile")
		signed, err := key.Sign(&report.Report{Version: 1, Installation: key.Installation(), Made: now, Berth: "0.4.0", Target: catalogue.Compose, Start: &start})
		if err != nil {
			t.Fatal(err)
		}
		text, err := signed.Text()
		if err != nil {
			t.Fatal(err)
		}
		hostile += string(text)
	}
	out, errs = a.types(hostile, 3, "import", "-")
	contains(t, out, "0 reports imported, 0 known already, 3 refused")
	contains(t, errs, "BERTH4916", "start has an invalid value")

	out, _ = a.types("", 0, "export")
	var all []fleet.Figure
	if err := json.Unmarshal([]byte(out), &all); err != nil || len(all) != len(fleet.IDs()) {
		t.Errorf("%v: %d figures", err, len(all))
	}
	out, _ = a.types("", 0, "export", "refused", "--csv")
	contains(t, out, "BERTH4911,Not a report,1", "BERTH4912,Report's signature does not match,2", "BERTH4916,", ",3\n")
	whole, _ := a.types("", 0, "export", "behind", "--csv")
	some, _ := a.types("", 0, "export", "behind", "--csv", "--target", "kubernetes", "--day", "2026-09-01")
	if whole == some {
		t.Error("the filter changes nothing")
	}
	out, _ = a.types("", 0, "export", "behind", "--csv", "--row", "0")
	lines, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || len(lines) < 2 || lines[0][0] != "installation" {
		t.Errorf("%v\n%s", err, out)
	}
	for _, wrong := range [][]string{{"export", "nothing"}, {"export", "behind", "--row", "9"}, {"export", "--day", "soon"}, {"simulate", "--months", "99"}, {"import"}, {"import", "nofile"}} {
		a.types("", 1, wrong...)
	}

	for _, wrong := range [][]string{{"--oidc-issuer", "http://id.example.com"}, {"--oidc-client", "hq"}, {"--oidc-issuer", "https://id.example.com", "--oidc-client", "hq"}} {
		_, errs = a.types("", 1, append([]string{"serve"}, wrong...)...)
		contains(t, errs, "BERTH4927")
	}

	_, errs = a.types("", 1, "migrate", "--to", "0")
	contains(t, errs, "BERTH4922", "would delete people and their sessions", "berth-hq migrate --to 0 --yes")
	a.types("", 0, "export")
	a.types("", 0, "migrate", "--to", "0", "--yes")
	a.types("", 1, "export")
}
