package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"berth/internal/hq/issue"
	"berth/internal/hq/store/pgtest"
)

var jo = By{Name: "jo", At: now}

// TestIssues: an issue that is imported once more is the same one, what people added stays, and each change is in the audit log.
func TestIssues(t *testing.T) {
	s := open(t, pgtest.Start(t).Database(t), -1)
	log := func(want Logged, all ...issue.Issue) {
		t.Helper()
		got, err := s.LogIssues(t.Context(), jo, all...)
		if err != nil || got != want {
			t.Errorf("%+v %v, want %+v", got, err, want)
		}
	}
	first := issue.Issue{Source: "https://github.com/example/deploy/issues/7", Title: "Stops", Opened: "2026-07-01"}
	other := issue.Issue{Source: "csv 1", Title: "Slow", Opened: "2026-07-02"}
	own := issue.Issue{Title: "Entered", Opened: "2026-07-03", Codes: []string{"BERTH3705"}, Hours: 1.5}
	log(Logged{Added: 3}, first, other, own)
	log(Logged{Same: 2}, other, first)
	log(Logged{Added: 1}, own) // two people may see the same
	edited := first
	edited.Number, edited.Cause = 1, "database"
	if err := s.EditIssue(t.Context(), jo, edited); err != nil {
		t.Fatal(err)
	}
	first.Closed = "2026-07-09"
	log(Logged{Changed: 1}, first)
	edited.Closed = first.Closed
	if got, err := s.Issue(t.Context(), 1); err != nil || !cmp.Equal(*got, edited) {
		t.Errorf("%v %s", err, cmp.Diff(edited, *got))
	}
	if err := s.RemoveIssue(t.Context(), jo, 2); err != nil {
		t.Fatal(err)
	}
	if code(s.RemoveIssue(t.Context(), jo, 2)) != "BERTH4932" || code(s.EditIssue(t.Context(), jo, issue.Issue{Number: 99})) != "BERTH4932" {
		t.Error("an issue that is not there was changed")
	}
	if got := fleetOf(t, s).Issues; len(got) != 3 || got[1].Codes[0] != "BERTH3705" {
		t.Errorf("%+v", got)
	}
	var did []string
	entries, err := s.Audit(t.Context(), 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		did = append(did, e.Person+" "+e.Did+" "+e.Subject)
	}
	want := []string{"jo removed an issue 2", "jo logged issues 1", "jo edited an issue 1", "jo logged issues 6", "jo logged issues 1 2 3"}
	if diff := cmp.Diff(want, did); diff != "" { // a number that was tried in vain is not used again
		t.Error(diff)
	}
	if older, err := s.Audit(t.Context(), entries[1].Number, 2); err != nil || len(older) != 2 || older[0].Did != "edited an issue" {
		t.Errorf("%+v %v", older, err)
	}
}

// TestRolesGoBack: a schema that knows two roles makes readers of the others.
func TestRolesGoBack(t *testing.T) {
	s := open(t, pgtest.Start(t).Database(t), -1)
	for _, role := range Roles() {
		if _, err := s.AddPerson(t.Context(), jo, "a-"+string(role), role); err != nil {
			t.Fatal(err)
		}
	}
	migrate(t, s, 2)
	migrate(t, s, -1)
	people, err := s.People(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range people {
		if want := p.Name == "a-admin"; (p.Role == Admin) != want || !want && p.Role != Reader {
			t.Errorf("%s is %s", p.Name, p.Role)
		}
	}
}
