package exception

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"
	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/support"
)

const request = `id: podman
subject: podman
releases: ">=7.0 <8.0"
what: run on Podman
why: Docker is not allowed
risk: nobody tested it
askedBy: an engineer
askedOn: "2026-11-01"
expires: "2027-06-30"
services: they can set it up
merged: no; the customer supports it
value: a renewal
fit: no
`

// TestStands: an exception holds only when somebody who may decide signed the very file, and until its last day.
func TestStands(t *testing.T) {
	public, private, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, stranger, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	record := catalogue.Embedded().SupportRecord()
	record.Deciders = []catalogue.Decider{{Name: "Delivery", Key: public.String()}}
	granted, refused := request+"decision: {by: Delivery, on: \"2026-11-02\", granted: true}\n", request+"decision: {by: Delivery, on: \"2026-11-02\", granted: false}\n"
	sign := func(key minisign.PrivateKey, text string) []byte { return minisign.Sign(key, []byte(text)) }
	day := func(text string) time.Time {
		d, err := time.Parse(time.DateTime, text)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for name, c := range map[string]struct {
		text      string
		signature []byte
		revoked   bool
		now       string
		want      Status
	}{
		"asked":                     {request, nil, false, "2026-12-01 00:00:00", Asked},
		"granted":                   {granted, sign(private, granted), false, "2026-12-01 00:00:00", Granted},
		"the last day":              {granted, sign(private, granted), false, "2027-06-30 23:59:59", Granted},
		"the day after":             {granted, sign(private, granted), false, "2027-07-01 00:00:01", Expired},
		"refused":                   {refused, sign(private, refused), false, "2026-12-01 00:00:00", Refused},
		"revoked":                   {granted, sign(private, granted), true, "2026-12-01 00:00:00", Revoked},
		"signed by a stranger":      {granted, sign(stranger, granted), false, "2026-12-01 00:00:00", Untrusted},
		"changed after signing":     {strings.Replace(granted, "2027-06-30", "2037-06-30", 1), sign(private, granted), false, "2026-12-01 00:00:00", Untrusted},
		"granted by oneself":        {granted, nil, false, "2026-12-01 00:00:00", Untrusted},
		"signed without a decision": {request, sign(private, request), false, "2026-12-01 00:00:00", Untrusted},
	} {
		e, problems := Parse("podman.yaml", []byte(c.text), record)
		if problems.Failed() {
			t.Fatal(problems)
		}
		s := Stands(e, []byte(c.text), c.signature, c.revoked, record, day(c.now))
		if s.Status != c.want {
			t.Errorf("%s: %s (%s), want %s", name, s.Status, s.Reason, c.want)
		}
		if _, ok := s.Grant(); ok != (c.want == Granted) {
			t.Errorf("%s: allows something: %v", name, ok)
		}
	}
	for why, signature := range map[string][]byte{"Delivery signed it, and it was changed after that": sign(private, request), "none of those who may decide: Delivery": sign(stranger, granted)} {
		e, _ := Parse("podman.yaml", []byte(granted), record)
		if s := Stands(e, []byte(granted), signature, false, record, day("2026-12-01 00:00:00")); !strings.HasSuffix(s.Reason, why) {
			t.Errorf("%q does not say %q", s.Reason, why)
		}
	}
	record.Deciders = nil
	e, _ := Parse("podman.yaml", []byte(granted), record)
	if s := Stands(e, []byte(granted), sign(private, granted), false, record, day("2026-12-01 00:00:00")); s.Status != Untrusted || !strings.Contains(s.Ends("x")[0].Hint, "support.yaml.minisig") {
		t.Errorf("a record that names nobody: %s, %v", s.Status, s.Ends("x"))
	}
}

// TestEnds: the end of a granted one is warned of 60 days before, and more urgently 14 days before; an expired one is an error.
func TestEnds(t *testing.T) {
	for days, want := range map[int]string{61: "", 60: "renew it: ", 15: "renew it: ", 14: "ask for it today: ", 1: "ask for it today: "} {
		got := ""
		for _, d := range (Standing{Exception: Exception{ID: "podman", Expires: "2027-06-30"}, Status: Granted, Days: days}).Ends("podman.yaml") {
			if got = d.Hint; d.Severity != diag.Warning {
				t.Errorf("%d days before: %v", days, d.Severity)
			}
		}
		if !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%d days before its end: %q, want %q", days, got, want)
		}
	}
	if ended := (Standing{Status: Expired}).Ends("podman.yaml"); len(ended) != 1 || ended[0].Severity != diag.Error {
		t.Errorf("an expired one: %v", ended)
	}
}

// TestParse: everything that is missing is said at once.
func TestParse(t *testing.T) {
	record := catalogue.Embedded().SupportRecord()
	for text, want := range map[string]int{
		request: 0,
		"id: x": 12, // eight answers, the subject, two days, the releases
		strings.Replace(request, "fit: no", "fit: ' '", 1):                            1,
		strings.Replace(request, "subject: podman", "subject: coffee", 1):             1,
		strings.Replace(request, `">=7.0 <8.0"`, `"7 and later"`, 1):                  1,
		strings.Replace(request, `expires: "2027-06-30"`, "expires: never", 1):        1,
		strings.Replace(request, `expires: "2027-06-30"`, `expires: "2026-10-31"`, 1): 1, // before it was asked for
		request + "frobnicate: yes\n":                                                 1,
	} {
		if _, problems := Parse("x.yaml", []byte(text), record); len(problems) != want {
			t.Errorf("%d problems, want %d, in\n%s\n%v", len(problems), want, text, problems)
		}
	}
}

// TestCovers: an exception covers its subject, in its releases, and nothing beside it.
func TestCovers(t *testing.T) {
	c := catalogue.Embedded()
	r := support.New(c.SupportRecord(), c.Sizing(), "7.5.4453", []string{"6.12", "7.5", "8.0"}, "2026-11-29")
	r.Accept([]support.Grant{{ID: "one", Subject: "postgres", Versions: ">=15 <16", Releases: ">=7.0 <8.0"}, {ID: "two", Subject: "podman", Releases: ">=7.0 <8.0"}})
	for question, want := range map[string]support.Verdict{
		"postgres 15": support.ByException, "postgres 15.3": support.ByException, "postgres 14": support.No, "postgres 15 on 6.12": support.No, "postgres": support.Yes,
		"podman": support.ByException, "podman and swarm": support.No, "podman and Redis 7": support.ByException, "podman with frobnicator": support.InPart, "swarm": support.No,
	} {
		if a := r.Ask(question, ""); a.Verdict != want {
			t.Errorf("%s: %s, want %s", question, a.Verdict, want)
		}
	}
}
