//go:build e2e

package e2e

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Secrets that only Sourcegraph's database holds. They look like nothing, so that they are found by their value or not at all.
const (
	ofCodeHost = "lighthouse-of-the-code-host"
	ofSite     = "umbrella-of-the-site-config"
)

// leak is a container that writes these secrets into its log, in some forms.
func leak(image string) []string {
	return []string{"containers:",
		"  leak:",
		"    image: " + image,
		"    entrypoint: [sh, -c]",
		"    command: ['for s in " + ofCodeHost + " " + ofSite + "; do echo at $s; printf x$s | base64; echo {\"a\":\"{\\\"b\\\":\\\"$s\\\"}\"}; done; echo cloned by Dorothea from git.acme.test/team/lighthouse; touch /tmp/ready; exec sleep 3600']",
		"    health: {exec: [test, -f, /tmp/ready]}"}
}

// held writes the secrets into the database, as Sourcegraph's pages do.
const held = `INSERT INTO external_services (kind, display_name, config, created_at, updated_at) VALUES ('GITHUB', 'leak', '{"url": "https://github.com", "token": "` + ofCodeHost + `"}', now(), now());
INSERT INTO critical_and_site_config (type, contents, created_at, updated_at) VALUES ('site', '{"email.smtp": {"password": "` + ofSite + `"}}', now(), now());`

// namesHeld are names that only the database has, and a repository of theirs.
const namesHeld = `INSERT INTO users (username, display_name, created_at, updated_at) VALUES ('dorothea', 'Dorothea Lund', now(), now());
INSERT INTO repo (name, uri) VALUES ('git.acme.test/team/lighthouse', 'git.acme.test/team/lighthouse');`

// nameless makes bundles with pseudonyms, in which no name of these people is, nor any address or name of this machine, and translates one back.
func nameless(s *site) {
	s.t.Helper()
	machine, err := os.Hostname()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Log(s.must(0, "bundle", "--pseudonyms", "all", "--out", "nameless.tar.gz"))
	all := s.unpacked("nameless")
	private := regexp.MustCompile(`\b(?:10|172|192\.168)\.\d+\.\d+\.[1-9]\d*\b`)
	for name, text := range all {
		for _, hidden := range []string{"dorothea", "lund", "lighthouse", "acme.test", strings.ToLower(machine)} {
			if len(hidden) > 3 && strings.Contains(strings.ToLower(name+text), hidden) {
				s.t.Errorf("%s has %s", name, hidden)
			}
		}
		if found := private.FindString(text); found != "" {
			s.t.Errorf("%s has %s", name, found)
		}
		s.isJSON(name, text)
	}
	line := regexp.MustCompile(`by (user-\w{8}) from (repo-\w{8})`)
	said := func(all map[string]string) []string {
		for name, text := range all {
			if m := line.FindStringSubmatch(text); m != nil && strings.Contains(name, "leak") {
				return m
			}
		}
		s.t.Fatal("no log says who cloned")
		return nil
	}
	m := said(all)
	says(s.t, s.must(0, "bundle", "who", m[1], m[2]), m[1]+"  dorothea\n"+m[2]+"  git.acme.test/team/lighthouse\n")
	s.must(0, "bundle", "--pseudonyms", "users,repositories", "--out", "again.tar.gz")
	if again := said(s.unpacked("again")); again[0] != m[0] {
		s.t.Errorf("%q, and then %q", m[0], again[0])
	}
	says(s.t, s.must(0, "bundle", "verify", "nameless.tar.gz"), "names, and none is in it")
	says(s.t, s.must(0, "bundle", "analyze", "nameless.tar.gz"), "of berth")
	s.must(0, "bundle", "diff", "nameless.tar.gz", "again.tar.gz")
}

// isJSON holds a file of a bundle to be the document that it was.
func (s *site) isJSON(name, text string) {
	s.t.Helper()
	var v any
	var at *json.SyntaxError
	if err := json.Unmarshal([]byte(text), &v); strings.HasSuffix(name, ".json") && errors.As(err, &at) {
		s.t.Errorf("%s is no JSON any more: %v after\n%s", name, err, text[max(0, at.Offset-500):at.Offset])
	}
}

// unpacked are the files of a bundle, by their names.
func (s *site) unpacked(name string) map[string]string {
	s.t.Helper()
	dir := s.t.TempDir()
	if out, err := exec.Command("tar", "-xzf", filepath.Join(s.dir, name+".tar.gz"), "-C", dir).CombinedOutput(); err != nil {
		s.t.Fatalf("tar: %v\n%s", err, out)
	}
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all[strings.TrimPrefix(path, dir)] = string(text)
		return err
	})
	if err != nil || len(all) < 30 {
		s.t.Fatalf("%d files, %v", len(all), err)
	}
	return all
}

// noSecret makes a bundle, and looks into it with other programs' eyes.
func noSecret(s *site, passwords ...string) {
	s.t.Helper()
	out := s.must(0, "bundle", "--out", "bundle.tar.gz")
	says(s.t, out, "nothing was sent")
	s.t.Log(out)
	hidden := append([]string{ofCodeHost, ofSite}, passwords...)
	all, logs := s.unpacked("bundle"), 0
	for name, text := range all {
		if strings.HasSuffix(name, ".log") && text != "" {
			logs++
		}
		s.isJSON(name, text)
		for _, secret := range hidden {
			inner := base64.StdEncoding.EncodeToString([]byte("x" + secret))[4:16]
			if strings.Contains(text, secret) || strings.Contains(text, inner) {
				s.t.Errorf("%s has %s", name, secret)
			}
		}
	}
	if logs < 10 {
		s.t.Errorf("%d logs", logs)
	}
	for _, name := range []string{"databases/pgsql.json", "berth/status.json", "berth/plan.json", "berth/history.json"} {
		if len(all["/bundle/"+name]) < 20 {
			s.t.Errorf("%s: %q", name, all["/bundle/"+name])
		}
	}
	says(s.t, s.must(0, "bundle", "verify", "bundle.tar.gz"), "none is in it")
	if told := s.must(0, "bundle", "analyze", "bundle.tar.gz", "--all"); strings.Contains(told, "does not exist at character") {
		s.t.Errorf("berth's own questions are errors in the databases' logs:\n%s", told)
	}
	says(s.t, s.must(0, "bundle", "--preview"), "since bundle.tar.gz")
}

// TestBundle: secrets that only the database holds are in a log, and not in a bundle of it.
func TestBundle(t *testing.T) {
	needs(t, engine, images(release))
	s := newSite(t, "bundle")
	s.must(0, "lock")
	s.must(0, "up")
	s.with(leak(docker(t, "inspect", "-f", "{{.Config.Image}}", s.name+"-pgsql"))...)
	docker(t, "exec", s.name+"-pgsql", "psql", "-U", "sg", "-d", "sg", "-v", "ON_ERROR_STOP=1", "-c", held+namesHeld)
	s.must(0, "up")
	password := ""
	for line := range strings.Lines(docker(t, "inspect", "-f", "{{range .Config.Env}}{{println .}}{{end}}", s.name+"-sourcegraph-frontend-0")) {
		if _, value, ok := strings.Cut(strings.TrimSpace(line), "PGPASSWORD="); ok {
			password = value
		}
	}
	if password == "" {
		t.Fatal("the frontend has no password")
	}
	noSecret(s, password)
	nameless(s)
	t.Run("an engine that does not answer leaves config and history", func(t *testing.T) {
		s := s.in(t)
		t.Setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
		says(t, s.must(0, "bundle", "--out", "alone.tar.gz"), "BERTH4436", "written   alone.tar.gz")
	})
}

// TestBundleOfExternalDatabase: secrets and names that only an external database holds are found there, too, and no task is left.
func TestBundleOfExternalDatabase(t *testing.T) {
	needs(t, long, engine, images(release))
	s := newSite(t, "bundle-own")
	s.externalDatabase(externalPassword)
	s.must(0, "lock")
	s.must(0, "up")
	s.edit("size: demo\n", "size: demo\n"+strings.Join(leak(docker(t, "inspect", "-f", "{{.Config.Image}}", s.externalPostgres())), "\n")+"\n")
	s.externalSQL(held + namesHeld)
	s.must(0, "up")
	noSecret(s, externalPassword)
	nameless(s)
	if left := docker(t, "ps", "-a", "--filter", "name="+s.name+"-berth-psql", "--format", "{{.Names}}"); left != "" {
		t.Errorf("tasks of sessions are left: %s", left)
	}
	docker(t, "stop", "-t", "5", s.externalPostgres())
	says(t, s.must(0, "bundle", "--out", "silent.tar.gz"), "secrets that Sourcegraph holds in its site configuration and code hosts", "does not answer")
}

// TestClusterBundle is the same on a real node, with what analysers of Kubernetes bundles look for.
func TestClusterBundle(t *testing.T) {
	needs(t, node, images(release))
	s := newOnNode(t, "bundle", 30097)
	s.must(0, "lock")
	s.must(0, "up")
	s.with(leak(s.kubectl("get", "statefulset", "pgsql", "-o", "jsonpath={.spec.template.spec.containers[0].image}"))...)
	await(t, time.Minute, "the database to take the secrets", func() bool {
		return exec.Command("kubectl", "--namespace="+s.name, "exec", "pgsql-0", "--", "psql", "-U", "sg", "-d", "sg", "-v", "ON_ERROR_STOP=1", "-c", held+namesHeld).Run() == nil
	})
	s.must(0, "up")
	password := s.kubectl("get", "secret", "pgsql-auth", "-o", "go-template={{.data.password | base64decode}}")
	noSecret(s, password)
	nameless(s)
	names := exec.Command("tar", "-tzf", filepath.Join(s.dir, "bundle.tar.gz"))
	list, err := names.Output()
	if err != nil {
		t.Fatal(err)
	}
	says(t, string(list), "cluster-resources/pods/"+s.name+".json", "cluster-resources/nodes.json", "cluster-resources/events/"+s.name+".json",
		"cluster-resources/pods/logs/"+s.name+"/pgsql-0/pgsql.log")
}
