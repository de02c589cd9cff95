// Package policy decides what berth agent does: which release it may upgrade to, and whether now. Pure: facts and the time go in, a
// decision with its reason comes out. What the policy does not clearly allow waits for a person.
package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/upgrade"
	"berth/internal/window"
)

// Automatic says which upgrades need no person.
type Automatic string

// The levels.
const (
	Off   Automatic = "off"   // none
	Patch Automatic = "patch" // to later patches of its minor release
	Minor Automatic = "minor" // also to the next minor release
)

// Policy is what the admin allows.
type Policy struct {
	Automatic Automatic // "" is Off
	Window    window.Window
}

// Action is what the agent has to do.
type Action string

// The actions.
const (
	Nothing Action = "nothing" // the installation has its release
	Upgrade Action = "upgrade" // start an upgrade
	Resume  Action = "go on"   // continue an upgrade that it started
	Wait    Action = "wait"    // wait for the window
	Person  Action = "human"   // a person has to do or decide something
	Refused Action = "refused" // something prevents the upgrade
)

// Decision is what the agent has to do, and why.
type Decision struct {
	Action Action    `json:"action"`
	To     string    `json:"to,omitempty"`     // the release of the upgrade
	Reason string    `json:"reason,omitempty"` // what it waits for, or what prevents it
	Opens  time.Time `json:"opens,omitzero"`   // when the window opens, if it waits for the window
}

// String is the decision in one line.
func (d Decision) String() string {
	switch d.Action {
	case Nothing:
		return d.To + " is the newest release"
	case Wait:
		return d.To + " waits for " + d.Reason
	case Person:
		return d.To + " waits for you: " + d.Reason
	case Refused:
		return d.To + " is not possible: " + d.Reason
	}
	return fmt.Sprintf("the upgrade to %s %s", d.To, map[Action]string{Upgrade: "starts", Resume: "continues"}[d.Action])
}

// Candidate is a later release, and the path to it.
type Candidate struct {
	Release string
	Way     upgrade.Way
	Refused diag.List // why there is no path
}

// Releases are the candidates for an installation among all offered releases, newest first: the newest of all, the newest patch of the next
// minor release, and the newest patch of its own.
func Releases(offered []string, installed string) []string {
	later := slices.DeleteFunc(slices.Clone(offered), func(r string) bool { return catalogue.CompareVersions(r, installed) <= 0 })
	slices.SortFunc(later, func(a, b string) int { return catalogue.CompareVersions(b, a) })
	newestOf := func(minor string) string {
		i := slices.IndexFunc(later, func(r string) bool { return catalogue.Minor(r) == minor })
		if i < 0 {
			return ""
		}
		return later[i]
	}
	if len(later) == 0 {
		return nil
	}
	own := catalogue.Minor(installed)
	found := []string{later[0]}
	for _, r := range slices.Backward(later) {
		if next := catalogue.Minor(r); next != own {
			found = append(found, newestOf(next))
			break
		}
	}
	found = append(found, newestOf(own))
	return slices.Compact(slices.DeleteFunc(found, func(r string) bool { return r == "" }))
}

// Choose picks the newest candidate that the policy allows; candidates are sorted newest first, and rolledBack are releases that were rolled
// back. It is nil when there is none. held says why the newest one was not picked, and is Nothing where it was.
func (p Policy) Choose(candidates []Candidate, rolledBack []string) (pick *Candidate, held Decision) {
	held.Action = Nothing
	for i := range candidates {
		c := &candidates[i]
		against := p.against(c, rolledBack)
		if against.Action == Nothing {
			return c, held
		}
		if i == 0 {
			held = against
		}
	}
	return nil, held
}

// against is the reason not to upgrade to a candidate without a person.
func (p Policy) against(c *Candidate, rolledBack []string) Decision {
	person := func(format string, args ...any) Decision {
		return Decision{Action: Person, To: c.Release, Reason: fmt.Sprintf(format, args...)}
	}
	if c.Refused.Failed() {
		return Decision{Action: Refused, To: c.Release, Reason: worst(c.Refused)}
	}
	if n := len(c.Way.Hops); n != 1 {
		return person("it takes %d upgrade steps", n)
	}
	if c.Way.Then != "" {
		return person("%s", c.Way.Then)
	}
	h := c.Way.Hops[0]
	switch {
	case slices.Contains(rolledBack, c.Release):
		return person("it was rolled back; to try it again: berth upgrade --to %s", c.Release)
	case h.Kind != plan.Patch && h.Kind != plan.Standard:
		return person("Sourcegraph does not answer meanwhile (%s)", h.How())
	case len(h.Irreversible) > 0:
		return person("only a backup can undo it (%s)", strings.Join(h.Irreversible, "; "))
	case len(h.ByHand) > 0:
		return person("it needs manual work: %s", h.ByHand[0].Text)
	case !p.allows(h.Kind):
		return person("%s", p.forbids(h.Kind))
	}
	return Decision{Action: Nothing}
}

// allows reports whether an upgrade step of a kind needs no person.
func (p Policy) allows(kind plan.Kind) bool {
	return p.Automatic == Patch && kind == plan.Patch || p.Automatic == Minor && (kind == plan.Patch || kind == plan.Standard)
}

// forbids says why an upgrade step of a kind needs a person.
func (p Policy) forbids(kind plan.Kind) string {
	level := cmp.Or(p.Automatic, Off)
	if level == Patch && kind == plan.Standard {
		return "it is another minor release, and upgrades.automatic is patch"
	}
	return "upgrades.automatic is " + string(level)
}

// Checked is what is known about an upgrade after the installation was checked.
type Checked struct {
	To       string
	Takes    time.Duration // the whole upgrade, estimated
	Edits    []string      // edits of the admin's file that it needs beside the release
	Problems diag.List     // what prevents it, or has to be known first
	Pending  string        // a change of the admin's file that was not deployed yet, in words; ""
}

// Decide says whether a chosen upgrade may start now.
func (p Policy) Decide(now time.Time, u Checked) Decision {
	d := Decision{Action: Person, To: u.To}
	switch {
	case u.Problems.Failed():
		d.Action, d.Reason = Refused, worst(u.Problems)
	case u.Pending != "":
		d.Reason = u.Pending
	case len(u.Problems) > 0:
		d.Reason = worst(u.Problems)
	case len(u.Edits) > 0:
		d.Reason = "it changes your file: " + strings.Join(u.Edits, "; ")
	default:
		return p.inWindow(now, u.To, u.Takes)
	}
	return d
}

// inWindow says whether work of a duration may start now.
func (p Policy) inWindow(now time.Time, to string, takes time.Duration) Decision {
	opens := now
	if !p.Window.Open(now) {
		opens = p.Window.Opens(now)
	}
	closes := p.Window.Closes(opens)
	wait := Decision{Action: Wait, To: to, Reason: "the window " + p.Window.String()}
	switch {
	case p.Window.Open(now) && now.Add(takes).After(closes):
		// This window may only be nearly over; the next one may be long enough.
		next := p.Window.Opens(closes)
		wait.Opens = next
		if p.Window.Closes(next).Sub(next) < takes {
			return tooShort(to, p.Window, takes)
		}
		wait.Reason += fmt.Sprintf(": it takes about %s, and this one closes in %s", round(takes), round(closes.Sub(now)))
		return wait
	case p.Window.Open(now):
		return Decision{Action: Upgrade, To: to}
	case closes.Sub(opens) < takes:
		return tooShort(to, p.Window, takes)
	}
	wait.Opens = opens
	return wait
}

func tooShort(to string, w window.Window, takes time.Duration) Decision {
	return Decision{Action: Person, To: to, Reason: fmt.Sprintf("the window %s is too short for it: it takes about %s", w, round(takes))}
}

// round is a duration in words.
func round(d time.Duration) string {
	if d < time.Minute {
		return d.Round(time.Second).String()
	}
	return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
}

// Unfinished is an unfinished upgrade.
type Unfinished struct {
	To        string
	Kind      plan.Kind     // of the current upgrade step
	Ours      bool          // the agent started it
	Returning bool          // it is being rolled back
	Touched   bool          // something of the installation was changed
	Takes     time.Duration // the whole upgrade, as estimated at its start
	Problems  diag.List     // why it stopped, or why it can't continue
	Where     string        // where it stopped, in words
}

// Continue decides what to do with an unfinished upgrade: continue it when the agent started it and it was only interrupted. A change that was
// begun is finished even after the window closed.
func (p Policy) Continue(now time.Time, u Unfinished) Decision {
	person := Decision{Action: Person, To: u.To}
	switch {
	case u.Returning:
		person.Reason = "it is being rolled back; continue with: berth rollback"
	case !u.Ours:
		person.Reason = "somebody else started it: " + u.Where
	case len(u.Problems) > 0:
		person.Reason = "the upgrade can't continue: " + worst(u.Problems)
	case !p.allows(u.Kind):
		person.Reason = "it was started, but " + p.forbids(u.Kind) + " now"
	case u.Touched:
		return Decision{Action: Resume, To: u.To}
	default:
		d := p.inWindow(now, u.To, u.Takes)
		if d.Action == Upgrade {
			d.Action = Resume
		}
		return d
	}
	return person
}

// worst is the most important of some problems, and how many more there are.
func worst(problems diag.List) string {
	first := problems[0]
	if i := slices.IndexFunc(problems, func(d diag.Diagnostic) bool { return d.Severity == diag.Error }); i >= 0 {
		first = problems[i]
	}
	text := first.Code + ": " + first.Summary
	if n := len(problems) - 1; n > 0 {
		text += fmt.Sprintf(" (and %d more)", n)
	}
	return text
}
