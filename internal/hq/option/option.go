// Package option is how deployment options are compared and decided: one sheet with all that can be imagined, criteria with weights, scores with evidence, reviews,
// proofs of concept, decisions and life-cycles. What follows is counted from it: an order, how much it depends on each weight, and what the support record
// says. Pure.
package option

import (
	"bytes"
	_ "embed" // the example
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"berth/catalogue"
	"berth/internal/diag"
)

// Example is a sheet to begin with.
//
//go:embed example.yaml
var Example string

// Sheet is all options.
type Sheet struct {
	Criteria []Criterion `yaml:"criteria" json:"criteria"`
	Options  []Option    `yaml:"options" json:"options"`
}

// Criterion is something that options are measured by.
type Criterion struct {
	ID     string  `yaml:"id" json:"id"`
	Title  string  `yaml:"title" json:"title"`
	Weight float64 `yaml:"weight" json:"weight"` // beside those of the others
	Asks   string  `yaml:"asks" json:"asks"`     // what 5 stands for
}

// Option is a way to deploy Sourcegraph.
type Option struct {
	ID        string           `yaml:"id" json:"id"` // as reports and the support record name it
	Title     string           `yaml:"title" json:"title"`
	Words     []string         `yaml:"words,omitempty" json:"words,omitempty"` // that people call it by
	Says      string           `yaml:"says,omitempty" json:"says,omitempty"`
	Shortlist bool             `yaml:"shortlist,omitempty" json:"shortlist,omitempty"`
	Scores    map[string]Score `yaml:"scores,omitempty" json:"scores,omitempty"` // by criterion
	Reviews   []Review         `yaml:"reviews,omitempty" json:"reviews,omitempty"`
	Proofs    []Proof          `yaml:"proofs,omitempty" json:"proofs,omitempty"`
	Decision  *Decision        `yaml:"decision,omitempty" json:"decision,omitempty"`
	Life      catalogue.Life   `yaml:"life,omitempty" json:"life,omitempty"` // in the form of the support record
	// WayOff is where it leads when it ends.
	WayOff *catalogue.WayOff `yaml:"wayOff,omitempty" json:"wayOff,omitempty"`
}

// Score is how well an option does by a criterion.
type Score struct {
	Score    float64  `yaml:"score" json:"score"` // from 0 to 5
	Says     string   `yaml:"says,omitempty" json:"says,omitempty"`
	Evidence []string `yaml:"evidence" json:"evidence"` // addresses
}

// Review is what somebody of the staff, or a customer, says of an option.
type Review struct {
	By      string `yaml:"by" json:"by"`
	Of      string `yaml:"of" json:"of"` // staff or customer
	On      string `yaml:"on" json:"on"` // yyyy-mm-dd
	Verdict string `yaml:"verdict" json:"verdict"`
	Says    string `yaml:"says" json:"says"`
}

// Proof is a proof of concept.
type Proof struct {
	Title    string `yaml:"title" json:"title"`
	On       string `yaml:"on" json:"on"`
	Result   string `yaml:"result" json:"result"`
	Evidence string `yaml:"evidence" json:"evidence"`
}

// Decision is what was decided of an option.
type Decision struct {
	On     string `yaml:"on" json:"on"`
	By     string `yaml:"by" json:"by"`
	Result string `yaml:"result" json:"result"`
	Why    string `yaml:"why" json:"why"`
	Source string `yaml:"source" json:"source"` // where customers read of it
}

// The words that a sheet may use.
var (
	ofs      = []string{"staff", "customer"}
	verdicts = []string{"for", "against"}
	results  = []string{"passed", "failed"}
	decided  = []string{"chosen", "rejected", "retired"}
)

var idForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)

// IsSheet reports whether a text begins as a sheet does.
func IsSheet(text []byte) bool { return sheetForm.Match(text) }

var sheetForm = regexp.MustCompile(`(?m)^criteria:`)

// Parse reads a sheet, and says all that is wrong with it. name is that of the file, for messages.
func Parse(name string, text []byte) (*Sheet, diag.List) {
	var s Sheet
	if err := yaml.Load(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), &s, yaml.WithKnownFields()); err != nil {
		return nil, diag.List{{Code: "BERTH4950", Severity: diag.Error, Subject: name, Summary: "it is not a sheet of options", Detail: strings.Split(err.Error(), "\n"), Hint: "begin with the example: berth-hq options --example"}}
	}
	c := checker{name: name}
	c.sheet(&s)
	return &s, c.problems
}

// checker collects what is wrong.
type checker struct {
	name     string
	problems diag.List
}

func (c *checker) wrong(where, summary, hint string) {
	c.problems = append(c.problems, diag.Diagnostic{Code: "BERTH4950", Severity: diag.Error, Subject: c.name, Summary: where + ": " + summary, Hint: hint})
}

func (c *checker) one(where, value string, of []string) {
	if !slices.Contains(of, value) {
		c.wrong(where, fmt.Sprintf("%q is not one of the words", value), "write one of "+diag.Listed(of, "and"))
	}
}

func (c *checker) day(where, value string) {
	if _, err := time.Parse(time.DateOnly, value); err != nil {
		c.wrong(where, fmt.Sprintf("%q is not a day", value), "write a day such as 2026-11-29")
	}
}

func (c *checker) address(where, value string) {
	if !strings.HasPrefix(value, "https://") {
		c.wrong(where, fmt.Sprintf("%q is not an address", value), "name where it can be read, with https://")
	}
}

func (c *checker) named(where, id, title string, known map[string]bool) {
	switch {
	case !idForm.MatchString(id):
		c.wrong(where, fmt.Sprintf("its id can't be %q", id), "use small letters, digits and -")
	case known[id]:
		c.wrong(where, "it appears twice", "choose another id")
	case title == "":
		c.wrong(where, "its title is missing", "add one")
	}
	known[id] = true
}

func (c *checker) sheet(s *Sheet) {
	criteria, options, sum := map[string]bool{}, map[string]bool{}, 0.0
	for _, of := range s.Criteria {
		where := "criterion " + of.ID
		c.named(where, of.ID, of.Title, criteria)
		if of.Weight < 0 {
			c.wrong(where, "its weight is below 0", "write 0 for one that does not count")
		}
		sum += max(0, of.Weight)
	}
	if sum == 0 {
		c.wrong("criteria", "nothing has a weight", "give at least one criterion a weight above 0")
	}
	for n := range s.Options {
		o := &s.Options[n]
		c.named("option "+o.ID, o.ID, o.Title, options)
		c.option(o, criteria)
	}
}

func (c *checker) option(o *Option, criteria map[string]bool) {
	where := "option " + o.ID
	for _, id := range sorted(o.Scores) {
		s, at := o.Scores[id], where+", score "+id
		if !criteria[id] {
			c.wrong(at, "there is no such criterion", "add it to the criteria, or remove the score")
		}
		if s.Score < 0 || s.Score > 5 {
			c.wrong(at, "a score is from 0 to 5", "write one of these")
		}
		if len(s.Evidence) == 0 {
			c.wrong(at, "it has no evidence", "name at least one address that shows it")
		}
		for _, e := range s.Evidence {
			c.address(at, e)
		}
	}
	for _, r := range o.Reviews {
		c.day(where+", review", r.On)
		c.one(where+", review", r.Of, ofs)
		c.one(where+", review", r.Verdict, verdicts)
	}
	for _, p := range o.Proofs {
		c.day(where+", proof", p.On)
		c.one(where+", proof", p.Result, results)
		c.address(where+", proof", p.Evidence)
	}
	if d := o.Decision; d != nil {
		c.day(where+", decision", d.On)
		c.one(where+", decision", d.Result, decided)
		c.address(where+", decision", d.Source)
		if d.Why == "" || d.By == "" {
			c.wrong(where+", decision", "by or why is missing", "write who decided, and why")
		}
	}
	c.life(where+", life", o)
}

// life finds stages in the wrong order, and an end that leads nowhere.
func (c *checker) life(where string, o *Option) {
	for _, wrong := range o.Life.Wrong() {
		c.wrong(where, wrong, "write stages in this order, with days: "+diag.Listed(texts(catalogue.LifeStages), "and"))
	}
	for _, s := range o.Life {
		if s.Source != "" || o.Decision == nil {
			c.address(where+", "+string(s.Stage), s.Source)
		}
		tried := s.Stage == catalogue.Candidate || s.Stage == catalogue.InProof
		if !tried && o.Decision == nil {
			c.wrong(where, "nothing was decided", "write the decision that "+string(s.Stage)+" follows from")
		}
		if s.Stage.Ends() && o.WayOff == nil {
			c.wrong(where, string(s.Stage)+" has no way off", "write  wayOff: {to: OPTION, says: HOW, command: COMMAND}")
		}
	}
}

func texts[T ~string](of []T) (out []string) {
	for _, one := range of {
		out = append(out, string(one))
	}
	return out
}
