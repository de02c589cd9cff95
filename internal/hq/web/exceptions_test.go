package web

import (
	"crypto/rand"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"aead.dev/minisign"

	"berth/catalogue"
	"berth/internal/exception"
	"berth/internal/hq/review"
	"berth/internal/hq/store"
	"berth/internal/hq/store/pgtest"
)

// TestExceptions: an engineer asks, reviewers vote, Delivery decides and adds the signature, and a customer's berth trusts the files. Nobody does what is another
// one's to do.
func TestExceptions(t *testing.T) {
	v := start(t, pgtest.Start(t))
	public, private, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	record := *v.site.Record
	record.Deciders = []catalogue.Decider{{Name: "Delivery", Key: public.String()}}
	v.site.Record = &record
	if err := v.site.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	engineer, reviewer, delivery := v.person(store.Engineer), v.person(store.Reviewer), v.person(store.Delivery)

	v.token = engineer
	form := url.Values{"id": {"podman"}, "subject": {"podman"}, "releases": {">=7.0 <8.0"}, "expires": {"2027-06-30"}, "what": {"run on Podman\r\nin two places"}, "why": {"no Docker"}, "risk": {"nobody tested it"},
		"services": {"no"}, "merged": {"no"}, "value": {"a renewal"}, "askedBy": {"jo"}}
	text := v.posts(422, "/exceptions", form)
	if !strings.Contains(text, "fit has no answer") || !strings.Contains(text, "nobody tested it") {
		t.Error(text)
	}
	form.Set("fit", "no")
	v.posts(303, "/exceptions", form)
	if text := v.posts(422, "/exceptions", form); !strings.Contains(text, "a request of this name exists already") {
		t.Error(text)
	}
	v.posts(403, "/exceptions/1/vote", nil)
	v.posts(403, "/exceptions/1/decide", nil)

	v.token = reviewer
	v.posts(403, "/exceptions/1/decide", nil)
	vote := url.Values{"side": {"engineering"}, "answer": {"yes, if"}, "text": {""}}
	if text := v.posts(422, "/exceptions/1/vote", vote); !strings.Contains(text, "the condition is missing") {
		t.Error(text)
	}
	vote.Set("text", "only on Red Hat")
	v.posts(303, "/exceptions/1/vote", vote)
	v.token = delivery
	decide := url.Values{"decision": {"grant"}, "reason": {"Docker is not allowed there"}}
	if text := v.posts(422, "/exceptions/1/decide", decide); !strings.Contains(text, "3 sides have not voted") {
		t.Error(text)
	}
	for _, side := range review.Sides[1:] {
		v.posts(303, "/exceptions/1/vote", url.Values{"side": {string(side)}, "answer": {"yes"}})
	}
	v.posts(303, "/exceptions/1/decide", decide)
	v.gets(404, "/exceptions/1/files/podman.yaml.minisig")
	file := v.gets(200, "/exceptions/1/files/podman.yaml")
	if text := v.posts(422, "/exceptions/1/sign", url.Values{"signature": {"no"}}); !strings.Contains(text, "the signature is not trusted") {
		t.Error(text)
	}
	signature := string(minisign.Sign(private, []byte(file)))
	v.posts(303, "/exceptions/1/sign", url.Values{"signature": {strings.ReplaceAll(signature, "\n", "\r\n")}})
	e, problems := exception.Parse("podman.yaml", []byte(file), &record)
	if problems.Failed() || e.What != "run on Podman\nin two places" {
		t.Fatalf("%v %q", problems, e.What)
	}
	given := []byte(v.gets(200, "/exceptions/1/files/podman.yaml.minisig"))
	if s := exception.Stands(e, []byte(file), given, false, &record, now); s.Status != exception.Granted || s.Decision.Conditions[0] != "only on Red Hat" {
		t.Errorf("%+v", s)
	}

	// The next one on the same subject has this decision beside it, and its answers.
	v.token = engineer
	if text := v.gets(200, "/exceptions/new?like=podman"); !strings.Contains(text, `value="podman-2027-11-29"`) || !strings.Contains(text, "in two places") {
		t.Error(text)
	}
	form.Set("id", "podman-2")
	v.posts(303, "/exceptions", form) // it is 3: a number that was tried in vain is not used again
	if text := v.gets(200, "/exceptions/3"); !strings.Contains(text, "Docker is not allowed there") || strings.Contains(text, "Decide</legend>") {
		t.Error(text)
	}
	v.token = delivery
	v.posts(303, "/exceptions/1/statement", url.Values{"statement": {"podman: guidance since 7.6"}})
	var all []review.Standing
	if err := json.Unmarshal([]byte(v.gets(200, "/exceptions?format=json")), &all); err != nil || len(all) != 2 || all[0].Number != 3 || all[1].Status != exception.Granted || all[1].Signer != "Delivery" {
		t.Errorf("%v %+v", err, all)
	}
	if err := v.site.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	if csv := v.gets(200, "/figures/exceptions?format=csv"); !strings.Contains(csv, "podman,2,1,1,0,1,0,1\n") {
		t.Error(csv)
	}
	if text := v.posts(422, "/exceptions/1/own", url.Values{"owner": {"<jo>"}}); !strings.Contains(text, "its owner can&#39;t be") {
		t.Error(text)
	}
	v.posts(303, "/exceptions/1/own", url.Values{"owner": {"Jo of services"}})
	if list := v.gets(200, "/exceptions"); !strings.Contains(list, "<td>Jo of services</td>") {
		t.Error(list)
	}
	v.posts(303, "/exceptions/1/revoke", url.Values{"reason": {"they moved"}})
	if text := v.gets(200, "/exceptions/1/files/podman.yaml.revoked"); text != "2026-11-29: they moved\n" {
		t.Error(text)
	}
	if csv := v.gets(200, "/exceptions?format=csv"); !strings.Contains(csv, "1,podman,podman,>=7.0 <8.0,revoked,") || !strings.Contains(csv, ",Jo of services\n") {
		t.Error(csv)
	}
	v.gets(404, "/exceptions/9")
	v.posts(404, "/exceptions/9/vote", vote)
	v.token = v.person(store.Admin)
	if text := v.gets(200, "/audit"); !strings.Contains(text, "added a signature") || !strings.Contains(text, "revoked an exception") {
		t.Error(text)
	}
}
