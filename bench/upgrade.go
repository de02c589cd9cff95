package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"berth/internal/state"
	"berth/internal/upgrade/stages"
)

// older is the release that upgrades are measured from: over two majors, without a conversion of Postgres.
const older = "6.0.0"

// upgrading is a place where upgrades are measured.
type upgrading struct {
	on       string   // "compose", "kubernetes"
	name     string   // of the installation
	port     int      // that people use
	address  string   // where it is
	starts   []string // the objects of one Postgres and one frontend, as the history names them
	byHand   func(b *bench, site string, at func(version string) error) error
	ours, by outage
}

// upgrade compares for how long Sourcegraph does not answer while it goes over two majors: berth's upgrade, and Sourcegraph's documented procedure for
// Docker Compose, done by a script that wastes no time.
//
// Source: https://sourcegraph.com/docs/self-hosted/deploy/docker-compose/upgrade, multi-version upgrades
func (b *bench) upgrade() ([]contest, error) {
	if err := shell("", "testbed/images", "build", older, release).do(); err != nil {
		return nil, err
	}
	return b.upgrades(&upgrading{on: "compose", name: "bench", port: port, address: "127.0.0.1", starts: []string{"pgsql", "sourcegraph-frontend-0"},
		byHand: (*bench).composeByHand})
}

// upgrades is the comparison at a place.
func (b *bench) upgrades(u *upgrading) ([]contest, error) {
	site := filepath.Join(b.dir, "site-"+u.on)
	config, err := exec.Command("testbed/config", "bench", strconv.Itoa(u.port), release, u.on).Output()
	if err != nil {
		return nil, fmt.Errorf("testbed/config: %w", err)
	}
	if err := os.MkdirAll(site, 0o755); err != nil {
		return nil, err
	}
	file := filepath.Join(site, "sourcegraph.yaml")
	at := func(version string) error {
		return os.WriteFile(file, bytes.Replace(config, []byte("release: "+release), []byte("release: "+version), 1), 0o600)
	}
	before := func() error {
		if err := at(older); err != nil {
			return err
		}
		for _, args := range [][]string{{"down", "--delete-data", u.name}, {"lock", "--to", release}, {"up"}} {
			if err := shell(site, b.berth, args...).do(); err != nil {
				return err
			}
		}
		return nil
	}
	search := fmt.Sprintf("http://%s:%d/.api/search/stream?q=x", u.address, u.port)
	var rest []time.Duration // of the downtime, by round
	b.bounds = append(b.bounds, bound{what: "of berth's downtime on " + u.on + ", what is neither the migrator's nor one start of Postgres and of the frontend", unit: "s", most: 5,
		measure: func() (float64, error) { return median(rest).Seconds(), nil }})
	return []contest{{
		what: "downtime of an upgrade from " + older + " to " + release + " on " + u.on, rounds: 3, goal: 2,
		ours: command{name: "berth upgrade", before: before, takes: &u.ours.lasted, do: func() error {
			if err := u.ours.during(search, shell(site, b.berth, "upgrade", "--yes", "--to", release).do); err != nil {
				return err
			}
			needed, err := b.needed(site, u.starts)
			rest = append(rest, max(u.ours.lasted-needed, 0))
			return err
		}},
		theirs: command{name: "the documented procedure, scripted", before: before, takes: &u.by.lasted, do: func() error {
			return u.by.during(search, func() error { return u.byHand(b, site, at) })
		}},
	}}, nil
}

// needed is how long the last upgrade was down for what nobody can do without: its migrator, one start of Postgres and one of the frontend.
func (b *bench) needed(site string, starts []string) (time.Duration, error) {
	cmd := exec.Command(b.berth, "history", "--json")
	cmd.Dir = site
	text, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("berth history: %w", err)
	}
	var said struct{ Result []state.Record }
	if err := json.Unmarshal(text, &said); err != nil || len(said.Result) == 0 {
		return 0, fmt.Errorf("berth history: no run in it: %w", err)
	}
	last := &said.Result[len(said.Result)-1]
	needed := stages.Compared(last).Migrator.Took
	for _, object := range starts {
		var took float64
		for _, s := range last.Steps {
			if s.In != 0 && s.Object == object && s.Done {
				took = max(took, s.Seconds)
			}
		}
		needed += took
	}
	return time.Duration(needed * float64(time.Second)), nil
}

// composeByHand is what Sourcegraph's guide says to do, without the time that a person takes to do it.
func (b *bench) composeByHand(site string, at func(string) error) error {
	project := filepath.Join(site, ".berth", "bench", "project")
	compose := func(args ...string) error {
		return shell(project, "docker", append([]string{"compose"}, args...)...).do()
	}
	if err := compose("down", "--remove-orphans"); err != nil {
		return err
	}
	// The new release's file, with the passwords of the installation: what a merge of its tag into a fork gives.
	if err := at(release); err != nil {
		return err
	}
	next := filepath.Join(b.dir, "next")
	if err := os.RemoveAll(next); err != nil {
		return err
	}
	if err := shell(site, b.berth, "render", "--as", "compose", "--out", next).do(); err != nil {
		return err
	}
	secrets, err := os.ReadFile(filepath.Join(project, ".env"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(next, ".env"), secrets, 0o600); err != nil {
		return err
	}
	override := "services:\n  migrator:\n    command: [\"upgrade\", \"--from=v" + older + "\", \"--to=v" + release + "\", \"--ignore-migrator-update\"]\n"
	if err := os.WriteFile(filepath.Join(next, "override.yaml"), []byte(override), 0o600); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"-f", "docker-compose.yaml", "-f", "override.yaml", "up", "--exit-code-from", "migrator", "--no-attach", "pgsql", "migrator"},
		{"up", "-d", "--pull", "never"},
	} {
		if err := shell(next, "docker", append([]string{"compose"}, args...)...).do(); err != nil {
			return err
		}
	}
	return nil
}

// outage is for how long searches are not answered.
type outage struct{ lasted time.Duration }

// during searches ten times a second while something is done, and after it until searches are answered again.
func (o *outage) during(search string, do func() error) error {
	var failed atomic.Int64
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	ask := func() bool {
		resp, err := client.Get(search)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		return err == nil && resp.StatusCode == http.StatusOK && strings.Contains(string(text), "event: done") && !strings.Contains(string(text), "event: error")
	}
	stop := make(chan struct{})
	done := make(chan struct{})
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				began := time.Now()
				if !ask() {
					failed.Add(int64(max(time.Since(began), 100*time.Millisecond)))
				}
			}
		}
	}()
	err := do()
	for end := time.Now().Add(3 * time.Minute); err == nil && !ask(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			err = errors.New("search fails three minutes after the upgrade")
		}
	}
	close(stop)
	<-done
	o.lasted = time.Duration(failed.Load())
	return err
}
