package catalogue

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"sync"

	"go.yaml.in/yaml/v4"
)

// IssuesFile is the catalogue's file with known issues, and the name of a newer one beside a config.
const IssuesFile = "known-issues.yaml"

// KnownIssues is a list of faults that only some installations meet, as known-issues.yaml has it.
type KnownIssues struct {
	Read   string       `yaml:"read" json:"read"` // the day of the list, yyyy-mm-dd
	Issues []KnownIssue `yaml:"issues" json:"issues"`
}

// KnownIssue is one of them.
type KnownIssue struct {
	ID       string     `yaml:"id" json:"id"`
	Title    string     `yaml:"title" json:"title"`
	Releases string     `yaml:"releases" json:"releases"`       // that have it: ">=5.1 <6.12"
	From     string     `yaml:"from" json:"from,omitempty"`     // releases that an upgrade begins at, where only those meet it; then it is none of a release that runs
	When     Conditions `yaml:"when" json:"when,omitzero"`      // all of which have to hold
	Pauses   bool       `yaml:"pauses" json:"pauses,omitempty"` // no upgrade goes to one of its releases
	Says     string     `yaml:"says" json:"says"`               // what happens, and why
	Do       string     `yaml:"do" json:"do"`                   // what to do about it, as a hint
	Source   string     `yaml:"source" json:"source"`           // where it is known from
}

// Conditions are what has to hold of an installation. The zero Conditions hold for all.
type Conditions struct {
	Target   Target   `yaml:"target" json:"target,omitempty"`
	Database Database `yaml:"database" json:"database,omitempty"` // "external": one of them is the admin's own; "bundled": one is not
	Postgres string   `yaml:"postgres" json:"postgres,omitempty"` // the major release of one of the databases: "<16"
	Keys     []string `yaml:"keys" json:"keys,omitempty"`         // of the config, that are all set; * stands for a name
	Without  []string `yaml:"without" json:"without,omitempty"`   // of the config, none of which is set
	GiB      int      `yaml:"gib" json:"gib,omitempty"`           // that the databases have together, at least
	Log      string   `yaml:"log" json:"log,omitempty"`           // a regular expression for a line of a service's log; only what runs has logs

	later bool // it asks for something that this berth does not know, and so never holds
}

// UnmarshalYAML reads conditions. What a later berth knows is no mistake: an issue that asks for it is left to that one.
func (c *Conditions) UnmarshalYAML(node *yaml.Node) error {
	type plain Conditions
	if err := node.Decode((*plain)(c)); err != nil {
		return err
	}
	for n := 0; n+1 < len(node.Content); n += 2 {
		c.later = c.later || !slices.Contains([]string{"target", "database", "postgres", "keys", "without", "gib", "log"}, node.Content[n].Value)
	}
	return nil
}

// Listed are the conditions in words.
func (c Conditions) Listed() (out []string) {
	add := func(is bool, text string) {
		if is {
			out = append(out, text)
		}
	}
	add(c.Target != "", "target: "+string(c.Target))
	add(c.Database != "", "a database is "+string(c.Database))
	add(c.Postgres != "", "Postgres "+c.Postgres)
	add(c.GiB > 0, fmt.Sprintf("the databases have %d GiB or more", c.GiB))
	for _, key := range c.Keys {
		out = append(out, "the config has "+key)
	}
	for _, key := range c.Without {
		out = append(out, "the config does not have "+key)
	}
	add(c.Log != "", "a log has a line with "+c.Log)
	add(c.later, "what only a newer berth understands")
	return out
}

// Circumstances are what is known of an installation, as far as issues ask for it.
type Circumstances struct {
	Release  string // that runs, or that an upgrade goes to
	From     string // where an upgrade begins; "": none is asked for
	Target   Target
	External bool              // one of its databases is the admin's own
	Bundled  bool              // one of them is not
	Postgres []int             // the major releases of its databases, as far as they are known
	Bytes    int64             // of its databases together; 0: not known
	Has      func(string) bool // whether a key of the config is set; * stands for a name
}

// Meets reports whether an installation meets an issue, but for what logs show: see Log. What is not known does not hold.
func (i *KnownIssue) Meets(c Circumstances) bool {
	w := i.When
	switch {
	case w.later || !within(c.Release, i.Releases) || i.From != "" && (c.From == "" || !within(c.From, i.From)):
		return false
	case w.Target != "" && w.Target != c.Target || w.Database == External && !c.External || w.Database == Bundled && !c.Bundled:
		return false
	case w.Postgres != "" && !slices.ContainsFunc(c.Postgres, func(major int) bool { return within(strconv.Itoa(major), w.Postgres) }):
		return false
	case c.Bytes < int64(w.GiB)<<30:
		return false
	}
	return !slices.ContainsFunc(w.Keys, func(key string) bool { return !c.Has(key) }) && !slices.ContainsFunc(w.Without, c.Has)
}

func within(version, bounds string) bool {
	ok, err := Within(version, bounds)
	return err == nil && ok
}

// KnownIssues is the list that this program was built with. Nobody changes it.
func (c *Catalogue) KnownIssues() *KnownIssues {
	if c.fast {
		return builtInIssues()
	}
	return must(issuesOf(must(read[KnownIssues](c.fsys, IssuesFile))))
}

var builtInIssues = sync.OnceValue(func() *KnownIssues { return must(issuesOf(must(read[KnownIssues](files, IssuesFile)))) })

// ParseKnownIssues reads a list that is newer than the program.
func ParseKnownIssues(text []byte) (*KnownIssues, error) {
	var k KnownIssues
	if err := yaml.Load(text, &k); err != nil { // keys of a later form are no harm
		return nil, err
	}
	return issuesOf(&k)
}

// issuesOf refuses what would be noticed only where an issue is met.
func issuesOf(k *KnownIssues) (*KnownIssues, error) {
	var wrong []error
	bounds := func(of, text string) {
		if _, err := Within("6.0.0", text); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", of, err))
		}
	}
	for _, i := range k.Issues {
		bounds(i.ID+": releases", i.Releases)
		bounds(i.ID+": from", i.From)
		bounds(i.ID+": postgres", i.When.Postgres)
		if _, err := regexp.Compile(i.When.Log); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: log: %w", i.ID, err))
		}
	}
	return k, errors.Join(wrong...)
}
