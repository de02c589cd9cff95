package issue

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/report"
)

const installation = "0123456789abcdef0123456789abcdef"

var whole = Issue{Source: "https://github.com/example/deploy/issues/7", Title: "Migration stops", Opened: "2026-07-01", Closed: "2026-07-03", During: Upgrade, Use: report.Production, Target: catalogue.Kubernetes,
	Installation: installation, Release: "7.5.4453", Stage: "migrate", Codes: []string{"BERTH2101", "BERTH3705"}, Cause: "database", Hours: 2.5}

// TestCSV: what is written is read again as it was, also a title that a spreadsheet would take for a formula.
func TestCSV(t *testing.T) {
	formula := Issue{Source: "csv 1", Title: `=HYPERLINK("x"), and a quote'`, Opened: "2026-01-01"}
	var out strings.Builder
	if err := WriteCSV(&out, []Issue{whole, formula}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "\n=") || strings.Contains(out.String(), `,"=`) || !IsCSV([]byte(out.String())) {
		t.Errorf("%s", out.String())
	}
	log := FromCSV("a.csv", strings.NewReader(out.String()))
	if diff := cmp.Diff([]Issue{whole, formula}, log.Issues); diff != "" || len(log.Problems) > 0 {
		t.Errorf("%v\n%s", log.Problems, diff)
	}
}

// TestSpreadsheet is a file of somebody's own: another order, other columns, a mark of the program, no source, and lines that are wrong.
func TestSpreadsheet(t *testing.T) {
	text := "\ufeffOpened,Title,Owner,Codes,Hours\n2026-07-01,First,jo,\"BERTH3705, BERTH2101\",3\n2026-13-01,Second,,,\n2026-07-02,,,,x\n2026-07-03,Third\n"
	if !IsCSV([]byte(text)) || IsCSV([]byte(`{"title": 1, "opened": 2}`)) || IsCSV([]byte("opened\n")) {
		t.Error("the form of a file is not seen")
	}
	log := FromCSV("own.csv", strings.NewReader(text))
	var said []string
	for _, p := range log.Problems {
		said = append(said, p.Subject+": "+p.Summary)
	}
	want := []string{`own.csv: the column "owner" is not read`, `own.csv, line 3: opened is not a day: "2026-13-01"`, `own.csv, line 4: title is missing`, `own.csv, line 4: hours can't be "x"`}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Error(diff)
	}
	if len(log.Issues) != 2 || log.Refused != 2 || log.Issues[0].Codes[1] != "BERTH3705" || log.Issues[0].Source == log.Issues[1].Source {
		t.Errorf("%+v", log)
	}
	if again := FromCSV("own.csv", strings.NewReader(text)); !cmp.Equal(again.Issues, log.Issues) {
		t.Error("the same file gives other issues")
	}
	for _, broken := range []string{"", "title,opened\n\"a,2026-01-01\n"} {
		if log := FromCSV("own.csv", strings.NewReader(broken)); log.Refused != 1 || log.Problems[0].Code != "BERTH4931" {
			t.Errorf("%q: %+v", broken, log)
		}
	}
}

// TestGitHub reads what the API and the gh program write, with values in labels, in lines, and below headings of an issue form.
func TestGitHub(t *testing.T) {
	api := `[{"url": "https://api.github.com/repos/example/deploy/issues/7", "html_url": "https://github.com/example/deploy/issues/7", "title": " Migration\nstops ", "created_at": "2026-07-01T23:30:00Z",
		"closed_at": "2026-07-03T00:00:00Z", "user": {"login": "jo"}, "labels": [{"name": "cause/database"}, {"name": "Stage: migrate"}, {"name": "upgrade"}, {"name": "production"}],
		"body": "It says BERTH3705 and (BERTH2101), twice BERTH3705.\r\n\r\n**Release:** 7.5.4453\r\n- target: kubernetes\r\n### Installation\r\n\r\n` + installation + `\r\n\r\n### Hours\r\n2.5\r\n"},
		{"html_url": "https://github.com/example/deploy/pull/8", "pull_request": {}}]`
	log := FromGitHub("api.json", strings.NewReader(api))
	if diff := cmp.Diff([]Issue{whole}, log.Issues); diff != "" || len(log.Problems) > 0 || log.Skipped != 1 {
		t.Errorf("%v %s", log.Problems, diff)
	}
	gh := `[{"url": "https://github.com/example/deploy/issues/9", "title": "Slow", "createdAt": "2026-07-01T08:00:00Z", "closedAt": null, "body": "Release: the newest one\n### Cause\n\n_No response_\n"},
		{"title": "", "createdAt": "2026-07-01T08:00:00Z"}]`
	log = FromGitHub("gh.json", strings.NewReader(gh))
	if diff := cmp.Diff([]Issue{{Source: "https://github.com/example/deploy/issues/9", Title: "Slow", Opened: "2026-07-01"}}, log.Issues); diff != "" {
		t.Error(diff)
	}
	if first := log.Problems[0]; log.Refused != 1 || first.Severity != diag.Warning || !strings.Contains(first.Summary, "the newest one") {
		t.Errorf("%+v", log.Problems)
	}
	if log := FromGitHub("x", strings.NewReader(`[{"title": 3}]`)); log.Refused != 1 || log.Problems[0].Code != "BERTH4931" {
		t.Errorf("%+v", log)
	}
}

// TestOrder: an end before its beginning is a mistake.
func TestOrder(t *testing.T) {
	values := map[string]string{"title": "x", "opened": "2026-07-02", "closed": "2026-07-01"}
	if _, problems := Read("issue", func(key string) string { return values[key] }); !problems.Failed() || !strings.Contains(problems[0].Summary, "2026-07-01") {
		t.Errorf("%v", problems)
	}
}
