//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMove moves an installation to another one beside it on the same engine while somebody writes, back again, and to its end.
func TestMove(t *testing.T) {
	needs(t, long, engine, images(release))
	s, d, to := twoSites(t, "mova", "movb")
	story(s,
		step{"a move that is killed goes on, and what was acknowledged is there", func(s *site) {
			w := s.writing()
			first := s.start("move", "--to", to, "--yes")
			time.Sleep(12 * time.Second) // somewhere in the middle
			first.end(os.Kill)
			says(s.t, s.must(0, "move", "--to", to, "--plan"), "1 repository (")
			says(s.t, s.must(0, "move", "--to", to, "--yes"), "equal to the source", "a search was answered")
			w.all(d.in(s.t))
			d.in(s.t).must(0, "plan")
			s.noTasks()
		}},
		step{"only one of the two answers", func(s *site) {
			_, page := s.get("/")
			says(s.t, page, "Sourcegraph has moved", fmt.Sprintf("localhost:%d", d.port))
			says(s.t, s.must(3, "up"), "BERTH4602")
		}},
		step{"the way back says what is lost, and leads to what was there", func(s *site) {
			was := s.sql("SELECT count(*) FROM settings")
			d.in(s.t).put("/api/settings", `{"theme": "there"}`)
			says(s.t, s.must(0, "move", "back", "--yes"), "pgsql.settings")
			if is := s.sql("SELECT count(*) FROM settings"); is != was {
				s.t.Errorf("%s rows of settings, before %s", is, was)
			}
			s.must(0, "plan")
			says(s.t, d.in(s.t).must(3, "up"), "BERTH4604")
			says(s.t, s.must(3, "move", "--to", to, "--yes"), "BERTH4604")
		}},
	)
}

// TestMoveFiles carries the files of stores with the databases: what a user does with them is refused where it can't work, and a move that is killed while they are
// copied goes on.
func TestMoveFiles(t *testing.T) {
	needs(t, engine, images(release))
	s, d, to := twoSites(t, "mofa", "mofb")
	redis("redis-store", "set", "signed-in", "somebody")(s)
	before := s.data()
	move := []string{"move", "--to", to, "--with", everything}
	story(s,
		step{"what can't be carried is refused before anything is changed", func(s *site) {
			says(s.t, s.must(1, "move", "--to", to, "--with", "pgsql"), "--with pgsql is nothing that a move can carry", "blobstore, gitserver, grafana")
			says(s.t, s.must(1, "move", "--to", to, "--with", "blobstore", "--short-downtime"), "does not go with --short-downtime")
			text := d.in(s.t).read("sourcegraph.yaml")
			d.in(s.t).edit("release: ", "services: {gitserver: {replicas: 2}}\nrelease: ")
			says(s.t, s.must(3, append(move, "--yes")...), "BERTH4620", "volumes of gitserver: 1 at the source, 2 at the destination")
			d.in(s.t).writeFile("sourcegraph.yaml", text)
			says(s.t, s.must(0, append(move, "--plan")...), "copies the files of blobstore, gitserver, indexed-search")
			s.same(before)
		}},
		step{"a move that is killed while files are copied goes on, and all of them are there", func(s *site) {
			s.killAt(regexp.MustCompile(`stage \d+ of \d+: files`), append(move, "--yes")...)
			says(s.t, s.must(0, append(move, "--yes")...), "files of blobstore", "files of gitserver", "files of indexed-search", "files of redis-store")
			d := d.in(s.t)
			d.same(before)
			if said := docker(s.t, "exec", d.name+"-redis-store", "redis-cli", "get", "signed-in"); said != "somebody" {
				s.t.Errorf("redis-store has %q", said)
			}
			d.must(0, "plan")
			s.noTasks()
			d.noTasks()
		}},
		step{"the source has what it had", func(s *site) {
			s.must(0, "move", "back", "--yes")
			s.same(before)
			s.must(0, "plan")
		}},
	)
}

// TestClusterMove moves the demo from Docker Compose to a cluster and from there to Docker Compose again, while somebody writes.
func TestClusterMove(t *testing.T) {
	needs(t, long, node, engine, images(release))
	s, k, back := newSite(t, "move-from"), newOnNode(t, "move-node", 30193), newSite(t, "move-home")
	for _, one := range []*site{s, k, back} {
		one.must(0, "lock")
	}
	s.must(0, "up")
	s.seed()
	for _, way := range [][2]*site{{s, k}, {k, back}} {
		from, to := way[0], way[1]
		before := from.data()
		_, upload := from.get("/api/uploads/1")
		w := from.writing()
		move := []string{"move", "--to", filepath.Join(to.dir, "sourcegraph.yaml"), "--yes"}
		if to == k { // with all files, so that nothing is missing there
			move = append(move, "--with", everything)
		}
		from.must(0, move...)
		w.all(to)
		to.must(0, "plan")
		if _, there := to.get("/api/uploads/1"); to == k && there != upload { // the source shows its page by now
			t.Error("an upload is not there")
		}
		if got := carried(to.data()); !strings.Contains(got, "seeded") || len(got) < len(carried(before)) {
			t.Errorf("the data is another; before:\n%s\nafter:\n%s", before, got)
		}
		from.must(0, "move", "finish", "--yes")
		if left := from.running(); len(left) > 0 {
			t.Errorf("the source runs on: %v", left)
		}
	}
}

// TestClusterMoveNamespace moves an installation with all its files from one namespace to another one, where all of them are, and back.
func TestClusterMoveNamespace(t *testing.T) {
	needs(t, long, node, images(release))
	s, d := newOnNode(t, "mons-from", 30195), newOnNode(t, "mons-to", 30196, "services: {otel-agent: {enabled: false}}") // its ports of the node are taken
	d.must(0, "lock")
	s.must(0, "lock")
	s.must(0, "up")
	s.seed()
	s.kubectl("exec", "deployment/redis-store", "--", "redis-cli", "set", "signed-in", "somebody")
	before := s.data()
	move := []string{"move", "--to", filepath.Join(d.dir, "sourcegraph.yaml"), "--with", everything, "--yes"}
	says(t, s.must(0, move...), "files of blobstore", "files of gitserver", "files of indexed-search", "files of redis-store")
	d.same(before)
	if said := d.kubectl("exec", "deployment/redis-store", "--", "redis-cli", "get", "signed-in"); strings.TrimSpace(said) != "somebody" {
		t.Errorf("redis-store has %q", said)
	}
	d.must(0, "plan")
	s.must(0, "move", "back", "--yes")
	s.same(before)
	s.must(0, "plan")
}

// everything is what a move can carry of Sourcegraph's own files.
const everything = "blobstore,gitserver,indexed-search,redis-store"

// writer writes one thing after the other, and keeps a list of what was acknowledged.
type writer struct {
	acknowledged []string
	stop         chan struct{}
	done         sync.WaitGroup
}

// writing begins to write, until Sourcegraph does not answer any more.
func (s *site) writing() *writer {
	w := &writer{stop: make(chan struct{})}
	client := &http.Client{Timeout: 10 * time.Second}
	w.done.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-w.stop:
				return
			case <-time.After(50 * time.Millisecond):
			}
			query := fmt.Sprintf("written-to-%s-%d-", s.name, n)
			resp, err := client.Post(s.url("/api/insights"), "application/json", strings.NewReader(`{"query": "`+query+`"}`))
			if err != nil {
				continue
			}
			resp.Body.Close()
			if resp.StatusCode < 300 {
				w.acknowledged = append(w.acknowledged, query)
			}
		}
	})
	return w
}

// all fails the test when something that was acknowledged is missing on another side, or is there twice.
func (w *writer) all(there *site) {
	there.t.Helper()
	close(w.stop)
	w.done.Wait()
	_, text := there.get("/api/insights")
	if !json.Valid([]byte(text)) || len(w.acknowledged) < 10 {
		there.t.Fatalf("%d writes were acknowledged; the other side has %s", len(w.acknowledged), text)
	}
	for _, query := range w.acknowledged {
		if n := strings.Count(text, query); n != 1 {
			there.t.Errorf("%s was acknowledged and is there %d times", query, n)
		}
	}
	there.t.Logf("%d writes were acknowledged", len(w.acknowledged))
}

// twoSites are an installation with data, and the place beside it that it is to move to, with that one's config.
func twoSites(t *testing.T, from, to string) (s, d *site, config string) {
	t.Helper()
	s, d = newSite(t, from), newSite(t, to)
	d.must(0, "lock")
	s.must(0, "lock")
	s.must(0, "up")
	s.seed()
	return s, d, filepath.Join(d.dir, "sourcegraph.yaml")
}
