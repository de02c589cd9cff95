// Package stages knows what a backup, its proof, a restore and a move consist of: one table of stages, from which plans are made. It has no effects.
package stages

import (
	"fmt"
	"html"
	"slices"
	"time"

	"berth/catalogue"
	"berth/internal/data"
	"berth/internal/plan"
	"berth/internal/stack"
)

// The names of stages that others ask for.
const (
	Check   = "check"
	Restore = "restore"
)

// Request is a backup, a proof, a restore or a move that is to be planned. Of a move, what is said of the installation is said of its source.
type Request struct {
	Action       plan.Action
	Installation string
	Target       catalogue.Target
	Release      string
	Config       string // the config's text
	Backup       string // that is restored or proved, as berth takes it; for a backup, where it is made; for a move, the name of its dump
	Stays        bool   // the backup is in the volume of backups already, and stays there
	Bytes        int64  // of the databases
	Rebuild      bool   // indexes are checked after the restore: another Postgres or another C library than the backup's
	To           *plan.Destination
	ToConfig     string   // the text of its config
	Runs         bool     // Sourcegraph runs here, so that a restore closes it
	Proves       bool     // the dump is restored once before it is stored
	Short        bool     // a move copies the databases while Sourcegraph answers
	Carried      []string // stores whose files a move carries, beside the databases
	Files        int64    // bytes of these files, as far as they are known
}

// Names are the names of all stages.
func Names() (names []string) {
	for _, s := range slices.Concat(table, moves) {
		names = append(names, s.name)
	}
	return names
}

// stage is an entry of the table.
type stage struct {
	name   string
	of     plan.Action
	when   func(r *Request) bool // nil: always
	text   func(r *Request) string
	steps  []plan.Step
	rate   float64 // seconds a GiB
	quick  bool    // it takes less than others take without any data
	closed bool    // Sourcegraph does not answer meanwhile
	loses  bool    // what it replaces is gone from here on
	stores bool    // its last step is done for each store that is carried
	opens  bool    // when it fails, the source of a move is opened again, and the move begins again: nothing was written elsewhere
}

// Seconds a GiB, until it was measured here: a read and a write at 100 MB a second each, and twice that where an index is built beside.
const (
	copyRate    = 15.0
	restoreRate = 40.0
	indexRate   = 20.0
	countRate   = 5.0
	aMoment     = 5.0
	aSecond     = 1.5 // of a stage for which all is ready, under load
)

// table are the stages in their order.
var table = []stage{
	{name: Check, of: plan.Backup, text: say("checks databases, room, and where the backup goes; nothing is changed"), steps: one(plan.Check, "databases and room")},
	{name: "dump", of: plan.Backup, rate: copyRate,
		text: func(r *Request) string {
			if r.Proves {
				return "dumps all databases in one snapshot, restores the dumps once into a scratch server and compares; Sourcegraph answers meanwhile"
			}
			return "dumps all databases in one snapshot and counts their rows; Sourcegraph answers meanwhile"
		}, steps: one(plan.Dump, "databases")},
	{name: "store", of: plan.Backup, rate: copyRate, text: func(r *Request) string { return "compresses, encrypts and writes the parts to " + r.Backup },
		steps: one(plan.Store, "parts")},
	{name: "complete", of: plan.Backup, text: say("checks that every part is there, and writes the manifest"), steps: one(plan.Complete, "manifest")},
	{name: "clean up", of: plan.Backup, text: say("deletes the dump from this installation, and backups beyond backup.keep"), steps: one(plan.Prune, "backups")},

	{name: Check, of: plan.RestoreFrom, text: say("checks the backup's release, parts and key, and the room here; nothing is changed"), steps: one(plan.Check, "backup and room")},
	{name: "bring", of: plan.RestoreFrom, rate: copyRate, when: carried, text: say("copies the dumps here, and proves every part by its sha256"), steps: one(plan.Bring, "parts")},
	{name: "close", of: plan.RestoreFrom, closed: true,
		text: func(r *Request) string {
			if r.Runs {
				return "everything but the databases stops; people see a maintenance page"
			}
			return "the databases start, and a maintenance page; nothing else"
		}, steps: reach(stack.Closed)},
	{name: Restore, of: plan.RestoreFrom, rate: restoreRate, closed: true, loses: true,
		text:  say("restores the databases and compares every table with the backup: the number of rows, and the contents of tables that people write"),
		steps: one(plan.Restore, "databases")},
	{name: "index", of: plan.RestoreFrom, rate: indexRate, closed: true, when: func(r *Request) bool { return r.Rebuild },
		text: say("checks the indexes with amcheck, because Postgres or the C library differs from the backup's"), steps: one(plan.Index, "indexes")},
	{name: "open", of: plan.RestoreFrom, closed: true, text: say("everything starts, and the maintenance page is removed"), steps: reach(stack.Open)},
	{name: "prove", of: plan.RestoreFrom, text: say("proves that a search is answered"), steps: one(plan.Prove, "search")},
	{name: "clean up", of: plan.RestoreFrom, when: carried, text: say("deletes the copy of the dumps; the backup itself stays"), steps: one(plan.Prune, "dumps")},

	{name: Check, of: plan.ProveBackup, text: say("checks the backup's parts and key, and the room here"), steps: one(plan.Check, "backup and room")},
	{name: "bring", of: plan.ProveBackup, rate: copyRate, when: carried, text: say("copies the dumps here, and proves every part by its sha256"), steps: one(plan.Bring, "parts")},
	{name: "try", of: plan.ProveBackup, rate: restoreRate,
		text: say("restores the dumps into a scratch server and compares every table; the installation is not changed"), steps: one(plan.Try, "dumps")},
	{name: "clean up", of: plan.ProveBackup, when: carried, text: say("deletes the copy of the dumps; the backup itself stays"), steps: one(plan.Prune, "dumps")},
}

// onTo are the same steps on the destination of a move.
func onTo(steps []plan.Step) []plan.Step {
	for i := range steps {
		if steps[i].Config = plan.ConfigTo; steps[i].Verb == plan.Reach || steps[i].Verb == plan.Begin {
			steps[i].Object = "destination " + steps[i].Front
		}
	}
	return steps
}

// paged is a step with another page.
func paged(page plan.Page, steps []plan.Step) []plan.Step {
	for i := range steps {
		steps[i].Page = page
	}
	return steps
}

func say(text string) func(*Request) string { return func(*Request) string { return text } }

func one(verb plan.Verb, object string) []plan.Step {
	return []plan.Step{{Verb: verb, Object: object, Config: plan.ConfigFile}}
}

func reach(front stack.Front) []plan.Step {
	return []plan.Step{{Verb: plan.Reach, Object: "sourcegraph " + string(front), Config: plan.ConfigFile, Front: string(front), Page: plan.RestorePage}}
}

// carried says that the dumps are not in the volume of backups yet.
func carried(r *Request) bool { return !r.Stays }

// Plan is the plan of a request.
func Plan(r Request) *plan.Plan {
	p := &plan.Plan{Format: plan.Format, Action: r.Action, Installation: r.Installation, Target: r.Target, Release: r.Release, Backup: r.Backup, Bytes: r.Bytes, Carried: r.Carried,
		Destination: r.To, Configs: plan.Configs{plan.ConfigFile: r.Config}, Steps: []plan.Step{}, Unchanged: []string{}}
	if r.To != nil {
		p.Configs[plan.ConfigTo] = r.ToConfig
	}
	for _, s := range slices.Concat(table, moves) {
		if s.of != r.Action || s.when != nil && !s.when(&r) {
			continue
		}
		made := plan.Stage{Name: s.name, Text: s.text(&r), Seconds: aMoment, Source: "default", Effect: plan.None, NoReturn: s.loses && r.Runs}
		if s.quick {
			made.Seconds = aSecond
		}
		if s.rate > 0 {
			made.Seconds += s.rate * float64(r.Bytes) / (1 << 30)
			made.Source = fmt.Sprintf("%s at %.0f s a GiB", data.Size(r.Bytes), s.rate)
		}
		steps := s.steps
		if s.stores {
			made.Seconds += copyRate * float64(r.Files) / (1 << 30)
			made.Source = fmt.Sprintf("%s of repositories at %.0f s a GiB; the size of other files is not known before", data.Size(r.Files), copyRate)
			for _, name := range r.Carried {
				steps = append(slices.Clip(steps), onTo(one(plan.Bring, name))...)
			}
		}
		if s.closed && r.Runs {
			made.Effect = plan.Downtime
			p.Downtime += made.Seconds
		}
		if s.opens {
			made.Fallback, made.Again = paged("", reach(stack.Open)), true
			if r.Short {
				made.Fallback = reopening()
			}
			made.Fallback[0].Object = "the move failed; Sourcegraph answers again where it was, and nothing was lost"
		}
		p.Append(made, steps)
	}
	return p
}

// PageOf is what people see during a plan that was begun at some time.
func PageOf(p *plan.Plan, page plan.Page, since time.Time) string {
	at := since.UTC().Format("15:04") + " UTC"
	switch page {
	case plan.MovePage:
		return stack.PageOf("Sourcegraph is being moved", "Sourcegraph moves to another place since "+at+". It will be back when that is complete. This page reloads every 30 seconds.")
	case plan.MovedPage:
		url := html.EscapeString(p.Destination.URL)
		return stack.PageOf("Sourcegraph has moved", `It is at <a href="`+url+`">`+url+`</a> now.`)
	}
	return stack.PageOf("Sourcegraph is being restored", "A backup is restored since "+at+". Sourcegraph will be back when it is complete. This page reloads every 30 seconds.")
}
