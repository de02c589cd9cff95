package catalogue

// UpgradesFile is the catalogue's file with the rules of upgrades.
const UpgradesFile = "upgrades.yaml"

// Upgrades are the rules that a way from one release to another must respect.
type Upgrades struct {
	Oldest       string         `yaml:"oldest"`     // the first minor that the migrator can upgrade from
	LastMinors   map[int]int    `yaml:"lastMinors"` // the last minor of each major that is closed
	Stops        []Stop         `yaml:"stops"`
	Traps        []Trap         `yaml:"traps"`
	Irreversible []Irreversible `yaml:"irreversible"`
	Reindexes    []Reindex      `yaml:"reindexes"`
	Bundled      []Postgres     `yaml:"bundledPostgres"`
	Migrators    []Migrator     `yaml:"migrators"` // the first that holds counts; none: the newest of all
	ByHand       []Advice       `yaml:"byHand"`    // what is left to a person
	Changes      []Advice       `yaml:"changes"`   // what berth does, and people will meet

	Background []BackgroundMigration `yaml:"background"`

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
	Crosses       string   `yaml:"crosses"` // a way that begins below this release and ends at it or above
	Below         string   `yaml:"below"`   // and begins below this one
	Target        Target   `yaml:"target"`  // "": on every one
	Database      Database `yaml:"database"`
	PostgresBelow int      `yaml:"postgresBelow"` // holds for databases of an older major than this; 0: for all
	At            string   `yaml:"at"`            // the minor to stop at: at its newest good patch
	Reason        string   `yaml:"reason"`
	Source        string   `yaml:"source"`
	Then          string   `yaml:"then"` // what a person has to do there before the way goes on; "": nothing
}

// Trap is a hop that fails, between releases that are good for anything else.
type Trap struct {
	From    []string `yaml:"from"`
	To      []string `yaml:"to"`
	Reason  string   `yaml:"reason"`
	Instead string   `yaml:"instead"` // the release to go to
	Source  string   `yaml:"source"`
}

// Reindex is a hop whose database images change the system under the data.
type Reindex struct {
	Crosses  string   `yaml:"crosses"`
	Database Database `yaml:"database"`
	Reason   string   `yaml:"reason"`
	Source   string   `yaml:"source"`
}

// BackgroundMigration is an out-of-band migration: one of data, which a release's worker does beside its work.
type BackgroundMigration struct {
	ID         int    `yaml:"id"`
	Introduced string `yaml:"introduced"` // the first minor that has it
	Deprecated string `yaml:"deprecated"` // the first minor that needs it done; "": none is known to
	OneWay     bool   `yaml:"oneWay"`     // it can't be undone without loss
	What       string `yaml:"what"`
}

// Irreversible is something that only a backup brings back.
type Irreversible struct {
	Crosses          string   `yaml:"crosses"`
	Database         Database `yaml:"database"`
	ConvertsPostgres bool     `yaml:"convertsPostgres"` // by the database images, when they start
	Until            string   `yaml:"until"`            // the first minor whose images refuse to; "": there is none
	Text             string   `yaml:"text"`
	Source           string   `yaml:"source"`
}

// Postgres is the major that bundled databases have from a release on.
type Postgres struct {
	From  string `yaml:"from"`
	Major int    `yaml:"major"`
}

// OwnMigrator is what Migrator.With says for the migrator of the release that a hop ends at.
const OwnMigrator = "own"

// Migrator is a kind of hop that does not take the newest migrator.
type Migrator struct {
	Crosses       string `yaml:"crosses"`       // "": every hop
	EndsBelow     string `yaml:"endsBelow"`     // the release that it ends at is older than this; "": any
	PostgresBelow int    `yaml:"postgresBelow"` // while one of the databases is of an older major than this; 0: whatever they are
	With          string `yaml:"with"`          // the minor whose newest patch has it, or OwnMigrator
	Reason        string `yaml:"reason"`
	Source        string `yaml:"source"`
}

// Advice is what an admin has to do, or to know, on a way.
type Advice struct {
	From     []string `yaml:"from"` // the releases that a way must begin at; none: any
	Crosses  string   `yaml:"crosses"`
	Target   Target   `yaml:"target"`
	Database Database `yaml:"database"`
	Needs    string   `yaml:"needs"` // a key of the config that it is about; "": it is for everybody
	Text     string   `yaml:"text"`
	Source   string   `yaml:"source"`
}

// Upgrades gives the rules of upgrades.
func (c *Catalogue) Upgrades() *Upgrades { return must(read[Upgrades](c.fsys, UpgradesFile)) }
