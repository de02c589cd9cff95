// Package stages knows what an upgrade, its rollback and its rehearsal consist of: one table of stages, from which plans are made, with the steps of
// each, how long they take, and what failing costs. It also knows how far an upgrade is, which its history tells. It has no effects.
package stages

import (
	"fmt"

	"berth/internal/data"
	"berth/internal/plan"
	"berth/internal/stack"
)

// The names of stages that others ask for.
const (
	Check    = "check"
	Backup   = "back up"
	Close    = "close"
	Convert  = "convert"
	Migrate  = "migrate"
	Deploy   = "deploy"
	Prove    = "prove"
	Open     = "open"
	Save     = "save"
	Finish   = "finish"
	Restore  = "restore"
	Undo     = "undo"
	Redeploy = "redeploy"
)

// Names are the names of all stages of upgrades and rollbacks.
func Names() (names []string) {
	for _, s := range table {
		names = append(names, s.name)
	}
	for _, s := range back {
		names = append(names, s.name)
	}
	return append(names, Restore)
}

// stage is an entry of the table: all that there is to know of a stage.
type stage struct {
	name string
	// when says of which hops it is a part.
	when func(c *hop) bool
	// text says what it does, for the plan.
	text func(c *hop) string
	// steps are what it does.
	steps func(c *hop) []plan.Step
	// beside are steps that are done beside those; nil: there are none. A clone does not do them.
	beside func(c *hop) []plan.Step
	// estimate is how long it takes where nobody has measured it here, in seconds, and where that is from.
	estimate func(c *hop) (seconds float64, source string)
	// closed says that Sourcegraph does not answer meanwhile, where the hop does not roll.
	closed bool
	// noReturn says whether the point of no return is at its begin.
	noReturn func(c *hop) bool
	// fails is what is done when it fails.
	fails fallback
	// rehearsed says that a clone goes through it: it is about databases. What services do needs the services, and people.
	rehearsed bool
}

// fallback is what is done when a stage fails.
type fallback string

const (
	stays  fallback = ""       // nothing: Sourcegraph answers, or nothing was changed
	opens  fallback = "open"   // what was to be closed answers again
	rolls  fallback = "roll"   // the release before runs again, where the hop rolls and nothing of it needs a backup
	shows  fallback = "show"   // the maintenance page shows the reason, and nothing else runs
	behind fallback = "behind" // the page shows the reason, and everything runs behind it
)

// hop is a hop with all that its stages depend on.
type hop struct {
	plan.Hop
	index     int
	saves     bool // a backup is made
	held      bool // requests wait while services are replaced
	proxied   bool // a front proxy is replaced, too
	waited    float64
	start     string // the config whose databases run when it begins, by its name
	next      string // the release that the next hop leads to; "": it is the last one
	facts     *data.Facts
	measured  []Time
	usual     map[string]float64
	rehearsal bool
}

// restarts reports whether the databases are started with the release's images, behind the page, before anything else.
func (c *hop) restarts() bool { return !c.Rolls() || c.rehearsal }

// migrates reports whether a migrator changes the schemas before anything else of the release starts.
func (c *hop) migrates() bool { return c.restarts() && (!c.SameMinor() || c.rehearsal) }

// compare is the step that looks for drift.
func (c *hop) compare() plan.Step {
	return plan.Step{Verb: plan.Compare, Object: "schema", Config: c.To}
}

// table are the stages of an upgrade step in their order. A new stage is an entry here, with steps that upgrade/execute can do.
var table = []stage{
	{name: Check, rehearsed: true,
		when:     always,
		text:     say("checks databases, drift, room and images, and pulls images; nothing is changed"),
		estimate: short,
		steps: func(c *hop) []plan.Step {
			return []plan.Step{{Verb: plan.Check, Object: "databases, host and images", Config: c.To, Front: front(c)},
				{Verb: plan.Fetch, Object: "images of " + c.To, Config: c.To, Front: front(c)}}
		}},
	{name: Backup,
		when: func(c *hop) bool { return c.saves },
		text: say("dumps the databases, restores the dump once into a scratch server and compares all rows; Sourcegraph answers meanwhile"),
		estimate: func(c *hop) (float64, string) {
			return aMoment + c.gib()*savePerGiB, fmt.Sprintf("%.1f GiB at 50 MB/s", c.gib())
		},
		steps: one(plan.Dump, "databases", start)},
	{name: Close, closed: true, fails: opens,
		when:     func(c *hop) bool { return !c.Rolls() },
		text:     say("everything but the databases stops; people see a maintenance page"),
		estimate: short,
		steps:    func(c *hop) []plan.Step { return []plan.Step{reach(c.start, stack.Closed, plan.UpgradePage)} }},
	{name: Convert, closed: true, rehearsed: true, fails: shows,
		when: (*hop).restarts,
		text: func(c *hop) string {
			text := "the databases start with the images of " + c.To
			switch {
			case c.ConvertsPostgres:
				return text + ", which convert them to the next major Postgres; berth checks their indexes"
			case c.Reindexes:
				return text + "; berth checks their indexes and rebuilds the invalid ones"
			}
			return text
		},
		estimate: func(c *hop) (float64, string) {
			switch {
			case c.ConvertsPostgres:
				return 2*aMoment + c.gib()*conversionPerGiB, fmt.Sprintf("%.1f GiB at the documented 2.5 h per terabyte", c.gib())
			case c.Reindexes:
				return 2*aMoment + c.gib()*indexPerGiB, fmt.Sprintf("%.1f GiB, all indexes rebuilt at 50 MB/s", c.gib())
			}
			return c.starts(2*aMoment, stack.Databases()...)
		},
		noReturn: func(c *hop) bool { return !c.Undoable() && c.ConvertsPostgres },
		steps: func(c *hop) []plan.Step {
			verb, object := plan.Convert, "databases"
			if c.ConvertsPostgres || c.Reindexes {
				verb, object = plan.Index, "indexes" // it waits for the databases, too
			}
			return []plan.Step{reach(c.To, stack.Closed, plan.UpgradePage), {Verb: verb, Object: object, Config: c.To}}
		}},
	{name: Migrate, closed: true, rehearsed: true, fails: shows,
		when: (*hop).migrates,
		text: func(c *hop) string {
			text := fmt.Sprintf("migrator %s: upgrade --from=v%s --to=v%s", c.Migrator, c.From, c.To)
			if !c.rehearsal {
				text += "; services that read no schema start meanwhile"
			}
			return text
		},
		estimate: func(*hop) (float64, string) { return migration, "Sourcegraph's guide; a rehearsal measures it" },
		noReturn: func(c *hop) bool { return !(!c.Undoable() && c.ConvertsPostgres) },
		steps:    one(plan.Migrate, "schemas", to),
		beside: func(c *hop) []plan.Step {
			s := reach(c.To, stack.Ahead, plan.UpgradePage)
			s.Verb = plan.Begin
			return []plan.Step{s}
		}},
	{name: Deploy, closed: true, fails: rolls,
		when: always,
		text: func(c *hop) string {
			switch {
			case !c.Rolls():
				return c.To + " starts, behind the maintenance page; meanwhile its schema is checked for drift"
			case c.held:
				return fmt.Sprintf(rollText, c.To, c.waits())
			}
			return fmt.Sprintf(rollText, c.To, "requests fail for some seconds while services with one instance restart")
		},
		estimate: func(c *hop) (float64, string) {
			if !c.Rolls() {
				return c.starts(deployment, frontend)
			}
			if seconds, source, known := c.latest(Migrate, plan.Migrate); known {
				return deployment + seconds, standard + ", with the migrator as " + source
			}
			return deployment, standard
		},
		noReturn: func(c *hop) bool { return c.Rolls() && !c.Undoable() },
		steps: func(c *hop) []plan.Step {
			if c.Rolls() {
				return []plan.Step{{Verb: plan.Roll, Object: c.To, Config: c.To}}
			}
			front := stack.Answering
			if !c.migrates() {
				front = stack.BehindPage // the release's own migrator comes first
			}
			return []plan.Step{reach(c.To, front, plan.UpgradePage)}
		},
		beside: func(c *hop) []plan.Step {
			if !c.migrates() {
				return nil // the schema changes while the release starts
			}
			return []plan.Step{c.compare()}
		}},
	{name: Prove, closed: true, rehearsed: true, fails: behind,
		when: always,
		text: func(c *hop) string {
			if c.migrates() && !c.rehearsal {
				return "checks that a search works"
			}
			return "checks that there is no drift and that a search works"
		},
		estimate: instant,
		steps: func(c *hop) []plan.Step {
			search := plan.Step{Verb: plan.Prove, Object: "search", Config: c.To, Front: front(c)}
			if c.migrates() && !c.rehearsal {
				return []plan.Step{search}
			}
			return []plan.Step{c.compare(), search}
		}},
	{name: Open, fails: behind, // the page goes first
		when:     func(c *hop) bool { return !c.Rolls() },
		text:     say("the maintenance page is removed, and background services start"),
		estimate: instant,
		steps:    func(c *hop) []plan.Step { return []plan.Step{reach(c.To, stack.Open, "")} }},
	{name: Save,
		when:     always,
		text:     func(c *hop) string { return "release: " + c.To + " is written into your file" },
		estimate: instant,
		steps:    one(plan.Save, "release", to)},
	{name: Finish, rehearsed: true,
		when:     always,
		text:     say("waits until background migrations are finished; Sourcegraph answers meanwhile"),
		estimate: short,
		steps: func(c *hop) []plan.Step {
			return []plan.Step{{Verb: plan.Await, Object: "background migrations", Config: c.To, Release: c.next}}
		}},
}

// waits says for how long requests wait.
func (c *hop) waits() string {
	text := fmt.Sprintf("requests wait, at most %.0f s, while services with one instance restart", stack.LongestWait.Seconds())
	if c.waited > 0 {
		text += fmt.Sprintf(" (%.0f s the last time here)", c.waited)
	}
	if c.proxied {
		text += "; at the end the front proxy takes no connections for about a second"
	}
	return text
}

const rollText = "the migrator of %s runs, and berth replaces services one after the other; %s"

// What the table's entries share.

func always(*hop) bool { return true }

func say(text string) func(*hop) string { return func(*hop) string { return text } }

func short(*hop) (float64, string) { return aMoment, standard }

func instant(*hop) (float64, string) { return 1, standard }

func start(c *hop) string { return c.start }

func to(c *hop) string { return c.To }

// one is a stage of one step.
func one(verb plan.Verb, object string, config func(*hop) string) func(*hop) []plan.Step {
	return func(c *hop) []plan.Step { return []plan.Step{{Verb: verb, Object: object, Config: config(c)}} }
}

// reach is the step that leads to a config behind a front.
func reach(config string, front stack.Front, page plan.Page) plan.Step {
	object := config
	if front != stack.Open {
		object += " " + string(front)
	}
	return plan.Step{Verb: plan.Reach, Object: object, Config: config, Front: string(front), Page: page}
}

// front is what people meet while the hop's release starts. A hop that rolls needs no other than the open one.
func front(c *hop) string {
	if c.Rolls() {
		return string(stack.Open)
	}
	return string(stack.BehindPage)
}

// fallback are the steps of a stage's fallback, and whether they lead to the begin of the hop.
func (s *stage) fallback(c *hop) (steps []plan.Step, again bool) {
	fails := s.fails
	switch {
	case c.start == plan.ConfigStart, c.rehearsal: // it began between two releases: there is nothing that worked to go back to by itself
		return nil, false
	case c.Redeployable() && (s.name == Deploy || s.name == Prove):
		fails = rolls
	case c.Rolls():
		return nil, false
	case fails == rolls:
		fails = shows
	}
	switch fails {
	case opens:
		step := reach(c.From, stack.Open, "")
		step.Object = fmt.Sprintf("%s failed; rolling back to %s", c.To, c.From)
		return []plan.Step{step}, true
	case rolls:
		return []plan.Step{{Verb: plan.Roll, Object: fmt.Sprintf("%s failed; rolling back to %s", c.To, c.From), Config: c.From}}, true
	case shows, behind:
		front := map[fallback]stack.Front{shows: stack.Closed, behind: stack.BehindPage}[fails]
		step := reach(c.To, front, plan.ReasonPage)
		step.Object = "the maintenance page shows the reason"
		return []plan.Step{step}, false
	}
	return nil, false
}
