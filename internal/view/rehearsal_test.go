package view

import (
	"strings"
	"testing"
	"time"

	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/rehearse"
	"berth/internal/upgrade/stages"
)

func TestRehearsalThatFailed(t *testing.T) {
	at := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	r := &rehearse.Report{Installation: "sourcegraph", Target: "compose", From: "6.0.0", To: "7.5.4453", Began: at, Ended: at.Add(83 * time.Second),
		Stages:  []rehearse.Stage{{From: "6.0.0", To: "7.5.4453", Stage: stages.Backup, Seconds: 12.34, Note: "restored once and compared"}},
		Stopped: &rehearse.Stage{From: "6.0.0", To: "7.5.4453", Stage: stages.Migrate},
		Before:  []data.Database{{Name: "pgsql", Server: 160004, Bytes: 3 << 20}}, Downtime: 600,
		Problems: diag.List{{Code: "BERTH3705", Summary: "the migrator did not do it", Detail: []string{"  | ERROR: division by zero"}, Hint: "fix it"}},
		Not:      []string{"services"}, Clone: "sourcegraph-rehearsal", Deleted: true}
	var b strings.Builder
	Rehearsal(&b, r)
	const want = `rehearsal failed: 6.0.0 -> 7.5.4453 · installation sourcegraph on compose, 2026-11-22 03:01:23, in 1m23s

6.0.0 -> 7.5.4453
  back up        12.3s  restored once and compared
  migrate       failed

databases
  pgsql            3.0 MiB, Postgres 16

problem   BERTH3705: the migrator did not do it
            | ERROR: division by zero
          next: fix it

downtime of the real run: about 10 min

not rehearsed
  - services

the clone sourcegraph-rehearsal is deleted, with its data
`
	if got := b.String(); got != want {
		t.Errorf("got\n%s", got)
	}
}
