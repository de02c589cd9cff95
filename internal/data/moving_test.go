package data

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"berth/internal/diag"
)

// rounds carries what is written in s's databases to those of into.
type rounds struct {
	*machine
	n    int
	mode Mode // of the last one
}

// read writes the statements of a round into a file.
func (r *rounds) read(mode Mode) (file string, out string, err error) {
	applied := ""
	if r.n > 0 {
		applied = fmt.Sprint(r.n)
	}
	r.n, r.mode = r.n+1, mode
	file = filepath.Join(r.dir, "round")
	out, err = r.run(map[string]string{"DATABASE": "pgsql", "ROUND": fmt.Sprint(r.n), "APPLIED": applied, "MODE": string(mode), "SUMS": sums, "LIMIT": "100000000"},
		"exec 3>&1; echo go | { "+shared+movingScript+changesScript+"\n} >\"$DIR/round\" 2>&3")
	return file, out, err
}

func (r *rounds) apply() (string, error) {
	return r.run(with(into, "DATABASE", "pgsql", "MODE", string(r.mode)), "exec <\"$DIR/round\"\n"+shared+movingScript+applyScript)
}

func (r *rounds) must(mode Mode) {
	r.t.Helper()
	if _, out, err := r.read(mode); err != nil {
		r.t.Fatalf("%v\n%s", err, out)
	}
	if out, err := r.apply(); err != nil || out != fmt.Sprintf("APPLIED %d\n", r.n) {
		r.t.Fatalf("%v\n%s", err, out)
	}
}

// equal fails the test when the two sides differ: in a table, a sequence, a large object, or a view that holds data.
func (r *rounds) equal() {
	r.t.Helper()
	all := func(env map[string]string, database string) string {
		text := r.machine.must(with(env, "SUMS", sums+" pgsql.audit pgsql.child pgsql.hot"), shared+contentsScript)
		return text + r.query(database, `SELECT * FROM totals; SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1;
			SELECT oid, md5(lo_get(oid)) FROM pg_largeobject_metadata ORDER BY 1`)
	}
	if here, there := all(map[string]string{}, "pgsql"), all(into, "empty1"); here != there {
		r.t.Errorf("the source has\n%s\nand the destination\n%s", here, there)
	}
}

// TestFlowEnds: where one side fails, the other one ends as well, though it waits for a word; and whoever failed first says why.
func TestFlowEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("the destination is gone")
		err := flow(t.Context(), func(ctx context.Context, _ io.Writer) error { <-ctx.Done(); return ctx.Err() },
			func(context.Context, io.Reader) error { return broken })
		if !errors.Is(err, broken) {
			t.Error(err)
		}
		why := diag.List{{Code: "BERTH4618"}}
		err = flow(t.Context(), func(context.Context, io.Writer) error { return why },
			func(_ context.Context, in io.Reader) error { _, err := io.ReadAll(in); return errors.Join(broken, err) })
		if list := (diag.List{}); !errors.As(err, &list) || list[0].Code != "BERTH4618" {
			t.Error(err)
		}
	})
}

// TestMoving carries what is written while databases are copied, by real servers: nothing is lost, nothing is there twice.
func TestMoving(t *testing.T) {
	s := start(t)
	s.query("pgsql", `CREATE TABLE audit (at timestamptz, what text COLLATE "C", n numeric); INSERT INTO audit VALUES (now(), 'twice', 1), (now(), 'twice', 1), (NULL, NULL, NULL);
		CREATE TABLE child (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id int REFERENCES users ON DELETE CASCADE, twice int GENERATED ALWAYS AS (user_id * 2) STORED);
		INSERT INTO child (user_id) SELECT id FROM users;
		CREATE TABLE hot (a text, b citext, n int, PRIMARY KEY (b, a)); INSERT INTO hot SELECT 'a' || n, 'b', 0 FROM generate_series(1, 50) n;
		CREATE MATERIALIZED VIEW totals AS SELECT count(*) FROM users; SELECT lo_from_bytea(4711, 'hello')`)
	s.must(map[string]string{"BESIDE": ""}, shared+movingScript+watchScript)
	s.dump("one", "")

	// Somebody writes from the dump on.
	stop, wrote := make(chan struct{}), sync.WaitGroup{}
	for n := range 2 {
		wrote.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(20 * time.Millisecond): // not as fast as it can: others use this machine
				}
				s.query("pgsql", fmt.Sprintf(`BEGIN; UPDATE hot SET n = n + 1 WHERE a = 'a%d'; INSERT INTO users (username) VALUES ('writer%d-%d'); DELETE FROM users WHERE id = %d;
					INSERT INTO audit VALUES (now(), E'tab\tand \\. "%d', %d.50); UPDATE audit SET what = 'changed' WHERE what = 'twice' AND n = 1; DELETE FROM audit WHERE n < %d; COMMIT;
					SET extra_float_digits = 0; SET "DateStyle" = 'German'; UPDATE users SET ratio = random() WHERE id = %d`, i%50+1, n, i, 100+n*100+i, i, i, i-20, 500+i))
			}
		})
	}
	s.must(with(into, "BACKUP", "one", "SUMS", sums), shared+restoreScript)
	r := &rounds{machine: s}
	for range 4 {
		r.must(OnlyRows)
		time.Sleep(100 * time.Millisecond) // so that more is written between rounds
	}
	r.must(AndCompare)
	r.starts()
	r.must(OnlyRows)
	r.counted()
	close(stop)
	wrote.Wait()
	s.query("pgsql", `TRUNCATE repo_statistics; INSERT INTO repo_statistics VALUES (7); UPDATE users SET username = 'tmp' WHERE id = 1; UPDATE users SET username = 'user1' WHERE id = 2;
		UPDATE users SET username = 'user2' WHERE id = 1; UPDATE hot SET b = 'B' WHERE a = 'a1'; REFRESH MATERIALIZED VIEW totals; SELECT lo_put(4711, 5, ' world'), lo_from_bytea(0, sha256('x'))`)
	r.must(TheLast)
	r.fenced("pgsql", true)
	r.fenced("empty1", false)
	if n := s.query("pgsql", "SELECT count(*) FROM users WHERE username LIKE 'writer%'"); len(n) < 2 {
		t.Fatalf("%s rows were written meanwhile, so the test proves little", n)
	}
	r.equal()
	if out, err := r.apply(); err != nil {
		t.Errorf("a round that is applied twice: %v\n%s", err, out)
	}
	r.equal()
	r.counted()
	r.machine.must(nil, shared+movingScript+"use pgsql; unfence")
	r.fenced("pgsql", false)
	r.refusals()
	if left := s.query("pgsql", "SELECT count(*) FROM pg_trigger WHERE tgname LIKE '00_berth%'; SELECT to_regnamespace('berth_moving') IS NULL"); left != "0\nt" {
		t.Errorf("left behind: %s", left)
	}
}

// starts: Sourcegraph starts at the destination and writes there, and the rounds take it back.
func (r *rounds) starts() {
	r.t.Helper()
	beside := with(into, "BESIDE", "yes")
	r.machine.must(beside, shared+movingScript+watchScript)
	r.query("empty1", `UPDATE versions SET version = 'there'; INSERT INTO users (username) VALUES ('there'); DELETE FROM users WHERE id = 3;
		INSERT INTO audit VALUES (now(), 'there', 1); TRUNCATE "odd NAME"`)
	r.machine.must(beside, shared+movingScript+watchScript) // one that is killed is begun again
	r.query("empty1", "DELETE FROM hot WHERE a = 'a50'")
	r.machine.must(with(into, "DATABASE", "pgsql", "ROUND", "there", "SUMS", sums), "exec 3>&1; { "+shared+movingScript+resetScript+"\n} >\"$DIR/notes\" 2>&3")
	if out := r.machine.must(map[string]string{"DATABASE": "pgsql"}, "exec <\"$DIR/notes\"\n"+shared+takeScript); out != "APPLIED there\n" {
		r.t.Fatal(out)
	}
	r.fenced("empty1", true)
}

// fenced: whoever does not say that it writes can't.
func (r *rounds) fenced(database string, want bool) {
	r.t.Helper()
	if out, err := r.run(nil, `psql --no-psqlrc -h "$DIR" -U sg --command "UPDATE versions SET version = version" `+database); (err != nil) != want {
		r.t.Errorf("writing in %s: %v %s", database, err, out)
	}
}

// counted: what the rounds kept count of is what a count finds.
func (r *rounds) counted() {
	r.t.Helper()
	kept := r.query("empty1", "SELECT 'FACT rows ' || name || ' ' || n || ' ' || coalesce(s::text, '-') FROM berth_moving.tables ORDER BY 1")
	found := strings.TrimSpace(r.machine.must(with(into, "SUMS", sums, "CODEINTEL_PGHOST", "", "CODEINSIGHTS_PGHOST", ""), "{\n"+shared+contentsScript+"} | grep rows | sort"))
	if kept != found {
		r.t.Errorf("kept\n%s\nfound\n%s", kept, found)
	}
}

// refusals: a side that differs, a stream that is cut, and a table that was changed are found, and nothing of the round is applied.
func (r *rounds) refusals() {
	r.t.Helper()
	r.query("empty1", "DELETE FROM users WHERE id = 900")
	if _, out, err := r.read(AndCompare); err != nil {
		r.t.Fatalf("%v\n%s", err, out)
	}
	if out, err := r.apply(); err == nil || !strings.Contains(out, "differs: the source has") {
		r.t.Errorf("a row that is lost is not found: %v\n%s", err, out)
	}
	r.query("pgsql", "UPDATE hot SET n = -1")
	file, out, err := r.read(OnlyRows)
	if err != nil {
		r.t.Fatalf("%v\n%s", err, out)
	}
	text, _ := os.ReadFile(file) // it was written
	if err := os.WriteFile(file, text[:len(text)-30], 0o644); err != nil {
		r.t.Fatal(err)
	}
	if out, _ := r.apply(); strings.Contains(out, "APPLIED") || r.query("empty1", "SELECT count(*) FROM hot WHERE n = -1") != "0" {
		r.t.Errorf("a stream that was cut is applied:\n%s", out)
	}
	r.query("pgsql", "ALTER TABLE hot DISABLE TRIGGER ALL")
	if _, out, err := r.read(OnlyRows); err == nil || !strings.Contains(out, "no trigger any more") {
		r.t.Errorf("triggers that are switched off are not found: %v\n%s", err, out)
	}
	r.query("pgsql", "ALTER TABLE hot ENABLE ALWAYS TRIGGER \"00_berth_moving\", ENABLE ALWAYS TRIGGER \"00_berth_emptied\"; ALTER TABLE hot ADD more int")
	if _, out, err := r.read(OnlyRows); err == nil || !strings.Contains(out, "the tables of pgsql were changed") {
		r.t.Errorf("another column is not found: %v\n%s", err, out)
	}
	r.machine.must(nil, shared+movingScript+"use pgsql; unwatch")
}
