package upgrade

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/plan"
)

// Request is a way that is asked for.
type Request struct {
	From   string           // the release that runs
	To     string           // a release, or a minor; "": the newest that is offered
	Target catalogue.Target // where it runs
	Facts  Facts
}

// Facts are what is known of an installation.
type Facts struct {
	External bool                  // a database is the admin's own
	Mixed    bool                  // and others are bundled
	Postgres int                   // the oldest major among the admin's own databases; 0: not known
	Has      func(key string) bool // whether the config has a key; nil: nothing is known of it
}

// Way is the way.
type Way struct {
	From string     `json:"from"`
	To   string     `json:"to"`
	Hops []plan.Hop `json:"hops"`
	// Unknown are the facts that are not known and that the way depends on; it is the one of the worse case.
	Unknown []string `json:"unknown,omitempty"`
	// Then is what a person has to do at the end of the last hop before a further way can be planned; "": To is reached.
	Then string `json:"then,omitempty"`
}

// Path gives the shortest way that every rule allows. Problems say why there is none, and what to do.
func Path(c *catalogue.Catalogue, r Request) (Way, diag.List) {
	p := &planner{catalogue: c, rules: c.Upgrades(), request: r}
	from, problem := p.begin()
	if problem != nil {
		return Way{}, problem
	}
	to, problem := p.end(from)
	if problem != nil {
		return Way{}, problem
	}
	j := Way{From: from.String(), To: to.String(), Hops: []plan.Hop{}}
	if to.compare(from) == 0 {
		return j, nil
	}
	return p.way(j, from, to)
}

type planner struct {
	catalogue *catalogue.Catalogue
	rules     *catalogue.Upgrades
	request   Request
	newest    map[string]string // the newest good patch, by minor release
}

// begin is the release that the way begins at. It need not be one that berth can deploy.
func (p *planner) begin() (Version, diag.List) {
	from, err := Parse(p.request.From)
	if err != nil {
		return from, refuse("BERTH3751", "--from", err.Error(), "write it as 6.0.0, or as 6.0")
	}
	if !exists(p.rules, from) {
		return from, refuse("BERTH3751", "--from", fmt.Sprintf("there is no release %s: the last of %d was %[2]d.%d", from, from.numbers[0], p.rules.LastMinors[from.numbers[0]]),
			"see which one runs: berth status, or Sourcegraph's page Site admin > Updates")
	}
	if !p.known(from) {
		return from, refuse("BERTH3751", "--from", fmt.Sprintf("unknown release: %s", from), "see the releases that this berth knows: berth catalogue list   or use a newer berth")
	}
	oldest, err := Parse(p.rules.Oldest)
	if err == nil && from.Minor().compare(oldest.Minor()) < 0 {
		return from, refuse("BERTH3752", "--from", fmt.Sprintf("%s is older than %s, the first release that supports an upgrade over several releases", from, p.rules.Oldest),
			"upgrade one minor release at a time to "+p.rules.Oldest+" first, as Sourcegraph's guide for those releases says")
	}
	return from, nil
}

// known reports whether there is a release, or a minor release. All of them are in the catalogue from its oldest one on, on one target or another.
func (p *planner) known(v Version) bool {
	all := p.catalogue.Versions("")
	return below(v, all[len(all)-1].Version) || slices.ContainsFunc(all, func(a catalogue.Version) bool {
		return a.Version == v.String() || catalogue.Minor(a.Version) == v.String()
	})
}

// end is the release that the way ends at.
func (p *planner) end(from Version) (Version, diag.List) {
	name := cmp.Or(p.request.To, p.catalogue.Newest(p.request.Target))
	resolved, err := p.catalogue.Resolve(name, p.request.Target)
	if err != nil {
		return Version{}, refuse("BERTH3753", "--to", err.Error(), "see the releases: berth catalogue list")
	}
	to, err := Parse(resolved)
	if err != nil {
		return to, refuse("BERTH3753", "--to", err.Error(), "write it as 7.5, or as 7.5.4453")
	}
	if to.compare(from) < 0 {
		return to, refuse("BERTH3754", "--to", fmt.Sprintf("%s is older than %s", to, from), "to roll back the last upgrade: berth rollback")
	}
	if reason, instead := p.against(from.String(), resolved, p.kind(from, to)); reason != "" {
		return to, refuse("BERTH3755", "--to", fmt.Sprintf("an upgrade must not end at %s: %s", resolved, reason), "go to "+instead+" instead: berth upgrade --to "+instead)
	}
	return to, nil
}

// against is what speaks against a hop, and the release that it better ends at; "" where nothing does.
func (p *planner) against(from, to string, kind plan.Kind) (reason, instead string) {
	for _, n := range p.catalogue.Notices(to, p.request.Target) {
		if n.Use == catalogue.AnyUse || n.Use == catalogue.MultiVersion && kind == plan.MultiVersion {
			return n.Reason, n.Instead
		}
	}
	for _, t := range p.rules.Traps {
		if slices.Contains(t.From, from) && slices.Contains(t.To, to) {
			return t.Reason, t.Instead
		}
	}
	return "", ""
}

// way goes from one release to another by the stops between them.
func (p *planner) way(j Way, from, to Version) (Way, diag.List) {
	stop, rule := p.stop(from, to)
	if rule == nil {
		j.Hops = append(j.Hops, p.hop(from, to, nil))
		return j, nil
	}
	if stop.compare(from) > 0 {
		j.Hops = append(j.Hops, p.hop(from, stop, rule))
	}
	if rule.PostgresBelow > 0 && p.request.Facts.Postgres == 0 {
		j.Unknown = append(j.Unknown, fmt.Sprintf("the major release of your own Postgres; the upgrade assumes one below %d", rule.PostgresBelow))
	}
	if rule.Then != "" {
		j.To, j.Then = stop.String(), rule.Then
		if len(j.Hops) == 0 {
			return j, refuse("BERTH3756", "databases", fmt.Sprintf("your own Postgres must be upgraded before you leave %s: %s", from, rule.Reason), rule.Then)
		}
		return j, nil
	}
	return p.way(j, stop, to)
}

// stop is the first stop on a way.
func (p *planner) stop(from, to Version) (at Version, rule *catalogue.Stop) {
	for i := range p.rules.Stops {
		s := &p.rules.Stops[i]
		if !crosses(from, to, s.Crosses) || !below(from, s.Below) || s.Target != "" && s.Target != p.request.Target || !p.has(s.Database) {
			continue
		}
		if s.PostgresBelow > 0 && p.request.Facts.Postgres >= s.PostgresBelow {
			continue
		}
		v, err := Parse(p.resolve(s.At)) // the catalogue's test proves that every stop can be had
		if err == nil && (rule == nil || v.compare(at) < 0) {
			at, rule = v, s
		}
	}
	if rule != nil && below(at, from.String()) {
		at = from // it is past the stop's release already, within its minor
	}
	return at, rule
}

// has reports whether an installation's databases are of a kind.
func (p *planner) has(kind catalogue.Database) bool {
	switch kind {
	case catalogue.Bundled:
		return !p.request.Facts.External || p.request.Facts.Mixed
	case catalogue.External:
		return p.request.Facts.External
	}
	return true
}

// hop is what there is to say of going from one release to another at once.
func (p *planner) hop(from, to Version, rule *catalogue.Stop) plan.Hop {
	h := plan.Hop{From: from.String(), To: to.String(), Kind: p.kind(from, to), Migrator: to.String()}
	for _, i := range p.rules.Irreversible {
		if crosses(from, to, i.Crosses) && p.has(i.Database) {
			h.Irreversible = append(h.Irreversible, i.Text)
			h.ConvertsPostgres = h.ConvertsPostgres || i.ConvertsPostgres
		}
	}
	h.Background = p.interrupts(from, to)
	for _, m := range p.rules.Background {
		if crosses(from, to, m.Introduced) {
			h.Introduces = append(h.Introduces, m.ID)
		}
		if m.OneWay && slices.ContainsFunc(h.Background, func(halt plan.Interrupt) bool { return slices.Contains(halt.IDs, m.ID) }) {
			h.Irreversible = append(h.Irreversible, m.What)
		}
	}
	var looked *catalogue.Reindex
	for i := range p.rules.Reindexes {
		if r := &p.rules.Reindexes[i]; crosses(from, to, r.Crosses) && p.has(r.Database) {
			looked = r
		}
	}
	h.Reindexes = looked != nil
	h.ByHand, h.Changes = p.advice(from, to, p.rules.ByHand), p.advice(from, to, p.rules.Changes)
	if h.ConvertsPostgres || h.Reindexes {
		h.Kind = plan.MultiVersion // the databases are not to be used meanwhile, so that nothing can roll
	}
	if h.Kind == plan.MultiVersion && !h.SameMinor() {
		h.Migrator = p.migrator(from, to)
	}
	h.Reasons = p.reasons(from, to, p.kind(from, to), rule)
	if looked != nil {
		h.Reasons = append(h.Reasons, plan.Reason{Text: looked.Reason, Source: looked.Source})
	}
	return h
}

// migrator is the release whose migrator takes the databases from one release to another, and back. It is used while they run as the later one
// has them.
func (p *planner) migrator(from, to Version) string {
	for _, m := range p.rules.Migrators {
		if m.Crosses != "" && !crosses(from, to, m.Crosses) || !below(to, m.EndsBelow) || m.PostgresBelow > 0 && p.postgres(to) >= m.PostgresBelow {
			continue
		}
		if m.With == catalogue.OwnMigrator {
			return to.String()
		}
		return p.resolve(m.With)
	}
	return p.resolve("")
}

// resolve is the newest good patch of a minor release, or of all of them; "" where there is none.
func (p *planner) resolve(minor string) string {
	newest, known := p.newest[minor]
	if known {
		return newest
	}
	if newest = p.catalogue.Newest(p.request.Target); minor != "" {
		newest, _ = p.catalogue.Resolve(minor, p.request.Target) // "" says it
	}
	if p.newest == nil {
		p.newest = map[string]string{}
	}
	p.newest[minor] = newest
	return newest
}

// postgres is the oldest major that the databases may be while a release runs.
func (p *planner) postgres(at Version) int {
	major := 0
	if p.has(catalogue.Bundled) {
		for _, b := range p.rules.Bundled {
			if !below(at, b.From) {
				major = b.Major
			}
		}
	}
	if p.has(catalogue.External) && (major == 0 || p.request.Facts.Postgres < major) {
		major = p.request.Facts.Postgres
	}
	return major
}

// advice is what a list has for whoever goes a hop.
func (p *planner) advice(from, to Version, list []catalogue.Advice) []plan.Reason {
	var found []plan.Reason
	for _, a := range list {
		concerned := a.Needs == "" || p.request.Facts.Has == nil || p.request.Facts.Has(a.Needs)
		begins := len(a.From) == 0 || slices.Contains(a.From, from.String())
		if crosses(from, to, a.Crosses) && begins && concerned && (a.Target == "" || a.Target == p.request.Target) && p.has(a.Database) {
			found = append(found, plan.Reason{Text: a.Text, Source: a.Source})
		}
	}
	return found
}

// reasons say why a hop ends where it does.
func (p *planner) reasons(from, to Version, kind plan.Kind, rule *catalogue.Stop) []plan.Reason {
	if rule != nil {
		return []plan.Reason{{Text: rule.Reason, Source: rule.Source}}
	}
	const guide = "https://sourcegraph.com/docs/self-hosted/updates"
	switch kind {
	case plan.Patch:
		return []plan.Reason{{Text: "A later patch of " + from.Minor().String(), Source: guide}}
	case plan.Standard:
		return []plan.Reason{{Text: to.Minor().String() + " is the next minor release after " + from.Minor().String() + ", whose services work with its schema", Source: guide}}
	}
	return []plan.Reason{{Text: fmt.Sprintf("From %s the migrator goes to %s in one step: no stop is required between them", from.Minor(), to.Minor()), Source: guide}}
}

// kind is how a hop is done.
func (p *planner) kind(from, to Version) plan.Kind {
	switch n := p.distance(from, to); n {
	case 0:
		return plan.Patch
	case 1:
		return plan.Standard
	}
	return plan.MultiVersion
}

// distance is how many minor releases one release is after another.
func (p *planner) distance(from, to Version) int {
	n := 0
	for from = from.Minor(); from.compare(to.Minor()) < 0 && n < 2; n++ {
		from = p.next(from)
	}
	return n
}

// next is the minor release after one.
func (p *planner) next(v Version) Version {
	if last, closed := p.rules.LastMinors[v.numbers[0]]; closed && v.numbers[1] >= last {
		return Version{numbers: [3]int{v.numbers[0] + 1, 0, -1}}
	}
	return Version{numbers: [3]int{v.numbers[0], v.numbers[1] + 1, -1}}
}

// crosses reports whether a way begins below a release and ends at it or above.
func crosses(from, to Version, release string) bool {
	return below(from, release) && !below(to, release)
}

// below reports whether a release is older than a minor, or another release.
func below(v Version, name string) bool {
	if name == "" {
		return true
	}
	other, err := Parse(name)
	return err == nil && v.compare(other) < 0
}

func refuse(code, subject, summary, hint string) diag.List {
	return diag.List{{Code: code, Severity: diag.Error, Subject: subject, Summary: summary, Hint: hint}}
}

// Newer reports whether one release comes after another.
func Newer(release, other string) bool {
	v, err := Parse(release)
	w, otherErr := Parse(other)
	return err == nil && otherErr == nil && v.compare(w) > 0
}

// Version is a release's: major, minor, and patch or build number. Without the last it is the minor release.
type Version struct{ numbers [3]int }

// Parse reads "7.5.4453", "v7.5" and the like.
func Parse(text string) (Version, error) {
	parts := strings.Split(strings.TrimPrefix(text, "v"), ".")
	v := Version{numbers: [3]int{0, 0, -1}}
	if len(parts) < 2 || len(parts) > 3 {
		return v, fmt.Errorf("%q is not a release", text)
	}
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 31)
		if err != nil {
			return v, fmt.Errorf("%q is not a release", text)
		}
		v.numbers[i] = int(n)
	}
	return v, nil
}

// Minor is the minor release of a version.
func (v Version) Minor() Version { return Version{numbers: [3]int{v.numbers[0], v.numbers[1], -1}} }

// String is the version as Sourcegraph writes it.
func (v Version) String() string {
	if v.numbers[2] < 0 {
		return fmt.Sprintf("%d.%d", v.numbers[0], v.numbers[1])
	}
	return fmt.Sprintf("%d.%d.%d", v.numbers[0], v.numbers[1], v.numbers[2])
}

// compare orders versions; a minor release comes before its patches.
func (v Version) compare(w Version) int { return slices.Compare(v.numbers[:], w.numbers[:]) }
