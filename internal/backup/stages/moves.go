package stages

import (
	"slices"

	"berth/internal/plan"
	"berth/internal/stack"
)

// mark is the step that notes what both sides are from then on.
func mark(what string) []plan.Step { return one(plan.Mark, what) }

// What both sides of a move are noted as.
const (
	MarkCarried  = "data is carried"
	MarkOpened   = "the destination opens"
	MarkMoved    = "moved"
	MarkLeft     = "the destination is left"
	MarkReturned = "returned"
)

// moves are the stages of a move and of the way back, in their order. Steps with the destination's config are done there.
var moves = []stage{
	{name: Check, of: plan.Move, text: say("checks both sides, the release, and room; nothing is touched"), steps: one(plan.Check, "both sides")},
	{name: "prepare", of: plan.Move,
		text: func(r *Request) string {
			return "the databases of " + r.To.String() + " start, with a maintenance page; they have to be empty"
		},
		steps: slices.Concat(onTo(paged(plan.MovePage, reach(stack.Closed))), onTo(one(plan.Check, "empty databases")), mark(MarkCarried))},
	{name: "close", of: plan.Move, closed: true, opens: true, text: say("everything here but the databases stops; people see a maintenance page"),
		steps: paged(plan.MovePage, reach(stack.Closed))},
	{name: "dump", of: plan.Move, rate: copyRate, closed: true, opens: true, text: say("dumps all databases, to which nobody writes any more, and counts their rows"),
		steps: one(plan.Dump, "databases")},
	{name: "carry", of: plan.Move, rate: copyRate, closed: true, opens: true, text: say("copies the dumps to the other side, through this machine, and compares the sizes of all files"),
		steps: onTo(one(plan.Bring, "dumps"))},
	{name: Restore, of: plan.Move, rate: restoreRate, closed: true, opens: true,
		text:  say("restores the databases there and compares every table: the number of rows, and for what people made its contents"),
		steps: onTo(one(plan.Restore, "databases"))},
	{name: "index", of: plan.Move, rate: indexRate, closed: true, opens: true, when: func(r *Request) bool { return r.Rebuild },
		text: say("checks the indexes there with amcheck"), steps: onTo(one(plan.Index, "indexes"))},
	{name: "start", of: plan.Move, closed: true, opens: true, text: say("everything starts there, behind the maintenance page"),
		steps: onTo(paged(plan.MovePage, reach(stack.BehindPage)))},
	{name: "prove", of: plan.Move, closed: true, opens: true, text: say("proves that a search is answered there"), steps: onTo(behind(one(plan.Prove, "search")))},
	{name: "open", of: plan.Move, rate: countRate, closed: true,
		text: func(r *Request) string {
			return "counts all tables once more, for the way back; then people can work at " + r.To.URL
		},
		steps: slices.Concat(mark(MarkOpened), onTo(paged("", reach(stack.Open))))},
	{name: "leave", of: plan.Move, text: say("the page here says where Sourcegraph is now; the databases here stay as they are"),
		steps: paged(plan.MovedPage, reach(stack.Closed))},
	{name: "clean up", of: plan.Move, text: say("deletes the dumps on both sides"), steps: slices.Concat(one(plan.Prune, "dumps"), onTo(one(plan.Prune, "dumps")), mark(MarkMoved))},

	{name: "close", of: plan.MoveBack, text: say("everything but the databases stops there, and stays there until you delete it"),
		steps: slices.Concat(mark(MarkLeft), onTo(paged(plan.MovePage, reach(stack.Closed))))},
	{name: "open", of: plan.MoveBack, text: say("everything starts here, with the data that is here"), steps: paged("", reach(stack.Open))},
	{name: "prove", of: plan.MoveBack, text: say("proves that a search is answered here"), steps: one(plan.Prove, "search")},
	{name: "clean up", of: plan.MoveBack, text: say("deletes the dumps on both sides"), steps: slices.Concat(one(plan.Prune, "dumps"), onTo(one(plan.Prune, "dumps")), mark(MarkReturned))},
}

// behind are steps that are done while the page answers.
func behind(steps []plan.Step) []plan.Step {
	for i := range steps {
		steps[i].Front = string(stack.BehindPage)
	}
	return steps
}
