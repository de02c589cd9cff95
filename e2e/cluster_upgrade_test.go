//go:build clusterupgrades

package e2e

import (
	"bufio"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// olderCluster is an installation of an older release on the real kubelet.
func olderCluster(t *testing.T, name, from, port, more string) *site {
	t.Helper()
	buildImages(t, from, release, "7.6.0") // the last is the newest there, whose migrator is taken
	s := newCluster(t, "node", name, namespaced(name, ", service: {nodePort: "+port+"}"), "images: {registry: 10.213.0.1:5010/sourcegraph}", more)
	s.edit("release: "+release, "release: "+from+"   # as the admin wrote it")
	s.host, s.port = "10.213.0.2", number(t, port)
	s.writeFile("password.txt", ownPassword+"\n") // of those that have a database of their own
	s.must(0, "lock", "--to", release)
	s.must(0, "up")
	s.seed()
	return s
}

// TestClusterUpgradeStandard goes to the next release with two frontends while people search.
func TestClusterUpgradeStandard(t *testing.T) {
	s := rolling(t, "cup-next", "30091")
	before := s.data()
	c := s.searching()
	s.must(0, "upgrade", "--yes", "--to", release)
	time.Sleep(2 * time.Second)
	c.answered(t, "kubernetes 7.4.0 -> "+release)
	s.same(before)
	s.doorGone()
	s.must(0, "plan")
	c = s.searching()
	s.must(0, "rollback", "--yes")
	c.answered(t, "kubernetes "+release+" -> 7.4.0")
	s.same(before)
}

// TestClusterUpgradeOverMajors goes over two majors behind a page, and back.
func TestClusterUpgradeOverMajors(t *testing.T) {
	s := olderCluster(t, "cup-far", "6.0.0", "30092", "")
	before := s.data()
	c := s.searching()
	out := s.must(0, "upgrade", "--yes", "--to", release)
	failed := c.result(t, "kubernetes 6.0.0 -> "+release)
	if c.why["503 Service Unavailable"] < failed/2 {
		t.Errorf("people mostly did not see the page: %v", c.why)
	}
	for _, want := range []string{"restored and counted", "upgrade --from=v6.0.0", "no drift; a search was answered", "background migrations at 100 %"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	s.same(before)
	s.must(0, "plan")
	s.must(0, "rollback", "--yes")
	s.same(before)
}

// TestClusterUpgradeOnlyWay edits the release in the file of an installation in a cluster.
func TestClusterUpgradeOnlyWay(t *testing.T) {
	s := olderCluster(t, "cup-only", "6.0.0", "30090", "services: {searcher: {memory: 900Mi}}")
	onlyWay(t, s, func() {
		dir := t.TempDir()
		s.must(0, "render", "--as", "manifests", "--out", filepath.Join(dir, "manifests"))
		for _, service := range []string{"pgsql", "codeintel-db", "codeinsights-db", "redis-store", "gitserver"} {
			files, err := filepath.Glob(filepath.Join(dir, "manifests", "*-"+service+".yaml"))
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				if strings.Contains(file, "-statefulset-") || strings.Contains(file, "-deployment-") {
					kubectl(t, "apply", "--server-side", "--force-conflicts", "--field-manager", "berth", "-n", s.name, "-f", file)
				}
			}
		}
		kubectl(t, "rollout", "status", "statefulset/pgsql", "-n", s.name, "--timeout=120s")
	}, func() {
		kubectl(t, "patch", "statefulset", "searcher", "-n", s.name, "--field-manager", "berth", "-p", `{"spec": {"minReadySeconds": 3}}`)
	})
}

func TestClusterUpgradeMigratorFails(t *testing.T) {
	migratorFails(t, olderCluster(t, "cup-dirty", "6.0.0", "30094", ""))
}

func TestClusterUpgradeNeverHealthy(t *testing.T) {
	neverHealthy(t, olderCluster(t, "cup-sick", "7.4.0", "30095", ""))
}

func TestClusterUpgradeRefused(t *testing.T) {
	refusals(t, olderCluster(t, "cup-refused", "7.4.0", "30096", ""))
}

func TestClusterUpgradeThroughPostgres(t *testing.T) {
	const stop = "5.11.6271"
	buildImages(t, stop)
	throughPostgres(t, olderCluster(t, "cup-postgres", "5.0.0", "30097", ""), stop)
}

// TestClusterUpgradeOwnDatabase has the database that is the admin's own in another namespace.
func TestClusterUpgradeOwnDatabase(t *testing.T) {
	const elsewhere = "cup-own-db"
	buildImages(t, release)
	pointAt(t, "node")
	kubectl(t, "delete", "namespace", elsewhere, "--ignore-not-found")
	t.Cleanup(func() { kubectl(t, "delete", "namespace", elsewhere, "--wait=false") })
	kubectl(t, "create", "namespace", elsewhere)
	kubectl(t, "create", "configmap", "conf", "-n", elsewhere, "--from-literal=postgresql.conf=listen_addresses = '*'")
	kubectl(t, "run", "postgres", "-n", elsewhere, "--image", os.Getenv("BERTH_REGISTRY")+"/sourcegraph/postgresql-16:"+release, "--port", "5432", "--expose",
		"--env", "POSTGRES_PASSWORD="+ownPassword, "--overrides", `{"spec": {"containers": [{"name": "postgres", "volumeMounts": [{"name": "conf", "mountPath": "/conf"}]}],
		"volumes": [{"name": "conf", "configMap": {"name": "conf"}}]}}`, "--override-type=strategic")
	kubectl(t, "wait", "pod/postgres", "-n", elsewhere, "--for=condition=Ready", "--timeout=60s")
	await(t, time.Minute, "the admin's Postgres", func() bool {
		return strings.Contains(kubectl(t, "logs", "postgres", "-n", elsewhere), "ready to accept connections")
	})
	ownDatabase(t, olderCluster(t, "cup-own", "6.0.0", "30099", "databases: {pgsql: {external: {host: postgres."+elsewhere+
		", port: 5432, user: sg, password: {file: password.txt}, database: sg, sslmode: disable}}}"))
}

// TestClusterUpgradeKilled kills berth each time that it says something that it did not say before, and goes on, from 6.0 to the release of
// today. At the end everything is as after an upgrade that nobody disturbed.
func TestClusterUpgradeKilled(t *testing.T) {
	s := olderCluster(t, "cup-killed", "6.0.0", "30098", "")
	before := s.data()
	killed := map[string]bool{}
	stages := map[string]int{}
	for began := time.Now(); ; {
		if time.Since(began) > 30*time.Minute {
			t.Fatalf("killed %d times in 30 minutes, and it does not come to its end", len(killed))
		}
		place, out, err := s.killedWhenNew(killed, "upgrade", "--yes", "--to", release)
		if place == "" && err != nil {
			t.Fatalf("after %d kills: %v\n%s", len(killed), err, out)
		}
		if place == "" {
			break
		}
		stage, _, _ := strings.Cut(place, "|")
		stages[stage]++
	}
	for stage, n := range stages {
		t.Logf("KILLED %-20s %3d times", stage, n)
	}
	t.Logf("KILLED in all %d times", len(killed))
	if len(killed) < 15 {
		t.Errorf("killed only %d times: the test does not reach the steps", len(killed))
	}
	s.same(before)
	s.must(0, "plan")
	if left := kubectl(t, "get", "jobs,pods", "-n", s.name, "-o", "name", "-l", "dev.berth.task"); left != "" {
		t.Errorf("a task is left: %s", left)
	}
}

// killedWhenNew runs berth until it begins a stage, or says a line in one, that is not in seen; then kills it. place is that stage and line,
// and "" when berth came to its end.
func (s *site) killedWhenNew(seen map[string]bool, args ...string) (place, out string, err error) {
	s.t.Helper()
	stage := ""
	_, out, err = s.killedAt(func(line string) bool {
		if _, after, begins := strings.Cut(line, ": "); begins && strings.HasPrefix(line, "== upgrade step") {
			stage = after
		}
		// Counts, times and names of pods differ each time.
		key := stage + "|" + changing.ReplaceAllString(line, "*")
		if stage == "" || seen[key] {
			return false
		}
		seen[key], place = true, key
		return true
	}, args...)
	return place, out, err
}

// killedAt runs berth until it prints a line that is meant, and kills it then. It gives all that berth printed.
func (s *site) killedAt(meant func(line string) bool, args ...string) (killed bool, out string, err error) {
	s.t.Helper()
	cmd := s.command(context.Background(), args...)
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	var all, stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		all.WriteString(lines.Text() + "\n")
		if !killed && meant(lines.Text()) {
			killed = true
			if err := cmd.Process.Kill(); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	err = cmd.Wait()
	return killed, all.String() + stderr.String(), err
}

// changing is what differs between lines that say the same.
var changing = regexp.MustCompile(`[0-9]+|-[a-z0-9]{8,10}-[a-z0-9]{5}\b`)
