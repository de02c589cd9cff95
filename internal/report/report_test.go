package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"berth/catalogue"
	backups "berth/internal/backup/stages"
	"berth/internal/diag"
	"berth/internal/doctor"
	"berth/internal/exception"
	"berth/internal/plan"
	"berth/internal/state"
	"berth/internal/upgrade/stages"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the report of form 1 again")

var now = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// planted stands everywhere in the facts where a text of somebody's may be.
const planted = "planted"

// facts are those of an installation that has planted names wherever there can be any.
func facts(installation string) Facts {
	problem := diag.Diagnostic{Code: "BERTH3733", Severity: diag.Error, Summary: planted, Detail: []string{planted}, Hint: planted, Subject: planted,
		Range: diag.Range{File: planted, Excerpt: planted}}
	odd := problem
	odd.Code = planted
	upgrade := &plan.Plan{Action: plan.Upgrade, Installation: planted, Trusted: planted, Backup: planted, Configs: plan.Configs{planted: planted},
		Stages: []plan.Stage{{Name: "check", Text: planted}, {Name: "migrate", Text: planted}, {Name: planted}},
		Steps:  []plan.Step{{ID: 1, Object: planted, Service: planted}, {ID: 2, Stage: 1, Object: planted}, {ID: 3, Stage: 2, Object: planted}}}
	record := func(n int, steps ...state.StepTime) state.Record {
		return state.Record{Number: n, Action: plan.Upgrade, Who: state.Holder{User: planted, Host: planted, Command: planted}, Started: now.Add(-time.Hour),
			Ended: now, Result: state.Failed, From: "7.4.0", Release: "7.5.4453", Config: planted, Plan: upgrade, Steps: steps, Problems: diag.List{problem, odd}}
	}
	done := func(step int) state.StepTime {
		return state.StepTime{Step: step, Done: true, Object: planted, Note: planted, Made: planted}
	}
	fork := record(3)
	fork.From, fork.Release, fork.Plan, fork.Action = planted, planted, nil, plan.Up
	return Facts{Installation: installation, Now: now, Berth: "0.4.0-" + planted, Use: Production, Release: "7.5.4453", Target: catalogue.Compose, Memory: 40 << 30,
		Postgres: 16, External: true, Catalogue: catalogue.Embedded(),
		Records: []state.Record{record(1, done(1)), record(2, done(1), done(2)), fork},
		Doctor: &doctor.Report{Installation: planted, Do: planted, Findings: []*doctor.Finding{
			{Check: "BERTH5001", Service: planted, Problem: diag.Diagnostic{Code: "BERTH5001", Severity: diag.Error, Summary: planted}, Follows: []*doctor.Finding{
				{Problem: diag.Diagnostic{Code: "BERTH5010", Severity: diag.Warning, Detail: []string{planted}}, Muted: &doctor.Mute{Reason: planted}},
				{Problem: odd}}},
			{Problem: diag.Diagnostic{Code: "BERTH5001", Severity: diag.Error, Subject: planted}}}},
		Exceptions: []exception.Standing{
			{Exception: exception.Exception{ID: planted, Subject: "podman", What: planted, Why: planted, AskedBy: planted}, Status: exception.Granted, Signer: planted},
			{Exception: exception.Exception{ID: "b", Subject: planted}, Status: exception.Granted}}}
}

// TestNothingOfPeople: whatever stands in the config, the history and what the doctor finds, no text of it is in the report; what is to be in it, is.
func TestNothingOfPeople(t *testing.T) {
	r := Of(facts("an installation"))
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte(planted)) {
		t.Errorf("a name is in the report:\n%s", text)
	}
	want := &Report{Version: 1, Installation: "an installation", Made: now, Berth: Other, Use: Production, Release: "7.5.4453", Target: catalogue.Compose, Option: "compose",
		Size: "S", Postgres: 16, External: true,
		Doctor: []Found{{Code: "BERTH5001", Severity: diag.Error, Count: 2}, {Code: "BERTH5010", Severity: diag.Warning, Count: 1, Muted: true}},
		Runs: []Run{
			{Number: 1, Action: plan.Upgrade, Started: now.Add(-time.Hour), Seconds: 3600, From: "7.4.0", Release: "7.5.4453", Result: state.Failed, Stage: "migrate", Codes: []string{"BERTH3733"}},
			{Number: 2, Action: plan.Upgrade, Started: now.Add(-time.Hour), Seconds: 3600, From: "7.4.0", Release: "7.5.4453", Result: state.Failed, Codes: []string{"BERTH3733"}},
			{Number: 3, Action: plan.Up, Started: now.Add(-time.Hour), Seconds: 3600, From: Other, Release: Other, Result: state.Failed, Codes: []string{"BERTH3733"}}},
		Exceptions: []Exception{{Subject: "podman", Status: exception.Granted}}}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
}

// signed is a report as an installation sends it, after change.
func signed(t *testing.T, secret string, change func(*Report)) []byte {
	t.Helper()
	key := NewKey(secret)
	r := Of(facts(key.Installation()))
	change(r)
	s, err := key.Sign(r)
	if err != nil {
		t.Fatal(err)
	}
	text, err := s.Text()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestRefused: what is not a report of the installation that it names is refused, each kind with its own code.
func TestRefused(t *testing.T) {
	good := signed(t, "a", func(*Report) {})
	other := NewKey("b").Installation()
	for _, tt := range []struct {
		name, code string
		text       []byte
	}{
		{"as it was sent", "", good},
		{"with other white space", "", bytes.ReplaceAll(good, []byte("\n"), []byte(" \n "))},
		{"late", "", signed(t, "a", func(r *Report) { r.Made = now.AddDate(0, -8, 0) })},
		{"with a clock that is a little ahead", "", signed(t, "a", func(r *Report) { r.Made = now.Add(time.Hour) })},
		{"huge", "BERTH4910", append(bytes.Repeat([]byte(" "), MaxSize), good...)},
		{"deep", "BERTH4911", []byte(strings.Repeat("[", 100000) + strings.Repeat("]", 100000))},
		{"cut", "BERTH4911", good[:len(good)/2]},
		{"nothing", "BERTH4911", nil},
		{"another document", "BERTH4911", []byte(`{"a": 1}`)},
		{"no object", "BERTH4911", []byte(`7`)},
		{"edited", "BERTH4912", bytes.Replace(good, []byte(`"7.5.4453"`), []byte(`"7.5.4454"`), 1)},
		{"with the signature of another report", "BERTH4912", mixed(t, good, signed(t, "a", func(r *Report) { r.Postgres = 12 }))},
		{"of another installation", "BERTH4913", signed(t, "a", func(r *Report) { r.Installation = other })},
		{"of a newer form", "BERTH4914", signed(t, "a", func(r *Report) { r.Version = Version + 1 })},
		{"from next month", "BERTH4915", signed(t, "a", func(r *Report) { r.Made = now.AddDate(0, 1, 0) })},
		{"from 1970", "BERTH4915", signed(t, "a", func(r *Report) { r.Made = time.Unix(0, 0).UTC() })},
		{"with a text for a release", "BERTH4916", signed(t, "a", func(r *Report) { r.Release = "<script>" })},
		{"with a text for a target", "BERTH4916", signed(t, "a", func(r *Report) { r.Target = "x" })},
		{"with a text for a code", "BERTH4916", signed(t, "a", func(r *Report) { r.Doctor[0].Code = "BERTH1 or 1=1" })},
		{"with a text for a stage", "BERTH4916", signed(t, "a", func(r *Report) { r.Runs[0].Stage = "a; b" })},
		{"with a first search before the beginning", "BERTH4916", signed(t, "a", func(r *Report) { r.Start = &Start{Began: now.AddDate(0, 0, -1), FirstSearch: -1} })},
		{"with a first search after the report", "BERTH4916", signed(t, "a", func(r *Report) { r.Start = &Start{Began: now.Add(-time.Hour), FirstSearch: 3601} })},
		{"with a first search that is no time", "BERTH4916", signed(t, "a", func(r *Report) { r.Start = &Start{Began: now.AddDate(-1, 0, 0), FirstSearch: math.MaxInt64} })},
		{"that began after it was made", "BERTH4916", signed(t, "a", func(r *Report) { r.Start = &Start{Began: now.Add(time.Hour)} })},
		{"that began in 1970", "BERTH4916", signed(t, "a", func(r *Report) { r.Start = &Start{Began: time.Unix(0, 0).UTC()} })},
		{"that began now", "", signed(t, "a", func(r *Report) { r.Start = &Start{Began: now} })},
		{"with a search a moment ago", "", signed(t, "a", func(r *Report) { r.Start = &Start{Began: now.Add(-time.Hour), FirstSearch: 3600} })},
		{"with a text for a subject", "BERTH4916", signed(t, "a", func(r *Report) { r.Exceptions[0].Subject = "A B" })},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, problems := Open(tt.text, now)
			code := ""
			if len(problems) > 0 {
				code = problems[0].Code
			}
			if code != tt.code || (r == nil) != (code != "") {
				t.Errorf("%v %s, want %q", r, problems.Error(), tt.code)
			}
		})
	}
}

// mixed is the report of one with key and signature of another.
func mixed(t *testing.T, a, b []byte) []byte {
	t.Helper()
	var one, two Signed
	if err := json.Unmarshal(a, &one); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &two); err != nil {
		t.Fatal(err)
	}
	one.Signature = two.Signature
	text, err := one.Text()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestNarrow: what berth itself reports stays as it is, and words that mean nothing become one.
func TestNarrow(t *testing.T) {
	k := KnownOf(catalogue.Embedded())
	own, want := Of(facts("an installation")), Of(facts("an installation"))
	if k.Narrow(own); len(own.Runs) == 0 || !cmp.Equal(own, want) {
		t.Error(cmp.Diff(want, own))
	}
	r := &Report{Release: "9999.1.1", Option: "mine", Size: "huge", Runs: []Run{{From: "9999.1.0", Release: "9999.1.1", Stage: "my stage"}, {Release: ""}}}
	k.Narrow(r)
	if want := (&Report{Release: Other, Option: Other, Size: Other, Runs: []Run{{From: Other, Release: Other, Stage: Other}, {}}}); !cmp.Equal(r, want) {
		t.Error(cmp.Diff(want, r))
	}
}

// TestStart: a report has what was measured in seconds, and nothing where a clock was set back.
func TestStart(t *testing.T) {
	for _, tt := range []struct {
		name string
		of   *state.Start
		want *Start
	}{
		{"nobody saw it", nil, nil},
		{"no search yet", &state.Start{Began: now.Add(-time.Hour)}, &Start{Began: now.Add(-time.Hour)}},
		{"searched", &state.Start{Began: now.Add(-time.Hour - time.Second/2), Searched: now.Add(-time.Minute)}, &Start{Began: now.Add(-time.Hour - time.Second), FirstSearch: 3540}},
		{"began tomorrow", &state.Start{Began: now.AddDate(0, 0, 1)}, nil},
		{"searched tomorrow", &state.Start{Began: now, Searched: now.AddDate(0, 0, 1)}, nil},
	} {
		f := facts("an installation")
		f.Start = tt.of
		if got := Of(f).Start; !cmp.Equal(got, tt.want) {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// TestForm1 reads reports of form 1 as they were sent once: they are read forever.
func TestForm1(t *testing.T) {
	const file = "testdata/form1.json"
	if *update {
		if err := os.WriteFile(file, signed(t, "form 1", func(*Report) {}), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r, problems := Open(text, now)
	if problems.Failed() {
		t.Fatal(problems)
	}
	// Nothing of it is lost: written again, it is the same.
	again, err := json.Marshal(r.Report)
	if err != nil || !bytes.Equal(again, r.Payload) {
		t.Errorf("%v\n%s\n%s", err, again, r.Payload)
	}
}

// TestIDs: the same report has the same ID however it is written, and another one has another.
func TestIDs(t *testing.T) {
	good := signed(t, "a", func(*Report) {})
	id := func(text []byte) string {
		r, problems := Open(text, now)
		if problems.Failed() {
			t.Fatal(problems)
		}
		return r.ID
	}
	var packed bytes.Buffer
	if err := json.Compact(&packed, good); err != nil {
		t.Fatal(err)
	}
	if id(good) != id(packed.Bytes()) {
		t.Error("the same report has two IDs")
	}
	if id(good) == id(signed(t, "a", func(r *Report) { r.Made = r.Made.Add(time.Second) })) {
		t.Error("two reports have one ID")
	}
	n := 0
	if err := All(bytes.NewReader(append(good, packed.Bytes()...)), func(text []byte) error { n++; id(text); return nil }); err != nil || n != 2 {
		t.Error(n, err)
	}
}

// TestWhatIsMadeIsRead: whatever an installation is and however long its history, who collects reports takes what it sends.
func TestWhatIsMadeIsRead(t *testing.T) {
	key := NewKey("a")
	read := func(name string, r *Report) *Received {
		s, err := key.Sign(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := s.Text()
		if err != nil {
			t.Fatal(err)
		}
		got, problems := Open(text, now)
		if problems.Failed() {
			t.Fatalf("%s: %v", name, problems)
		}
		return got
	}
	f := facts(key.Installation())
	first := f.Records[0]
	f.Records = nil
	for n := range 3000 {
		first.Number = n + 1
		f.Records = append(f.Records, first)
	}
	if got := read("a long history", Of(f)); len(got.Runs) != maxRuns || got.Runs[maxRuns-1].Number != 3000 {
		t.Errorf("%d runs, the last one is %d", len(got.Runs), got.Runs[len(got.Runs)-1].Number)
	}
	f.Records = nil
	for _, size := range f.Catalogue.Sizing().Sizes {
		f.Memory = int64(size.Memory) << 30
		if got := read(size.Name, Of(f)); got.Size != size.Name {
			t.Errorf("%d GiB are of size %s, not %s", size.Memory, got.Size, size.Name)
		}
	}
	for _, name := range append(stages.Names(), backups.Names()...) {
		r := Of(f)
		r.Runs = []Run{{Number: 1, Action: plan.Finish, Started: now, Result: state.Done, Stage: name}}
		read(name, r)
	}
	for _, subject := range f.Catalogue.SupportRecord().Subjects {
		for _, status := range []exception.Status{exception.Asked, exception.Granted, exception.Refused, exception.Expired, exception.Revoked, exception.Untrusted} {
			f.Exceptions = []exception.Standing{{Exception: exception.Exception{Subject: subject.ID}, Status: status}}
			read(subject.ID, Of(f))
		}
	}
}
