package stages

import (
	"strings"
	"testing"

	"berth/internal/plan"
	"github.com/google/go-cmp/cmp"
)

// TestMoves holds what a move and the way back consist of.
func TestMoves(t *testing.T) {
	to := &plan.Destination{File: "there.yaml", Installation: "there", Target: "kubernetes", URL: "http://there.example.com"}
	for _, test := range []struct {
		action plan.Action
		short  bool
		want   string
	}{
		{plan.Move, false, `check
  check both sides file
prepare
  reach destination closed to (page: move)
  check empty databases to
  mark data is carried file
ready
  fetch images to
  begin destination ahead to (page: move)
close, else reach file again
  reach sourcegraph closed file (page: move)
dump, else reach file again
  dump databases file
carry, else reach file again
  bring dumps to
restore, else reach file again
  restore databases to
start, else reach file again
  reach destination answering to (page: move)
prove, else reach file again
  prove search to
open
  mark the destination opens file
  reach destination  to
leave
  reach sourcegraph closed file (page: moved)
clean up
  prune dumps file
  prune dumps to
  mark moved file
`},
		{plan.Move, true, `check
  check both sides file
prepare
  reach destination closed to (page: move)
  check empty databases to
  mark data is carried file
watch
  watch written rows file
dump
  dump databases file
carry
  bring dumps to
restore
  restore databases to
sync
  sync rows that were written file
  sync rows that were written, and compare all tables file
ready
  fetch images to
  watch written rows to
  reach destination answering to (page: move)
  sync rows that the destination wrote file
close, else unwatch file again, else reach file again
  sync get ready for what is written last file
  reach sourcegraph behind file (page: move)
catch up, else unwatch file again, else reach file again
  sync what was written last file
prove, else unwatch file again, else reach file again
  prove search to
open
  mark the destination opens file
  reach destination  to
leave
  reach sourcegraph closed file (page: moved)
  mark what the destination held file
clean up
  prune dumps file
  prune dumps to
  unwatch written rows file
  unwatch written rows to
  mark moved file
`},
		{plan.MoveBack, true, `close
  mark the destination is left file
  reach destination closed to (page: move)
open
  unwatch written rows file
  reach sourcegraph  file
prove
  prove search file
clean up
  prune dumps file
  prune dumps to
  unwatch written rows file
  unwatch written rows to
  mark returned file
`},
		{plan.MoveBack, false, `close
  mark the destination is left file
  reach destination closed to (page: move)
open
  reach sourcegraph  file
prove
  prove search file
clean up
  prune dumps file
  prune dumps to
  mark returned file
`},
	} {
		p := Plan(Request{Action: test.action, Short: test.short, Installation: "sourcegraph", Target: "compose", Release: "7.5.4453", Config: "here", To: to, ToConfig: "there", Runs: true})
		if diff := cmp.Diff(test.want, p.String()); diff != "" {
			t.Errorf("%s, short %v:\n%s", test.action, test.short, diff)
		}
	}
}

// TestMoveFiles: the files of stores are copied once the databases are there, and before anything starts there that uses them.
func TestMoveFiles(t *testing.T) {
	p := Plan(Request{Action: plan.Move, To: &plan.Destination{}, Runs: true, Carried: []string{"blobstore", "gitserver"}, Files: 10 << 30})
	const want = `restore, else reach file again
  restore databases to
files, else reach file again
  reach destination closed to (page: move)
  bring blobstore to
  bring gitserver to
start, else reach file again
`
	if !strings.Contains(p.String(), want) {
		t.Errorf("want\n%s\ngot\n%s", want, p)
	}
	for _, s := range p.Stages {
		if s.Name == "files" && (s.Seconds < 150 || s.Effect != plan.Downtime) {
			t.Errorf("%+v", s)
		}
	}
}
