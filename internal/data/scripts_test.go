package data

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
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

// TestIndexesOfAll: all databases are checked at the same time, and one that is not sound fails the task when the others are done.
func TestIndexesOfAll(t *testing.T) {
	dir := t.TempDir()
	// The psql here takes the database's host as what happens: a check of "slow" waits for the one of "broken", which fails.
	const psql = `#!/bin/sh
case "$*" in
*pg_available_extensions*) echo 1 ;;
*bt_index_check*)
  case $PGHOST in
  slow) for i in $(seq 100); do [ ! -e "$SEEN" ] || exit 0; sleep 0.1; done; echo "the other database was not checked meanwhile" >&2; exit 1 ;;
  broken) touch "$SEEN"; echo "item order invariant violated" >&2; exit 3 ;;
  esac ;;
esac
`
	if err := os.WriteFile(filepath.Join(dir, "psql"), []byte(psql), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, codeintel, want string
		exit                  int
	}{
		{"all are sound", "sound", "codeintel-db: analyzed\ncodeintel-db: indexes are sound\n", 0},
		{"one is not", "broken", "item order invariant violated\npgsql: analyzed\npgsql: indexes are sound\n", 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			run := exec.Command("sh", "-c", shared+indexesScript)
			pgsql := map[bool]string{true: "slow"}[test.exit != 0]
			run.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "WAIT=0", "SEEN=" + filepath.Join(t.TempDir(), "seen"), "PGHOST=" + pgsql, "CODEINTEL_PGHOST=" + test.codeintel}
			out, _ := run.CombinedOutput()
			lines := strings.SplitAfter(string(out), "\n")
			slices.Sort(lines)
			if got := strings.Join(lines, ""); got != test.want || run.ProcessState.ExitCode() != test.exit {
				t.Errorf("exit %d:\n%s\nwant %d:\n%s", run.ProcessState.ExitCode(), got, test.exit, test.want)
			}
		})
	}
}
