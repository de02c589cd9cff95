// Package plan is the one plan type: ordered work from state to stack. A plan is a value: it is made by a pure difference, shown as
// text or JSON, saved, and carried out by the runner. It has no effects. One package because a plan is one value, and all of it is a part of that.
package plan

import (
	"slices"

	"berth/catalogue"
	"berth/internal/diag"
)

// Format is the version of the saved form.
const Format = 2

// Manager is the field manager that objects are applied as.
const Manager = "berth"

// LabelTaskOf is on tasks of either target: the installation that a task works for, which is no part of it.
const LabelTaskOf = "dev.berth.task-of"

// Plan is ordered work.
type Plan struct {
	Format       int              `json:"format"`
	Action       Action           `json:"action"`
	Installation string           `json:"installation"`
	Target       catalogue.Target `json:"target"`
	Release      string           `json:"release"`
	From         string           `json:"from,omitempty"` // the release that runs now; "" when nothing does
	// Runs are services by the release of what is there of them. It is observed, and no part of the plan.
	Runs  map[string][]string `json:"-"`
	Basis Basis               `json:"basis"`
	// Hops are upgrade steps. A plan that stays with one release has none.
	Hops []Hop `json:"hops,omitempty"`
	// Stages are the parts of the plan. A plan without any is one stage: its steps are ordered by After alone.
	Stages    []Stage  `json:"stages,omitempty"`
	Configs   Configs  `json:"configs,omitempty"`
	Steps     []Step   `json:"steps"`
	Unchanged []string `json:"unchanged"` // objects that stay as they are

	Kept      []string   `json:"kept,omitempty"`      // objects that nothing asks for any more, but that hold data, so they stay
	Conflicts []Conflict `json:"conflicts,omitempty"` // fields that others want otherwise, each with what is done about it
	// Awaited are objects that requests wait for while steps replace them, so that none fails.
	Awaited []string `json:"awaited,omitempty"`
	// Notice is what people will notice, as far as it is known. It is no part of what the plan does.
	Notice *Notice `json:"notice,omitempty"`
	// Downtime is how long Sourcegraph does not answer, in seconds, estimated for upgrades.
	Downtime float64 `json:"downtimeSeconds,omitempty"`
	// Otherwise is how long that would be with, or without, the short downtime of a move.
	Otherwise float64 `json:"otherwiseSeconds,omitempty"`
	Bytes     int64   `json:"dataBytes,omitempty"`     // of the databases, when an upgrade was planned
	Trusted   string  `json:"trustedBackup,omitempty"` // the admin's own backup, in their words
	Backup    string  `json:"backup,omitempty"`        // that is restored, or where one is made; of a move, the name of its dump
	// Clones are the repositories that a move lets the destination clone again.
	Clones *Clones `json:"clones,omitempty"`
	// Carried are the stores beside the databases whose files a move carries, because the admin asked for it.
	Carried []string `json:"carried,omitempty"`
	// Shared are stores outside that both sides of a move use, by the name of the bundled one.
	Shared map[string]string `json:"shared,omitempty"`
	// Destination is the other installation of a move.
	Destination *Destination `json:"destination,omitempty"`
	Problems    diag.List    `json:"problems,omitempty"` // what stands in the way now, or has to be known first
	// Support is what the support record says of the config, but for what is plainly supported. It is no part of what the plan does.
	Support []Judged `json:"support,omitempty"`
	// Size is the config's size, with the values of the config that win over it. It is no part of what the plan does either.
	Size *Size `json:"size,omitempty"`

	// Open says that a run before was killed, so that the target's inventory has to be brought up to date. It is observed, and no part of the plan.
	Open bool `json:"-"`
}

// Action is what the plan is for.
type Action string

// The actions: each is the command that asks for it.
const (
	Up       Action = "up"
	Down     Action = "down"
	Revert   Action = "revert"
	Upgrade  Action = "upgrade"
	Rollback Action = "rollback"
	Finish   Action = "upgrade finish"
	Rehearse Action = "rehearse"

	// RestartOnly restarts what is named, as it is.
	RestartOnly Action = "restart"

	// Repairs does to databases what the doctor proposes.
	Repairs Action = "doctor --fix"

	Backup      Action = "backup"
	ProveBackup Action = "backup prove"
	RestoreFrom Action = "restore"

	Move     Action = "move"
	MoveBack Action = "move back"

	AdoptUndo   Action = "adopt undo"
	AdoptFinish Action = "adopt finish"
)

// Basis is what a plan was made from. A saved plan is stale when one of them is another now.
type Basis struct {
	Config    string `json:"config"`    // hash of the rendered project and of the secrets that it refers to
	Catalogue string `json:"catalogue"` // hash of the catalogue
	State     string `json:"state"`     // hash of the observed state
	Program   string `json:"program"`   // version of the berth that made it
	Steps     string `json:"steps"`     // hash of the plan's own steps, so that a plan that was edited is noticed
}

// Verb is what a step does.
type Verb string

// The verbs.
const (
	Pull     Verb = "pull"     // fetch an image
	Write    Verb = "write"    // write the rendered project
	Create   Verb = "create"   // make and start a container
	Update   Verb = "update"   // change a running container's limits, or an object in place: its pods may be replaced, one after the other
	Start    Verb = "start"    // start a container that does not run
	Restart  Verb = "restart"  // stop and start the same container
	Recreate Verb = "recreate" // replace the container; volumes stay
	Execute  Verb = "run"      // run a one-shot container to its end
	Wait     Verb = "wait"     // nothing to change, but not ready yet
	Remove   Verb = "remove"   // remove a container; volumes stay
	Delete   Verb = "delete"   // delete a volume and the data in it

	RemoveNetwork Verb = "remove network"

	// TakeOver makes what another tool deployed ours, and then is Update.
	TakeOver Verb = "take over"

	// GiveBack makes an object that was taken over the other tool's again. What it is stays as it is.
	GiveBack Verb = "give back"

	// Grow makes a claim larger: to the size that the step's change of SizeField has.
	Grow Verb = "grow"
	// The verbs of upgrades, rollbacks and rehearsals. Each leads to something, whatever is there when its turn comes.

	Reach     Verb = "reach"     // make what runs what a config asks for, behind a front
	Roll      Verb = "roll"      // the same while people work with it
	Check     Verb = "check"     // prove that databases, room, images and host are as an upgrade step needs them
	Fetch     Verb = "fetch"     // bring images to where a config needs them
	Dump      Verb = "dump"      // back the databases up
	Convert   Verb = "convert"   // wait until the databases answer, which may convert their data first
	Index     Verb = "index"     // check the databases' indexes, and rebuild the invalid ones
	Begin     Verb = "begin"     // beside other steps, make what a later step leads to; what is not ready then is left to that
	Migrate   Verb = "migrate"   // the migrator's upgrade
	Compare   Verb = "compare"   // prove that the databases have the schema of a release
	Prove     Verb = "prove"     // prove that a search is answered
	Save      Verb = "save"      // write a config into the admin's file
	Await     Verb = "await"     // wait until background migrations are finished
	Halt      Verb = "halt"      // stop the tasks that an upgrade left at work
	SetAside  Verb = "set aside" // move the databases' data out of the way; it is kept
	Restore   Verb = "restore"   // put a backup into the databases
	Downgrade Verb = "downgrade" // the migrator's downgrade

	// The verbs of backups, beside Check, Dump, Reach, Restore, Index and Prove.

	Store    Verb = "store"    // write the parts of a backup to where backups are kept
	Complete Verb = "complete" // write the manifest of a backup, which makes it whole
	Prune    Verb = "prune"    // delete what a backup leaves behind, and the backups that are not kept
	Bring    Verb = "bring"    // copy the dumps of a backup into the volume of backups, or the files of a store to the other side of a move
	Try      Verb = "try"      // restore a backup into a scratch server
	Mark     Verb = "mark"     // note the parts that both sides have in a move
	Watch    Verb = "watch"    // note which rows are written from now on
	Sync     Verb = "sync"     // carry the rows that were written
	Unwatch  Verb = "unwatch"  // note no more rows, and delete the notes

	// Repair runs a statement in a database that changes no data.
	Repair Verb = "repair"

	// Orphan deletes a StatefulSet alone. Its pods run on and its claims stay; the next step makes it again, and that takes them back.
	Orphan Verb = "orphan"
)

// Effect is what people notice of a step.
type Effect string

// The effects, from least to most.
const (
	None     Effect = "none"
	Brief    Effect = "restart"  // one service pauses
	Downtime Effect = "downtime" // Sourcegraph does not answer
	Data     Effect = "data"     // data is changed or deleted for good
)

// Step is one piece of work on one object.
type Step struct {
	ID      int    `json:"id"` // from 1, in an order that respects After
	Verb    Verb   `json:"verb"`
	Object  string `json:"object"`            // "gitserver-0"; an image; a volume
	Service string `json:"service,omitempty"` // "gitserver"
	// Container is the engine's name of the container that the step is about. Another than Object has it where the installation has
	// a prefix, and where a killed run left a container under another name.
	Container string  `json:"container,omitempty"`
	Why       []Cause `json:"why"`
	Effect    Effect  `json:"effect"`
	After     []int   `json:"after,omitempty"` // steps that must be done first
	// Stage is the index of the stage that it belongs to.
	Stage int `json:"stage,omitempty"`
	// Config is the config that it leads to or is about, by its name among the plan's; Front is what people meet meanwhile, and Page says which
	// page that is.
	Config string `json:"config,omitempty"`
	Front  string `json:"front,omitempty"`
	Page   Page   `json:"page,omitempty"`
	// Release is the release that it is about, where that is another one than the config's.
	Release string `json:"release,omitempty"`
	// Backup is the backup that it restores.
	Backup string `json:"backup,omitempty"`
	// Statement is the SQL that it runs in a database.
	Statement string `json:"statement,omitempty"`
	// APIVersion is that of an object that is removed; Clusterwide says that it is in no namespace.
	APIVersion  string `json:"apiVersion,omitempty"`
	Clusterwide bool   `json:"clusterwide,omitempty"`
	// Beside are steps that this one does not wait for: what it creates waits for them by itself. It is not given up before they are done.
	Beside []int `json:"beside,omitempty"`
	// Changes are the fields of an object that differ.
	Changes []Change `json:"changes,omitempty"`
	// Yields are fields that stay with who deployed an object that is taken over.
	Yields []string `json:"yields,omitempty"`
	// Seconds is how long it took when it was measured, as long as it would take now; 0: it was not, or how long is known of its object.
	Seconds float64 `json:"seconds,omitempty"`
}

// Change is a field of an object that gets another value. Secrets are never in it: such values are Hidden.
type Change struct {
	Field string `json:"field"`           // "spec.template.spec.containers[name=frontend].resources.limits.cpu"
	From  string `json:"from,omitempty"`  // "" when it is not there
	To    string `json:"to,omitempty"`    // "" when it is taken away
	Owner string `json:"owner,omitempty"` // who set what is there: "berth", "kubectl-edit"; "" when nobody did
}

// Hidden stands for a value that is a secret.
const Hidden = "(secret)"

// ReplicasField is the field with the number of a workload's pods.
const ReplicasField = "spec.replicas"

// SizeField is the field that a Grow step changes.
const SizeField = "spec.resources.requests.storage"

// Page is which page people see while Sourcegraph does not answer.
type Page string

// The pages.
const (
	UpgradePage  Page = "upgrade"  // an upgrade is going on
	ReasonPage   Page = "reason"   // it failed, and why
	RollbackPage Page = "rollback" // a rollback is going on
	RestorePage  Page = "restore"  // a backup is restored
	MovePage     Page = "move"     // a move is going on
	MovedPage    Page = "moved"    // Sourcegraph is elsewhere now
)

// Single reports whether the step is a change of one object. The others lead to several, and find out which when their turn comes.
func (v Verb) Single() bool {
	switch v {
	case Pull, Write, Create, Update, Start, Restart, Recreate, Execute, Wait, Remove, Delete, RemoveNetwork, TakeOver, GiveBack, Grow, Orphan:
		return true
	}
	return false
}

// Empty reports whether there is nothing to do.
func (p *Plan) Empty() bool { return len(p.Steps) == 0 }

// ID is a short name for the plan: the same work from the same state has the same one. What is only estimated or measured is no part of it, since it is
// another one at each look.
func (p *Plan) ID() string {
	work := *p
	work.Notice, work.Support, work.Size, work.Downtime, work.Bytes = nil, nil, nil, 0, 0
	work.Hops, work.Stages, work.Steps = slices.Clone(p.Hops), slices.Clone(p.Stages), slices.Clone(p.Steps)
	for i := range work.Hops {
		work.Hops[i].Found, work.Hops[i].Downtime = nil, 0
	}
	for i := range work.Stages {
		work.Stages[i].Seconds, work.Stages[i].Source = 0, ""
	}
	for i := range work.Steps {
		work.Steps[i].Seconds = 0
	}
	return Hash(&work)[:6]
}

// Judged is what the support record says of keys of the config.
type Judged struct {
	Keys      []string                `json:"keys"`    // as messages have them: "patches.0"
	Subject   string                  `json:"subject"` // of the record, by its id
	Status    catalogue.SupportStatus `json:"status"`
	Exception string                  `json:"exception,omitempty"` // that allows it, by its ID
	Text      string                  `json:"text"`                // all of it in one line
	Range     diag.Range              `json:"range,omitzero"`      // of the first key
}

// Size is a size by name, and which values of single services win over it.
type Size struct {
	Name string   `json:"name"`
	Won  []string `json:"won,omitempty"` // "services.gitserver.memory (m: 83Gi)"
}

// Cause is one reason of a step.
type Cause struct {
	Text  string     `json:"text"`
	Range diag.Range `json:"range,omitzero"` // the config's line that asks for it
	// Reverts is what somebody beside berth changed, where that is the reason: "kubectl-patch changed spec.selector.app by hand: pgsql -> x".
	Reverts string `json:"reverts,omitempty"`
}
