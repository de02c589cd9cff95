package installation

import (
	"os"
	"testing"
	"time"
)

// TestAcceptedTextMayHoldALiteral: an earlier version of berth took a text with a password in it. It is refused as the admin's file, but not as what an upgrade
// or a rollback leads to.
func TestAcceptedTextMayHoldALiteral(t *testing.T) {
	e := &Environment{Getenv: os.Getenv, Now: time.Now}
	const text = "on: compose\nrelease: 7.5.4453\nurl: http://localhost\nservices: {worker: {env: {DB_PASSWORD: hunter2}}}\n"
	file := &Want{File: "sourcegraph.yaml", Dir: t.TempDir()}
	if _, problems, err := e.Another(file, []byte(text)); err != nil || !problems.Failed() {
		t.Errorf("the admin's file: %v, %v", problems, err)
	}
	if w, err := e.Accepted(file, text, nil); err != nil || w.Stack == nil {
		t.Errorf("an accepted text: %v", err)
	}
}
