package stages

import (
	"slices"
	"strings"

	"berth/internal/plan"
	"berth/internal/stack"
)

// mark is the step that notes what both sides are from then on.
func mark(what string) []plan.Step { return one(plan.Mark, what) }

// What both sides of a move are noted as.
const (
	MarkCarried  = "data is carried"
	MarkOpened   = "the destination opens"
	MarkCounted  = "what the destination held"
	MarkMoved    = "moved"
	MarkLeft     = "the destination is left"
	MarkReturned = "returned"
)

// Dumps are what a move brings of the databases; all else that it brings has the name of a store.
const Dumps = "dumps"

// What a sync carries.
const (
	SyncRows    = "rows that were written"
	SyncCompare = "rows that were written, and compare all tables"
	SyncReset   = "rows that the destination wrote"
	SyncStandBy = "get ready for what is written last"
	SyncLast    = "what was written last"
)

// moves are the stages of a move and of the way back, in their order. Steps with the destination's config are done there.
var moves = []stage{
	{name: Check, of: plan.Move, text: say("checks both sides, the release, and room; nothing is changed"), steps: one(plan.Check, "both sides")},
	{name: "prepare", of: plan.Move,
		text: func(r *Request) string {
			return "the databases of " + r.To.String() + " start, with a maintenance page; they have to be empty"
		},
		steps: slices.Concat(onTo(paged(plan.MovePage, reach(stack.Closed))), onTo(one(plan.Check, "empty databases")), mark(MarkCarried))},
	readying(),
	{name: "close", of: plan.Move, when: long, closed: true, opens: true, text: say("everything here but the databases stops; people see a maintenance page"),
		steps: paged(plan.MovePage, reach(stack.Closed))},
	{name: "dump", of: plan.Move, when: long, rate: copyRate, closed: true, opens: true,
		text:  say("dumps all databases, which nobody writes to now, and counts their rows"),
		steps: one(plan.Dump, "databases")},
	{name: "watch", of: plan.Move, when: short, text: say("triggers in the databases here note which rows are written from now on; Sourcegraph answers meanwhile"),
		steps: one(plan.Watch, "written rows")},
	{name: "dump", of: plan.Move, when: short, rate: copyRate, text: say("dumps all databases in one snapshot and counts their rows; Sourcegraph answers meanwhile"),
		steps: one(plan.Dump, "databases")},
	carrying, serving(carrying),
	restoring, serving(restoring),
	indexing, serving(indexing),
	{name: "files", of: plan.Move, when: func(r *Request) bool { return len(r.Carried) > 0 }, closed: true, opens: true, stores: true,
		text: func(r *Request) string {
			return "copies the files of " + strings.Join(r.Carried, ", ") + " to the other side, and compares the names and sizes of all of them"
		},
		steps: onTo(paged(plan.MovePage, reach(stack.Closed)))},
	{name: "sync", of: plan.Move, when: short, rate: countRate,
		text:  say("carries the rows that were written since, until few are left, and compares every table in one snapshot on both sides; Sourcegraph answers meanwhile"),
		steps: slices.Concat(one(plan.Sync, SyncRows), one(plan.Sync, SyncCompare))},
	{name: "ready", of: plan.Move, when: short,
		text:  say("all images are brought there, and all but workers starts behind the page; what that writes is taken back; Sourcegraph answers here meanwhile"),
		steps: slices.Concat(onTo(one(plan.Fetch, "images")), onTo(one(plan.Watch, "written rows")), onTo(paged(plan.MovePage, reach(stack.Answering))), one(plan.Sync, SyncReset))},
	{name: "close", of: plan.Move, when: short, quick: true, closed: true, opens: true, text: say("people see a maintenance page here"),
		steps: slices.Concat(one(plan.Sync, SyncStandBy), paged(plan.MovePage, reach(stack.BehindPage)))},
	{name: "catch up", of: plan.Move, when: short, quick: true, closed: true, opens: true,
		text:  say("the databases here take no more writes; carries the last written rows, compares each of them, and carries large objects"),
		steps: one(plan.Sync, SyncLast)},
	{name: "start", of: plan.Move, when: long, closed: true, opens: true, text: say("the rest starts there, behind the maintenance page; workers start when it is gone"),
		steps: onTo(paged(plan.MovePage, reach(stack.Answering)))},
	{name: "prove", of: plan.Move, quick: true, closed: true, opens: true, text: say("proves that a search is answered there"), steps: onTo(behind(one(plan.Prove, "search")))},
	{name: "open", of: plan.Move, when: long, rate: countRate, closed: true,
		text: func(r *Request) string {
			return "counts all tables once more, for berth move back; then people can work at " + r.To.URL
		},
		steps: opening()},
	{name: "open", of: plan.Move, when: short, quick: true, closed: true, text: func(r *Request) string { return "people can work at " + r.To.URL }, steps: opening()},
	{name: "leave", of: plan.Move, when: long, text: say(leaving), steps: paged(plan.MovedPage, reach(stack.Closed))},
	{name: "leave", of: plan.Move, when: short, text: say("everything here but the databases stops; " + leaving), steps: slices.Concat(paged(plan.MovedPage, reach(stack.Closed)), mark(MarkCounted))},
	{name: "clean up", of: plan.Move, when: long, text: say("deletes the dumps on both sides"), steps: slices.Concat(pruned(), mark(MarkMoved))},
	{name: "clean up", of: plan.Move, when: short, text: say("deletes the dumps, the triggers and their notes on both sides"), steps: slices.Concat(pruned(), unwatched(), mark(MarkMoved))},

	{name: "close", of: plan.MoveBack, text: say("everything but the databases stops there; the data stays there until you delete it"),
		steps: slices.Concat(mark(MarkLeft), onTo(paged(plan.MovePage, reach(stack.Closed))))},
	{name: "open", of: plan.MoveBack, when: long, text: say("everything starts here, with the data that is here"), steps: paged("", reach(stack.Open))},
	{name: "open", of: plan.MoveBack, when: short, text: say("everything starts here, with the data that is here"), steps: reopening()},
	{name: "prove", of: plan.MoveBack, text: say("proves that a search is answered here"), steps: one(plan.Prove, "search")},
	{name: "clean up", of: plan.MoveBack, when: long, text: say("deletes the dumps on both sides"), steps: slices.Concat(pruned(), mark(MarkReturned))},
	{name: "clean up", of: plan.MoveBack, when: short, text: say("deletes the dumps, the triggers and their notes on both sides"),
		steps: slices.Concat(pruned(), unwatched(), mark(MarkReturned))},
}

// The stages that carry the databases of the source.
var (
	carrying = stage{name: "carry", of: plan.Move, when: long, rate: copyRate, closed: true, opens: true,
		text: say("copies the dumps to the other side, through this machine, and compares the sizes of all files"), steps: onTo(one(plan.Bring, Dumps))}
	restoring = stage{name: Restore, of: plan.Move, when: long, rate: restoreRate, closed: true, opens: true,
		text: say("restores the databases there and compares every table: the number of rows, and the contents of tables that people write"), steps: onTo(one(plan.Restore, "databases"))}
	indexing = stage{name: "index", of: plan.Move, when: func(r *Request) bool { return r.Rebuild && !r.Short }, rate: indexRate, closed: true, opens: true,
		text: say("checks the indexes there with amcheck"), steps: onTo(one(plan.Index, "indexes"))}
)

const leaving = "the page here says where Sourcegraph is now; the databases here stay as they are"

// long and short say which moves a stage is part of: of those that close the source before they copy, or after.
func long(r *Request) bool  { return !r.Short }
func short(r *Request) bool { return r.Short }

// readying is the stage that does at the destination, while Sourcegraph answers at the source, all that needs no data. What is not ready in time starts later.
func readying() stage {
	ahead := reach(stack.Ahead)
	ahead[0].Verb = plan.Begin
	return stage{name: "ready", of: plan.Move, when: long, text: say("all images are brought there, and what reads no database starts; Sourcegraph answers here meanwhile"),
		steps: onTo(slices.Concat(one(plan.Fetch, "images"), paged(plan.MovePage, ahead)))}
}

// reopening are the steps by which the source of a short move answers again: its databases take writes, and nothing is noted of them.
func reopening() []plan.Step {
	return slices.Concat(one(plan.Unwatch, "written rows"), paged("", reach(stack.Open)))
}

// opening are the steps from which on people work at the destination.
func opening() []plan.Step {
	return slices.Concat(mark(MarkOpened), onTo(paged("", reach(stack.Open))))
}

// serving is the stage of a short move that does while Sourcegraph answers what another one does while it is closed.
func serving(s stage) stage {
	when := s.when
	s.closed, s.opens = false, false
	s.when = func(r *Request) bool {
		closed := *r
		closed.Short = false
		return r.Short && when(&closed)
	}
	return s
}

// pruned are the steps that delete the dumps, and unwatched those that end the noting of rows and delete the notes, on both sides.
func pruned() []plan.Step {
	return slices.Concat(one(plan.Prune, "dumps"), onTo(one(plan.Prune, "dumps")))
}
func unwatched() []plan.Step {
	return slices.Concat(one(plan.Unwatch, "written rows"), onTo(one(plan.Unwatch, "written rows")))
}

// behind are steps that are done while the page answers.
func behind(steps []plan.Step) []plan.Step {
	for i := range steps {
		steps[i].Front = string(stack.Answering)
	}
	return steps
}
