// Package exception is what somebody was allowed beside the support record: a file that says what, why, for how long, and who decided it, signed by a
// key that the record names. Pure.
package exception

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/signed"
	"berth/internal/support"

	"go.yaml.in/yaml/v4"
)

// Exception is the content of a file.
type Exception struct {
	ID       string `yaml:"id" json:"id"`
	Subject  string `yaml:"subject" json:"subject"`                       // of the support record, by its id
	Versions string `yaml:"versions,omitempty" json:"versions,omitempty"` // of the subject: ">=13 <14"; "": all
	Releases string `yaml:"releases" json:"releases"`                     // of Sourcegraph: ">=7.0 <8.0"
	What     string `yaml:"what" json:"what"`
	Why      string `yaml:"why" json:"why"`
	Risk     string `yaml:"risk" json:"risk"`
	AskedBy  string `yaml:"askedBy" json:"askedBy"`
	AskedOn  string `yaml:"askedOn" json:"askedOn"` // yyyy-mm-dd
	Expires  string `yaml:"expires" json:"expires"` // yyyy-mm-dd: the last day on which it holds

	// The four questions of Sourcegraph's Delivery team.
	Services string `yaml:"services" json:"services"` // Can professional services do it, or does it need the product's support?
	Merged   string `yaml:"merged" json:"merged"`     // Will it be part of the product, and who supports it until then, or if not?
	Value    string `yaml:"value" json:"value"`       // What is at stake?
	Fit      string `yaml:"fit" json:"fit"`           // Does it fit the strategy?

	// Decision is made by whoever signs the file.
	Decision *Decision `yaml:"decision,omitempty" json:"decision,omitempty"`
}

// Decision is what was decided.
type Decision struct {
	By      string `yaml:"by" json:"by"`
	On      string `yaml:"on" json:"on"` // yyyy-mm-dd
	Granted bool   `yaml:"granted" json:"granted"`

	Conditions []string `yaml:"conditions,omitempty" json:"conditions,omitempty"` // on which it was granted; people keep them, berth shows them
}

// Questions are what must be answered, in the order in which people are asked.
func (e *Exception) Questions() []Question {
	return []Question{
		{"what", "What do you want to do?", &e.What},
		{"why", "Why is it needed?", &e.Why},
		{"risk", "What can go wrong?", &e.Risk},
		{"services", "Can professional services do it, or does it need the product's support?", &e.Services},
		{"merged", "Will it be part of the product? Who supports it until then, or if it will not?", &e.Merged},
		{"value", "What is at stake? Is it worth it?", &e.Value},
		{"fit", "Does it fit the strategy?", &e.Fit},
		{"askedBy", "Who asks?", &e.AskedBy},
	}
}

// Question is something that must be answered.
type Question struct {
	Key, Text string // the key of the file
	Answer    *string
}

// Flag is the flag for the answer.
func (q Question) Flag() string {
	if q.Key == "askedBy" {
		return "asked-by"
	}
	return q.Key
}

// Parse reads a file. name is the file's, for messages.
func Parse(name string, text []byte, record *catalogue.SupportRecord) (*Exception, diag.List) {
	var e Exception
	if err := yaml.Load(text, &e, yaml.WithKnownFields()); err != nil {
		return nil, diag.List{problem("BERTH4811", name, "it is not an exception", strings.Split(err.Error(), "\n"), "write one with berth exception new")}
	}
	return &e, e.check(name, record)
}

// check finds all that is missing or wrong.
func (e *Exception) check(name string, record *catalogue.SupportRecord) (problems diag.List) {
	for _, key := range []string{"subject", "releases", "versions", "askedOn", "expires"} {
		problems = append(problems, e.Wrong(name, key, record)...)
	}
	for _, q := range e.Questions() {
		problems = append(problems, e.Wrong(name, q.Key, record)...)
	}
	problems.Sort()
	return problems
}

// Wrong is what is missing or wrong at one key of the file. name is the file's, for messages.
func (e *Exception) Wrong(name, key string, record *catalogue.SupportRecord) diag.List {
	const aRange = `write a range such as ">=7.0 <8.0"`
	switch text := map[string]string{"releases": e.Releases, "versions": e.Versions, "askedOn": e.AskedOn, "expires": e.Expires}[key]; key {
	case "subject":
		if !slices.ContainsFunc(record.Subjects, func(s catalogue.SupportSubject) bool { return s.ID == e.Subject }) {
			return diag.List{problem("BERTH4811", name, fmt.Sprintf("the support record has no subject %q", e.Subject), nil, "list them: berth support show")}
		}
	case "askedOn", "expires":
		if _, err := time.Parse(time.DateOnly, text); err != nil {
			return diag.List{problem("BERTH4811", name, fmt.Sprintf("%s is %q, which is not a day", key, text), nil, "write a day such as 2027-06-30")}
		}
	case "releases", "versions":
		if key == "releases" && text == "" {
			return diag.List{problem("BERTH4812", name, "releases has no answer", []string{"An exception must have an end."}, aRange)}
		}
		if _, err := catalogue.Within("1.0", text); err != nil {
			return diag.List{problem("BERTH4811", name, fmt.Sprintf("%s: %v", key, err), nil, aRange)}
		}
	}
	for _, q := range e.Questions() {
		if q.Key == key && strings.TrimSpace(*q.Answer) == "" {
			return diag.List{problem("BERTH4812", name, key+" has no answer", []string{q.Text}, "answer it in the file")}
		}
	}
	return nil
}

func problem(code, name, summary string, detail []string, hint string) diag.Diagnostic {
	return diag.Diagnostic{Code: code, Severity: diag.Error, Subject: name, Summary: summary, Detail: detail, Hint: hint}
}

// Text is the file of an exception.
func (e *Exception) Text() ([]byte, error) {
	var out bytes.Buffer
	out.WriteString("# An exception from what is officially supported: berth exception --help\n")
	text, err := yaml.Dump(e)
	if err != nil {
		return nil, err
	}
	out.Write(text)
	return out.Bytes(), nil
}

// Status is how far an exception is.
type Status string

// The statuses.
const (
	Asked     Status = "asked"       // nobody decided yet
	Granted   Status = "granted"     //
	Refused   Status = "refused"     //
	Expired   Status = "expired"     //
	Revoked   Status = "revoked"     //
	Untrusted Status = "not trusted" // somebody decided who may not, or the file was changed afterwards
)

// Standing is how an exception stands on a day.
type Standing struct {
	Exception
	Status Status `json:"status"`
	Reason string `json:"reason,omitempty"`   // of what is not trusted
	Days   int    `json:"daysLeft,omitempty"` // of a granted one
	Signer string `json:"signer,omitempty"`   // whose key signed it
}

// Stands says how an exception stands. text is its file, signature "" where there is none.
func Stands(e *Exception, text, signature []byte, revoked bool, record *catalogue.SupportRecord, now time.Time) Standing {
	s := Standing{Exception: *e, Status: Asked}
	switch {
	case revoked:
		s.Status = Revoked
		return s
	case e.Decision == nil && len(signature) == 0:
		return s
	case e.Decision == nil || len(signature) == 0:
		s.Status, s.Reason = Untrusted, "it has a decision and no signature, or a signature and no decision"
		return s
	}
	signer, err := signerOf(e.ID, text, signature, record)
	if err != nil {
		s.Status, s.Reason = Untrusted, err.Error()
		return s
	}
	s.Signer = signer
	if !e.Decision.Granted {
		s.Status = Refused
		return s
	}
	last, err := time.Parse(time.DateOnly, e.Expires)
	if err != nil || now.After(last.AddDate(0, 0, 1)) {
		s.Status = Expired
		return s
	}
	s.Status, s.Days = Granted, int(last.AddDate(0, 0, 1).Sub(now).Hours()/24)
	return s
}

// signerOf is who of those who may decide signed a file.
func signerOf(name string, text, signature []byte, record *catalogue.SupportRecord) (string, error) {
	if len(record.Deciders) == 0 {
		return "", fmt.Errorf("the support record lists nobody who may decide")
	}
	var last error
	for _, d := range record.Deciders {
		key, err := signed.Key(d.Key)
		if err != nil {
			return "", err
		}
		if _, last = signed.Verify(key, name, text, signature); last == nil {
			return d.Name, nil
		}
	}
	return "", last
}

// Warnings are the days before its end on which an exception is warned of.
var Warnings = []int{60, 14}

// Ends warns of the end of a granted exception, and says that one has ended.
func (s Standing) Ends(name string) diag.List {
	switch {
	case s.Status == Expired:
		return diag.List{problem("BERTH4813", name, "it expired on "+s.Expires, nil, "renew it: berth exception renew "+s.ID)}
	case s.Status == Untrusted:
		return diag.List{problem("BERTH4814", name, "it is not trusted", []string{s.Reason}, "have it decided and signed again")}
	case s.Status == Granted && s.Days <= Warnings[0]:
		hint := "renew it: berth exception renew " + s.ID
		if s.Days <= Warnings[1] {
			hint = "a decision takes days; ask for it today: berth exception renew " + s.ID
		}
		d := problem("BERTH4813", name, fmt.Sprintf("it expires in %d days, on %s", s.Days, s.Expires), nil, hint)
		d.Severity = diag.Warning
		return diag.List{d}
	}
	return nil
}

// Grant is what an exception allows; ok is false where it allows nothing now.
func (s Standing) Grant() (g support.Grant, ok bool) {
	return support.Grant{ID: s.ID, Subject: s.Subject, Versions: s.Versions, Releases: s.Releases}, s.Status == Granted
}
