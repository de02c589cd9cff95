package state

import (
	"fmt"
	"testing"

	"berth/internal/plan"
)

// TestBefore: each revert goes one change further back, whatever else was run in between, and not into what a rollback undid.
func TestBefore(t *testing.T) {
	up := func(config, release string) Record {
		return Record{Action: plan.Up, Config: config, Release: release, Result: Done}
	}
	revert := func(to int, config, release string) Record {
		return Record{Action: plan.Revert, Config: config, Release: release, Result: Done, Restores: to}
	}
	upgrade := Record{Action: plan.Upgrade, From: "6.0.0", Release: "7.5.4453", Config: "B", Result: Done}
	rollback := Record{Action: plan.Rollback, From: "7.5.4453", Release: "6.0.0", Config: "A", Result: Done}
	unended := func(r Record) Record {
		r.Result = Killed
		return r
	}
	failed := up("F", "6.0.0")
	failed.Result = Failed
	const old, recent = "6.0.0", "7.5.4453"
	for _, tt := range []struct {
		name    string
		records []Record
		number  int
		want    int // the number of the record; 0: there is none
	}{
		{"nothing was done", nil, 0, 0},
		{"one config", []Record{up("A", old), up("A", old)}, 0, 0},
		{"the one before", []Record{up("A", old), up("B", old)}, 0, 1},
		{"over an up that changed nothing", []Record{up("A", old), up("B", old), up("B", old)}, 0, 1},
		{"over a run that failed", []Record{up("A", old), failed, up("B", old)}, 0, 1},
		{"from a run that failed", []Record{up("A", old), failed}, 0, 1},
		{"further after a revert", []Record{up("A", old), up("B", old), up("C", old), revert(2, "B", old)}, 0, 1},
		{"further after a revert that up continued", []Record{up("A", old), up("B", old), up("C", old), revert(2, "B", old), up("B", old)}, 0, 1},
		{"to the same after a revert that was killed", []Record{up("A", old), up("B", old), up("C", old), unended(revert(2, "B", old))}, 0, 2},
		{"back to the begin", []Record{up("A", old), up("B", old), revert(1, "A", old)}, 0, 0},
		{"a change after a revert", []Record{up("A", old), up("B", old), revert(1, "A", old), up("D", old)}, 0, 3},
		{"into the release before an upgrade, which the caller refuses", []Record{up("A", old), upgrade}, 0, 1},
		{"after a rollback, before what it undid", []Record{up("Z", old), up("A", old), upgrade, up("C", recent), rollback}, 0, 1},
		{"after a rollback, nothing before", []Record{up("A", old), upgrade, up("C", recent), rollback}, 0, 0},
		{"by number", []Record{up("A", old), up("B", old), up("C", old)}, 1, 1},
		{"by the number of a run that failed", []Record{up("A", old), failed}, 2, 0},
		{"by a number that there is not", []Record{up("A", old)}, 7, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for i := range tt.records {
				tt.records[i].Number = i + 1
			}
			got, problems := Before(tt.records, tt.number)
			if tt.want == 0 {
				if !problems.Failed() {
					t.Errorf("run %d", got.Number)
				}
				return
			}
			if problems.Failed() || got.Number != tt.want {
				t.Errorf("%s, want run %d", fmt.Sprint(got, problems), tt.want)
			}
		})
	}
}
