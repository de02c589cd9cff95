//go:build e2e

package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestFirstTrial is the whole life of an installation, as docs/first-trial.md tells it.
func TestFirstTrial(t *testing.T) {
	s := newSite(t, "trial")
	s.must(0, "lock")
	s.must(0, "check")
	if out := s.must(2, "plan"); !strings.Contains(out, "+ gitserver-0") {
		t.Errorf("the first plan does not create gitserver-0:\n%s", out)
	}
	s.must(0, "up")
	if out := s.must(0, "plan"); strings.Contains(out, "+ ") || strings.Contains(out, "~ ") {
		t.Errorf("straight after up, the plan is not empty:\n%s", out)
	}
	s.firstUse("example/hello", "needle-one")
	s.search("example/hello", "needle-one")

	t.Run("status tells where it answers", func(t *testing.T) {
		var status struct {
			Release  string `json:"release"`
			Answers  bool   `json:"answers"`
			Services []struct {
				Name  string `json:"name"`
				Ready bool   `json:"ready"`
			} `json:"services"`
		}
		if err := json.Unmarshal([]byte(s.must(0, "status", "--json")), &status); err != nil {
			t.Fatal(err)
		}
		if status.Release != release || !status.Answers || len(status.Services) != 26 {
			t.Errorf("status: %+v; want release %s, answering, 26 services", status, release)
		}
		for _, service := range status.Services {
			if !service.Ready {
				t.Errorf("%s is not ready", service.Name)
			}
		}
	})

	t.Run("a changed limit touches one service, without a restart", func(t *testing.T) {
		before := s.containers()
		s.edit("size: demo", "size: demo\nservices:\n  gitserver: {memory: 300Mi}")
		s.must(0, "up")
		started := docker(t, "inspect", "-f", "{{.State.StartedAt}}", s.name+"-gitserver-0")
		s.edit("300Mi", "400Mi")
		out := s.must(2, "plan")
		if got := changed(out); len(got) != 1 || got[0] != "gitserver-0" {
			t.Errorf("the plan touches more than gitserver-0:\n%s", out)
		}
		s.must(0, "up")
		if diff := cmp.Diff(before, s.containers()); diff != "" {
			t.Errorf("containers were made anew:\n%s", diff)
		}
		if now := docker(t, "inspect", "-f", "{{.State.StartedAt}}", s.name+"-gitserver-0"); now != started {
			t.Errorf("gitserver-0 was restarted at %s", now)
		}
		if got := docker(t, "inspect", "-f", "{{.HostConfig.Memory}}", s.name+"-gitserver-0"); got != "419430400" {
			t.Errorf("the engine enforces %s bytes, want 419430400", got)
		}
		s.must(0, "plan")
	})

	t.Run("a limit changed by hand is found and put back", func(t *testing.T) {
		docker(t, "update", "--memory", "350m", "--memory-swap", "700m", s.name+"-gitserver-0")
		s.must(2, "plan")
		s.must(0, "up")
		if got := docker(t, "inspect", "-f", "{{.HostConfig.Memory}}", s.name+"-gitserver-0"); got != "419430400" {
			t.Errorf("the engine enforces %s bytes, want 419430400", got)
		}
	})

	t.Run("changed settings restart one container", func(t *testing.T) {
		before := s.containers()
		s.edit("ports:", "databases: {codeinsights-db: {settings: {work_mem: 4MB}}}\nports:")
		out := s.must(2, "plan")
		if got := changed(out); len(got) != 1 || got[0] != "codeinsights-db" {
			t.Errorf("the plan touches more than codeinsights-db:\n%s", out)
		}
		s.must(0, "up")
		if diff := cmp.Diff(before, s.containers()); diff != "" {
			t.Errorf("containers were made anew:\n%s", diff)
		}
		s.must(0, "plan")
	})

	t.Run("a second gitserver comes with all that belongs to it", func(t *testing.T) {
		s.edit("gitserver: {memory: 400Mi}", "gitserver: {memory: 400Mi, replicas: 2}\n  zoekt-webserver: {replicas: 2}\n  searcher: {replicas: 2}\n  sourcegraph-frontend: {replicas: 2}")
		s.must(0, "up")
		got := s.containers()
		for _, name := range []string{"gitserver-1", "zoekt-webserver-1", "zoekt-indexserver-1", "searcher-1", "sourcegraph-frontend-1"} {
			if got[name] == "" {
				t.Errorf("%s does not run", name)
			}
		}
		for _, v := range []string{"gitserver-1", "zoekt-1-shared", "searcher-1"} {
			docker(t, "volume", "inspect", s.name+"_"+v)
		}
		targets := docker(t, "exec", s.name+"-prometheus", "cat", "/sg_prometheus_add_ons/prometheus_targets.yml")
		if !strings.Contains(targets, "gitserver-1:6060") {
			t.Errorf("Prometheus does not scrape gitserver-1:\n%s", targets)
		}
		s.search("example/hello", "needle-one")
		s.must(0, "plan")
		s.edit(", replicas: 2}\n  zoekt-webserver: {replicas: 2}\n  searcher: {replicas: 2}\n  sourcegraph-frontend: {replicas: 2}", "}")
		s.must(0, "up")
		if s.containers()["gitserver-1"] != "" {
			t.Error("gitserver-1 still runs, although one is asked for")
		}
		docker(t, "volume", "inspect", s.name+"_gitserver-1") // its data is kept
		s.search("example/hello", "needle-one")
	})

	t.Run("a container that somebody removed comes back", func(t *testing.T) {
		docker(t, "rm", "-f", s.name+"-searcher-0")
		if out := s.must(2, "plan"); !strings.Contains(out, "searcher-0") {
			t.Errorf("the plan does not bring searcher-0 back:\n%s", out)
		}
		s.must(0, "up")
		s.must(0, "plan")
	})

	t.Run("a saved plan is carried out, a stale one refused", func(t *testing.T) {
		s.edit("400Mi", "401Mi")
		s.must(2, "plan", "--out", "saved.json")
		s.edit("401Mi", "402Mi")
		if out := s.must(3, "up", "--plan", "saved.json"); !strings.Contains(out, "BERTH31") {
			t.Errorf("a stale plan is not refused with a code:\n%s", out)
		}
		s.edit("402Mi", "401Mi")
		s.must(0, "up", "--plan", "saved.json")
		s.must(0, "plan")
	})

	t.Run("down keeps the data", func(t *testing.T) {
		s.must(0, "down")
		if got := s.containers(); len(got) > 0 {
			t.Errorf("still there after down: %v", got)
		}
		s.must(0, "up")
		s.search("example/hello", "needle-one")
		if users := s.users(); !strings.Contains(users, "ada") {
			t.Errorf("the user ada is gone: %s", users)
		}
	})

	t.Run("secrets stay secret", func(t *testing.T) { secretsStaySecret(t, s) })

	t.Run("history tells every run", func(t *testing.T) {
		out := s.must(0, "history")
		if strings.Count(out, "up") < 8 || !strings.Contains(out, "down") {
			t.Errorf("history lacks runs:\n%s", out)
		}
	})

	t.Run("deleting data must name the installation", func(t *testing.T) {
		s.must(3, "down", "--delete-data", "other")
		if len(s.containers()) == 0 {
			t.Error("a wrong name took the installation down")
		}
	})
}

// secretsStaySecret looks for the generated passwords everywhere but in the two files that hold them.
func secretsStaySecret(t *testing.T, s *site) {
	state := filepath.Join(s.dir, ".berth", s.name)
	env, err := os.ReadFile(filepath.Join(state, "project", ".env"))
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for line := range strings.Lines(string(env)) {
		if _, v, ok := strings.Cut(strings.TrimSpace(line), "='"); ok {
			values = append(values, strings.TrimSuffix(v, "'"))
		}
	}
	if len(values) < 3 {
		t.Fatalf("the .env file has %d secrets, want the three database passwords at least", len(values))
	}
	holders := map[string]bool{filepath.Join(state, "project", ".env"): true, filepath.Join(state, "secrets.json"): true}
	err = filepath.WalkDir(s.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if holders[path] {
			if info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %v, want 0600", path, info.Mode().Perm())
			}
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, v := range values {
			if strings.Contains(string(content), v) {
				t.Errorf("%s holds a secret value", path)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{s.must(0, "plan", "--json"), s.must(0, "status", "--json"), s.must(0, "history", "--json")} {
		for _, v := range values {
			if strings.Contains(out, v) {
				t.Errorf("a secret value is printed:\n%s", out)
			}
		}
	}
}

func TestRenderedProjectWorksWithDockerComposeAlone(t *testing.T) {
	s := newSite(t, "alone")
	s.must(0, "lock")
	s.must(0, "render", "--as", "compose", "--out", "project")
	project := filepath.Join(s.dir, "project")
	compose := func(args ...string) string {
		return docker(t, append([]string{"compose", "--project-directory", project}, args...)...)
	}
	t.Cleanup(func() { compose("down", "-v", "--timeout", "5") })
	compose("config", "--quiet")
	compose("up", "-d", "--quiet-pull")
	// docker compose returns when the containers that others wait for are up; berth would wait for the rest, here the test does.
	await(t, 2*time.Minute, "the front door to answer", func() bool {
		resp, err := http.Get(s.url("/healthz"))
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	s.firstUse("example/alone", "needle-alone")
	s.search("example/alone", "needle-alone")
	// What docker compose brought up is what berth would have: there is nothing to do.
	before, err := os.ReadFile(filepath.Join(project, "docker-compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s.must(0, "render", "--as", "compose", "--out", "project")
	after, err := os.ReadFile(filepath.Join(project, "docker-compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(before), string(after)); diff != "" {
		t.Errorf("rendered twice, two results:\n%s", diff)
	}
}

func TestTwoRunsAtTheSameTime(t *testing.T) {
	s := newSite(t, "twice")
	s.must(0, "lock")
	first := s.command(t.Context(), "up")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	lock := filepath.Join(s.dir, ".berth", s.name, "lock")
	await(t, 20*time.Second, "the first up to hold the lock", func() bool {
		text, err := os.ReadFile(lock)
		return err == nil && len(text) > 0
	})
	if code, out := s.berth("up"); code != 3 || !strings.Contains(out, "pid") {
		t.Errorf("the second up: exit %d, want 3 and who holds the lock\n%s", code, out)
	}
	if err := first.Wait(); err != nil {
		t.Errorf("the first up: %v", err)
	}
}

// TestWhatSourcegraphUsesOfOthers runs the features that reach into containers as files and variables.
func TestFilesAndSecretsReachTheContainers(t *testing.T) {
	s := newSite(t, "files",
		"siteConfig: {file: site.json, allowEdits: true}",
		"license: {env: LICENSE_FOR_TEST}",
		"settings: {file: settings.json}",
		"codeHosts: {file: hosts.json}",
		"git: {sshKey: {file: id}, knownHosts: known_hosts, config: gitconfig}",
	)
	site := "{\n  // it's allowed: comments, 'quotes', $signs, ${BRACES} and \\ends\n  \"auth.providers\": [], \"a\": \"\\u00e9 \\\"b\\\"\"\n}\n"
	t.Setenv("LICENSE_FOR_TEST", "license-value-1234")
	s.writeFile("site.json", site)
	s.writeFile("hosts.json", "{\"GITHUB\": [{\"token\": \"hosts-token-1234\"}]}\n")
	s.writeFile("settings.json", "{}\n")
	s.writeFile("id", "-----BEGIN OPENSSH PRIVATE KEY-----\nit's a \"key\" with $signs and `ticks`\n-----END OPENSSH PRIVATE KEY-----\n")
	s.writeFile("known_hosts", "git.example.com ssh-ed25519 AAAA\n")
	s.writeFile("gitconfig", "[user]\n\tname = Ada\n")
	s.must(0, "lock")
	s.must(0, "up")
	if _, text := s.get("/api/site-config"); !strings.Contains(text, "http://localhost") || strings.Contains(text, "license-value") || !strings.Contains(text, "1234") {
		t.Errorf("the site configuration has not the URL and the license: %s", text)
	}
	if got := docker(t, "exec", s.name+"-gitserver-0", "stat", "-c", "%u %a", "/home/sourcegraph/.ssh/id_rsa"); got != "0 444" {
		t.Errorf("the SSH key has owner and mode %s, want 0 444", got)
	}
	if got := docker(t, "exec", s.name+"-gitserver-0", "cat", "/home/sourcegraph/.ssh/id_rsa"); !strings.Contains(got, "it's a \"key\" with $signs and `ticks`") {
		t.Errorf("the SSH key did not arrive byte for byte:\n%s", got)
	}
	arrived := func(want string) {
		t.Helper()
		if got := docker(t, "exec", s.name+"-sourcegraph-frontend-0", "cat", "/etc/berth/site-config/admin.json"); got != strings.TrimSpace(want) {
			t.Errorf("the site configuration did not arrive byte for byte:\n%s", got)
		}
	}
	arrived(site)
	for _, path := range []string{"/etc/berth/code-hosts.json", "/etc/berth/settings.json"} {
		docker(t, "exec", s.name+"-sourcegraph-frontend-0", "cat", path) // as the user of the container
	}
	s.must(0, "plan")
	site = strings.Replace(site, "allowed", "changed", 1)
	s.writeFile("site.json", site)
	if out := s.must(2, "plan"); !strings.Contains(out, "sourcegraph-frontend-0") || strings.Contains(out, "gitserver") {
		t.Errorf("a changed site configuration is not a changed frontend:\n%s", out)
	}
	s.must(0, "up")
	arrived(site)
	if out, err := exec.Command("grep", "-rlE", "--exclude=.env", "--exclude=site.json", "--exclude=hosts.json", "hosts-token-1234|it's (allowed|changed)", s.dir).CombinedOutput(); err == nil {
		t.Errorf("what may hold secrets stands in other files than those for secrets:\n%s", out)
	}
	t.Setenv("LICENSE_FOR_TEST", "license-value-5678")
	if out := s.must(2, "plan"); strings.Contains(out, "5678") || !strings.Contains(out, "sourcegraph-frontend-0") {
		t.Errorf("a changed license is not a changed frontend, or it is printed:\n%s", out)
	}
	s.must(0, "up")
	if _, text := s.get("/api/site-config"); !strings.Contains(text, "5678") {
		t.Errorf("the new license did not arrive: %s", text)
	}
}

// changed gives the services that a plan changes.
func changed(plan string) []string {
	var names []string
	for line := range strings.Lines(plan) {
		if f := strings.Fields(line); len(f) > 2 && f[0] == "~" && f[1] != "project" {
			names = append(names, f[1])
		}
	}
	return names
}

// TestHostTooSmall: Docker refuses a cpu limit above the host's cores, so it is found before anything is touched.
func TestHostTooSmall(t *testing.T) {
	s := newSite(t, "small")
	s.must(0, "lock")
	s.edit("size: demo\n", "services: {worker: {cpu: 1000}}\n")
	for _, args := range [][]string{{"check"}, {"up"}} {
		if out := s.must(3, args...); !strings.Contains(out, "BERTH2108") || !strings.Contains(out, "size: demo") {
			t.Errorf("berth %v does not say that the host is too small, and what would fit:\n%s", args, out)
		}
	}
	if got := s.containers(); len(got) > 0 {
		t.Errorf("something was started: %v", got)
	}
}

// TestPasswordsLost: data whose generated passwords are gone is not locked up behind new ones.
func TestPasswordsLost(t *testing.T) {
	s := newSite(t, "lost")
	s.must(0, "lock")
	docker(t, "volume", "create", "--label", "com.docker.compose.project="+s.name, "--label", "com.docker.compose.volume=pgsql", s.name+"_pgsql")
	if out := s.must(3, "up"); !strings.Contains(out, "BERTH3102") {
		t.Errorf("data without its password is not refused:\n%s", out)
	}
	if got := s.containers(); len(got) > 0 {
		t.Errorf("something was started: %v", got)
	}
}
