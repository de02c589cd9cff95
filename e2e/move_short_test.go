//go:build e2e

package e2e

import (
	"cmp"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMoveShort moves an installation while people work and while it is killed at every stage that a short downtime has of its own. Nothing that was
// acknowledged is lost or there twice, and the source is left without triggers.
func TestMoveShort(t *testing.T) {
	needs(t, long, engine, images(release))
	s, d, to := twoSites(t, "mosa", "mosb")
	s.sql(`CREATE TABLE keyless (n int, what text); INSERT INTO keyless VALUES (0, 'twice'), (0, 'twice'); CREATE TABLE counted (id serial PRIMARY KEY, n int NOT NULL DEFAULT 0);
		INSERT INTO counted DEFAULT VALUES; SELECT lo_from_bytea(4711, 'hello')`)
	move := []string{"move", "--to", to, "--short-downtime", "--yes"}
	story(s,
		step{"one that is killed while it syncs, and of which too much is written meanwhile, is given up, and nothing of it is left", func(s *site) {
			s.killedIn("sync", move...)
			s.sql(`INSERT INTO keyless SELECT n, (SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 250) WHERE n > 0) FROM generate_series(1, 40000) n`)
			says(s.t, s.must(1, move...), "BERTH4617", "they were deleted, and Sourcegraph answers as before", "berth move back")
			s.unwatched()
			s.sql("TRUNCATE keyless; INSERT INTO keyless VALUES (0, 'twice'), (0, 'twice')")
			says(s.t, s.must(0, "move", "back", "--yes"), "nothing: the destination was never open")
			s.unwatched()
			s.must(0, "plan")
			d.in(s.t).must(0, "down", "--delete-data", "mosb")
		}},
		step{"one that is killed at every stage comes to its end, and what was acknowledged is there", func(s *site) {
			var rows []int
			w := s.alternating(d, func(n int) {
				s.database("pgsql", "sg", fmt.Sprintf(`BEGIN; INSERT INTO keyless VALUES (%d, E'a\tb'); DELETE FROM keyless WHERE n = %d; UPDATE keyless SET what = 'changed' WHERE n = %d;
					UPDATE counted SET n = n + 1 WHERE id = 1; INSERT INTO counted (n) VALUES (%d); COMMIT`, n+1, n-39, n-19, n+1))
				rows = append(rows, n)
			})
			for _, stage := range []string{"watch", "dump", "sync", "ready", "close", "catch up", "prove", "open", "leave", "clean up"} {
				s.killedIn(stage, move...)
			}
			says(s.t, s.must(0, move...), "runs at")
			pause := w.all(d.in(s.t))
			s.t.Logf("the longest time in which nothing was acknowledged, with kills: %.1f s", pause.Seconds())
			if got, want := d.in(s.t).sql("SELECT count(*) || ' ' || count(DISTINCT n) FROM counted WHERE id > 1"), strconv.Itoa(len(rows)); got != want+" "+want || len(rows) < 5 {
				s.t.Errorf("%s transactions were acknowledged, and there are %s", want, got)
			}
			for _, query := range []string{"SELECT md5(string_agg(k::text, ',' ORDER BY k::text)) FROM keyless k", "SELECT md5(string_agg(c::text, ',' ORDER BY id)) FROM counted c",
				"SELECT last_value FROM counted_id_seq", "SELECT oid, md5(lo_get(oid)) FROM pg_largeobject_metadata ORDER BY 1"} {
				if here, there := s.sql(query), d.in(s.t).sql(query); here != there {
					s.t.Errorf("%s: %s at the source, %s at the destination", query, here, there)
				}
			}
			d.in(s.t).must(0, "plan")
			s.unwatched()
			d.in(s.t).unwatched()
			s.noTasks()
			d.in(s.t).noTasks()
		}},
		step{"the way back says what is lost, by what the move counted", func(s *site) {
			d.in(s.t).put("/api/settings", `{"theme": "there"}`)
			says(s.t, s.must(0, "move", "back", "--yes"), "pgsql.settings")
			s.must(0, "plan")
		}},
	)
}

// TestMoveMajors moves the main database from Postgres 12 to an external one of 16, with a short downtime, and returns. The user there may not switch triggers
// off at first.
func TestMoveMajors(t *testing.T) {
	needs(t, long, engine, images("5.0.0", release))
	s, d := older(t, "moma", "5.0.0"), notDeployed(t, "momb", "5.0.0")
	d.externalDatabase(externalPassword)
	await(t, time.Minute, "the external database", func() bool { // while it is made, it answers in its container only
		return exec.Command("docker", "exec", "-e", "PGPASSWORD="+externalPassword, d.externalPostgres(), "psql", "-h", "127.0.0.1", "-U", "sg", "-d", "sg", "-c", "SELECT 1").Run() == nil
	})
	d.externalSQL("CREATE ROLE plain LOGIN PASSWORD '" + externalPassword + "'")
	d.externalSQL("CREATE DATABASE plain OWNER plain")
	docker(t, "exec", d.externalPostgres(), "psql", "-U", "sg", "-d", "plain", "-c", "CREATE EXTENSION pg_stat_statements") // as berth says
	d.edit("user: sg, database: sg", "user: plain, database: plain")
	d.must(0, "lock")
	move := []string{"move", "--to", filepath.Join(d.dir, "sourcegraph.yaml"), "--short-downtime", "--yes"}
	story(s,
		step{"a user that may not switch triggers off is refused, with the statement that lets it", func(s *site) {
			says(s.t, s.must(1, move...), "BERTH4619", "GRANT SET ON PARAMETER session_replication_role")
			d.in(s.t).externalSQL("ALTER ROLE plain SUPERUSER")
		}},
		step{"the data is there with the later Postgres, and what was acknowledged meanwhile", func(s *site) {
			w := s.alternating(d, nil)
			says(s.t, s.must(0, move...), "every table is equal to the source", "all data is there")
			w.all(d.in(s.t))
			d.in(s.t).search("example/seeded", marker)
			if was, is := s.sql("SHOW server_version"), d.in(s.t).externalSQL("SHOW server_version"); !strings.HasPrefix(was, "12.") || !strings.HasPrefix(is, "16.") {
				s.t.Errorf("Postgres %s here and %s there", was, is)
			}
			d.in(s.t).must(0, "plan")
			if left := docker(s.t, "exec", d.externalPostgres(), "psql", "-U", "sg", "-d", "plain", "-Atc",
				"SELECT count(*) FROM pg_db_role_setting; SELECT to_regnamespace('berth_moving') IS NULL"); left != "0\nt" {
				s.t.Errorf("left in the external database: %s", left)
			}
		}},
		step{"the way back leads to the older Postgres, which takes writes", func(s *site) {
			s.must(0, "move", "back", "--yes")
			s.put("/api/settings", `{"theme": "home"}`)
			s.unwatched()
			s.must(0, "plan")
		}},
	)
}

// TestClusterMoveShort moves the demo from Docker Compose to a cluster and from there to Docker Compose again with a short downtime, while people work.
func TestClusterMoveShort(t *testing.T) {
	needs(t, long, node, engine, images(release))
	s, k, back := newSite(t, "mose-from"), newOnNode(t, "mose-node", 30194), newSite(t, "mose-home")
	for _, one := range []*site{s, k, back} {
		one.must(0, "lock")
	}
	s.must(0, "up")
	s.seed()
	for _, way := range [][2]*site{{s, k}, {k, back}} {
		from, to := way[0], way[1]
		w := from.alternating(to, nil)
		says(t, from.must(0, "move", "--to", filepath.Join(to.dir, "sourcegraph.yaml"), "--short-downtime", "--yes"), "every table is equal to the source", "all data is there")
		t.Logf("%s: the longest time in which nothing was acknowledged: %.1f s", to.name, w.all(to).Seconds())
		to.must(0, "plan")
		from.noTasks()
		to.noTasks()
		from.must(0, "move", "finish", "--yes")
	}
}

// TestMovePause measures how long nothing is acknowledged during both kinds of a move, for databases of the sizes in SIZES.
func TestMovePause(t *testing.T) {
	needs(t, long, engine, images(release))
	for n, size := range strings.Fields(cmp.Or(os.Getenv("SIZES"), "500MB")) {
		for _, flags := range [][]string{nil, {"--short-downtime"}} {
			s, d := newSite(t, fmt.Sprintf("mopa%d%d", n, len(flags))), newSite(t, fmt.Sprintf("mopb%d%d", n, len(flags)))
			s.must(0, "lock")
			d.must(0, "lock")
			s.must(0, "up")
			s.firstUse("example/seeded", marker)
			docker(t, "exec", s.name+"-sourcegraph-frontend-internal", "standin", "seed", "--size", size)
			w := s.alternating(d, nil)
			began := time.Now()
			said := s.must(0, append([]string{"move", "--to", filepath.Join(d.dir, "sourcegraph.yaml"), "--yes"}, flags...)...)
			for _, stage := range regexp.MustCompile(`(?m)^== (move, stage .*)\n(?:.*\n)*?   (done in .*)$`).FindAllStringSubmatch(said, -1) {
				t.Logf("%s: %s", stage[1], stage[2])
			}
			t.Logf("MEASURED %s %v: nothing was acknowledged for %.1f s, the move took %.0f s", size, flags, w.all(d).Seconds(), time.Since(began).Seconds())
			for _, one := range []*site{d, s} {
				one.must(0, "down", "--delete-data", one.name)
			}
		}
	}
}

// killedIn runs a command until it is in a stage, and kills it there. One that is past that stage goes on.
func (s *site) killedIn(stage string, args ...string) {
	s.t.Helper()
	b := s.start(args...)
	await(s.t, 4*time.Minute, "the stage "+stage, func() bool { return b.ended() || strings.Contains(b.said.String(), ": "+stage+"\n") })
	time.Sleep(300 * time.Millisecond) // somewhere in it
	if code, said := b.end(os.Kill); code != -1 {
		s.t.Fatalf("it was not killed in %s, exit %d:\n%s", stage, code, said)
	}
}

// unwatched fails the test when something of a move is left in the database.
func (s *site) unwatched() {
	s.t.Helper()
	if left := s.sql(`SELECT count(*) FROM pg_trigger WHERE tgname LIKE '00_berth%'; SELECT to_regnamespace('berth_moving') IS NULL;
		SELECT count(*) FROM pg_db_role_setting WHERE 'default_transaction_read_only=on' = ANY (setconfig)`); left != "0\nt\n0" {
		s.t.Errorf("left in the database: %s", left)
	}
}

// alternator writes to whichever of two sides takes it, and keeps a list of what was acknowledged.
type alternator struct {
	queries []string
	pause   time.Duration // the longest time between two that were acknowledged
	stop    chan struct{}
	done    sync.WaitGroup
}

// alternating begins to write. also is done beside every fourth write, while the source takes them; nil: nothing.
func (s *site) alternating(d *site, also func(n int)) *alternator {
	w := &alternator{stop: make(chan struct{})}
	client := &http.Client{Timeout: 10 * time.Second}
	w.done.Go(func() {
		last := time.Now()
		for n := 0; ; n++ {
			select {
			case <-w.stop:
				return
			case <-time.After(50 * time.Millisecond):
			}
			for _, side := range []*site{s, d} {
				query := fmt.Sprintf("written-%d-to-%s-", n, side.name) // one that was not acknowledged may be there
				resp, err := client.Post(side.url("/api/insights"), "application/json", strings.NewReader(`{"query": "`+query+`"}`))
				if err != nil {
					continue
				}
				resp.Body.Close()
				if resp.StatusCode >= 300 {
					continue
				}
				w.queries, w.pause, last = append(w.queries, query), max(w.pause, time.Since(last)), time.Now()
				if side == s && also != nil && n%4 == 0 {
					also(n)
				}
				break
			}
		}
	})
	return w
}

// all fails the test when something that was acknowledged is missing on the other side, or is there twice. It gives the longest pause.
func (w *alternator) all(there *site) time.Duration {
	there.t.Helper()
	close(w.stop)
	w.done.Wait()
	_, text := there.get("/api/insights")
	for _, query := range w.queries {
		if n := strings.Count(text, query); n != 1 {
			there.t.Errorf("%s was acknowledged and is there %d times", query, n)
		}
	}
	there.t.Logf("%d writes were acknowledged", len(w.queries))
	if len(w.queries) < 20 {
		there.t.Error("too few were, so the test proves little")
	}
	return w.pause
}
