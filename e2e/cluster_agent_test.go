//go:build clusterupgrades

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestClusterAgent lets the CronJob that berth renders upgrade an installation from within the cluster, with no more rights than its Role gives.
func TestClusterAgent(t *testing.T) {
	const name = "cup-agent"
	s := olderCluster(t, name, "7.4.0", "30095", `upgrades: {automatic: minor, window: "daily 00:00-24:00 UTC"}`)
	before := s.data()
	image := agentImage(t)
	out := s.must(0, "agent", "--render", "cronjob", "--image", image, "--out", "agent")
	if !strings.Contains(out, "kubectl apply --server-side -f agent/berth-"+name+"-agent.yaml") {
		t.Errorf("it does not say what to do next:\n%s", out)
	}
	t.Cleanup(func() { kubectl(t, "delete", "--ignore-not-found", "-f", filepath.Join(s.dir, "agent")) })
	kubectl(t, "apply", "--server-side", "-f", filepath.Join(s.dir, "agent"))

	log := s.agentJob("first")
	if !strings.Contains(log, "Sourcegraph "+release+" runs") {
		t.Fatalf("it did not upgrade:\n%s", log)
	}
	s.same(before)
	config := kubectl(t, "-n", name, "get", "configmap", "berth-"+name+"-agent-config", "-o", `jsonpath={.data.sourcegraph\.yaml}`)
	if !strings.Contains(config, "release: "+release+"   # as the admin wrote it") {
		t.Errorf("the release was not written into the ConfigMap:\n%s", config)
	}
	// The file that it was rendered from is older now. Whoever applies it again is told, and berth plan says what it would do.
	again := exec.Command("kubectl", "apply", "--server-side", "-f", filepath.Join(s.dir, "agent"))
	if out, err := again.CombinedOutput(); err == nil || !strings.Contains(string(out), `conflict with "berth-agent"`) {
		t.Errorf("the older config goes over the newer one without a word: %v\n%s", err, out)
	}

	// With a narrower policy, the release after it is told of only.
	kubectl(t, "-n", name, "patch", "configmap", "berth-"+name+"-agent-config", "--type", "merge", "-p",
		fmt.Sprintf(`{"data": {"sourcegraph.yaml": %q}}`, strings.Replace(config, "automatic: minor", "automatic: patch", 1)+"\n"))
	if log := s.agentJob("second"); !strings.Contains(log, "waits for you: it is another minor release, and upgrades.automatic is patch") {
		t.Errorf("it does not say what it waits for:\n%s", log)
	}
}

// agentImage pushes an image to the test bed's registry that has nothing but berth in it, and gives its name for the node.
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
	push := exec.Command("bash", "-c", `eval "$(../testbed/engine env)"; docker build -q -t "$1" "$2" && docker push -q "$1"`, "bash", registryAddress()+"/"+tag, dir)
	if out, err := push.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Cleanup(func() {
		_ = exec.Command("bash", "-c", `eval "$(../testbed/engine env)"; docker rmi "$1"`, "bash", registryAddress()+"/"+tag).Run() // the registry keeps it
	})
	_, port, _ := strings.Cut(registryAddress(), ":")
	return "10.213.0.1:" + port + "/" + tag
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
