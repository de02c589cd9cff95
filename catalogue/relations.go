package catalogue

import (
	"maps"
	"path"
	"slices"
)

// RelationsFile is the catalogue's file that says what belongs to what.
const RelationsFile = "relations.yaml"

// Relations say what belongs to what in Sourcegraph, as far as the releases' own data does not: that a variable leads to a service follows
// from the host name in its value.
type Relations struct {
	Off        map[string]Off     `yaml:"off"`        // what else changes when a service does not run, by its name
	Refused    []Refused          `yaml:"refused"`    // variables that an admin must not set
	Free       []Free             `yaml:"free"`       // variables with a service's address that an admin may set
	Unused     []Unused           `yaml:"unused"`     // what Sourcegraph ships that leads to a service which an ordinary installation does not have
	Aliases    []Alias            `yaml:"aliases"`    // host names that stand for a service of another name
	Stores     Stores             `yaml:"stores"`     // who uses which store
	Outside    map[string]Outside `yaml:"outside"`    // who talks outside the installation, by service
	Unproxied  []string           `yaml:"unproxied"`  // addresses outside the installation that no proxy must get
	SiteConfig []Written          `yaml:"siteConfig"` // what berth writes into Sourcegraph's site configuration
	Images     []Misplaced        `yaml:"images"`     // images that are not of the release that ships them
	Fetched    []Fetched          `yaml:"fetched"`    // images that a running Sourcegraph fetches by itself
	Jobs       Jobs               `yaml:"jobs"`       // of the worker

	Needs map[string][]string `yaml:"needs"` // the services that a service needs besides its stores; see Relations.NeededBy
}

// NeededBy are the services that each service needs to be ready or to do its work, by its name: stores and others. Services that need none are not
// in it.
func (r *Relations) NeededBy() map[string][]string {
	all := map[string][]string{}
	for name, needs := range r.Needs {
		all[name] = slices.Clone(needs)
	}
	add := func(store string, clients []string) {
		for _, c := range clients {
			all[c] = append(all[c], store)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Stores.Postgres.Databases)) {
		add(name, r.Stores.Postgres.Databases[name].Clients)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Stores.Redis)) {
		add(name, r.Stores.Redis[name].Clients)
	}
	return all
}

// Jobs are the jobs that a worker can run.
type Jobs struct {
	Names  []string `yaml:"names"`
	Once   []string `yaml:"once"` // of which one may run at a time
	Source string   `yaml:"source"`
}

// When limits an entry to some releases and to one target.
type When struct {
	Since  string `yaml:"since,omitempty"`  // the first minor release; "": the first of all
	Until  string `yaml:"until,omitempty"`  // the last minor release; "": the newest
	Target Target `yaml:"target,omitempty"` // "": both
}

// Holds reports whether an entry holds for a release on a target.
func (w When) Holds(version string, target Target) bool {
	minor := Minor(version)
	return (w.Target == "" || w.Target == target) &&
		(w.Since == "" || CompareVersions(minor, w.Since) >= 0) && (w.Until == "" || CompareVersions(minor, w.Until) <= 0)
}

// Off is what else changes when a service does not run, besides that whatever has its host name goes.
type Off struct {
	Drop   []string            `yaml:"drop,omitempty"` // variables of all services that go
	Set    []Set               `yaml:"set,omitempty"`  // variables that other services get
	With   []string            `yaml:"with,omitempty"` // services that don't run either
	Args   map[string][]string `yaml:"args,omitempty"` // further arguments, by service
	Source string              `yaml:"source"`
}

// Set gives services variables.
type Set struct {
	Variables map[string]string `yaml:"variables"`
	On        []string          `yaml:"on,omitempty"` // services; none: those that have the variable in the release
}

// Refused are variables that fight what berth does.
type Refused struct {
	When      `yaml:",inline"`
	Variables []string `yaml:"variables"`         // patterns of path.Match
	On        []string `yaml:"on,omitempty"`      // services; none: all
	Unless    string   `yaml:"unless,omitempty"`  // a key of the config with which they are allowed
	ByPatch   bool     `yaml:"byPatch,omitempty"` // a patch may set them
	Reason    string   `yaml:"reason"`            // a part of a sentence
	Key       string   `yaml:"key,omitempty"`     // of the config, to use instead; "": there is none
	Source    string   `yaml:"source"`
}

// Free are variables with the address of a service that an admin may point elsewhere.
type Free struct {
	Variables []string `yaml:"variables"`
	Reason    string   `yaml:"reason"`
}

// Unused is what Sourcegraph ships that leads to services which an ordinary installation does not have.
type Unused struct {
	Leads  []string `yaml:"leads"` // services
	Reason string   `yaml:"reason"`
	Source string   `yaml:"source"`
}

// Alias is a host name in Sourcegraph's files that stands for a service of another name.
type Alias struct {
	When    `yaml:",inline"`
	Name    string `yaml:"name"`
	Service string `yaml:"service"`
	Source  string `yaml:"source"`
}

// Refuses finds the entry that refuses a variable of a service; nil when an admin may set it. has reports whether the config has a key.
func (r *Relations) Refuses(service, variable string, has func(key string) bool) *Refused {
	for i := range r.Refused {
		e := &r.Refused[i]
		if (len(e.On) == 0 || slices.Contains(e.On, service)) && matches(e.Variables, variable) && (e.Unless == "" || !has(e.Unless)) {
			return e
		}
	}
	return nil
}

// matches reports whether a name has the form of one of some patterns.
func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, _ := path.Match(p, name) // TestRelations proves that patterns have the right form
		return ok
	})
}

// Relations are all relations; Release.Relations has those of one release.
func (c *Catalogue) Relations() *Relations { return c.relations() }

// of are the relations that hold for a release on a target.
func (r *Relations) of(version string, target Target) *Relations {
	own := *r
	own.Aliases = slices.DeleteFunc(slices.Clone(r.Aliases), func(e Alias) bool { return !e.Holds(version, target) })
	own.Fetched = slices.DeleteFunc(slices.Clone(r.Fetched), func(e Fetched) bool { return !e.Holds(version, target) })
	own.SiteConfig = slices.Clone(r.SiteConfig)
	for _, f := range own.Fetched {
		own.SiteConfig = append(own.SiteConfig, Written{Path: f.Path, Key: RegistryKey, Image: f.Image, Both: Admin, Source: f.Source})
	}
	own.Refused = slices.DeleteFunc(slices.Clone(r.Refused), func(e Refused) bool { return !e.Holds(version, target) })
	return &own
}

// Written is a value that berth writes into Sourcegraph's site configuration.
type Written struct {
	When    `yaml:",inline"`
	Path    []string `yaml:"path"`              // names of members
	Key     string   `yaml:"key"`               // of the config, where the value comes from
	Both    Both     `yaml:"both"`              // what counts where the admin's file says something there, too
	Instead string   `yaml:"instead,omitempty"` // the key of the config that takes the admin's value
	Image   string   `yaml:"-"`                 // the image whose name in the admin's registry is the value; see Fetched
	Source  string   `yaml:"source"`
}

// Both says what counts where berth and the admin write the same place.
type Both string

// What counts.
const (
	Same   Both = "same"   // they must be equal
	Join   Both = "join"   // the items of both lists
	Refuse Both = "refuse" // one of the two must go
	Admin  Both = "admin"  // the admin's
)
