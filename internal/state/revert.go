package state

import (
	"fmt"
	"slices"
	"strings"

	"berth/internal/diag"
	"berth/internal/plan"
)

// What says what was asked for: "up", "upgrade 6.0.0 to 7.5.4453", "revert to run 3".
func (r *Record) What() string {
	switch {
	case r.From != "" && r.From != r.Release:
		return fmt.Sprintf("%s %s to %s", r.Action, r.From, r.Release)
	case r.Restores != 0:
		return fmt.Sprintf("%s to run %d, %s", r.Action, r.Restores, r.Release)
	case r.Action == plan.RestartOnly && r.Plan != nil:
		return strings.Join(append([]string{string(r.Action)}, r.Plan.Services()...), " ")
	case r.Release != "":
		return string(r.Action) + " " + r.Release
	}
	return string(r.Action)
}

// GoesOn is the command that continues an action which did not come to its end; "": none does, or its plan says which one. A revert has written the file
// before it began, so that up does.
func (r *Record) GoesOn() string {
	switch {
	case r.Result == Done:
	case r.Action == plan.Up, r.Action == plan.Revert:
		return string(plan.Up)
	case r.Action == plan.Down:
		return string(plan.Down)
	case r.Action == plan.RestartOnly && r.Plan != nil:
		return strings.Join(append([]string{string(r.Action)}, r.Plan.Services()...), " ")
	case r.Action == plan.Backup, r.Action == plan.Repairs, r.Action == plan.AdoptUndo, r.Action == plan.AdoptFinish:
		return string(r.Action)
	case r.Plan != nil && r.Plan.Destination != nil && r.Action == plan.Move:
		return r.Plan.Destination.Command()
	case r.Action == plan.MoveBack:
		return string(plan.MoveBack)
	case r.Plan != nil && (r.Action == plan.RestoreFrom || r.Action == plan.ProveBackup):
		return string(r.Action) + " " + r.Plan.Backup
	}
	return ""
}

// Unknown reports whether an action stopped where nobody saw how it would have ended.
func (r *Record) Unknown() bool { return r.Result == Killed || r.Result == Interrupted }

// configured reports whether an action led to a config.
func (r *Record) configured() bool {
	switch r.Action {
	case plan.Up, plan.Revert, plan.Upgrade, plan.Rollback:
		return true
	}
	return false
}

// Last is the last record of an action that led to a config; nil when there was none.
func Last(records []Record) *Record {
	for i := len(records) - 1; i >= 0; i-- {
		if records[i].configured() {
			return &records[i]
		}
	}
	return nil
}

// Before is the record whose config a revert returns to: that of a number, or for 0 the one before the last change. A revert counts as the run that
// it went back to, so that each further one goes further back; one that did not come to its end is not over, so that the next one goes to the same.
func Before(records []Record, number int) (*Record, diag.List) {
	if last := Last(records); number == 0 && last != nil && last.Action == plan.Revert && last.Result != Done {
		number = last.Restores
	}
	if number != 0 {
		i := slices.IndexFunc(records, func(r Record) bool { return r.Number == number })
		if i < 0 || !records[i].configured() || records[i].Result != Done {
			return nil, diag.List{{Code: "BERTH3735", Severity: diag.Error, Subject: "--to", Summary: fmt.Sprintf("there is no run %d with a config to revert to", number),
				Hint: "see the runs: berth history"}}
		}
		return &records[i], nil
	}
	line := standing(records)
	if len(line) > 0 {
		// Where several runs in a row have the same config, the revert among them knows where it is from.
		at, same := line[0].Number, line[0].Config
		for _, r := range line {
			if r.Config != same {
				break
			}
			if r.Restores != 0 {
				at = r.Restores
				break
			}
		}
		for _, r := range line {
			if r.Number < at && r.Result == Done && r.Config != same {
				return r, nil
			}
		}
	}
	return nil, diag.List{{Code: "BERTH3735", Severity: diag.Error, Subject: "history", Summary: "there is no change of the config to revert",
		Hint: "see what was done: berth history"}}
}

// standing are the records of actions that led to a config, newest first, without what a rollback undid: an upgrade and all after it.
func standing(records []Record) []*Record {
	var out []*Record
	for i := len(records) - 1; i >= 0; i-- {
		r := &records[i]
		if !r.configured() {
			continue
		}
		out = append(out, r)
		if r.Action != plan.Rollback || r.Result != Done {
			continue
		}
		for k := i - 1; k >= 0; k-- {
			if u := records[k]; u.Action == plan.Upgrade && u.From == r.Release {
				i = k
				break
			}
		}
	}
	return out
}
