//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestFirstTrial is the life of an installation, as docs/first-trial.md describes it: deploy, search, change, stop, start.
func TestFirstTrial(t *testing.T) {
	needs(t, engine, images(release))
	s := newSite(t, "trial")
	s.must(0, "lock")
	s.must(0, "check")
	says(t, s.must(2, "plan", "--all"), "+ gitserver-0")
	s.must(0, "up")
	if out := s.must(0, "plan"); strings.Contains(out, "+ ") || strings.Contains(out, "~ ") {
		t.Errorf("straight after up, the plan is not empty:\n%s", out)
	}
	says(t, s.must(0, "status"), "search    no result yet")
	s.firstUse("example/hello", "needle-one")
	s.search("example/hello", "needle-one")
	s.firstSearched()

	t.Run("status says that all services are ready", func(t *testing.T) { statusSaysReady(s.in(t)) })
	t.Run("a changed limit updates one container, without a restart", func(t *testing.T) { limitInPlace(s.in(t)) })
	t.Run("a limit changed by hand is found and put back", func(t *testing.T) { limitPutBack(s.in(t)) })
	t.Run("a changed setting restarts one container", func(t *testing.T) { settingRestarts(s.in(t)) })
	t.Run("a second gitserver gets its volume, its address and its scrape target", func(t *testing.T) { secondInstances(s.in(t)) })
	t.Run("a removed container comes back", func(t *testing.T) {
		s := s.in(t)
		s.with()
		s.must(0, "up")
		docker(t, "rm", "-f", s.name+"-searcher-0")
		says(t, s.must(2, "plan"), "searcher-0")
		s.must(0, "up")
		s.must(0, "plan")
	})
	t.Run("a saved plan is carried out, an outdated one is refused", func(t *testing.T) {
		s := s.in(t)
		s.with("services: {gitserver: {memory: 401Mi}}")
		s.must(2, "plan", "--out", "saved.json")
		s.edit("401Mi", "402Mi")
		says(t, s.must(3, "up", "--plan", "saved.json"), "BERTH31")
		s.edit("402Mi", "401Mi")
		s.must(0, "up", "--plan", "saved.json")
		s.must(0, "plan")
	})
	t.Run("down keeps the data", func(t *testing.T) { downKeepsData(s.in(t)) })
	t.Run("secrets are in two files and nowhere else", func(t *testing.T) { secretsStaySecret(s.in(t)) })
	t.Run("history has every run once", func(t *testing.T) {
		s := s.in(t)
		before := len(s.runs())
		s.with("services: {worker: {env: {HISTORY: \"1\"}}}")
		s.must(0, "up")
		if now := len(s.runs()); now != before+1 {
			t.Errorf("history has %d runs, want %d:\n%s", now, before+1, s.must(0, "history"))
		}
	})
	t.Run("--delete-data needs the name of the installation", func(t *testing.T) {
		s := s.in(t)
		s.must(3, "down", "--delete-data", "other")
		if len(s.containers()) == 0 {
			t.Error("a wrong name stopped the installation")
		}
	})
}

func statusSaysReady(s *site) {
	s.with()
	s.must(0, "up")
	var status struct {
		Release  string
		Answers  bool
		Services []struct {
			Name  string
			Ready bool
		}
	}
	if err := resultOf(s.must(0, "status", "--json"), &status); err != nil {
		s.t.Fatal(err)
	}
	if status.Release != release || !status.Answers || len(status.Services) != 26 {
		s.t.Errorf("status: %+v; want release %s, answering, 26 services", status, release)
	}
	for _, service := range status.Services {
		if !service.Ready {
			s.t.Errorf("%s is not ready", service.Name)
		}
	}
}

// gitserverMemory is the limit that the engine enforces, in bytes.
func (s *site) gitserverMemory() string {
	s.t.Helper()
	return docker(s.t, "inspect", "-f", "{{.HostConfig.Memory}}", s.name+"-gitserver-0")
}

const (
	limit400Mi = "services: {gitserver: {memory: 400Mi}}"
	bytes400Mi = "419430400"
)

func limitInPlace(s *site) {
	s.with("services: {gitserver: {memory: 300Mi}}")
	s.must(0, "up")
	before := s.containers()
	started := docker(s.t, "inspect", "-f", "{{.State.StartedAt}}", s.name+"-gitserver-0")
	s.with(limit400Mi)
	s.changes("gitserver-0")
	s.must(0, "up")
	if diff := cmp.Diff(before, s.containers()); diff != "" {
		s.t.Errorf("containers were replaced:\n%s", diff)
	}
	if now := docker(s.t, "inspect", "-f", "{{.State.StartedAt}}", s.name+"-gitserver-0"); now != started {
		s.t.Errorf("gitserver-0 was restarted at %s", now)
	}
	if got := s.gitserverMemory(); got != bytes400Mi {
		s.t.Errorf("the engine enforces %s bytes, want %s", got, bytes400Mi)
	}
	s.must(0, "plan")
}

func limitPutBack(s *site) {
	s.with(limit400Mi)
	s.must(0, "up")
	docker(s.t, "update", "--memory", "350m", "--memory-swap", "700m", s.name+"-gitserver-0")
	s.must(2, "plan")
	s.must(0, "up")
	if got := s.gitserverMemory(); got != bytes400Mi {
		s.t.Errorf("the engine enforces %s bytes, want %s", got, bytes400Mi)
	}
}

func settingRestarts(s *site) {
	s.with()
	s.must(0, "up")
	before := s.containers()
	s.with("databases: {codeinsights-db: {settings: {work_mem: 4MB}}}")
	s.changes("codeinsights-db")
	s.must(0, "up")
	if diff := cmp.Diff(before, s.containers()); diff != "" {
		s.t.Errorf("containers were replaced:\n%s", diff)
	}
	s.must(0, "plan")
}

func secondInstances(s *site) {
	s.with("services: {gitserver: {replicas: 2}, zoekt-webserver: {replicas: 2}, searcher: {replicas: 2}, sourcegraph-frontend: {replicas: 2}}")
	s.must(0, "up")
	got := s.containers()
	for _, name := range []string{"gitserver-1", "zoekt-webserver-1", "zoekt-indexserver-1", "searcher-1", "sourcegraph-frontend-1"} {
		if got[name] == "" {
			s.t.Errorf("%s does not run", name)
		}
	}
	for _, v := range []string{"gitserver-1", "zoekt-1-shared", "searcher-1"} {
		docker(s.t, "volume", "inspect", s.name+"_"+v)
	}
	says(s.t, docker(s.t, "exec", s.name+"-prometheus", "cat", "/sg_prometheus_add_ons/prometheus_targets.yml"), "gitserver-1:6060")
	s.search("example/hello", "needle-one")
	s.must(0, "plan")
	s.with()
	s.must(0, "up")
	if s.containers()["gitserver-1"] != "" {
		s.t.Error("gitserver-1 still runs, although the config has one gitserver")
	}
	docker(s.t, "volume", "inspect", s.name+"_gitserver-1") // its data is kept
	s.search("example/hello", "needle-one")
}

func downKeepsData(s *site) {
	s.must(0, "down")
	if got := s.containers(); len(got) > 0 {
		s.t.Errorf("still there after down: %v", got)
	}
	s.must(0, "up")
	s.search("example/hello", "needle-one")
	if users := s.users(); !strings.Contains(users, "ada") {
		s.t.Errorf("the user ada is gone: %s", users)
	}
}

// changes fails the test when the plan changes other services than one.
func (s *site) changes(service string) {
	s.t.Helper()
	plan := s.must(2, "plan")
	var names []string
	for line := range strings.Lines(plan) {
		if f := strings.Fields(line); len(f) > 2 && f[0] == "~" && f[1] != "project" {
			names = append(names, f[1])
		}
	}
	if len(names) != 1 || names[0] != service {
		s.t.Errorf("the plan changes %v, want %s alone:\n%s", names, service, plan)
	}
}

// secretsStaySecret looks for the generated passwords everywhere but in the two files that hold them.
func secretsStaySecret(s *site) {
	project := filepath.Join(s.dir, ".berth", s.name, "project")
	var values []string
	for line := range strings.Lines(s.read(filepath.Join(".berth", s.name, "project", ".env"))) {
		if _, v, ok := strings.Cut(strings.TrimSpace(line), "='"); ok {
			values = append(values, strings.TrimSuffix(v, "'"))
		}
	}
	if len(values) < 3 {
		s.t.Fatalf("the .env file has %d secrets, want the three database passwords at least", len(values))
	}
	holders := map[string]bool{filepath.Join(project, ".env"): true, filepath.Join(s.dir, ".berth", s.name, "secrets.json"): true}
	err := filepath.WalkDir(s.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if holders[path] {
			if info.Mode().Perm() != 0o600 {
				s.t.Errorf("%s has mode %v, want 0600", path, info.Mode().Perm())
			}
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, v := range values {
			if strings.Contains(string(content), v) {
				s.t.Errorf("%s holds a secret value", path)
			}
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, out := range []string{s.must(0, "plan", "--json"), s.must(0, "status", "--json"), s.must(0, "history", "--json")} {
		for _, v := range values {
			if strings.Contains(out, v) {
				s.t.Errorf("a secret value is printed:\n%s", out)
			}
		}
	}
}

// TestRenderedProjectWithDockerCompose runs a rendered project with docker compose and without berth.
func TestRenderedProjectWithDockerCompose(t *testing.T) {
	needs(t, engine, images(release))
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
	// docker compose returns when the containers that others depend on are healthy. berth would wait for the rest, here the test does.
	await(t, 2*time.Minute, "Sourcegraph to answer", func() bool {
		resp, err := http.Get(s.url("/healthz"))
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	s.firstUse("example/alone", "needle-alone")
	s.search("example/alone", "needle-alone")

	before := s.read("project/docker-compose.yaml")
	s.must(0, "render", "--as", "compose", "--out", "project")
	if diff := cmp.Diff(before, s.read("project/docker-compose.yaml")); diff != "" {
		t.Errorf("rendered twice, two results:\n%s", diff)
	}
}

// TestTwoRunsAtTheSameTime starts a second up while the first one runs: it is refused and names the first.
func TestTwoRunsAtTheSameTime(t *testing.T) {
	needs(t, engine, images(release))
	s := newSite(t, "twice")
	s.must(0, "lock")
	first := s.start("up")
	lock := filepath.Join(s.dir, ".berth", s.name, "lock")
	await(t, 20*time.Second, "the first up to hold the lock", func() bool {
		text, err := os.ReadFile(lock)
		return err == nil && len(text) > 0
	})
	says(t, s.must(3, "up"), "pid")
	if code := first.wait(); code != 0 {
		t.Errorf("the first up: exit %d\n%s", code, first.said.String())
	}
}

// TestFilesAndSecrets deploys a config with files and secrets of the admin: they arrive in the containers as they are, and stay secret.
func TestFilesAndSecrets(t *testing.T) {
	needs(t, engine, images(release))
	s := newSite(t, "files",
		"siteConfig: {file: site.json, allowEdits: true}",
		"license: {env: LICENSE_FOR_TEST}",
		"settings: {file: settings.json}",
		"codeHosts: {file: hosts.json}",
		"git: {sshKey: {file: id}, knownHosts: known_hosts, config: gitconfig}",
	)
	const siteConfig = "{\n  // it's allowed: comments, 'quotes', $signs, ${BRACES} and \\ends\n  \"auth.providers\": [], \"a\": \"\\u00e9 \\\"b\\\"\"\n}\n"
	t.Setenv("LICENSE_FOR_TEST", "license-value-1234")
	s.writeFile("site.json", siteConfig)
	s.writeFile("hosts.json", "{\"GITHUB\": [{\"url\": \"https://github.example.com\", \"token\": \"hosts-token-1234\"}]}\n")
	s.writeFile("settings.json", "{}\n")
	_, key, _ := selfSigned(t, "git.example.com")
	s.writeFile("id", "it's a \"key\" with $signs and `ticks`\n"+key) // text before a key in PEM is allowed
	s.writeFile("known_hosts", "git.example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFGA7oLIc20fHHqSb4RL81SNfefouvdOHlGAXzSHH2ww\n")
	s.writeFile("gitconfig", "[user]\n\tname = Ada\n")
	s.must(0, "lock")
	s.must(0, "up")

	t.Run("files arrive byte for byte", func(t *testing.T) { filesArrive(s.in(t), siteConfig) })
	t.Run("Sourcegraph has the URL and the license", func(t *testing.T) {
		if _, text := s.in(t).get("/api/site-config"); !strings.Contains(text, "http://localhost") || strings.Contains(text, "license-value") || !strings.Contains(text, "1234") {
			t.Errorf("the site configuration is: %s", text)
		}
	})
	t.Run("a changed site configuration replaces the frontend alone", func(t *testing.T) {
		s := s.in(t)
		s.must(0, "plan")
		changed := strings.Replace(siteConfig, "allowed", "changed", 1)
		s.writeFile("site.json", changed)
		if out := s.must(2, "plan"); !strings.Contains(out, "sourcegraph-frontend-0") || strings.Contains(out, "gitserver") {
			t.Errorf("the plan does not change the frontend alone:\n%s", out)
		}
		s.must(0, "up")
		s.configured(changed)
	})
	t.Run("the plan names the connections that the file deletes", func(t *testing.T) { connectionsNamed(s.in(t)) })
	t.Run("a changed license replaces the frontend and is not printed", func(t *testing.T) {
		s := s.in(t)
		t.Setenv("LICENSE_FOR_TEST", "license-value-5678")
		if out := s.must(2, "plan"); strings.Contains(out, "5678") || !strings.Contains(out, "sourcegraph-frontend-0") {
			t.Errorf("the plan does not change the frontend, or prints the license:\n%s", out)
		}
		s.must(0, "up")
		if _, text := s.get("/api/site-config"); !strings.Contains(text, "5678") {
			t.Errorf("the new license did not arrive: %s", text)
		}
	})
	t.Run("no other file holds what may be secret", func(t *testing.T) {
		out, err := exec.Command("grep", "-rlE", "--exclude=.env", "--exclude=site.json", "--exclude=hosts.json", "hosts-token-1234|it's (allowed|changed)", s.dir).CombinedOutput()
		if err == nil {
			t.Errorf("these files hold it:\n%s", out)
		}
	})
}

func connectionsNamed(s *site) {
	s.t.Helper()
	docker(s.t, "exec", s.name+"-pgsql", "psql", "-U", "sg", "-d", "sg", "-c",
		`INSERT INTO external_services (kind, display_name, config) VALUES ('GITLAB', 'corp', '{"token": "corp-token-1234"}')`)
	s.writeFile("hosts.json", "{\"GITHUB\": [{\"url\": \"https://github.example.com\", \"token\": \"hosts-token-1234\", \"orgs\": [\"a\"]}]}\n")
	out := s.must(2, "plan")
	says(s.t, out, "BERTH1530", `GITLAB "corp"`)
	if strings.Contains(out, "GITHUB #1") || strings.Contains(out, "token-1234") || strings.Contains(out, "BERTH1531") {
		s.t.Errorf("the plan names too much:\n%s", out)
	}
	docker(s.t, "exec", s.name+"-pgsql", "psql", "-U", "sg", "-d", "sg", "-c", "DELETE FROM external_services WHERE display_name = 'corp'")
	s.must(0, "up")
}

func filesArrive(s *site, siteConfig string) {
	s.configured(siteConfig)
	s.arrived("code-hosts.json", s.read("hosts.json"))
	s.arrived("settings.json", s.read("settings.json"))
	const key = "/home/sourcegraph/.ssh/id_rsa"
	if got := docker(s.t, "exec", s.name+"-gitserver-0", "stat", "-c", "%u %a", key); got != "0 444" {
		s.t.Errorf("the SSH key has owner and mode %s, want 0 444", got)
	}
	says(s.t, docker(s.t, "exec", s.name+"-gitserver-0", "cat", key), "it's a \"key\" with $signs and `ticks`")
}

// configured fails the test when a line of the admin's site configuration is not in the frontend's: what berth writes into it stands at its end.
func (s *site) configured(want string) {
	s.t.Helper()
	got := docker(s.t, "exec", s.name+"-sourcegraph-frontend-0", "cat", "/etc/berth/site-config.json")
	for _, line := range strings.Split(strings.Trim(want, "{}\n"), "\n") {
		if !strings.Contains(got, line) {
			s.t.Errorf("the site configuration lacks %q:\n%s", line, got)
		}
	}
}

// arrived fails the test when a file in the frontend's folder is not what it should be, or the container's user can't read it.
func (s *site) arrived(file, want string) {
	s.t.Helper()
	if got := docker(s.t, "exec", s.name+"-sourcegraph-frontend-0", "cat", "/etc/berth/"+file); got != strings.TrimSpace(want) {
		s.t.Errorf("%s did not arrive byte for byte:\n%s", file, got)
	}
}

// TestHostTooSmall: a cpu limit above the host's cores, which Docker refuses, is found before anything is changed.
func TestHostTooSmall(t *testing.T) {
	needs(t, engine, images(release))
	s := newSite(t, "small")
	s.must(0, "lock")
	s.edit("size: demo\n", "services: {worker: {cpu: 1000}}\n")
	for _, command := range []string{"check", "up"} {
		says(t, s.must(3, command), "BERTH2108", "size: demo")
	}
	if got := s.containers(); len(got) > 0 {
		t.Errorf("something was started: %v", got)
	}
}

// TestPasswordsLost: when data is there and its generated passwords are lost, berth generates no new ones.
func TestPasswordsLost(t *testing.T) {
	needs(t, engine, images(release))
	s := newSite(t, "lost")
	s.must(0, "lock")
	docker(t, "volume", "create", "--label", "com.docker.compose.project="+s.name, "--label", "com.docker.compose.volume=pgsql", s.name+"_pgsql")
	says(t, s.must(3, "up"), "BERTH3102")
	if got := s.containers(); len(got) > 0 {
		t.Errorf("something was started: %v", got)
	}
}

// TestExternalDatabase: with an external Postgres the bundled one does not run, and Sourcegraph's data is in the external one.
func TestExternalDatabase(t *testing.T) {
	needs(t, engine, images(release))
	s := newSite(t, "owndb")
	s.externalDatabase(`it's "p@ss"/w:rd$1 %20`)
	s.must(0, "lock")
	s.must(0, "up")
	if got := s.containers(); got["pgsql"] != "" || got["pgsql-exporter"] != "" || len(got) != 24 {
		t.Errorf("the bundled pgsql or its exporter runs, or %d containers, want 24", len(got))
	}
	s.firstUse("example/own", "needle-own")
	s.search("example/own", "needle-own")
	if users := s.externalSQL("select username from users"); !strings.Contains(users, "ada") {
		t.Errorf("the user is not in the external database, which has: %s", users)
	}
	if out := s.must(0, "plan"); strings.Contains(out, "p@ss") {
		t.Errorf("the password is printed:\n%s", out)
	}
	externalSession(s)
	if left := docker(t, "ps", "-a", "--filter", "name="+s.name+"-berth-psql", "--format", "{{.Names}}"); left != "" {
		t.Errorf("tasks of sessions are left: %s", left)
	}
}

// TestExternalObjectStorage keeps uploads in an S3 server that is no part of the installation, and a wrong key is no success.
func TestExternalObjectStorage(t *testing.T) {
	needs(t, engine, images(release))
	onlyStandIns(t)
	const server = "berth-e2e-s3"
	_ = exec.Command("docker", "rm", "-f", "-v", server).Run() // of a test that was killed
	port := freePort(t)
	docker(t, "run", "-d", "--name", server, "-p", fmt.Sprintf("0.0.0.0:%d:7070", port), "-e", "ROOT_ACCESS_KEY_ID=berth", "-e", "ROOT_SECRET_ACCESS_KEY=right",
		repository()+"/versitygw:"+release)
	t.Cleanup(func() { docker(t, "rm", "-f", "-v", server) })
	gateway := docker(t, "inspect", server, "-f", "{{.NetworkSettings.Gateway}}")

	s := newSite(t, "objects")
	s.writeFile("key.txt", "berth\n")
	s.writeFile("secret.txt", "right\n")
	s.edit("size: demo\n", fmt.Sprintf("size: demo\nobjectStorage: {backend: s3, bucket: uploads, region: us-east-1, endpoint: 'http://%s:%d', manageBucket: true, "+
		"accessKeyID: {file: key.txt}, secretAccessKey: {file: secret.txt}}\n", gateway, port))
	s.must(0, "lock")
	s.must(0, "up")
	s.seed()
	if kept := docker(t, "exec", server, "ls", "/data/uploads"); !strings.Contains(kept, ".scip") {
		t.Errorf("the server has %q", kept)
	}
	if running := s.running(); slices.ContainsFunc(slices.Collect(maps.Keys(running)), func(name string) bool { return strings.Contains(name, "blobstore") }) {
		t.Error("a blobstore runs all the same")
	}
	s.writeFile("secret.txt", "wrong\n")
	s.must(0, "up")
	resp, err := http.Post(s.url("/api/uploads?repository=example/seeded"), "application/octet-stream", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(text), "SignatureDoesNotMatch") {
		t.Errorf("with a wrong secret an upload is answered with %s: %s", resp.Status, text)
	}
}
