//go:build e2e

package e2e

import (
	"maps"
	"strings"
	"testing"
	"time"
)

// What follows is the same on every target. Each test begins with an installation of an older release with data in it.

// step is a subtest that begins where the one before it ended.
type step struct {
	name string
	do   func(s *site)
}

// story runs steps one after the other as subtests. When only one of them is run, those before it run first, as a part of it.
func story(s *site, steps ...step) {
	done := 0
	for i, step := range steps {
		s.t.Run(step.name, func(t *testing.T) {
			for ; done <= i; done++ {
				steps[done].do(s.in(t))
			}
		})
	}
}

// migratorFails: a migration fails in the middle of an upgrade from 6.0. The maintenance page says so, and the upgrade completes when it is fixed.
func migratorFails(s *site) {
	before := s.data()
	story(s,
		step{"the upgrade fails with the reason", func(s *site) {
			s.fault("migration_fails", "codeintel:7.2")
			says(s.t, s.must(1, "upgrade", "--yes", "--to", release), "BERTH3705", "a page answers")
		}},
		step{"the page shows the reason, and status the command that continues", func(s *site) {
			await(s.t, 15*time.Second, "the page to show the reason", func() bool {
				status, page := s.get("/")
				return status == 503 && strings.Contains(page, "waits for its admin") && strings.Contains(page, "BERTH3705")
			})
			says(s.t, s.must(1, "status"), "continue with: berth upgrade")
		}},
		step{"when the migration is fixed, the upgrade succeeds", func(s *site) {
			s.fault("migration_fails", "")
			s.must(0, "upgrade", "--yes", "--to", release)
			s.same(before)
		}},
	)
}

// neverHealthy: a release that never becomes healthy is rolled back to 7.4. Fixed, it is upgraded to.
func neverHealthy(s *site) {
	before := s.data()
	story(s,
		step{"berth rolls back to the release before", func(s *site) {
			s.fault("frontend_unhealthy", release)
			says(s.t, s.must(1, "upgrade", "--yes", "--to", release, "--timeout", "40s"), "BERTH3710", "7.4.0 runs and answers")
			s.same(before)
		}},
		step{"when the upgrade is given up, the release before is the installed one", func(s *site) {
			s.must(0, "rollback", "--yes") // although the databases may name the release that was tried
			s.must(0, "plan")
			says(s.t, s.must(0, "status"), "Sourcegraph 7.4.0")
		}},
		step{"when the release is fixed, the upgrade succeeds", func(s *site) {
			s.fault("frontend_unhealthy", "")
			s.must(0, "upgrade", "--yes", "--to", release)
			s.same(before)
		}},
	)
}

// overMajors upgrades from 6.0 while people search, who see the maintenance page. It gives the output of the upgrade.
func overMajors(t *testing.T, s *site, target string) string {
	before := s.data()
	c := s.searching()
	out := s.must(0, "upgrade", "--yes", "--to", release)
	failed := c.result(t, target+" 6.0.0 -> "+release)
	if c.why["503 Service Unavailable"] < failed/2 {
		t.Errorf("people mostly did not see the page: %v", c.why)
	}
	says(t, out, "restored and compared", "upgrade --from=v6.0.0", "no drift", "a search was answered", "background migrations at 100 %")
	s.same(before)
	s.must(0, "plan")
	return out
}

const externalPassword = "external-password"

// externalUpgrade upgrades with an external pgsql, and rolls back.
func externalUpgrade(t *testing.T, s *site) {
	before := s.data()
	externalSession(s)
	out := s.must(0, "upgrade", "--yes", "--to", release)
	if strings.Contains(out, externalPassword) || !strings.Contains(out, "pgsql: ") {
		t.Errorf("the password is printed, or the external database was not backed up:\n%s", out)
	}
	s.same(before)
	s.must(0, "plan")
	s.must(0, "rollback", "--yes")
	s.same(before)
}

// throughPostgres upgrades from 5.0 to a stop through the conversion of the databases to another major Postgres, rolls back over it with the backup,
// and upgrades to the end.
func throughPostgres(s *site, stop string) {
	before, was := s.data(), s.sql("SHOW server_version")
	story(s,
		step{"the plan shows the stop and the point of no return", func(s *site) {
			says(s.t, s.must(2, "upgrade", "--plan", "--to", release), stop, "point of no return")
		}},
		step{"the upgrade converts the data and checks the indexes", func(s *site) {
			says(s.t, s.must(0, "upgrade", "--yes", "--to", stop), "indexes are sound")
			if is := s.sql("SHOW server_version"); is == was {
				s.t.Errorf("Postgres is still %s", is)
			}
			s.same(before)
		}},
		step{"the rollback restores the backup and the older Postgres", func(s *site) {
			s.addRepo("example/later", marker)
			says(s.t, s.must(0, "rollback", "--yes"), "since the backup")
			if is := s.sql("SHOW server_version"); is != was {
				s.t.Errorf("Postgres is %s, not %s again", is, was)
			}
			s.same(before)
		}},
		step{"the upgrade succeeds over the stop to the end", func(s *site) {
			s.must(0, "upgrade", "--yes", "--to", release)
			s.same(before)
			s.must(0, "plan")
		}},
	)
}

// refusals tries the reasons to refuse an upgrade from 7.4. Each time nothing is changed, and the message has the code of the reason.
func refusals(t *testing.T, s *site) {
	before, running := s.data(), s.running()
	refused := func(s *site, code string, args ...string) {
		s.t.Helper()
		exit, out := s.berth(append([]string{"upgrade", "--yes"}, args...)...)
		if exit == 0 || !strings.Contains(out, code) {
			s.t.Errorf("exit %d, no %s in\n%s", exit, code, out)
		}
		if now := s.running(); !maps.Equal(now, running) {
			s.t.Errorf("what runs was changed: %v, before %v", now, running)
		}
		says(s.t, s.read("sourcegraph.yaml"), "release: 7.4.0")
	}
	t.Run("an older release", func(t *testing.T) { refused(s.in(t), "BERTH3754", "--to", "7.3") })
	t.Run("a release that does not exist", func(t *testing.T) { refused(s.in(t), "BERTH3753", "--to", "9.9") })
	t.Run("drift", func(t *testing.T) {
		s := s.in(t)
		s.sql("ALTER TABLE users ADD COLUMN by_hand text")
		refused(s, "BERTH3702", "--to", release)
		s.sql("ALTER TABLE users DROP COLUMN by_hand")
		s.must(0, "plan") // no upgrade has begun
	})
	t.Run("a dirty schema", func(t *testing.T) {
		s := s.in(t)
		s.sql("INSERT INTO migration_logs (migration_logs_schema_version, schema, version, up, started_at, success) " +
			"SELECT migration_logs_schema_version, schema, version, up, now(), false FROM migration_logs WHERE schema <> '' ORDER BY id LIMIT 1")
		refused(s, "BERTH3708", "--to", release)
		s.sql("DELETE FROM migration_logs WHERE NOT success")
	})
	t.Run("a background migration that does not progress, until it does", func(t *testing.T) {
		s := s.in(t)
		s.fault("oob_stuck", "1004:80")
		s.sql("UPDATE out_of_band_migrations SET progress = 0.8 WHERE id = 1004")
		refused(s, "BERTH3706", "--patience", "5s", "--to", release)
		s.must(3, "up") // an upgrade has begun
		s.fault("oob_stuck", "")
		s.must(0, "upgrade", "--yes", "--to", release)
		s.same(before)
	})
}

// onlyByPlan proves that an upgrade is possible only as its plan says, whatever release is written into the config, and that the rollback that was
// promised works afterwards. It begins with 6.0 and data. half brings half of the installation to the config's release without berth, and byHand
// changes something that runs.
func onlyByPlan(s *site, half, byHand func(s *site)) {
	before := s.data()
	const release60 = "release: 6.0.0"
	release75 := "release: " + release
	story(s,
		step{"a newer release in the config is refused", func(s *site) {
			s.edit(release60, release75)
			refusedRelease(s, "BERTH3740", "but 6.0.0 is installed", "6.0.0 -> "+release, "berth upgrade --to "+release)
			s.same(before)
		}},
		step{"the next major's first release, which Sourcegraph's migrator accepts, is refused", func(s *site) {
			s.edit(release75, "release: 7.0.0")
			says(s.t, s.must(3, "check"), "BERTH3740")
			s.edit("release: 7.0.0", release75)
		}},
		step{"services that somebody replaced by hand are refused, and upgrade continues", func(s *site) {
			half(s)
			refusedRelease(s, "BERTH3740", "databases 6.0.0", "stopped halfway", "berth upgrade --to "+release)
			s.same(before)
			says(s.t, s.must(2, "upgrade", "--plan"), "6.0.0 -> "+release, "BERTH3743")
			s.edit(release75, release60)
			says(s.t, s.must(3, "up"), "BERTH3742", "berth upgrade --to "+release) // another C library may have sorted the databases
			s.edit(release60, release75)
		}},
		step{"an installation that is stopped halfway is upgraded from what its databases say", func(s *site) { stoppedHalfway(s, before) }},
		step{"an older release in the config is refused with the command that rolls back", func(s *site) {
			s.edit(release75, release60)
			refusedRelease(s, "BERTH3741", "berth rollback")
			s.edit(release60, release75)
		}},
		step{"a saved plan that was edited or is of another program is refused", editedPlan},
		step{"revert reverts the config one run at a time, and no release", func(s *site) { reverts(s, byHand) }},
		step{"the promised rollback works and keeps later edits of the config", func(s *site) {
			says(s.t, s.must(0, "rollback", "--yes"), "keeps your changes")
			says(s.t, s.read("sourcegraph.yaml"), release60, "memory: 800Mi")
			s.must(0, "plan")
			s.same(before)
			says(s.t, s.must(3, "rollback", "--yes"), "BERTH3735", "berth revert")
		}},
		step{"history has a line for each command", func(s *site) {
			out := s.must(0, "history")
			for what, n := range map[string]int{"upgrade 6.0.0 to " + release: 1, "rollback " + release + " to 6.0.0": 1, "revert to run": 3, "down 6.0.0": 1, "    migrate": 1, "    undo": 1} {
				if got := strings.Count(out, what); got != n {
					s.t.Errorf("%d times %q, want %d, in\n%s", got, what, n, out)
				}
			}
		}},
		step{"after a rollback there is no upgrade to finish", func(s *site) {
			says(s.t, s.must(3, "upgrade", "finish", "--yes"), "BERTH3735")
		}},
	)
}

// refusedRelease fails the test when check, plan and up don't refuse the config's release with a code and some words, or touch something.
func refusedRelease(s *site, code string, words ...string) {
	s.t.Helper()
	running := s.running()
	for _, command := range []string{"check", "plan", "up"} {
		says(s.t, s.must(3, command), append(words, code)...)
	}
	_, status := s.berth("status")
	says(s.t, status, code)
	if now := s.running(); !maps.Equal(now, running) {
		s.t.Errorf("what runs was changed: %v, before %v", now, running)
	}
}

// stoppedHalfway stops an installation whose config has a newer release than its data. The history knows the release of the data, then the databases
// do, and upgrade upgrades it.
func stoppedHalfway(s *site, before string) {
	s.must(0, "down")
	for _, command := range []string{"check", "plan", "up"} {
		says(s.t, s.must(3, command), "BERTH3740", "from the history")
	}
	says(s.t, s.must(3, "upgrade", "--yes"), "BERTH3737", "its data is of 6.0.0")
	// The admin says that other data was restored. It was not. The databases say that before anything else starts.
	says(s.t, s.must(1, "up", "--data-of", release), "BERTH3740", "databases 6.0.0")
	if n := len(s.running()); n > 4 {
		s.t.Errorf("%d services were started beside the databases: %v", n, s.running())
	}
	s.must(0, "upgrade", "--yes")
	s.must(0, "plan")
	s.must(0, "status")
	s.same(before)
}

// editedPlan changes a saved plan in two ways that are refused, and carries out the original.
func editedPlan(s *site) {
	s.edit("memory: 900Mi", "memory: 800Mi")
	s.must(2, "plan", "--out", "plan.json")
	plan := s.read("plan.json")
	service, other := `"searcher-0"`, `"searcher-9"`
	if s.cluster {
		service, other = `"StatefulSet/searcher"`, `"StatefulSet/gitserver"`
	}
	s.writeFile("plan.json", strings.Replace(plan, service, other, 1))
	says(s.t, s.must(3, "up", "--plan", "plan.json"), "BERTH3104")
	s.writeFile("plan.json", strings.Replace(plan, `"program": "`, `"program": "another`, 1))
	says(s.t, s.must(3, "up", "--plan", "plan.json"), "BERTH3105", "berth itself")
	s.writeFile("plan.json", plan)
	s.must(0, "up", "--plan", "plan.json")
	s.must(0, "plan")
}

// reverts reverts changes of the config, but no change of the release.
func reverts(s *site, byHand func(s *site)) {
	s.edit("memory: 800Mi", "memory: 700Mi")
	s.must(0, "up")
	if out := s.answering(3, "y", func() { byHand(s) }, "revert"); !strings.Contains(out, "BERTH3738") || !strings.Contains(s.read("sourcegraph.yaml"), "memory: 700Mi") {
		s.t.Errorf("what runs changed between the question and the answer, and berth did not look again:\n%s", out)
	}
	s.must(0, "up")
	for _, want := range []string{"memory: 800Mi", "memory: 900Mi"} {
		s.must(0, "revert", "--yes")
		says(s.t, s.read("sourcegraph.yaml"), want)
		s.must(0, "plan")
	}
	says(s.t, s.must(3, "revert", "--yes"), "BERTH3736", "berth rollback")
	s.must(0, "revert", "--yes", "--to", s.run("up "+release))
	says(s.t, s.read("sourcegraph.yaml"), "memory: 800Mi")
}

// run is the number of the first run of a kind in the history that is done.
func (s *site) run(what string) string {
	s.t.Helper()
	for line := range strings.Lines(s.must(0, "history")) {
		if fields := strings.Fields(line); strings.Contains(line, what+" ") && strings.Contains(line, " done ") {
			return fields[0]
		}
	}
	s.t.Fatalf("no run %q", what)
	return ""
}
