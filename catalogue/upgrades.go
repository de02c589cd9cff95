package catalogue

// UpgradesFile is the catalogue's file with the rules of upgrades.
const UpgradesFile = "upgrades.yaml"

// Upgrades are the rules that a way from one release to another must respect.
type Upgrades struct {
	Oldest       string         `yaml:"oldest"`     // the first minor that the migrator can upgrade from
	LastMinors   map[int]int    `yaml:"lastMinors"` // the last minor of each major that is closed
	Stops        []Stop         `yaml:"stops"`
	Irreversible []Irreversible `yaml:"irreversible"`
	OwnMigrator  []OwnMigrator  `yaml:"ownMigrator"`
	ByHand       []ByHand       `yaml:"byHand"`

	Gone map[string]Gone `yaml:"gone"` // services that later releases don't have, by name
}

// Gone is a service that a later release no longer has.
type Gone struct {
	Into   string `yaml:"into"` // the service that took its work over; "": none that a config's settings of it would suit
	Reason string `yaml:"reason"`
	Source string `yaml:"source"`
}

// Database is where an installation's databases are, as far as a rule cares.
type Database string

// The kinds of databases.
const (
	AnyDatabase Database = ""
	Bundled     Database = "bundled"
	External    Database = "external"
)

// Stop is a minor release that a way must pass through.
type Stop struct {
	ID            string   `yaml:"id"`
	Crosses       string   `yaml:"crosses"` // a way that begins below this minor and ends at it or above
	Below         string   `yaml:"below"`   // and begins below this one
	Target        Target   `yaml:"target"`  // "": on every one
	Database      Database `yaml:"database"`
	PostgresBelow int      `yaml:"postgresBelow"` // holds for databases of an older major than this; 0: for all
	At            string   `yaml:"at"`            // the minor to stop at: at its newest good patch
	Reason        string   `yaml:"reason"`
	Source        string   `yaml:"source"`
	Then          string   `yaml:"then"` // what a person has to do there before the way goes on; "": nothing
}

// Irreversible is something that only a backup brings back.
type Irreversible struct {
	Crosses          string   `yaml:"crosses"`
	Database         Database `yaml:"database"`
	ConvertsPostgres bool     `yaml:"convertsPostgres"` // by the database images, when they start
	Text             string   `yaml:"text"`
	Source           string   `yaml:"source"`
}

// OwnMigrator is a hop that takes the migrator of the release that it ends at.
type OwnMigrator struct {
	Crosses string `yaml:"crosses"`
	Reason  string `yaml:"reason"`
	Source  string `yaml:"source"`
}

// ByHand is something that is left to a person.
type ByHand struct {
	Crosses  string   `yaml:"crosses"`
	Target   Target   `yaml:"target"`
	Database Database `yaml:"database"`
	Needs    string   `yaml:"needs"` // a key of the config that it is about; "": it is for everybody
	Text     string   `yaml:"text"`
	Source   string   `yaml:"source"`
}

// Upgrades gives the rules of upgrades.
func (c *Catalogue) Upgrades() *Upgrades { return must(read[Upgrades](c.fsys, UpgradesFile)) }
