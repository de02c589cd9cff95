package site

import (
	"os"
	"testing"
	"time"
)

// TestAWayBackEndsAtNoLiteral: a text that an earlier version of berth took, with a password in it, is refused as the admin's file, but not as
// what an upgrade or a rollback goes back to.
func TestAWayBackEndsAtNoLiteral(t *testing.T) {
	e := &Environment{Getenv: os.Getenv, Now: time.Now}
	const text = "on: compose\nrelease: 7.5.4453\nurl: http://localhost\nservices: {worker: {env: {DB_PASSWORD: hunter2}}}\n"
	for accepted, want := range map[bool]bool{false: true, true: false} {
		l := &Loaded{File: "sourcegraph.yaml", Dir: t.TempDir(), Text: []byte(text), Accepted: accepted}
		problems, err := e.Understand(l)
		if err != nil || problems.Failed() != want || accepted && l.Stack == nil {
			t.Errorf("accepted %v: %v, %v", accepted, problems, err)
		}
	}
}
