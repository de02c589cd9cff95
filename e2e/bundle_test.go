//go:build e2e

package e2e

import (
	"encoding/base64"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
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
		"    command: ['for s in " + ofCodeHost + " " + ofSite + "; do echo at $s; printf x$s | base64; echo {\"a\":\"{\\\"b\\\":\\\"$s\\\"}\"}; done; touch /tmp/ready; exec sleep 3600']",
		"    health: {exec: [test, -f, /tmp/ready]}"}
}

// held writes the secrets into the database, as Sourcegraph's pages do.
const held = `INSERT INTO external_services (kind, display_name, config, created_at, updated_at) VALUES ('GITHUB', 'leak', '{"url": "https://github.com", "token": "` + ofCodeHost + `"}', now(), now());
INSERT INTO critical_and_site_config (type, contents, created_at, updated_at) VALUES ('site', '{"email.smtp": {"password": "` + ofSite + `"}}', now(), now());`

// noSecret makes a bundle, and looks into it with other programs' eyes.
func noSecret(s *site, passwords ...string) {
	s.t.Helper()
	out := s.must(0, "bundle", "--out", "bundle.tar.gz")
	says(s.t, out, "nothing was sent")
	s.t.Log(out)
	dir := s.t.TempDir()
	if out, err := exec.Command("tar", "-xzf", filepath.Join(s.dir, "bundle.tar.gz"), "-C", dir).CombinedOutput(); err != nil {
		s.t.Fatalf("tar: %v\n%s", err, out)
	}
	hidden := append([]string{ofCodeHost, ofSite}, passwords...)
	logs := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.HasSuffix(path, ".log") && len(text) > 0 {
			logs++
		}
		for _, secret := range hidden {
			inner := base64.StdEncoding.EncodeToString([]byte("x" + secret))[4:16]
			if strings.Contains(string(text), secret) || strings.Contains(string(text), inner) {
				s.t.Errorf("%s has %s", path, secret)
			}
		}
		return err
	})
	if err != nil || logs < 10 {
		s.t.Errorf("%d logs, %v", logs, err)
	}
	for _, name := range []string{"databases/pgsql.json", "berth/status.json", "berth/plan.json", "berth/history.json"} {
		if text, err := os.ReadFile(filepath.Join(dir, "bundle", name)); err != nil || len(text) < 20 {
			s.t.Errorf("%s: %d bytes, %v", name, len(text), err)
		}
	}
	says(s.t, s.must(0, "bundle", "verify", "bundle.tar.gz"), "none is in it")
	s.must(0, "bundle", "analyze", "bundle.tar.gz")
	says(s.t, s.must(0, "bundle", "--preview"), "since bundle.tar.gz")
}

// TestBundle: secrets that only the database holds are in a log, and not in a bundle of it.
func TestBundle(t *testing.T) {
	needs(t, engine, images(release))
	s := newSite(t, "bundle")
	s.must(0, "lock")
	s.must(0, "up")
	s.with(leak(docker(t, "inspect", "-f", "{{.Config.Image}}", s.name+"-pgsql"))...)
	docker(t, "exec", s.name+"-pgsql", "psql", "-U", "sg", "-d", "sg", "-v", "ON_ERROR_STOP=1", "-c", held)
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
	t.Run("an engine that does not answer leaves config and history", func(t *testing.T) {
		s := s.in(t)
		t.Setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
		says(t, s.must(0, "bundle", "--out", "alone.tar.gz"), "BERTH4436", "written   alone.tar.gz")
	})
}

// TestClusterBundle is the same on a real node, with what analysers of Kubernetes bundles look for.
func TestClusterBundle(t *testing.T) {
	needs(t, node, images(release))
	s := newOnNode(t, "bundle", 30097)
	s.must(0, "lock")
	s.must(0, "up")
	s.with(leak(s.kubectl("get", "statefulset", "pgsql", "-o", "jsonpath={.spec.template.spec.containers[0].image}"))...)
	await(t, time.Minute, "the database to take the secrets", func() bool {
		return exec.Command("kubectl", "--namespace="+s.name, "exec", "pgsql-0", "--", "psql", "-U", "sg", "-d", "sg", "-v", "ON_ERROR_STOP=1", "-c", held).Run() == nil
	})
	s.must(0, "up")
	password := s.kubectl("get", "secret", "pgsql-auth", "-o", "go-template={{.data.password | base64decode}}")
	noSecret(s, password)
	names := exec.Command("tar", "-tzf", filepath.Join(s.dir, "bundle.tar.gz"))
	list, err := names.Output()
	if err != nil {
		t.Fatal(err)
	}
	says(t, string(list), "cluster-resources/pods/"+s.name+".json", "cluster-resources/nodes.json", "cluster-resources/events/"+s.name+".json",
		"cluster-resources/pods/logs/"+s.name+"/pgsql-0/pgsql.log")
}
