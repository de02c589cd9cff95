//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/internal/doctor"
)

// TestClusterAgent applies the CronJob that berth renders: its Job upgrades the installation from within the cluster, with the rights of its Role.
func TestClusterAgent(t *testing.T) {
	needs(t, long, node, engine, images("7.4.0", release, "7.6.0"))
	const name = "cup-agent"
	s := olderCluster(t, name, "7.4.0", 30095, `upgrades: {automatic: minor, window: "`+always+`"}`)
	before := s.data()
	image := agentImage(t)
	out := s.must(0, "agent", "--render", "cronjob", "--image", image, "--out", "agent")
	says(t, out, "kubectl apply --server-side -f agent/berth-"+name+"-agent.yaml")
	t.Cleanup(func() { kubectl(t, "delete", "--ignore-not-found", "-f", filepath.Join(s.dir, "agent")) })
	kubectl(t, "apply", "--server-side", "-f", filepath.Join(s.dir, "agent"))

	log := s.agentJob("first")
	if !strings.Contains(log, "Sourcegraph "+release+" runs") {
		t.Fatalf("it did not upgrade:\n%s", log)
	}
	s.same(before)
	config := kubectl(t, "-n", name, "get", "configmap", "berth-"+name+"-agent-config", "-o", `jsonpath={.data.sourcegraph\.yaml}`)
	says(t, config, "release: "+release+"   # as the admin wrote it")
	// The rendered file has the older config. kubectl refuses to apply it again.
	again := exec.Command("kubectl", "apply", "--server-side", "-f", filepath.Join(s.dir, "agent"))
	if out, err := again.CombinedOutput(); err == nil || !strings.Contains(string(out), `conflict with "berth-agent"`) {
		t.Errorf("the older config replaces the newer one: %v\n%s", err, out)
	}

	// With a narrower policy, it only reports the next release.
	kubectl(t, "-n", name, "patch", "configmap", "berth-"+name+"-agent-config", "--type", "merge", "-p",
		fmt.Sprintf(`{"data": {"sourcegraph.yaml": %q}}`, strings.Replace(config, "automatic: minor", "automatic: patch", 1)+"\n"))
	says(t, s.agentJob("second"), "waits for you: it is another minor release, and upgrades.automatic is patch")
	s.examinedByAgent()
}

// examinedByAgent: status has what the doctor found when the agent ran, and with the rights of the agent it could look at everything.
func (s *site) examinedByAgent() {
	s.t.Helper()
	var status struct{ Examined *doctor.Summary }
	_, out := s.berth("status", "--json")
	if err := resultOf(out, &status); err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
	if x := status.Examined; x == nil || x.Unseen > 0 {
		s.t.Errorf("the doctor in the agent: %+v", x)
	}
	says(s.t, s.must(0, "status"), "doctor    ")
}

// agentImage pushes an image that has berth alone to the test bed's registry, and gives its name for the node.
func agentImage(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("cp", program(t), filepath.Join(dir, "berth")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\nCOPY berth /bin/berth\nUSER 65532\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	tag := fmt.Sprintf("berth:test-%d", time.Now().Unix())
	docker(t, "build", "-q", "-t", registryAddress()+"/"+tag, dir)
	docker(t, "push", "-q", registryAddress()+"/"+tag)
	t.Cleanup(func() { _ = exec.Command("docker", "rmi", registryAddress()+"/"+tag).Run() }) // the registry keeps it
	return os.Getenv("BERTH_REGISTRY") + "/" + tag
}

// agentJob runs the CronJob's Job once, now, and gives its log.
func (s *site) agentJob(job string) string {
	s.t.Helper()
	kubectl(s.t, "-n", s.name, "create", "job", job, "--from=cronjob/berth-"+s.name+"-agent")
	log := func() string { return kubectl(s.t, "-n", s.name, "logs", "job/"+job, "--tail=-1") }
	await(s.t, 5*time.Minute, "the agent's Job to end", func() bool {
		status := kubectl(s.t, "-n", s.name, "get", "job", job, "-o", "jsonpath={.status.succeeded}/{.status.failed}")
		if strings.HasSuffix(status, "/1") {
			s.t.Fatalf("the agent failed:\n%s", log())
		}
		return strings.HasPrefix(status, "1/")
	})
	return log()
}
