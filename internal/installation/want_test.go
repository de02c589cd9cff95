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
	const text = "target: compose\nrelease: 7.5.4453\nurl: http://localhost\nservices: {worker: {env: {DB_PASSWORD: hunter2}}}\n"
	file := &Want{File: "sourcegraph.yaml", Dir: t.TempDir()}
	if _, problems, err := e.Another(file, []byte(text)); err != nil || !problems.Failed() {
		t.Errorf("the admin's file: %v, %v", problems, err)
	}
	if w, err := e.Accepted(file, text, nil); err != nil || w.Stack == nil {
		t.Errorf("an accepted text: %v", err)
	}
}

// TestAcceptedTextMayHaveTheVariableOfBefore: a rollback may lead to a config that signs in to RDS by the variable, as all of them did.
func TestAcceptedTextMayHaveTheVariableOfBefore(t *testing.T) {
	e := &Environment{Getenv: os.Getenv, Now: time.Now}
	const text = "target: compose\nrelease: 7.5.4453\nurl: http://localhost\ndatabases: {pgsql: {external: {host: a.b.c.rds.amazonaws.com, user: u, database: d}}}\n" +
		"services: {sourcegraph-frontend: {env: {PG_CONNECTION_UPDATER: EC2_ROLE_CREDENTIALS}}}\n"
	file := &Want{File: "sourcegraph.yaml", Dir: t.TempDir()}
	if _, problems, err := e.Another(file, []byte(text)); err != nil || len(problems) != 1 || problems[0].Code != "BERTH1172" {
		t.Errorf("the admin's file: %v, %v", problems, err)
	}
	if w, err := e.Accepted(file, text, nil); err != nil || w.Stack == nil {
		t.Errorf("an accepted text: %v", err)
	}
}
