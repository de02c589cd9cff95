package bundle

import (
	"archive/zip"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// zipped is an archive of some files, as src debug makes one.
func zipped(t *testing.T, files map[string]string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "debug.zip")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	for path, text := range files {
		w, err := z.Create(path)
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	f.Close()
	return name
}

// TestBundlesOfOthers reads what kubectl and docker print, as src debug collects it, and what troubleshoot writes.
func TestBundlesOfOthers(t *testing.T) {
	log := "lvl=info starting\nlvl=eror dial tcp 10.0.0.1:5432: refused after 12 s\nlvl=eror dial tcp 10.0.0.2:5432: refused after 99 s\n"
	for _, c := range []struct {
		by        string
		files     map[string]string
		instances []Instance
	}{
		{OfSrc, map[string]string{"debug/kubectl/getPods.txt": "NAME                     READY   STATUS             RESTARTS       AGE\n" +
			"gitserver-0              1/1     Running            5 (3h ago)     4d\nworker-5c9d6f-abcde      0/1     CrashLoopBackOff   12             4d\nfrontend-7d-x            1/2     Running            0              1h\n",
			"debug/kubectl/pods/worker/worker.log": log},
			[]Instance{{Name: "frontend-7d-x", State: "unhealthy"}, {Name: "gitserver-0", State: "Running", Restarts: 5},
				{Name: "worker-5c9d6f-abcde", State: "CrashLoopBackOff", Restarts: 12}}},
		{OfSrc, map[string]string{"debug/docker/docker-ps.txt": "CONTAINER ID   IMAGE                  COMMAND       CREATED       STATUS                     PORTS      NAMES\n" +
			"a1b2c3d4e5f6   sourcegraph/worker:7   \"/worker\"     2 hours ago   Up 2 hours (unhealthy)                worker\n" +
			"b1b2c3d4e5f6   sourcegraph/pgsql:7    \"/start\"      2 hours ago   Exited (137) 3 minutes ago            pgsql\n" +
			"c1b2c3d4e5f6   sourcegraph/redis:7    \"/redis\"      2 hours ago   Up 2 hours                 6379/tcp   redis-cache\n",
			"debug/docker/worker/worker.log": log},
			[]Instance{{Name: "pgsql", State: "stopped", Exit: 137, Image: "sourcegraph/pgsql:7"}, {Name: "redis-cache", State: "running", Image: "sourcegraph/redis:7"},
				{Name: "worker", State: "unhealthy", Image: "sourcegraph/worker:7"}}},
		{OfTroubleshoot, map[string]string{"bundle/version.yaml": "kind: SupportBundle\n", "bundle/cluster-resources/pods/sourcegraph.json": `{"kind": "PodList", "items": [
			{"metadata": {"name": "pgsql-0"}, "status": {"phase": "Running", "containerStatuses": [{"name": "pgsql", "image": "i", "ready": false, "restartCount": 3,
			"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}]}},
			{"metadata": {"name": "worker-1"}, "status": {"phase": "Pending"}}]}`, "bundle/cluster-resources/pods/logs/sourcegraph/pgsql-0/pgsql.log": log},
			[]Instance{{Name: "pgsql-0/pgsql", State: "waiting", Reason: "CrashLoopBackOff", Restarts: 3, Exit: 137, OOMKilled: true, Image: "i"}, {Name: "worker-1", State: "Pending"}}},
	} {
		a, err := Analyze(zipped(t, c.files))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.instances, a.Instances); diff != "" || a.By != c.by || len(a.Missing) > 0 {
			t.Errorf("%s: by %s, missing %v\n%s", c.by, a.By, a.Missing, diff)
		}
		if len(a.Errors) != 1 || a.Errors[0].Times != 2 {
			t.Errorf("%s: %+v", c.by, a.Errors)
		}
	}
}

func TestDiff(t *testing.T) {
	before := &Analysis{Release: "7.4.0", Paths: []string{"a", "b"}, Instances: []Instance{{Name: "pgsql", State: "healthy"}, {Name: "worker", State: "healthy"}},
		Errors: []Repeated{{Log: "worker", Text: "lvl=eror 12", Times: 1}}}
	after := &Analysis{Release: "7.5.0", Paths: []string{"b", "c"}, Instances: []Instance{{Name: "pgsql", State: "crashing", Restarts: 2}, {Name: "worker", State: "healthy"}},
		Errors: []Repeated{{Log: "worker", Text: "lvl=eror 99", Times: 7}, {Log: "pgsql", Text: "FATAL: no space", Times: 3}}}
	want := &Difference{Releases: [2]string{"7.4.0", "7.5.0"}, Instances: []Change{{"pgsql", "healthy", "crashing, 2 restarts"}},
		Errors: []Repeated{{"pgsql", "FATAL: no space", 3}}, Gone: []Repeated{}, Added: []string{"c"}, Removed: []string{"a"}}
	if diff := cmp.Diff(want, Diff(before, after)); diff != "" {
		t.Error(diff)
	}
}

// TestNamesThatLeadOut: an archive can't name files elsewhere.
func TestNamesThatLeadOut(t *testing.T) {
	for _, name := range []string{"../x", "/etc/passwd", "a/../../b"} {
		if !unsafe(name) {
			t.Errorf("%s is let through", name)
		}
	}
	if unsafe("bundle/logs/a.log") {
		t.Error("a plain name is refused")
	}
}
