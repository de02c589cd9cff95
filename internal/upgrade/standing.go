package upgrade

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"berth/catalogue"
	"berth/internal/diag"
)

// Standing is what an installation says of its own release. The databases decide: only they know which schema they have. A config's file says
// what is wanted, never what is there.
type Standing struct {
	// Databases is the release in the databases' table of versions; "" where they could not be asked, or have none yet.
	//
	// Source: https://github.com/sourcegraph/sourcegraph-public-snapshot/blob/main/internal/version/upgradestore/store.go
	Databases string
	Recorded  string              // the release that the history says the data is of; it counts where the databases can't be asked
	Runs      map[string][]string // services by the release of their containers, whether they run or not
	Postgres  int                 // the major release of the server that answered; 0: none did
	Data      bool                // there is data of a database
	Silent    bool                // there is data, and its databases don't run, so that nobody could ask them
}

// Release is the release that the installation's data is of; "" where nothing is known.
func (s Standing) Release() string {
	said := cmp.Or(s.Databases, s.Recorded, s.most())
	v, err := Parse(said)
	if err != nil || v.numbers[2] > 0 {
		return said
	}
	// The migrator writes a minor's first release, whatever patch it goes to; what runs knows the patch.
	known := append(slices.Sorted(maps.Keys(s.Runs)), s.Recorded)
	for _, release := range slices.Backward(known) {
		if p, err := Parse(release); err == nil && p.Minor() == v.Minor() {
			return release
		}
	}
	return said
}

// Installed is Release, except where all containers are of the release before, which works with the databases of the next one. A release that was
// tried and rolled back had written its version there, and frontends that were never replaced do not write theirs again.
func (s Standing) Installed(c *catalogue.Catalogue, target catalogue.Target, facts Facts) string {
	release := s.Release()
	if runs := s.most(); len(s.Runs) == 1 && Newer(release, runs) {
		way, problems := Path(c, Request{From: runs, To: release, Target: target, Facts: facts})
		if !problems.Failed() && way.rolls() {
			return runs
		}
	}
	return release
}

// most is the release of most containers.
func (s Standing) most() string {
	best := ""
	for _, release := range slices.Sorted(maps.Keys(s.Runs)) {
		if len(s.Runs[release]) > len(s.Runs[best]) {
			best = release
		}
	}
	return best
}

// Mixed reports whether containers are of another release than the data.
func (s Standing) Mixed(release string) bool {
	return slices.ContainsFunc(slices.Collect(maps.Keys(s.Runs)), func(r string) bool { return r != release })
}

// String says it in a line: "databases 6.0.0; containers 6.0.0 (frontend), 7.5.4453 (gitserver, pgsql)".
func (s Standing) String() string {
	var parts []string
	switch {
	case s.Databases != "":
		parts = append(parts, "databases "+s.Databases)
	case s.Recorded != "":
		parts = append(parts, "data "+s.Recorded+" (from the history: the databases do not answer)")
	}
	var runs []string
	for _, release := range slices.Sorted(maps.Keys(s.Runs)) {
		runs = append(runs, release+" ("+some(s.Runs[release], 4)+")")
	}
	if len(runs) > 0 {
		parts = append(parts, "containers "+strings.Join(runs, ", "))
	}
	return strings.Join(parts, "; ")
}

func some(names []string, most int) string {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most-1], ", "), len(names)-most+1)
	}
	return strings.Join(names, ", ")
}

// Change is what it takes to bring an installation to the release that its config names.
type Change struct {
	From string // the release of its data; "" where there is none
	To   string // the config's
	Way  Way
	// Rolls says that the upgrade is one step that replaces services while Sourcegraph answers, and asks nothing else of anybody.
	Rolls bool
	// Reached says that the data is of the config's release, or that there is none: what is left to do is an ordinary change.
	Reached  bool
	Problems diag.List // why it can't be done so, and what the containers are that differ
}

// Wish is where an installation's config names a release, and the way back that was promised when it came to where it is.
type Wish struct {
	File     string     // the config's, as the admin named it
	At       diag.Range // of the release in it; zero where it names none
	BackTo   string     // the release that berth rollback goes to; "": none
	BackCost string     // what that costs
}

// Compare compares an installation's release with the one that its config names.
func Compare(c *catalogue.Catalogue, s Standing, r Request, w Wish) Change {
	change := Change{From: s.Installed(c, r.Target, r.Facts), To: r.To}
	if change.Reached = change.From == change.To; change.Reached && !s.Mixed(change.From) {
		return change // as it mostly is: no rule needs to be read for that
	}
	p := &planner{catalogue: c, rules: c.Upgrades(), request: r}
	file := w.File
	refuse := func(d diag.Diagnostic) {
		d.Severity, d.Subject, d.Range = diag.Error, file, w.At
		change.Problems = append(change.Problems, d)
	}
	if !change.Reached {
		for _, d := range Refused(c, r.To, r.Target) {
			refuse(d)
		}
	}
	from, err := Parse(change.From)
	to, toErr := Parse(r.To)
	if err != nil || toErr != nil {
		change.Reached = true // there is nothing yet, or nothing that names a release
		return change
	}
	// What is kept in the history alone can be wrong: data may have been restored since.
	doubt := ""
	if s.Databases == "" {
		doubt = "; when the data is of " + change.To + " because you restored it: berth up --data-of " + change.To
	}
	switch order := to.compare(from); {
	case order == 0:
		if at, why := p.moved(s, from); at != "" {
			change.Reached = false
			refuse(diag.Diagnostic{Code: "BERTH3742",
				Summary: fmt.Sprintf("the databases were started with images of %s, so the images of %s can't use them as they are: %s", at, change.From, why),
				Detail:  []string{"found: " + s.String()}, Hint: "continue to that release: berth upgrade --to " + at})
		} else if s.Mixed(change.From) {
			change.Problems = append(change.Problems, Mixture(s, change.From, change.To, file))
		}
	case order < 0:
		refuse(older(change, s, w, doubt))
	default:
		r.From = change.From
		var problems diag.List
		change.Way, problems = Path(c, r)
		if len(change.Problems) > 0 || problems.Failed() {
			change.Problems = append(change.Problems, problems...)
			return change
		}
		if change.Rolls = change.Way.rolls() && !s.Mixed(change.From); change.Rolls {
			change.Problems = diag.List{{Code: "BERTH3744", Severity: diag.Warning, Subject: file, Range: w.At,
				Summary: fmt.Sprintf("going from %s to %s is an upgrade that only replaces services", change.From, change.To),
				Hint:    "berth up carries it out as berth upgrade does, with the same checks and the same rollback"}}
			return change
		}
		refuse(diag.Diagnostic{Code: "BERTH3740",
			Summary: fmt.Sprintf("%s asks for %s, but %s is installed: berth upgrade changes the release", file, change.To, change.From),
			Detail:  slices.Concat([]string{"found: " + s.String()}, s.meaning(change.From), change.Way.steps()),
			Hint:    "berth upgrade --to " + change.To + " (its plan: --plan)   or keep " + change.From + ": write  release: " + change.From + doubt})
	}
	return change
}

// older refuses a config that names an older release than the data is of. doubt is how to correct berth when that is wrong.
func older(change Change, s Standing, w Wish, doubt string) diag.Diagnostic {
	hint := "keep the release: write  release: " + change.From + doubt
	if w.BackTo != "" {
		hint = "to roll back the last upgrade, to " + w.BackTo + ": berth rollback (cost: " + w.BackCost + ")   to stay: write  release: " + change.From
	}
	return diag.Diagnostic{Code: "BERTH3741",
		Summary: fmt.Sprintf("%s asks for %s, but the data has the schema of %s: an older release can't work with the databases of a newer one", w.File, change.To, change.From),
		Detail:  []string{"found: " + s.String(), "Sourcegraph does not refuse this, and would damage data"},
		Hint:    hint}
}

// Mixture warns of containers of another release than the data, and says what leads out. wanted is the release that the config names.
func Mixture(s Standing, release, wanted, file string) diag.Diagnostic {
	hint := "berth up brings all of them to " + release
	if wanted != release {
		hint = "write  release: " + release + "  and " + hint
	}
	newest := release
	for other := range s.Runs {
		if Newer(other, newest) {
			newest = other
		}
	}
	if newest != release {
		hint += "; to continue to " + newest + " instead: berth upgrade --to " + newest
	}
	return diag.Diagnostic{Code: "BERTH3743", Severity: diag.Warning, Subject: file,
		Summary: "containers of several releases exist: a change of release stopped halfway, or was made by hand",
		Detail:  []string{"found: " + s.String()}, Hint: hint}
}

// meaning says what it means that containers are of another release than the data; nothing when they are not.
func (s Standing) meaning(release string) []string {
	if !s.Mixed(release) {
		return nil
	}
	return []string{"some containers have another release than the databases: a change of release stopped halfway, or was made by hand"}
}

// moved is the release of bundled databases' containers whose images may have changed the data in the volumes, and why: the images of another release
// can't use that data as it is. It is "" where there are none.
func (p *planner) moved(s Standing, release Version) (at, why string) {
	if at := p.converted(s, release); at != "" {
		return at, "data was converted for a newer Postgres, and no backup was made before"
	}
	for name, v := range s.atDatabases() {
		for _, r := range p.rules.Reindexes {
			if p.has(r.Database) && crosses(release, v, r.Crosses) {
				return name, "they sort text differently, so indexes have to be checked"
			}
		}
	}
	return "", ""
}

// converted is the release of bundled databases' containers that may have converted their data for a newer Postgres than a release has; "" where there
// are none.
func (p *planner) converted(s Standing, release Version) string {
	for name, v := range s.atDatabases() {
		for _, i := range p.rules.Irreversible {
			if i.ConvertsPostgres && p.has(i.Database) && crosses(release, v, i.Crosses) && below(v, i.Until) {
				return name
			}
		}
	}
	return ""
}

// atDatabases are the releases of bundled databases' containers.
func (s Standing) atDatabases() map[string]Version {
	out := map[string]Version{}
	for name, services := range s.Runs {
		v, err := Parse(name)
		if err == nil && slices.ContainsFunc(services, func(s string) bool { return slices.Contains(databases, s) }) {
			out[name] = v
		}
	}
	return out
}

// databases are the services that hold a Postgres.
var databases = []string{"pgsql", "codeintel-db", "codeinsights-db"}

// Converted reports whether bundled databases may have been converted for a newer Postgres than a release has, by containers of a newer one.
func Converted(c *catalogue.Catalogue, s Standing, release string, facts Facts) bool {
	p := &planner{catalogue: c, rules: c.Upgrades(), request: Request{Facts: facts}}
	v, err := Parse(release)
	return err == nil && p.converted(s, v) != ""
}

// rolls reports whether a way is one hop that replaces services while Sourcegraph answers, and asks nothing else of anybody.
func (j Way) rolls() bool {
	return len(j.Hops) == 1 && j.Then == "" && len(j.Unknown) == 0 && j.Hops[0].OnlyRolls()
}

// steps says what a way is made of, for people who thought that it was nothing.
func (j Way) steps() []string {
	stops := []string{j.From}
	var lines []string
	for _, h := range j.Hops {
		stops = append(stops, h.To)
		for _, text := range h.Irreversible {
			lines = append(lines, "in the upgrade to "+h.To+", only a backup can undo this: "+text)
		}
		for _, r := range h.ByHand {
			lines = append(lines, "by hand, for "+h.To+": "+r.Text)
		}
	}
	return append([]string{"the way: " + strings.Join(stops, " -> ") + "; berth upgrade backs up the databases and can roll back"}, lines...)
}
