//go:build e2e

package e2e

import (
	"slices"
	"testing"
)

// tale is what admins reported, played again: something goes wrong, the doctor names its cause first, and its command ends it.
type tale struct {
	name  string
	play  func(s *site)
	cause string        // the code that must stand first
	below []string      // what must follow from it
	first func(s *site) // what the remedy asks for before its command, such as an edit of the config; nil: nothing
}

// tell plays tales one after the other, on one installation.
func (s *site) tell(tales ...tale) {
	s.t.Helper()
	for _, l := range tales {
		s.t.Run(l.name, func(t *testing.T) {
			s := s.in(t)
			l.play(s)
			r := s.diagnosed(l.cause, l.below...)
			if l.first != nil {
				l.first(s)
			}
			s.obeys(r)
			s.well(l.name)
		})
	}
}

// TestStories plays what admins and support reported about day two; docs/reliability.md has where.
func TestStories(t *testing.T) {
	needs(t, long, engine, images(release))
	with := func(more ...string) func(*site) {
		return func(s *site) { s.t.Helper(); s.with(append(slices.Clone(muted), more...)...) }
	}
	s := newSite(t, "stories")
	with()(s)
	s.must(0, "lock")
	s.must(0, "up")
	s.well("up")
	s.tell(
		tale{name: "an index is damaged after a change of images", cause: "BERTH5024",
			play: pgsql("CREATE INDEX doctored ON repo (name); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'doctored'::regclass")},
		tale{name: "others use up the connections of the database", cause: "BERTH5022", play: connected, first: with("databases: {pgsql: {settings: {max_connections: 400}}}")},
	)
}

// connected opens so many connections that pgsql has hardly one left, until its server restarts.
func connected(s *site) {
	s.t.Helper()
	docker(s.t, "exec", "-d", s.name+"-pgsql", "sh", "-c", `most=$(psql -qAt -U sg -c 'SHOW max_connections'); used=$(psql -qAt -U sg -c 'SELECT count(*) FROM pg_stat_activity')
		for n in $(seq $((most - used - 1))); do psql -q -U sg -c 'SELECT pg_sleep(900)' & done; wait`)
}

// TestStoriesOfUpgrades plays what admins and support reported about upgrades.
func TestStoriesOfUpgrades(t *testing.T) {
	needs(t, long, engine, images("6.0.0", "7.0.2852", release))
	s := notDeployed(t, "stories-up", "6.0.0", muted...)
	s.deployOlder(release)
	before := s.data()
	s.tell(
		tale{name: "the release is edited over two majors", cause: "BERTH3740", play: func(s *site) {
			s.edit("release: 6.0.0", "release: 7.0.2852")
			s.must(0, "lock", "--to", release) // the images of the test bed
		}},
		tale{name: "a migration fails in the middle of the upgrade", cause: "BERTH5080", play: func(s *site) {
			s.fault("migration_fails", "codeintel:7.2")
			s.must(1, "upgrade", "--yes", "--to", release)
		}, first: func(s *site) { s.fault("migration_fails", "") }},
		tale{name: "the older release is written into the file again", cause: "BERTH3741", play: func(s *site) { s.edit("release: "+release, "release: 7.0.2852") }},
	)
	s.same(before)
}
