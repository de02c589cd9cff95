package journey

import (
	"fmt"
	"time"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/stack"
	"berth/internal/upgrade"
)

// Plan is what a journey will be: each hop with why, how long, and what going back costs. It is what the admin says yes to.
type Plan struct {
	Format       int              `json:"format"`
	Installation string           `json:"installation"`
	Target       catalogue.Target `json:"target"`
	From         string           `json:"from"`
	To           string           `json:"to"`
	Hops         []HopPlan        `json:"hops"`
	Downtime     float64          `json:"downtimeSeconds"` // of all hops, estimated
	Problems     diag.List        `json:"problems"`        // what stands in the way now, or has to be known first
}

// HopPlan is one hop of it.
type HopPlan struct {
	Hop
	Stages []StagePlan `json:"stages"`
	Found  []string    `json:"found,omitempty"` // how things are that the hop depends on, in words
	// Downtime is how long Sourcegraph does not answer, in seconds, estimated; 0: it rolls.
	Downtime float64  `json:"downtimeSeconds"`
	Edits    []string `json:"edits"` // of the admin's file, beside its release
	// NoReturn is the stage at whose begin the point of no return is; "": there is none.
	NoReturn Stage  `json:"noReturn,omitempty"`
	Before   string `json:"backBefore"` // what going back costs before it
	After    string `json:"backAfter"`  // and after
}

// StagePlan is one stage of a hop.
type StagePlan struct {
	Stage   Stage   `json:"stage"`
	Seconds float64 `json:"seconds"` // estimated
	Source  string  `json:"source"`  // where the estimate comes from
	Text    string  `json:"text"`    // what it does, and what people notice
}

// Time is how long a stage took once.
type Time struct {
	From      string    `json:"from"`
	To        string    `json:"to"`
	Stage     Stage     `json:"stage"`
	Seconds   float64   `json:"seconds"`
	Bytes     int64     `json:"bytes"` // of the databases then
	When      time.Time `json:"when"`
	Rehearsal bool      `json:"rehearsal,omitempty"`
}

// TimesName is the name of the note that times are kept in.
const TimesName = "upgrade-times"

// Figures for what nobody has measured here yet.
const (
	// conversionPerGiB is the documented 2.5 hours for a terabyte.
	//
	// Source: https://sourcegraph.com/docs/self-hosted/postgres12-end-of-life-notice
	conversionPerGiB = 9.0
	// savePerGiB is a dump and a restore at 50 MB a second each.
	savePerGiB = 40.0
	// indexPerGiB is a read of the data and a write of the indexes at 50 MB a second.
	indexPerGiB = 20.0
	// migration is what Sourcegraph's guide asks to set aside for an upgrade.
	//
	// Source: https://sourcegraph.com/docs/self-hosted/deploy/kubernetes/upgrade
	migration = 600.0
	// deployment is a first start as bench/ measures it, with room.
	deployment = 90.0
	short      = 5.0
)

// Planned makes the plan of a journey. held says whether requests wait while a hop that rolls replaces what they need.
func Planned(installation string, target catalogue.Target, held bool, j *Journey, f *Facts, times []Time) *Plan {
	p := &Plan{Format: 1, Installation: installation, Target: target, From: j.From, To: j.To}
	for i := range j.Hops {
		h := &j.Hops[i]
		hp := HopPlan{Hop: *h, Edits: h.Edits, Before: "redeploy " + h.From + ": nothing is lost"}
		at := *j
		at.At.Hop = i
		stages := at.stages(i)
		if i > 0 && !h.Irreversible() && at.Trusted == "" && savedBefore(j, i) {
			stages = h.Stages(true)
		}
		for _, s := range stages {
			sp := StagePlan{Stage: s, Text: text(h, s, held)}
			sp.Seconds, sp.Source = estimate(h, s, f, times)
			if h.Kind == upgrade.MultiVersion && downtime[s] {
				hp.Downtime += sp.Seconds
			}
			hp.Stages = append(hp.Stages, sp)
		}
		hp.NoReturn, hp.After = noReturn(h, j.Trusted)
		p.Downtime += hp.Downtime
		p.Hops = append(p.Hops, hp)
	}
	return p
}

// savedBefore reports whether a hop before one makes a backup.
func savedBefore(j *Journey, hop int) bool {
	for i := range hop {
		if j.Hops[i].Kind == upgrade.MultiVersion || j.Hops[i].Irreversible() {
			return true
		}
	}
	return false
}

// downtime are the stages of a multi-version hop during which Sourcegraph does not answer.
var downtime = map[Stage]bool{Close: true, Convert: true, Migrate: true, Deploy: true, Prove: true, OpenDoor: true}

// noReturn says where the point of no return of a hop is, and what going back costs after it.
func noReturn(h *Hop, trusted string) (Stage, string) {
	backup := "restore the backup made before: what was written since then is lost"
	if trusted != "" {
		backup = "restore your own backup (" + trusted + "): what was written since then is lost"
	}
	switch {
	case h.Irreversible() && h.ConvertsPostgres && h.Kind == upgrade.MultiVersion:
		return Convert, backup
	case h.Irreversible() && h.Kind == upgrade.MultiVersion:
		return Migrate, backup
	case h.Irreversible():
		return Deploy, backup
	case h.Kind == upgrade.MultiVersion && h.SameMinor():
		return "", "redeploy " + h.From + ", which works with the schema of " + h.To + ", after a check of its indexes: nothing is lost"
	case h.Kind == upgrade.MultiVersion:
		return Migrate, "the migrator's downgrade: what only " + h.To + " wrote is lost"
	}
	return "", "redeploy " + h.From + ", which works with the schema of " + h.To + ": nothing is lost"
}

// text says what a stage does.
func text(h *Hop, s Stage, held bool) string {
	switch s {
	case Check:
		return "checks databases, drift, room and images, and pulls images; nothing is touched"
	case Save:
		return "dumps the databases, restores the dump once into a scratch server and counts its rows; Sourcegraph answers meanwhile"
	case Close:
		return "everything but the databases stops; people see a maintenance page"
	case Convert:
		if h.ConvertsPostgres {
			return "the databases start with the images of " + h.To + ", which convert them to the next major Postgres; berth checks their indexes"
		}
		if h.Reindexes {
			return "the databases start with the images of " + h.To + "; berth checks their indexes and rebuilds the invalid ones"
		}
		return "the databases start with the images of " + h.To
	case Migrate:
		return fmt.Sprintf("migrator %s: upgrade --from=v%s --to=v%s", h.Migrator, h.From, h.To)
	case Deploy:
		if h.Kind == upgrade.MultiVersion {
			return "everything of " + h.To + " starts, behind the maintenance page"
		}
		meanwhile := "requests fail for some seconds while services with one instance restart"
		if held {
			meanwhile = fmt.Sprintf("requests wait, at most %.0f s, while services with one instance restart", stack.LongestWait.Seconds())
		}
		return "the migrator of " + h.To + " runs, and berth replaces services one after the other; " + meanwhile
	case Prove:
		return "checks that there is no drift and that a search works"
	case OpenDoor:
		return "the maintenance page is removed"
	case Settle:
		return "release: " + h.To + " is written into your file"
	case Finish:
		return "waits until background migrations are finished; Sourcegraph answers meanwhile"
	}
	return ""
}

// estimate is how long a stage may take, in seconds: as it took in a rehearsal, or the last time here, or as the documents say.
func estimate(h *Hop, s Stage, f *Facts, times []Time) (seconds float64, source string) {
	gib := 0.0
	if f != nil {
		gib = float64(f.Bytes()) / (1 << 30)
	}
	if t := latest(times, h, s); t != nil {
		return t.now(f), t.source()
	}
	switch s {
	case Save:
		return short + gib*savePerGiB, fmt.Sprintf("%.1f GiB at 50 MB/s", gib)
	case Convert:
		if h.ConvertsPostgres {
			return 2*short + gib*conversionPerGiB, fmt.Sprintf("%.1f GiB at the documented 2.5 h per terabyte", gib)
		}
		if h.Reindexes {
			return 2*short + gib*indexPerGiB, fmt.Sprintf("%.1f GiB, all indexes rebuilt at 50 MB/s", gib)
		}
		return 2 * short, "default"
	case Migrate:
		return migration, "Sourcegraph's guide; a rehearsal measures it"
	case Deploy:
		if t := latest(times, h, Migrate); t != nil && h.Kind != upgrade.MultiVersion {
			return deployment + t.now(f), "default, with the migrator as " + t.source()
		}
		return deployment, "default"
	}
	return short, "default"
}

// latest is how long a stage of a hop took the last time; nil when nobody knows. A backup takes as long wherever the hop goes.
func latest(times []Time, h *Hop, s Stage) *Time {
	var last *Time
	for i := range times {
		t := &times[i]
		if t.Stage == s && (s == Save || t.From == h.From && t.To == h.To) && (last == nil || t.When.After(last.When)) {
			last = t
		}
	}
	return last
}

// now is how long it may take today, in seconds: what goes through all data takes longer with more of it.
func (t *Time) now(f *Facts) float64 {
	if f != nil && t.Bytes > 0 && (t.Stage == Save || t.Stage == Convert || t.Stage == Migrate) {
		return t.Seconds * max(1, float64(f.Bytes())/float64(t.Bytes))
	}
	return t.Seconds
}

func (t *Time) source() string {
	if t.Rehearsal {
		return "rehearsed " + t.When.Format(time.DateOnly)
	}
	return "measured here " + t.When.Format(time.DateOnly)
}
