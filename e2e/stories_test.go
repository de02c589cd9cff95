//go:build e2e

package e2e

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// tale is what admins reported, played again: something goes wrong, the doctor names its cause first, and its command ends it.
type tale struct {
	name  string
	issue int // of github.com/sourcegraph/sourcegraph, where it was reported
	play  func(s *site)
	cause string        // the code that must stand first
	below []string      // what must follow from it
	edit  string        // what the remedy asks for before its command, in words; "": nothing
	first func(s *site) // does it
}

// tell plays tales one after the other, on one installation, and keeps the table of what came of them.
func (s *site) tell(tales ...tale) {
	s.t.Helper()
	p := proof{head: "| what happens | reported in | found first | from it follow | what ends it |\n|---|---|---|---|---|\n", well: 1}
	for _, l := range tales {
		s.t.Run(l.name, func(t *testing.T) {
			s := s.in(t)
			p.injected++
			l.play(s)
			r := s.diagnosed(l.cause, l.below...)
			if l.first != nil {
				l.first(s)
			}
			ended := s.obeys(r)
			s.well(l.name)
			p.well++
			reported := fmt.Sprintf("[%d](https://github.com/sourcegraph/sourcegraph/issues/%[1]d)", l.issue)
			p.saw(r, l.name, reported, l.cause, strings.Join(l.below, ", "), l.edit+"`"+s.abridged(ended)+"`")
		})
	}
	p.keep(s.t, len(tales))
}

// abridged is a command without what differs from one installation to the next.
func (s *site) abridged(command string) string {
	words := strings.Fields(command)
	for i, w := range words {
		if strings.Contains(w, s.name) || strings.Contains(w, "@sha256:") {
			words[i] = "..."
		}
	}
	return strings.Join(words, " ")
}

// TestStories plays what admins and support reported about day two; docs/reliability.md has where.
func TestStories(t *testing.T) {
	needs(t, long, engine, images("7.4.0", release))
	with := func(more ...string) func(*site) {
		return func(s *site) { s.t.Helper(); s.with(append(slices.Clone(muted), more...)...) }
	}
	s := newSite(t, "stories")
	with()(s)
	s.must(0, "lock")
	s.must(0, "up")
	s.well("up")
	s.tell(
		tale{name: "an index is damaged after a change of images", issue: 23310, cause: "BERTH5024",
			play: pgsql("CREATE INDEX IF NOT EXISTS doctored ON repo (name); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'doctored'::regclass")},
		tale{name: "others use up the connections of the database", issue: 60162, cause: "BERTH5022", play: connected, edit: "edit `max_connections`, ", first: with("databases: {pgsql: {settings: {max_connections: 400}}}")},
		tale{name: "a service has less memory than it needs", issue: 42385, cause: "BERTH5005", play: func(s *site) {
			with("services: {prometheus: {memory: 8Mi}}")(s)
			docker(s.t, "rm", "-f", s.name+"-prometheus") // a limit below what a process has is refused while it runs
			s.must(1, "up", "--timeout", "20s")
		}, edit: "edit `memory`, ", first: with()},
		tale{name: "the data of Redis was copied by root", issue: 7829, cause: "BERTH5066", below: []string{"BERTH5050"}, play: func(s *site) {
			docker(s.t, "exec", "-u", "0", s.name+"-redis-store", "chown", "-R", "0:0", "/redis-data")
			docker(s.t, "restart", "-t", "5", s.name+"-redis-store")
		}},
		tale{name: "the image of a service is edited, and docker compose runs it", issue: 43831, cause: "BERTH5082", play: edited},
		tale{name: "object storage has a certificate of the company's own authority", issue: 38128, cause: "BERTH5045", below: []string{"BERTH5074"}, play: func(s *site) {
			with(ownStorage(s))(s)
			s.must(1, "up", "--timeout", "20s")
		}, edit: "edit `objectStorage.ca`, ", first: func(s *site) { s.edit("manageBucket: true", "manageBucket: true, ca: ca.pem") }},
	)
}

// edited runs another release of searcher beside berth, as somebody does who edits the rendered project.
func edited(s *site) {
	s.t.Helper()
	project := filepath.Join(s.t.TempDir(), "project")
	s.must(0, "render", "--out", project)
	file := filepath.Join(project, "docker-compose.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	image := regexp.MustCompile(`/searcher:[^"]+`)
	if err := os.WriteFile(file, image.ReplaceAll(text, []byte("/searcher:7.4.0")), 0o600); err != nil {
		s.t.Fatal(err)
	}
	docker(s.t, "compose", "--project-directory", project, "--project-name", s.name, "up", "--detach", "--no-deps", "searcher-0")
}

// ownStorage runs an S3 server behind a certificate that no public authority signed, and is the line of a config that uses it. ca.pem has the authority.
func ownStorage(s *site) string {
	s.t.Helper()
	server := s.name + "-s3"
	docker(s.t, "run", "-d", "--name", server, "-p", "127.0.0.1::7070", "-e", "ROOT_ACCESS_KEY_ID=berth", "-e", "ROOT_SECRET_ACCESS_KEY=right", repository()+"/versitygw:"+release)
	s.t.Cleanup(func() { docker(s.t, "rm", "-f", "-v", server) })
	gateway := docker(s.t, "inspect", server, "-f", "{{.NetworkSettings.Gateway}}")
	certificate, key, _ := selfSigned(s.t, gateway)
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	if err != nil {
		s.t.Fatal(err)
	}
	l, err := tls.Listen("tcp", net.JoinHostPort(gateway, "0"), &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		s.t.Fatal(err)
	}
	behind := &url.URL{Scheme: "http", Host: docker(s.t, "port", server, "7070/tcp")}
	front := &http.Server{Handler: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = behind.Scheme, behind.Host }}}
	go func() { _ = front.Serve(l) }()
	s.t.Cleanup(func() { front.Close() })
	s.writeFile("key.txt", "berth\n")
	s.writeFile("secret.txt", "right\n")
	s.writeFile("ca.pem", certificate)
	return fmt.Sprintf("objectStorage: {backend: s3, bucket: uploads, region: us-east-1, endpoint: 'https://%s', accessKeyID: {file: key.txt}, secretAccessKey: {file: secret.txt}, manageBucket: true}",
		l.Addr())
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
		tale{name: "the release is edited over two majors", issue: 8095, cause: "BERTH3740", play: func(s *site) {
			s.edit("release: 6.0.0", "release: 7.0.2852")
			s.must(0, "lock", "--to", release) // the images of the test bed
		}},
		tale{name: "a migration fails in the middle of the upgrade", issue: 148, cause: "BERTH5080", play: func(s *site) {
			s.fault("migration_fails", "codeintel:7.2")
			s.must(1, "upgrade", "--yes", "--to", release)
		}, edit: "once the migration can work, ", first: func(s *site) { s.fault("migration_fails", "") }},
		tale{name: "the older release is written into the file again", issue: 51692, cause: "BERTH3741", play: func(s *site) { s.edit("release: "+release, "release: 7.0.2852") }},
		tale{name: "the machine dies in the middle of the upgrade", issue: 47004, cause: "BERTH5080", play: func(s *site) {
			s.fault("migration_seconds", "1") // so that there is time to kill one
			b := s.start("upgrade", "--yes", "--to", release)
			if b.until(func() string {
				if strings.Contains(s.upgradeStep(b, 0), " migrate|") {
					return "migrate"
				}
				return ""
			}) == "" {
				s.t.Fatalf("the upgrade ended before it migrated:\n%s", b.said.String())
			}
			b.end(os.Kill)
			restartEngine(s.t, "--kill")
		}},
	)
	s.same(before)
}
