//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// TestOwnDatabase: with the admin's own Postgres the built-in one does not run, and Sourcegraph lives in the admin's.
func TestOwnDatabase(t *testing.T) {
	const password = `it's "p@ss"/w:rd$1 %20`
	s := newSite(t, "owndb")
	s.writeFile("password.txt", password+"\n")
	port := freePort(t)
	ownPostgres(t, port, password)
	gateway := docker(t, "inspect", "berth-e2e-owndb", "-f", "{{.NetworkSettings.Gateway}}")
	s.edit("size: demo\n", fmt.Sprintf("size: demo\ndatabases: {pgsql: {external: {host: %s, port: %d, user: sg, password: {file: password.txt}, database: sg, sslmode: disable}}}\n", gateway, port))
	s.must(0, "lock")
	s.must(0, "up")
	if got := s.containers(); got["pgsql"] != "" || got["pgsql-exporter"] != "" || len(got) != 24 {
		t.Errorf("the built-in pgsql or its exporter runs, or %d containers, want 24", len(got))
	}
	s.firstUse("example/own", "needle-own")
	s.search("example/own", "needle-own")
	if users := docker(t, "exec", "berth-e2e-owndb", "psql", "-U", "sg", "-d", "sg", "-Atc", "select username from users"); !strings.Contains(users, "ada") {
		t.Errorf("the user is not in the admin's database, which has: %s", users)
	}
	if out := s.must(0, "plan"); strings.Contains(out, "p@ss") {
		t.Errorf("the password is printed:\n%s", out)
	}
}
