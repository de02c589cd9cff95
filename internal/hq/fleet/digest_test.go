package fleet

import (
	"fmt"
	"strings"
	"testing"

	"berth/catalogue"
	"berth/internal/exception"
	"berth/internal/hq/issue"
	"berth/internal/hq/review"
	"berth/internal/report"
)

// TestForecast has one installation for each prospect. 6.0 came out on 2025-01-29, and 7.0 on the day that the catalogue says; so the next one is as far away.
func TestForecast(t *testing.T) {
	f := fleetOf("2026-11-20", Facts{Release: "5.11.0"}, Facts{Release: "6.12.5040"}, Facts{Release: "6.12.5040"}, Facts{Release: "6.12.5040"}, Facts{Release: "7.5.4453"}, Facts{Release: report.Other})
	for n := range f.Installations {
		f.Installations[n].Stays[0].Said.Target = catalogue.Compose
	}
	// b stands still, c began lately, d was at 6.9 half a year ago and is now one step away.
	for n, was := range map[int]string{1: "6.12.5040", 3: "6.9.0"} {
		i := &f.Installations[n]
		i.Stays = append([]Stay{{at("2026-06-01"), at("2026-06-20"), &Facts{Release: was, Target: catalogue.Compose}}}, i.Stays...)
	}
	q := Query{Day: at("2026-11-20"), Months: 12}
	got, _ := f.Figure("forecast", q)
	for n, name := range []string{"a", "b", "c", "d", "e", "f"} {
		if row := got.Rows[n]; row.Cells[1] != 1 || row.List().Rows[0].Key != name {
			t.Errorf("%v: %+v", row.Cells, row.List().Rows)
		}
	}
	if cell := got.Rows[1].List().Rows[0].Cells[6]; cell != "never" {
		t.Error(cell)
	}
	if !strings.Contains(got.Headline, "8.0 is expected on 2027-") || !strings.Contains(got.Headline, "1 installation leaves support then; out of it now: 1.") {
		t.Error(got.Headline)
	}
	if only, _ := (&Fleet{Releases: f.Releases[len(f.Releases)-3:]}).Figure("forecast", q); only.Headline != "There is no major release to forecast from." {
		t.Error(only.Headline)
	}
}

// TestDigest: a week has its figures beside those before, its issues, and the exceptions that wait; what people wrote stays text.
func TestDigest(t *testing.T) {
	f := fleetOf("2026-11-20", Facts{Release: "7.5.4453", Target: catalogue.Compose, Use: report.Production})
	f.Record = catalogue.Embedded().SupportRecord()
	f.Issues = []issue.Issue{{Number: 1, Title: "Old", Opened: "2026-11-01", Cause: "defect"}, {Number: 2, Title: "<b>*New*</b>", Opened: "2026-11-20", Cause: "network", Codes: []string{"BERTH3705"}}}
	asked := exception.Exception{ID: "podman", Subject: "podman", AskedOn: "2026-11-02", Expires: "2027-01-01"}
	decided := asked
	decided.ID, decided.Decision = "helm", &exception.Decision{By: "ann", On: "2026-11-03"}
	f.Requests = []review.Request{{Number: 1, Exception: asked, By: "jo"}, {Number: 2, Exception: decided, By: "jo", Owner: "al"}}
	text := f.Digest(Query{Day: at("2026-11-22"), Months: 12})
	for _, part := range []string{"# Week to 2026-11-22\n", "- **Releases over time.** 1 active installation, 1 release. *The week before:* 0 active installations, 0 releases.\n",
		"## Issues of this week: 1\n\n- 2: \\<b\\>\\*New\\*\\</b\\>, network, BERTH3705\n", "- podman waits for the votes of engineering, product, support, services (owner: jo)\n", "- helm waits for a signature (owner: al)\n"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in:\n%s", part, text)
		}
	}
	for _, id := range IDs() {
		figure, _ := f.Figure(id, Query{Day: at("2026-11-22"), Months: 12})
		if !strings.Contains(text, fmt.Sprintf("- **%s.** ", figure.Title)) {
			t.Errorf("%s is left out", id)
		}
	}
}
