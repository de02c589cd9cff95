package catalogue

// UpgradesFile is the catalogue's file with the rules of upgrades.
const UpgradesFile = "upgrades.yaml"

// Upgrades are the rules of upgrades between releases.
type Upgrades struct {
	Oldest       string         `yaml:"oldest"`     // the first minor that the migrator can upgrade from
	LastMinors   map[int]int    `yaml:"lastMinors"` // the last minor of each major that is closed
	Stops        []Stop         `yaml:"stops"`
	Traps        []Trap         `yaml:"traps"`
	Irreversible []Irreversible `yaml:"irreversible"`
	Reindexes    []Reindex      `yaml:"reindexes"`
	Bundled      []Postgres     `yaml:"bundledPostgres"`
	Migrators    []Migrator     `yaml:"migrators"` // the first rule that matches decides; none: the newest migrator
	ByHand       []Advice       `yaml:"byHand"`    // manual work
	Changes      []Advice       `yaml:"changes"`   // what berth does and people will notice

	Background []BackgroundMigration `yaml:"background"`

	Gone map[string]Gone `yaml:"gone"` // services that later releases don't have, by name
}

// Gone is a service that a later release no longer has.
type Gone struct {
	Into   string `yaml:"into"` // the service that does its work now; "": no service takes its settings
	Reason string `yaml:"reason"`
	Source string `yaml:"source"`
}

// Database says where the databases run, as far as rules distinguish it.
type Database string

// The kinds of databases.
const (
	AnyDatabase Database = ""
	Bundled     Database = "bundled"
	External    Database = "external"
)

// Stop is a minor release at which an upgrade has to stop.
type Stop struct {
	ID            string   `yaml:"id"`
	Crosses       string   `yaml:"crosses"` // an upgrade that begins below this release and ends at it or above
	Below         string   `yaml:"below"`   // and begins below this one
	Target        Target   `yaml:"target"`  // "": all targets
	Database      Database `yaml:"database"`
	PostgresBelow int      `yaml:"postgresBelow"` // for databases of an older major than this; 0: for all
	At            string   `yaml:"at"`            // the minor to stop at: its newest patch without a notice
	Reason        string   `yaml:"reason"`
	Source        string   `yaml:"source"`
	Then          string   `yaml:"then"` // what a person has to do there before the upgrade continues; "": nothing
}

// LeastExternal is the oldest major Postgres that a release works with, for a database of the admin's own; 0: no rule says it.
func (u *Upgrades) LeastExternal(release string) (major int) {
	for _, s := range u.Stops {
		if s.Database == External && CompareVersions(release, s.Crosses) >= 0 {
			major = max(major, s.PostgresBelow)
		}
	}
	return major
}

// Trap is an upgrade step that fails, between releases that work in all other steps.
type Trap struct {
	From    []string `yaml:"from"`
	To      []string `yaml:"to"`
	Reason  string   `yaml:"reason"`
	Instead string   `yaml:"instead"` // the release to upgrade to instead
	Source  string   `yaml:"source"`
}

// Reindex is an upgrade step whose database images change the C library under the data.
type Reindex struct {
	Crosses  string   `yaml:"crosses"`
	Database Database `yaml:"database"`
	Reason   string   `yaml:"reason"`
	Source   string   `yaml:"source"`
}

// BackgroundMigration is an out-of-band migration: a migration of data that a release's worker does while Sourcegraph answers.
type BackgroundMigration struct {
	ID         int    `yaml:"id"`
	Introduced string `yaml:"introduced"` // the first minor that has it
	Deprecated string `yaml:"deprecated"` // the first minor that needs it finished; "": no such minor is known
	OneWay     bool   `yaml:"oneWay"`     // it can't be undone without loss
	What       string `yaml:"what"`
}

// Irreversible is a change that only a backup can undo.
type Irreversible struct {
	Crosses          string   `yaml:"crosses"`
	Database         Database `yaml:"database"`
	ConvertsPostgres bool     `yaml:"convertsPostgres"` // the database images do it when they start
	Until            string   `yaml:"until"`            // the first minor whose images refuse to; "": there is none
	Text             string   `yaml:"text"`
	Source           string   `yaml:"source"`
}

// Postgres is the major version of the bundled databases from a release on.
type Postgres struct {
	From  string `yaml:"from"`
	Major int    `yaml:"major"`
}

// OwnMigrator in Migrator.With means the migrator of the release at which an upgrade step ends.
const OwnMigrator = "own"

// Migrator is a rule for upgrade steps that do not use the newest migrator.
type Migrator struct {
	Crosses       string `yaml:"crosses"`       // "": every upgrade step
	EndsBelow     string `yaml:"endsBelow"`     // the step ends at a release older than this; "": any
	PostgresBelow int    `yaml:"postgresBelow"` // while one of the databases has an older major than this; 0: any
	With          string `yaml:"with"`          // the minor whose newest patch has it, or OwnMigrator
	Reason        string `yaml:"reason"`
	Source        string `yaml:"source"`
}

// Advice is what an admin has to do or to know for an upgrade.
type Advice struct {
	From     []string `yaml:"from"` // the releases at which the upgrade begins; none: any
	Crosses  string   `yaml:"crosses"`
	Target   Target   `yaml:"target"`
	Database Database `yaml:"database"`
	Needs    string   `yaml:"needs"` // the key of the config that it is about; "": it is for everybody
	Text     string   `yaml:"text"`
	Source   string   `yaml:"source"`
}

// Upgrades are the rules of upgrades.
func (c *Catalogue) Upgrades() *Upgrades { return must(read[Upgrades](c.fsys, UpgradesFile)) }

// BundledPostgres is the major Postgres of a release's bundled databases.
func (u *Upgrades) BundledPostgres(release string) (major int) {
	for _, b := range u.Bundled {
		if CompareVersions(release, b.From) >= 0 {
			major = b.Major
		}
	}
	return major
}
