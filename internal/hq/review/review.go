// Package review is how a request for an exception from the support record becomes a file that a customer has: four sides vote, with conditions; somebody decides;
// the file is signed outside, by a key that the record names. What was decided before on the same subject stands beside a request. Pure.
package review

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/exception"
	"berth/internal/hq/issue"
)

// Side is who has to be asked.
type Side string

// Sides are all of them, in the order in which they are shown.
var Sides = []Side{"engineering", "product", "support", "services"}

// Answer is what a side says.
type Answer string

// The answers.
const (
	Yes   Answer = "yes"
	YesIf Answer = "yes, if"
	No    Answer = "no"
)

// Answers are all answers.
var Answers = []Answer{Yes, YesIf, No}

// Vote is the answer of a side.
type Vote struct {
	Side   Side      `json:"side"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Answer Answer    `json:"answer"`
	Text   string    `json:"text,omitempty"` // the condition of "yes, if"; why, of the others
}

// Revocation takes a granted exception away.
type Revocation struct {
	By     string `json:"by"`
	On     string `json:"on"` // yyyy-mm-dd
	Reason string `json:"reason"`
}

// Request is a request for an exception, and all that came of it.
type Request struct {
	Number    int                 `json:"number,omitempty"`
	Exception exception.Exception `json:"exception"`        // with the decision, once there is one
	By        string              `json:"by"`               // who entered it
	Owner     string              `json:"owner,omitempty"`  // who takes care of it until its last day; "": who asks for it
	Votes     []Vote              `json:"votes,omitempty"`  // the newest of each side
	Reason    string              `json:"reason,omitempty"` // of the decision
	File      string              `json:"file,omitempty"`   // that is signed, byte for byte
	Signature string              `json:"signature,omitempty"`
	Revoked   *Revocation         `json:"revoked,omitempty"`
	Statement string              `json:"statement,omitempty"` // of the support record, that it led to
}

// ToSign is the status of what was decided and nobody signed yet.
const ToSign exception.Status = "to be signed"

// idForm is that of names: they become names of files.
var idForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,60}$`)

func wrong(id, summary, hint string, detail ...string) diag.List {
	return diag.List{{Code: "BERTH4940", Severity: diag.Error, Subject: id, Summary: summary, Detail: detail, Hint: hint}}
}

// New is a request, after it was checked as files are.
func New(e exception.Exception, by string, record *catalogue.SupportRecord) (Request, diag.List) {
	r := Request{Exception: e, By: by}
	var problems diag.List
	if !idForm.MatchString(e.ID) {
		problems = wrong(e.ID, fmt.Sprintf("its name can't be %q", e.ID), "use small letters, digits and -, since it is the name of the file")
	}
	if e.Decision != nil {
		problems = append(problems, wrong(e.ID, "it is decided already", "remove the decision from the file: it is made here")...)
	}
	text, err := e.Text()
	if err != nil {
		return r, append(problems, wrong(e.ID, "it can't be written", "write plain text", err.Error())...)
	}
	_, more := exception.Parse(e.ID+".yaml", text, record)
	return r, append(problems, more...)
}

// Read is a request from a file of berth exception new. name is the file's, for messages.
func Read(name string, text []byte, by string, record *catalogue.SupportRecord) (Request, diag.List) {
	e, problems := exception.Parse(name, text, record)
	if e == nil {
		return Request{}, problems
	}
	return New(*e, by, record)
}

// IsFile reports whether a text begins as the file of an exception does.
func IsFile(text []byte) bool { return fileForm.Match(text) }

var fileForm = regexp.MustCompile(`(?m)^(subject|askedOn):`)

// ownerForm is that of names of people, which may be those of berth-hq or any others.
var ownerForm = regexp.MustCompile(`^[\p{L}0-9][\p{L}0-9 .@_-]{0,63}$`)

// OwnedBy is who takes care of it.
func (r *Request) OwnedBy() string { return cmp.Or(r.Owner, r.Exception.AskedBy, r.By) }

// Own names who takes care of it.
func (r *Request) Own(name string) error {
	if !ownerForm.MatchString(name) {
		return wrong(r.Exception.ID, fmt.Sprintf("its owner can't be %q", name), "name a person with letters, digits, spaces and .@_-, at most 64 characters")
	}
	r.Owner = name
	return nil
}

// Missing are the sides that have not voted.
func (r *Request) Missing() (out []Side) {
	for _, s := range Sides {
		if !slices.ContainsFunc(r.Votes, func(v Vote) bool { return v.Side == s }) {
			out = append(out, s)
		}
	}
	return out
}

// List writes sides in one line.
func List(sides []Side) string {
	words := make([]string, len(sides))
	for n, s := range sides {
		words[n] = string(s)
	}
	return strings.Join(words, ", ")
}

// Vote takes the answer of a side. A later one replaces it, until there is a decision.
func (r *Request) Vote(v Vote) error {
	v.Text = strings.TrimSpace(v.Text)
	switch {
	case r.Exception.Decision != nil:
		return wrong(r.Exception.ID, "it is decided already", "ask for another exception if the answer has changed")
	case v.By == r.By:
		return wrong(r.Exception.ID, "the person who asked for it can't vote on it", "let somebody else of this side vote")
	case !slices.Contains(Sides, v.Side) || !slices.Contains(Answers, v.Answer):
		return wrong(r.Exception.ID, "a vote has a side and an answer", "choose both")
	case v.Answer == YesIf && v.Text == "":
		return wrong(r.Exception.ID, "the condition is missing", "write on which condition the answer is yes")
	}
	r.Votes = slices.DeleteFunc(r.Votes, func(old Vote) bool { return old.Side == v.Side })
	r.Votes = append(r.Votes, v)
	slices.SortFunc(r.Votes, func(a, b Vote) int { return slices.Index(Sides, a.Side) - slices.Index(Sides, b.Side) })
	return nil
}

// conditions are those of the votes.
func (r *Request) conditions() (out []string) {
	for _, v := range r.Votes {
		if v.Answer == YesIf {
			out = append(out, v.Text)
		}
	}
	return out
}

// Decide decides, and writes the file that is to be signed, with all conditions.
func (r *Request) Decide(by, reason string, granted bool, now time.Time) error {
	missing := r.Missing()
	switch {
	case r.Exception.Decision != nil:
		return wrong(r.Exception.ID, "it is decided already", "revoke it, or ask for another exception")
	case by == r.By:
		return wrong(r.Exception.ID, "the person who asked for it can't decide it", "let somebody else decide")
	case len(missing) > 0:
		return wrong(r.Exception.ID, fmt.Sprintf("%d sides have not voted", len(missing)), "wait for each side, because each has to support the decision", List(missing))
	case strings.TrimSpace(reason) == "":
		return wrong(r.Exception.ID, "the reason is missing", "write why, for people who ask for the same later")
	}
	d := &exception.Decision{By: by, On: now.UTC().Format(time.DateOnly), Granted: granted}
	if granted {
		d.Conditions = r.conditions()
	}
	r.Reason, r.Exception.Decision = strings.TrimSpace(reason), d
	text, err := r.Exception.Text()
	r.File = string(text)
	return err
}

// Sign takes the signature of the file, where somebody made it whom the record names.
func (r *Request) Sign(signature string, record *catalogue.SupportRecord, now time.Time) error {
	if r.Exception.Decision == nil {
		return wrong(r.Exception.ID, "it is not decided yet", "decide it first")
	}
	s := exception.Stands(&r.Exception, []byte(r.File), []byte(signature), false, record, now)
	if s.Status == exception.Untrusted {
		return wrong(r.Exception.ID, "the signature is not trusted", "sign the file as it is given out here, with a key that the support record names", strings.Split(s.Reason, "\n")...)
	}
	r.Signature = signature
	return nil
}

// Revoke takes a granted exception away. It needs no signature, since it only takes away.
func (r *Request) Revoke(by, reason string, now time.Time) error {
	switch {
	case r.Exception.Decision == nil || !r.Exception.Decision.Granted || r.Revoked != nil:
		return wrong(r.Exception.ID, "only a granted exception can be revoked", "see how it stands, on its page")
	case strings.TrimSpace(reason) == "":
		return wrong(r.Exception.ID, "the reason is missing", "write why it no longer holds")
	}
	r.Revoked = &Revocation{by, now.UTC().Format(time.DateOnly), strings.Join(strings.Fields(reason), " ")}
	return nil
}

// Standing is a request with how it stands on a day.
type Standing struct {
	Request
	Status  exception.Status `json:"status"`
	Days    int              `json:"daysLeft,omitempty"` // of what holds
	Signer  string           `json:"signer,omitempty"`
	Why     string           `json:"notTrusted,omitempty"` // the signature is not trusted any more
	Missing []Side           `json:"missing,omitempty"`    // sides that have not voted
}

// Stands says how it stands on a day.
func (r *Request) Stands(record *catalogue.SupportRecord, now time.Time) Standing {
	s := exception.Stands(&r.Exception, []byte(r.File), []byte(r.Signature), r.Revoked != nil, record, now)
	out := Standing{Request: *r, Status: s.Status, Days: s.Days, Signer: s.Signer, Why: s.Reason}
	if s.Status == exception.Untrusted && r.Signature == "" {
		out.Status, out.Why = ToSign, ""
	}
	if r.Exception.Decision == nil {
		out.Missing = r.Missing()
	}
	return out
}

// Ending reports whether it has expired, or soon will.
func (s Standing) Ending() bool {
	return s.Status == exception.Expired || s.Status == exception.Granted && s.Days <= exception.Warnings[0]
}

// order puts first what needs somebody: requests, then what is to be signed, then what holds, by its last day, then the rest.
var order = []exception.Status{exception.Asked, ToSign, exception.Granted, exception.Expired, exception.Untrusted, exception.Revoked, exception.Refused}

// Standings are how requests stand, those that need somebody first.
func Standings(all []Request, record *catalogue.SupportRecord, now time.Time) []Standing {
	out := []Standing{}
	for n := range all {
		out = append(out, all[n].Stands(record, now))
	}
	slices.SortStableFunc(out, func(a, b Standing) int {
		return cmp.Or(slices.Index(order, a.Status)-slices.Index(order, b.Status), cmp.Compare(a.Exception.Expires, b.Exception.Expires))
	})
	return out
}

// Before are the decided requests on the same subject, the newest first.
func Before(all []Request, r *Request) (out []Request) {
	for _, o := range slices.Backward(all) {
		if o.Number != r.Number && o.Exception.Subject == r.Exception.Subject && o.Exception.Decision != nil {
			out = append(out, o)
		}
	}
	return out
}

// Files are what goes beside the customer's config, by the names that berth reads.
func (r *Request) Files() map[string]string {
	name := r.Exception.ID + ".yaml"
	out := map[string]string{}
	if r.Signature != "" {
		out[name+".minisig"] = r.Signature
	}
	if r.File != "" {
		out[name] = r.File
	}
	if r.Revoked != nil {
		out[name+".revoked"] = fmt.Sprintf("%s: %s\n", r.Revoked.On, r.Revoked.Reason)
	}
	return out
}

// WriteCSV writes how requests stand, for spreadsheets.
func WriteCSV(w io.Writer, all []Standing) error {
	lines := [][]string{{"request", "exception", "subject", "releases", "status", "asked", "until", "days left", "not voted", "owner"}}
	for _, s := range all {
		e := s.Exception
		lines = append(lines, []string{strconv.Itoa(s.Number), e.ID, e.Subject, issue.Guarded(e.Releases), string(s.Status), e.AskedOn, e.Expires, strconv.Itoa(s.Days), List(s.Missing), issue.Guarded(s.OwnedBy())})
	}
	return csv.NewWriter(w).WriteAll(lines)
}
