//go:build e2e

package e2e

import (
	"cmp"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// TestFirstTrialPage plays docs/first-trial.md in an empty Debian, command by command, as somebody types them who never did it: from the questions
// of berth init to a search, a change, and the end. What the page asks for beforehand is put there: Docker's own programs, and berth. To the file
// that berth init writes, lines are added for what is not here: Sourcegraph's own images, and a name of its own, since other tests run.
func TestFirstTrialPage(t *testing.T) {
	needs(t, engine, images(release), long)
	page, err := os.ReadFile("../docs/first-trial.md")
	if err != nil {
		t.Fatal(err)
	}
	change := regexp.MustCompile(`(?m)^    services:\n(?:      .*\n)+`).FindString(string(page))
	if change == "" {
		t.Fatal("the page shows no change of the file")
	}
	s := &site{t: t, dir: t.TempDir(), name: "firsttrial", port: 80}
	sweep(t, s.name)
	d := inDebian(s)
	t.Cleanup(func() { sweep(t, s.name) })
	played := ""
	for _, m := range regexp.MustCompile(`(?m)^    (?:\$ )?berth (\S.*?)(?: +#.*)?$`).FindAllStringSubmatch(string(page), -1) {
		args := strings.Fields(strings.ReplaceAll(m[1], "--delete-data sourcegraph", "--delete-data "+s.name))
		switch m[1] {
		case "init":
			d.asked(args, strings.Repeat("\n", 10))
			if text := s.read("sourcegraph.yaml"); !strings.Contains(text, "target: compose") || !strings.Contains(text, "url: http://localhost\n") || !strings.Contains(text, "size: demo") {
				t.Fatalf("berth init wrote:\n%s", text)
			}
			d.add(append([]string{"name: " + s.name, "images: {registry: " + repository() + "}"}, unprivileged(t)...)...)
			d.must(0, "lock")
		case "plan":
			if strings.HasSuffix(played, "status ") {
				d.add(regexp.MustCompile(`(?m)^    `).ReplaceAllString(change, ""))
			}
			out := d.must(2, args...)
			if strings.HasSuffix(played, "status ") && !strings.Contains(out, "gitserver-0") {
				t.Errorf("the change shows as\n%s", out)
			}
		case "revert":
			d.asked(args, "y\n")
		default:
			d.must(0, args...)
		}
		if played += m[1] + " "; played == "init check plan up " {
			s.firstUse("example/first", "lighthouse")
			s.search("example/first", "lighthouse")
		}
	}
	if want := "init check plan up status plan up revert down up down --delete-data sourcegraph "; played != want {
		t.Errorf("the page has the commands %s, and this test knows %s", played, want)
	}
	if left := s.containers(); len(left) > 0 {
		t.Errorf("it leaves %v", left)
	}
}

// TestFirstSignIn opens a new Sourcegraph in a real browser, creates the site admin in its form, and searches. With SCREENS=docs/pictures it makes the
// pictures of docs/first-trial.md again; they show the stand-in's page as it is.
func TestFirstSignIn(t *testing.T) {
	needs(t, engine, images(release), chromium)
	onlyStandIns(t)
	s := newSite(t, "firstsignin")
	s.must(0, "lock")
	s.must(0, "up")
	s.addRepo("example/first", "lighthouse")
	s.search("example/first", "lighthouse")
	browser := exec.Command("go", "test", "-tags", "browser", "-count=1", "-run", "^TestFirstSignInInABrowser$", ".")
	browser.Dir = "../site"
	browser.Env = append(os.Environ(), "TRIAL="+s.url(""))
	if screens := os.Getenv("SCREENS"); screens != "" {
		browser.Env = append(browser.Env, "SCREENS="+absolute(t, "../"+screens))
	}
	if out, err := browser.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if users := s.users(); !strings.Contains(users, `"siteAdmin": true`) {
		t.Errorf("the form made no site admin: %s", users)
	}
}

// debian is a machine with nothing but Debian, Docker's programs and berth: a container in the network of the engine's machine.
type debian struct {
	site *site
	name string
}

func inDebian(s *site) *debian {
	d := &debian{s, s.name + "-debian"}
	socket := cmp.Or(strings.TrimPrefix(os.Getenv("DOCKER_HOST"), "unix://"), "/var/run/docker.sock")
	cli, err := exec.LookPath("docker")
	if err != nil {
		s.t.Fatal(err)
	}
	run := []string{"run", "--detach", "--name", d.name, "--network", "host", "--workdir", s.dir, "--env", "HOME=" + s.dir, "--env", "TERM=xterm"}
	mounts := map[string]string{s.dir: s.dir, program(s.t): "/usr/local/bin/berth", cli: "/usr/bin/docker", socket: socket}
	for _, plugins := range []string{os.Getenv("DOCKER_CONFIG"), "/usr/libexec/docker", "/usr/lib/docker"} { // where docker compose is
		if _, err := os.Stat(plugins); err == nil {
			mounts[plugins] = plugins
		}
	}
	for from, to := range mounts {
		run = append(run, "--volume", from+":"+to)
	}
	docker(s.t, append(run, "--env", "DOCKER_HOST=unix://"+socket, "--env", "DOCKER_CONFIG", "berth-testbed/debian:12", "sleep", "infinity")...)
	s.t.Cleanup(func() { docker(s.t, "rm", "--force", d.name) })
	return d
}

// must runs a command there.
func (d *debian) must(code int, args ...string) string {
	d.site.t.Helper()
	cmd := exec.Command("docker", append([]string{"exec", d.name, "berth"}, args...)...)
	out, err := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != code {
		d.site.t.Fatalf("berth %s: exit %d, want %d (%v)\n%s", strings.Join(args, " "), got, code, err, out)
	}
	return string(out)
}

// asked runs a command on a terminal there, and types answers.
func (d *debian) asked(args []string, answers string) {
	d.site.t.Helper()
	cmd := exec.Command("docker", append([]string{"exec", "--interactive", "--tty", d.name, "berth"}, args...)...)
	terminal, err := pty.Start(cmd)
	if err != nil {
		d.site.t.Fatal(err)
	}
	defer terminal.Close()
	if _, err := io.WriteString(terminal, answers); err != nil {
		d.site.t.Fatal(err)
	}
	said, _ := io.ReadAll(terminal) // a terminal ends with an error
	if err := cmd.Wait(); err != nil {
		d.site.t.Fatalf("berth %s: %v\n%s", strings.Join(args, " "), err, said)
	}
}

// add adds lines to the config.
func (d *debian) add(lines ...string) {
	d.site.t.Helper()
	d.site.writeFile("sourcegraph.yaml", d.site.read("sourcegraph.yaml")+strings.Join(lines, "\n")+"\n")
}
