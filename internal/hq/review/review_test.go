package review

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"
	"github.com/google/go-cmp/cmp"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/exception"
)

var now = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

func asked(id string) exception.Exception {
	return exception.Exception{ID: id, Subject: "podman", Releases: ">=7.0 <8.0", What: "run on Podman", Why: "no Docker", Risk: "nobody tested it", AskedBy: "jo", AskedOn: "2026-11-20", Expires: "2027-01-15",
		Services: "no", Merged: "no", Value: "a renewal", Fit: "no"}
}

func summary(err error) string {
	var list diag.List
	if errors.As(err, &list) && list[0].Code == "BERTH4940" {
		return list[0].Summary
	}
	return ""
}

func refused(t *testing.T, err error, part string) {
	t.Helper()
	if got := summary(err); got == "" || !strings.Contains(got, part) {
		t.Errorf("%v, want %q", err, part)
	}
}

// TestRequest leads a request through all of its life, in the wrong order first. What is given out is what berth trusts beside a config.
func TestRequest(t *testing.T) {
	public, private, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, stranger, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	record := *catalogue.Embedded().SupportRecord()
	record.Deciders = []catalogue.Decider{{Name: "Delivery", Key: public.String()}}
	r, problems := New(asked("podman"), "jo", &record)
	if problems.Failed() {
		t.Fatal(problems)
	}
	refused(t, r.Sign("x", &record, now), "not decided")
	refused(t, r.Revoke("ann", "why", now), "only a granted")
	refused(t, r.Decide("ann", "why", true, now), "4 sides have not voted")
	refused(t, r.Vote(Vote{Side: "support", By: "jo", Answer: Yes}), "who asked")
	refused(t, r.Vote(Vote{Side: "sales", By: "ann", Answer: Yes}), "a side and an answer")
	refused(t, r.Vote(Vote{Side: "support", By: "ann", Answer: YesIf, Text: " "}), "condition is missing")
	for n, side := range Sides {
		v := Vote{Side: side, By: "ann", At: now, Answer: Yes}
		if n == 2 {
			v.Answer, v.Text = YesIf, "they upgrade within a month"
		}
		for range 2 { // the second one replaces the first one
			if err := r.Vote(v); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(r.Votes) != 4 || len(r.Missing()) != 0 {
		t.Errorf("%+v", r.Votes)
	}
	refused(t, r.Decide("jo", "why", true, now), "who asked")
	refused(t, r.Decide("ann", " ", true, now), "reason is missing")
	if err := r.Decide("ann", "the customer can't use Docker", true, now); err != nil {
		t.Fatal(err)
	}
	refused(t, r.Decide("ann", "why", false, now), "decided already")
	refused(t, r.Vote(Vote{Side: "support", By: "ann", Answer: No}), "decided already")
	if s := r.Stands(&record, now); s.Status != ToSign {
		t.Errorf("%+v", s)
	}
	refused(t, r.Sign(string(minisign.Sign(stranger, []byte(r.File))), &record, now), "not trusted")
	refused(t, r.Sign(string(minisign.Sign(private, []byte(r.File+"\n"))), &record, now), "not trusted")
	if err := r.Sign(string(minisign.Sign(private, []byte(r.File))), &record, now); err != nil {
		t.Fatal(err)
	}
	if s := r.Stands(&record, now); s.Status != exception.Granted || s.Signer != "Delivery" || s.Days != 47 || !s.Ending() {
		t.Errorf("%+v", s)
	}
	files := r.Files()
	e, problems := exception.Parse("podman.yaml", []byte(files["podman.yaml"]), &record)
	if problems.Failed() || !cmp.Equal(e.Decision.Conditions, []string{"they upgrade within a month"}) {
		t.Errorf("%v\n%s", problems, files["podman.yaml"])
	}
	if s := exception.Stands(e, []byte(files["podman.yaml"]), []byte(files["podman.yaml.minisig"]), false, &record, now); s.Status != exception.Granted {
		t.Errorf("%+v", s)
	}
	refused(t, r.Revoke("ann", "", now), "reason is missing")
	if err := r.Revoke("ann", "they moved\nto Docker", now); err != nil {
		t.Fatal(err)
	}
	if text := r.Files()["podman.yaml.revoked"]; text != "2026-11-29: they moved to Docker\n" || r.Stands(&record, now).Status != exception.Revoked {
		t.Errorf("%q", text)
	}
}

// TestNew: a request is checked as files are, and its name becomes the name of a file.
func TestNew(t *testing.T) {
	record := catalogue.Embedded().SupportRecord()
	bad := asked("../x")
	bad.Subject, bad.Value, bad.Decision = "nothing", "", &exception.Decision{By: "jo"}
	_, problems := New(bad, "jo", record)
	var codes []string
	for _, p := range problems {
		codes = append(codes, p.Code)
	}
	if diff := cmp.Diff([]string{"BERTH4940", "BERTH4940", "BERTH4811", "BERTH4812"}, codes); diff != "" {
		t.Errorf("%v\n%s", problems, diff)
	}
	e := asked("podman")
	text, err := e.Text()
	if err != nil || !IsFile(text) || IsFile([]byte(`{"report": {}}`)) {
		t.Errorf("%v: the form of a file is not seen:\n%s", err, text)
	}
	if r, problems := Read("podman.yaml", text, "jo", record); problems.Failed() || !cmp.Equal(r.Exception, e) {
		t.Error(problems)
	}
	if _, problems := Read("x.yaml", []byte("subject: [\n"), "jo", record); !problems.Failed() {
		t.Error("a broken file is taken")
	}
}

// TestOrder: what needs somebody is first, and what was decided on the same subject is found.
func TestOrder(t *testing.T) {
	record := catalogue.Embedded().SupportRecord()
	decided := func(number int, id, subject string) Request {
		r := Request{Number: number, Exception: asked(id), By: "jo"}
		r.Exception.Subject, r.Exception.Decision = subject, &exception.Decision{By: "ann", On: "2026-11-21"}
		return r
	}
	all := []Request{decided(1, "a", "podman"), decided(2, "b", "helm"), decided(3, "c", "podman"), {Number: 4, Exception: asked("d"), By: "jo"}}
	var ids []string
	for _, s := range Standings(all, record, now) {
		ids = append(ids, s.Exception.ID+" "+string(s.Status))
	}
	if diff := cmp.Diff([]string{"d asked", "a to be signed", "b to be signed", "c to be signed"}, ids); diff != "" {
		t.Error(diff)
	}
	if before := Before(all, &all[3]); len(before) != 2 || before[0].Number != 3 || before[1].Number != 1 {
		t.Errorf("%+v", before)
	}
	var out strings.Builder
	if err := WriteCSV(&out, Standings(all, record, now)); err != nil || !strings.Contains(out.String(), "4,d,podman,>=7.0 <8.0,asked,2026-11-20,2027-01-15,0,\"engineering, product, support, services\"") {
		t.Errorf("%v %s", err, out.String())
	}
}
