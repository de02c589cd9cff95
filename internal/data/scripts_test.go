package data

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestAuthoritiesOfDatabases: each database is asked with the authorities that its sslmode takes, whatever the database before it needed. The psql here
// refuses what libpq refuses: the system's authorities with any other sslmode than verify-full.
func TestAuthoritiesOfDatabases(t *testing.T) {
	dir := t.TempDir()
	const psql = `#!/bin/sh
[ "$1" != --version ] || { echo 'psql (PostgreSQL) 17.1'; exit; }
[ "${PGSSLROOTCERT:-}" != system ] || [ "${PGSSLMODE:-}" = verify-full ] || { echo "weak sslmode \"$PGSSLMODE\" may not be used with sslrootcert=system" >&2; exit 2; }
`
	if err := os.WriteFile(filepath.Join(dir, "psql"), []byte(psql), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, ca, want string }{
		{"the system's authorities", "", "pgsql verify-full system\ncodeintel-db disable \ncodeinsights-db verify-full system\n"},
		{"an authority of the admin's own", "/ca.pem", "pgsql verify-full /ca.pem\ncodeintel-db disable /ca.pem\ncodeinsights-db verify-ca /ca.pem\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			run := exec.Command("sh", "-c", shared+`for d in $databases; do use "$d"; echo "$d ${PGSSLMODE:-} ${PGSSLROOTCERT:-}"; done`)
			run.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "WAIT=0", "PGHOST=a", "PGSSLMODE=verify-full",
				"CODEINTEL_PGHOST=b", "CODEINTEL_PGSSLMODE=disable", "CODEINSIGHTS_PGHOST=c", "CODEINSIGHTS_PGSSLMODE=verify-ca"}
			if test.ca != "" {
				run.Env = append(run.Env, "PGSSLROOTCERT="+test.ca)
			}
			if out, err := run.CombinedOutput(); err != nil || string(out) != test.want {
				t.Errorf("%v\n%s\nwant:\n%s", err, out, test.want)
			}
		})
	}
}
