//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// olderCluster is a new installation of an older release with data in it, on the cluster with a real node. The lock file has the images of the newer
// release, too. Its test needs the images of 7.6.0: that is the newest release there, whose migrator berth uses.
func olderCluster(t *testing.T, name, from string, port int, more ...string) *site {
	t.Helper()
	s := newOnNode(t, name, port, more...)
	s.edit("release: "+release, "release: "+from+"   # as the admin wrote it")
	s.writeFile("password.txt", externalPassword+"\n") // for configs with an external database
	s.deployOlder(release)
	return s
}

// TestClusterUpgradeStandard upgrades to the next release with two frontends while people search, and rolls back: each search is answered.
func TestClusterUpgradeStandard(t *testing.T) {
	needs(t, node, images("7.4.0", release, "7.6.0"))
	s := twoFrontends(t, "cup-next", 30091)
	before := s.data()
	c := s.searching()
	s.must(0, "upgrade", "--yes", "--to", release)
	time.Sleep(2 * time.Second) // a few searches more
	c.answered(t, "kubernetes 7.4.0 -> "+release)
	s.same(before)
	s.noHoldingProxy()
	s.must(0, "plan")
	c = s.searching()
	s.must(0, "rollback", "--yes")
	c.answered(t, "kubernetes "+release+" -> 7.4.0")
	s.same(before)
}

// TestClusterUpgradeOverMajors upgrades over two majors behind a maintenance page, and rolls back.
func TestClusterUpgradeOverMajors(t *testing.T) {
	needs(t, node, images("6.0.0", release, "7.6.0"))
	s := olderCluster(t, "cup-far", "6.0.0", 30092)
	before := s.data()
	overMajors(t, s, "kubernetes")
	s.must(0, "rollback", "--yes")
	s.same(before)
}

// TestClusterUpgradeOnlyByPlan edits the release in the config of an installation in a cluster, and in it by hand.
func TestClusterUpgradeOnlyByPlan(t *testing.T) {
	needs(t, long, node, images("6.0.0", release, "7.6.0"))
	s := olderCluster(t, "cup-only", "6.0.0", 30090, "services: {searcher: {memory: 900Mi}}")
	onlyByPlan(s, func(s *site) {
		dir := s.t.TempDir()
		s.must(0, "render", "--as", "manifests", "--out", filepath.Join(dir, "manifests"))
		for _, service := range []string{"pgsql", "codeintel-db", "codeinsights-db", "redis-store", "gitserver"} {
			files, err := filepath.Glob(filepath.Join(dir, "manifests", "*-"+service+".yaml"))
			if err != nil {
				s.t.Fatal(err)
			}
			for _, file := range files {
				if strings.Contains(file, "-statefulset-") || strings.Contains(file, "-deployment-") {
					s.kubectl("apply", "--server-side", "--force-conflicts", "--field-manager", "berth", "-f", file)
				}
			}
		}
		s.kubectl("rollout", "status", "statefulset/pgsql", "--timeout=120s")
	}, func(s *site) {
		s.kubectl("patch", "statefulset", "searcher", "--field-manager", "berth", "-p", `{"spec": {"minReadySeconds": 3}}`)
	})
}

// TestClusterUpgradeMigratorFails: a migration fails in the middle. The maintenance page says so, and the upgrade completes when it is fixed.
func TestClusterUpgradeMigratorFails(t *testing.T) {
	needs(t, long, node, images("6.0.0", release, "7.6.0"))
	migratorFails(olderCluster(t, "cup-dirty", "6.0.0", 30094))
}

// TestClusterUpgradeNeverHealthy: the new release never becomes healthy, and berth rolls back.
func TestClusterUpgradeNeverHealthy(t *testing.T) {
	needs(t, long, node, images("7.4.0", release, "7.6.0"))
	neverHealthy(olderCluster(t, "cup-sick", "7.4.0", 30095))
}

// TestClusterUpgradeRefused: an upgrade is refused before anything is changed, for one reason after the other.
func TestClusterUpgradeRefused(t *testing.T) {
	needs(t, long, node, images("7.4.0", release, "7.6.0"))
	refusals(t, olderCluster(t, "cup-refused", "7.4.0", 30096))
}

// TestClusterUpgradeThroughPostgres upgrades from 5.0 through the conversion to a newer Postgres, rolls back with the backup, and upgrades to the end.
func TestClusterUpgradeThroughPostgres(t *testing.T) {
	needs(t, long, node, images("5.0.0", "5.11.6271", release, "7.6.0"))
	throughPostgres(olderCluster(t, "cup-postgres", "5.0.0", 30097), "5.11.6271")
}

// TestClusterUpgradeExternalDatabase: an external database in another namespace is checked, backed up and migrated like a bundled one.
func TestClusterUpgradeExternalDatabase(t *testing.T) {
	needs(t, long, node, images("6.0.0", release, "7.6.0"))
	const elsewhere = "cup-own-db"
	kubectl(t, "delete", "namespace", elsewhere, "--ignore-not-found")
	t.Cleanup(func() { kubectl(t, "delete", "namespace", elsewhere, "--wait=false") })
	kubectl(t, "create", "namespace", elsewhere)
	kubectl(t, "create", "configmap", "conf", "-n", elsewhere, "--from-literal=postgresql.conf=listen_addresses = '*'")
	kubectl(t, "run", "postgres", "-n", elsewhere, "--image", os.Getenv("BERTH_REGISTRY")+"/sourcegraph/postgresql-16:"+release, "--port", "5432", "--expose",
		"--env", "POSTGRES_PASSWORD="+externalPassword, "--overrides", `{"spec": {"containers": [{"name": "postgres", "volumeMounts": [{"name": "conf", "mountPath": "/conf"}]}],
		"volumes": [{"name": "conf", "configMap": {"name": "conf"}}]}}`, "--override-type=strategic")
	kubectl(t, "wait", "pod/postgres", "-n", elsewhere, "--for=condition=Ready", "--timeout=60s")
	await(t, time.Minute, "the external Postgres to accept connections", func() bool {
		return strings.Contains(kubectl(t, "logs", "postgres", "-n", elsewhere), "ready to accept connections")
	})
	externalUpgrade(t, olderCluster(t, "cup-own", "6.0.0", 30099, "databases: {pgsql: {external: {host: postgres."+elsewhere+
		", port: 5432, user: sg, password: {file: password.txt}, database: sg, sslmode: disable}}}"))
}
