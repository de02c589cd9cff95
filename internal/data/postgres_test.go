package data

import (
	"bytes"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"berth/internal/backup"
	"berth/internal/backup/place"
)

// nobody is who Postgres runs as where the tests run as root, which it refuses.
const nobody = 65534

// machine is a Postgres server of the test's own, on a socket in a folder.
type machine struct {
	t   *testing.T
	dir string
}

// start makes one with the three databases, of which pgsql has tables that are hard to carry.
func start(t *testing.T) *machine {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is right
	if len(found) == 0 {
		t.Skip("NOT CHECKED: PostgreSQL is not installed (apt-get install postgresql)")
	}
	t.Setenv("PATH", found[len(found)-1]+":"+os.Getenv("PATH"))
	dir, err := os.MkdirTemp("/tmp", "berth-pg") // the path of a socket may not be long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if os.Getuid() == 0 {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	s := &machine{t, dir}
	s.must(nil, "initdb --pgdata=$DIR/data --username=sg --auth=trust --encoding=UTF8 --locale=C --no-sync >/dev/null")
	s.must(nil, `pg_ctl --pgdata="$DIR/data" --silent --wait --log="$DIR/log" --options="-c listen_addresses='' -c fsync=off -c unix_socket_directories=$DIR" start`)
	t.Cleanup(func() { s.t = t; s.must(nil, `pg_ctl --pgdata="$DIR/data" --silent --mode=immediate stop`) })
	for _, name := range []string{"pgsql", "codeintel", "codeinsights", "empty1", "empty2", "empty3"} {
		s.must(nil, `createdb -h "$DIR" -U sg `+name)
	}
	s.query("pgsql", `CREATE EXTENSION citext; CREATE EXTENSION pg_trgm;
		CREATE TABLE versions (service text PRIMARY KEY, version text); INSERT INTO versions VALUES ('frontend', '7.5.4453');
		CREATE TABLE users (id serial PRIMARY KEY, username citext UNIQUE, at timestamptz DEFAULT now(), ratio float8, raw bytea);
		INSERT INTO users (username, ratio, raw) SELECT 'user' || n, n / 3.0, sha256(n::text::bytea) FROM generate_series(1, 1000) n;
		CREATE TABLE repo (id serial PRIMARY KEY, name citext UNIQUE DEFERRABLE, metadata jsonb); CREATE INDEX ON repo USING gin (lower(name) gin_trgm_ops);
		CREATE TABLE repo_statistics (total bigint);
		CREATE FUNCTION counted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO repo_statistics SELECT count(*) FROM added; RETURN NULL; END $$;
		CREATE TRIGGER counts AFTER INSERT ON repo REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION counted();
		INSERT INTO repo (name, metadata) SELECT 'github.com/o/r' || n, '{"stars": 1}' FROM generate_series(1, 5000) n;
		CREATE TABLE "odd NAME" ("a b" int); INSERT INTO "odd NAME" VALUES (1), (2);
		CREATE VIEW named AS SELECT username FROM users`)
	s.query("codeintel", `CREATE TABLE codeintel_scip_metadata (id bigint PRIMARY KEY, payload bytea); INSERT INTO codeintel_scip_metadata SELECT n, decode(repeat('ab', 500), 'hex') FROM generate_series(1, 2000) n`)
	return s
}

// run runs a shell script, as a task runs it, with the databases of names in place of pgsql and the others.
func (s *machine) run(env map[string]string, text string) (string, error) {
	c := exec.Command("/bin/sh", "-c", text)
	c.Dir = s.dir
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "DIR=" + s.dir, "PGUSER=sg", "CODEINTEL_PGUSER=sg", "CODEINSIGHTS_PGUSER=sg", "PGHOST=" + s.dir,
		"CODEINTEL_PGHOST=" + s.dir, "CODEINSIGHTS_PGHOST=" + s.dir, "PGDATABASE=pgsql", "CODEINTEL_PGDATABASE=codeintel", "CODEINSIGHTS_PGDATABASE=codeinsights", "LC_ALL=C.UTF-8"}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		c.Env = append(c.Env, name+"="+env[name])
	}
	if os.Getuid() == 0 {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	// A server that is started inherits its output: a pipe would be waited for until it ends.
	out, err := os.Create(filepath.Join(s.t.TempDir(), "out"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer out.Close()
	c.Stdout, c.Stderr = out, out
	err = c.Run()
	said, _ := os.ReadFile(out.Name()) // the file is there
	return string(said), err
}

func (s *machine) must(env map[string]string, text string) string {
	s.t.Helper()
	out, err := s.run(env, text)
	if err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
	return out
}

func (s *machine) query(database, text string) string {
	s.t.Helper()
	return strings.TrimSpace(s.must(map[string]string{"QUERY": text}, `psql -XqAt -v ON_ERROR_STOP=1 -h "$DIR" -U sg -c "$QUERY" `+database))
}

// empty makes the databases of into empty.
func (s *machine) empty() {
	for _, name := range []string{"empty1", "empty2", "empty3"} {
		s.query(name, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
	}
}

// sums are compared beside the counts in these tests.
const sums = "pgsql.users pgsql.repo codeintel-db.codeintel_scip_metadata"

func (s *machine) dump(name, prove string) string {
	s.t.Helper()
	return s.must(map[string]string{"BACKUP": name, "COMPRESS": "0", "PROVE": prove, "SUMS": sums}, shared+proofScript+dumpScript)
}

// into names other databases, which are empty.
var into = map[string]string{"PGDATABASE": "empty1", "CODEINTEL_PGDATABASE": "empty2", "CODEINSIGHTS_PGDATABASE": "empty3"}

func with(env map[string]string, more ...string) map[string]string {
	out := maps.Clone(env)
	for i := 0; i < len(more); i += 2 {
		out[more[i]] = more[i+1]
	}
	return out
}

// TestOnPostgres runs the scripts on a real server.
func TestOnPostgres(t *testing.T) {
	s := start(t)
	for name, test := range map[string]func(*testing.T, *machine){"dump and restore": dumpAndRestore, "differences": differencesAreFound, "one moment": oneMoment, "older berths": olderBerths, "by hand": byHand, "contents": contentsOf} {
		t.Run(name, func(t *testing.T) {
			s.t = t
			test(t, s)
			s.must(nil, `rm -rf "$DIR/one" "$DIR/old"`)
		})
	}
	s.t = t
}

// dumpAndRestore: what is dumped is restored into empty databases, and in place of others, and it is proven.
func dumpAndRestore(t *testing.T, s *machine) {
	s.empty()
	if out := s.dump("one", "yes"); !strings.Contains(out, "pgsql: 5 tables, 6004 rows, restored and compared") {
		t.Errorf("the dump was not proven:\n%s", out)
	}
	facts, _ := os.ReadFile(filepath.Join(s.dir, "one", "facts"))
	var d Dumped
	if err := eachFact(strings.Split(strings.TrimSpace(string(facts)), "\n"), d.take); err != nil || len(d.Sources) != 3 || d.Release != "7.5.4453" || !d.Proven ||
		d.Sources[0].Extensions["citext"] == "" || d.Sources[0].Snapshot == "" || d.Sources[0].LSN == "" {
		t.Errorf("%v: %+v of\n%s", err, d, facts)
	}
	for _, again := range []string{"which is empty", "in place of what it holds"} {
		if out := s.must(with(into, "BACKUP", "one", "SUMS", sums), shared+restoreScript); !strings.Contains(out, again) {
			t.Errorf("not %s:\n%s", again, out)
		}
		if n := s.query("empty1", "SELECT count(*), (SELECT total FROM repo_statistics), (SELECT count(*) FROM pg_trigger WHERE tgname = 'counts') FROM repo"); n != "5000|5000|1" {
			t.Errorf("restored: %s", n)
		}
		s.query("empty1", "DELETE FROM users WHERE id < 10")
	}
	// A restore that is killed in the middle of an empty database begins again.
	s.query("empty1", "DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE SCHEMA berth_restoring; CREATE TABLE half (a int)")
	if out := s.must(with(into, "BACKUP", "one", "SUMS", sums), shared+restoreScript); !strings.Contains(out, "restoring pgsql, which is empty") {
		t.Errorf("it does not begin again:\n%s", out)
	}
	if left := s.query("empty1", "SELECT to_regclass('half') IS NULL, to_regnamespace('berth_restoring') IS NULL"); left != "t|t" {
		t.Errorf("left behind: %s", left)
	}
}

// differencesAreFound: a row that is lost, and a value that changed where rows are as many, are found by a proof; so is a dump that is cut.
func differencesAreFound(t *testing.T, s *machine) {
	s.dump("one", "")
	rows := filepath.Join(s.dir, "one", "pgsql.rows")
	text, err := os.ReadFile(rows)
	if err != nil {
		t.Fatal(err)
	}
	prove := func() (string, error) {
		return s.run(map[string]string{"BACKUP": "one", "SUMS": sums}, shared+proofScript+`prove "$DIR/$BACKUP"`)
	}
	if out, err := prove(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for what, change := range map[string]func([]byte) []byte{
		"a row less": func(b []byte) []byte {
			return bytes.Replace(b, []byte("public.users 1000"), []byte("public.users 1001"), 1)
		},
		"a value": func(b []byte) []byte {
			return bytes.Replace(b, []byte("public.users 1000 "), []byte("public.users 1000 1"), 1)
		},
	} {
		if err := os.WriteFile(rows, change(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := prove(); err == nil || !strings.Contains(out, "pgsql differs after the restore") {
			t.Errorf("%s is not found: %v\n%s", what, err, out)
		}
	}
	if err := os.WriteFile(rows, text, 0o644); err != nil {
		t.Fatal(err)
	}
	largest := strings.Fields(s.must(nil, `ls -S "$DIR/one/pgsql" | head -1`))[0]
	if err := os.Truncate(filepath.Join(s.dir, "one", "pgsql", largest), 100); err != nil {
		t.Fatal(err)
	}
	if out, err := prove(); err == nil {
		t.Errorf("a dump that was cut is proven:\n%s", out)
	}
}

// oneMoment: what is written between the dumps of two databases is in neither, because all snapshots are taken before the first dump.
func oneMoment(t *testing.T, s *machine) {
	// pg_dump is slow, and others write as soon as the first one begins.
	slow := filepath.Join(s.dir, "bin")
	text := "#!/bin/sh\npsql -Xq -h " + s.dir + " -U sg -c \"INSERT INTO codeintel_scip_metadata SELECT max(id) + 1, 'x' FROM codeintel_scip_metadata\" codeintel\nexec " + firstOf(t, "pg_dump") + " \"$@\"\n"
	if err := os.MkdirAll(slow, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(slow, "pg_dump"), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	before := s.query("codeintel", "SELECT count(*) FROM codeintel_scip_metadata")
	t.Setenv("PATH", slow+":"+os.Getenv("PATH"))
	s.dump("one", "yes")
	rows, _ := os.ReadFile(filepath.Join(s.dir, "one", "codeintel-db.rows"))
	if !strings.Contains(string(rows), "codeintel_scip_metadata "+before+" ") {
		t.Errorf("%s rows were there when the backup began, and it has\n%s", before, rows)
	}
	if after := s.query("codeintel", "SELECT count(*) FROM codeintel_scip_metadata"); after == before {
		t.Error("nobody wrote meanwhile, so the test proves nothing")
	}
}

func firstOf(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// olderBerths: a backup that an older release of berth left for a rollback, a file a database and counts alone, is restored.
func olderBerths(t *testing.T, s *machine) {
	s.empty()
	s.must(nil, `mkdir "$DIR/old" && pg_dump -h "$DIR" -U sg --format=custom --no-owner --no-acl --file="$DIR/old/pgsql.dump" pgsql &&
		printf 'public.odd NAME 2\npublic.repo 5000\npublic.repo_statistics 1\npublic.users 1000\npublic.versions 1\n' | sed 's/odd NAME/odd NAME/' >"$DIR/old/pgsql.rows"`)
	s.must(with(into, "BACKUP", "old", "SUMS", sums), shared+restoreScript)
	if n := s.query("empty1", "SELECT count(*) FROM users"); n != "1000" {
		t.Errorf("%s users", n)
	}
}

// contentsOf: empty databases hold nothing, and what changes later is named, also where the number of rows stays.
func contentsOf(t *testing.T, s *machine) {
	s.empty()
	s.query("empty1", "CREATE EXTENSION pg_trgm; CREATE EXTENSION citext")
	count := func(env map[string]string) *Contents {
		c := &Contents{Tables: map[string]string{}}
		out := s.must(with(env, "SUMS", sums), shared+contentsScript)
		if err := eachFact(strings.Split(strings.TrimSpace(out), "\n"), c.take); err != nil {
			t.Fatal(err)
		}
		return c
	}
	if c := count(into); c.Objects != 0 || len(c.Tables) != 0 {
		t.Errorf("empty databases hold %+v", c)
	}
	s.dump("one", "")
	s.must(with(into, "BACKUP", "one", "SUMS", sums), shared+restoreScript)
	before := count(into)
	if before.Objects != 7 || before.Tables["pgsql.public.odd NAME"] != "2 -" || !strings.HasPrefix(before.Tables["pgsql.public.users"], "1000 ") {
		t.Errorf("they hold %+v", before)
	}
	known := []string{"pgsql.users", "pgsql.repo", "pgsql.versions"}
	if changed, others := Changed(before.Tables, count(into).Tables, known); len(changed) != 0 || others != 0 {
		t.Errorf("nothing was written, and it says %v and %d others", changed, others)
	}
	s.query("empty1", `UPDATE users SET ratio = 1 WHERE id = 1; DELETE FROM repo WHERE id = 1; INSERT INTO "odd NAME" VALUES (3)`)
	changed, others := Changed(before.Tables, count(into).Tables, known)
	if want := []string{"pgsql.users: 1000 rows, some with other contents", "pgsql.repo: 5000 rows then, 4999 now"}; !slices.Equal(changed, want) || others != 1 {
		t.Errorf("it says %q and %d others", changed, others)
	}
}

// byHand: a backup is restored by tar, zstd and pg_restore alone, as docs/backup.md says.
func byHand(t *testing.T, s *machine) {
	s.dump("one", "")
	folder := t.TempDir()
	b := backup.Backup{Place: place.In(folder), Dir: "b"}
	var names []string
	var sizes []int64
	for _, line := range strings.Split(strings.TrimSpace(s.must(nil, `cd "$DIR/one" && find . -type f -exec stat -c '%s %n' {} +`)), "\n") {
		size, name, _ := strings.Cut(line, " ./")
		n, _ := strconv.ParseInt(size, 10, 64) // stat writes numbers
		names, sizes = append(names, name), append(sizes, n)
	}
	for _, g := range backup.Groups(names, sizes, 100<<10) {
		_, err := b.Write(t.Context(), g.Name, nil, func(out io.Writer) error {
			c := exec.Command("tar", append([]string{"-c", "-C", filepath.Join(s.dir, "one")}, g.Files...)...)
			c.Stdout = out
			return c.Run()
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	c := exec.Command("/bin/sh", "-ec", `sha256sum --quiet -c *.sha256; mkdir x; for p in *.tar.zst; do zstd -dc "$p" | tar -x -C x; done; createdb -h "$1" -U sg byhand
		pg_restore -h "$1" -U sg --dbname=byhand --jobs=2 --exit-on-error --no-owner x/pgsql`, "sh", s.dir)
	c.Dir = filepath.Join(folder, "b")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if n := s.query("byhand", "SELECT count(*) FROM users"); n != "1000" {
		t.Errorf("%s users", n)
	}
}

// TestRestoreWithGivenExtensions: a user who may not create an extension restores where an admin has created it, into nothing and in place of something.
func TestRestoreWithGivenExtensions(t *testing.T) {
	s := start(t)
	s.query("pgsql", "CREATE EXTENSION pg_stat_statements")
	s.dump("one", "")
	s.query("pgsql", "CREATE ROLE plain LOGIN")
	for _, name := range []string{"empty1", "empty2", "empty3"} {
		s.query(name, "ALTER DATABASE "+name+" OWNER TO plain; CREATE EXTENSION pg_stat_statements")
	}
	plain := with(into, "BACKUP", "one", "SUMS", sums, "PGUSER", "plain", "CODEINTEL_PGUSER", "plain", "CODEINSIGHTS_PGUSER", "plain")
	for _, what := range []string{"empty", "in place of what it holds"} {
		if out := s.must(plain, shared+restoreScript); !strings.Contains(out, what) {
			t.Errorf("%s: %s", what, out)
		}
		if n := s.query("empty1", "SELECT count(*) FROM users; SELECT count(*) FROM pg_extension WHERE extname = 'pg_stat_statements'"); n != "1000\n1" {
			t.Errorf("%s: %s", what, n)
		}
	}
}
