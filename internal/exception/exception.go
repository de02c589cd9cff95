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
	// Keys are those of the config that it covers, as patches.cadvisor; none: whatever is about the subject.
	Keys     []string `yaml:"keys,omitempty" json:"keys,omitempty"`
	Releases string   `yaml:"releases" json:"releases"` // of Sourcegraph: ">=7.0 <8.0"
	What     string   `yaml:"what" json:"what"`
	Why      string   `yaml:"why" json:"why"`
	Risk     string   `yaml:"risk" json:"risk"`
	AskedBy  string   `yaml:"askedBy" json:"askedBy"`
	AskedOn  string   `yaml:"askedOn" json:"askedOn"` // yyyy-mm-dd
	Expires  string   `yaml:"expires" json:"expires"` // yyyy-mm-dd: the last day on which it holds

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

// Flags are the flags for answers, by the keys of the file.
func (e *Exception) Flags() map[string]string {
	out := map[string]string{"subject": "subject", "releases": `releases, such as ">=7.0 <8.0"`, "expires": "expires, such as 2027-06-30"}
	for _, q := range e.Questions() {
		out[q.Key] = q.Flag()
	}
	return out
}

// Answered is what is wrong with the answers that there are, of those that have to have a form. What has no answer yet is no problem here.
func (e *Exception) Answered(name string, record *catalogue.SupportRecord) (problems diag.List) {
	for key, answer := range map[string]string{"subject": e.Subject, "releases": e.Releases, "versions": e.Versions, "expires": e.Expires} {
		if answer != "" {
			problems = append(problems, e.Wrong(name, key, record)...)
		}
	}
	problems.Sort()
	return problems
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
		if e.Subject == "" {
			return unanswered(name, key, "Which subject of the support record is it about?", "list them: berth support show")
		}
		if !slices.ContainsFunc(record.Subjects, func(s catalogue.SupportSubject) bool { return s.ID == e.Subject }) {
			return diag.List{problem("BERTH4811", name, fmt.Sprintf("the support record has no subject %q", e.Subject), nil, "list them: berth support show")}
		}
	case "askedOn", "expires":
		if key == "expires" && text == "" {
			return unanswered(name, key, "An exception must have an end.", "write a day such as 2027-06-30")
		}
		if _, err := time.Parse(time.DateOnly, text); err != nil {
			return diag.List{problem("BERTH4811", name, fmt.Sprintf("%s is %q, which is not a day", key, text), nil, "write a day such as 2027-06-30")}
		}
		if key == "expires" && text < e.AskedOn {
			return diag.List{problem("BERTH4811", name, fmt.Sprintf("it expires on %s, before the day on which it is asked for, %s", text, e.AskedOn), nil, "write a later day, such as 2027-06-30")}
		}
	case "releases", "versions":
		if key == "releases" && text == "" {
			return unanswered(name, key, "An exception must have an end.", aRange)
		}
		if _, err := catalogue.Within("1.0", text); err != nil {
			return diag.List{problem("BERTH4811", name, fmt.Sprintf("%s: %v", key, err), nil, aRange)}
		}
	}
	for _, q := range e.Questions() {
		if q.Key == key && strings.TrimSpace(*q.Answer) == "" {
			return unanswered(name, key, q.Text, "answer it in the file")
		}
	}
	return nil
}

func unanswered(name, key, question, hint string) diag.List {
	return diag.List{problem("BERTH4812", name, key+" has no answer", []string{question}, hint)}
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
	signer, why := signerOf(e.ID, text, signature, record)
	if why != "" {
		s.Status, s.Reason = Untrusted, why
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

// signerOf is who of those who may decide signed a file, or why nobody of them did.
func signerOf(name string, text, signature []byte, record *catalogue.SupportRecord) (signer, why string) {
	if len(record.Deciders) == 0 {
		return "", nobodyDecides
	}
	why = "the key of its signature is of none of those who may decide: " + strings.Join(names(record.Deciders), ", ")
	for _, d := range record.Deciders {
		key, err := signed.Key(d.Key)
		if err != nil {
			return "", "the support record has no valid key of " + d.Name
		}
		if _, err = signed.Verify(key, name, text, signature); err == nil {
			return d.Name, ""
		}
		if signed.By(key, signature) {
			why = fmt.Sprintf("%s signed it, and it was changed after that", d.Name)
		}
	}
	return "", why
}

// nobodyDecides is why an exception is not trusted by a record of nobody, as the built-in one is.
const nobodyDecides = "the support record lists nobody who may decide"

func names(all []catalogue.Decider) (out []string) {
	for _, d := range all {
		out = append(out, d.Name)
	}
	return out
}

// Warnings are the days before its end on which an exception is warned of.
var Warnings = []int{60, 14}

// Ends warns of the end of a granted exception, and says that one has ended.
func (s Standing) Ends(name string) diag.List {
	switch {
	case s.Status == Expired:
		return diag.List{problem("BERTH4813", name, "it expired on "+s.Expires, nil, "renew it: berth exception renew "+s.ID)}
	case s.Status == Untrusted:
		hint := "have it decided and signed again"
		if s.Reason == nobodyDecides {
			hint = "put the record that Sourcegraph publishes with its signature beside the config, as support.yaml and support.yaml.minisig"
		}
		return diag.List{problem("BERTH4814", name, "it is not trusted", []string{s.Reason}, hint)}
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
	return support.Grant{ID: s.ID, Subject: s.Subject, Versions: s.Versions, Releases: s.Releases, Keys: s.Keys}, s.Status == Granted
}
