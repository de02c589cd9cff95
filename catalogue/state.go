package catalogue

// StateFile is the catalogue's file about what of Sourcegraph is state.
const StateFile = "state.yaml"

// State is what of Sourcegraph is state.
type State struct {
	Stores   map[string]Stored `yaml:"stores"` // by service
	Compared struct {
		Tables []string `yaml:"tables"` // "pgsql.users"
		Source string   `yaml:"source"`
	} `yaml:"compared"`
}

// Stored is what a service keeps.
type Stored struct {
	Carry  Carry  `yaml:"carry"`
	Lost   string `yaml:"lost"` // without it
	Source string `yaml:"source"`
}

// Carry says whether a backup takes something.
type Carry string

// What a backup takes.
const (
	CarryMust    Carry = "must"
	CarryShould  Carry = "should"
	CarryChoice  Carry = "choice"
	CarryRebuilt Carry = "rebuilt"
)

// State is what is known of Sourcegraph's state.
func (c *Catalogue) State() *State { return must(read[State](c.fsys, StateFile)) }
