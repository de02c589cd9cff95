//go:build e2e

package e2e

import (
	"os"
	"strings"
	"testing"
	"time"
)

// held reports whether the front proxy's container has the command that holds requests.
func (s *site) held() bool {
	return strings.Contains(docker(s.t, "top", s.name+"-caddy"), "caddy reload")
}

// TestHolding changes databases, search and two frontends while people work, and kills berth while requests are held.
func TestHolding(t *testing.T) {
	needs(t, long, engine, images(release))
	const two = "services: {sourcegraph-frontend: {replicas: 2, env: {ROUND: \"X\"}}, gitserver: {env: {ROUND: \"X\"}}, pgsql: {env: {ROUND: \"X\"}}}"
	round := func(s *site, x string) { s.with(strings.ReplaceAll(two, "X", x)) }
	s := newSite(t, "held")
	round(s, "1")
	s.must(0, "lock")
	s.must(0, "up")
	s.seed()
	s.put("/api/settings", upload(0))
	before := s.data()
	story(s,
		step{"the plan says that requests wait, and none fails", func(s *site) {
			round(s, "2")
			says(s.t, s.must(2, "plan"), "requests wait and are answered")
			people := s.people()
			s.must(0, "up")
			time.Sleep(2 * time.Second) // a few requests more
			people.noticeOnlyTheFrontProxy(s, "compose, two frontends")
			history := s.must(0, "history")
			says(s.t, history, "requests waited", "the estimate was")
			s.t.Log(history)
			s.same(before)
		}},
		step{"nothing is held any more when berth is killed", func(s *site) {
			round(s, "3")
			b := s.start("up")
			if b.until(func() string {
				if s.held() {
					return "held"
				}
				return ""
			}) == "" {
				s.t.Fatal("no request was held")
			}
			b.end(os.Kill)
			await(s.t, time.Minute, "the front proxy to pass requests on again", func() bool { return !s.held() })
			s.must(0, "up")
			s.same(before)
			s.must(0, "plan")
		}},
	)
}
