//go:build e2e

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// walk is an installation, what was done to it, and what must be true of it therefore.
type walk struct {
	t        *testing.T
	site     *site
	place    place
	ports    []int
	bases    []string // releases that are written into the config
	begins   []string // releases that walks begin with; a release that is in it twice is drawn twice as often
	walked   []string
	commands int

	valid    string              // the last text of the config that is valid YAML
	promised string              // the release that a rollback was promised to; "": none was
	underWay bool                // an upgrade or a rollback has begun and not ended
	marks    []string            // repositories that people added
	doubtful map[string]bool     // repositories that a rollback or a restored volume may have lost
	taken    *taken              // copies of the databases' volumes
	byHand   string              // what was done by hand and is not reverted yet; "": nothing
	volumes  []string            // the volumes that exist
	secrets  map[string]struct{} // the generated secrets
	said     string              // what the last command that failed printed
}

// taken is what is known of copies of the databases' volumes.
type taken struct {
	release string
	marks   []string
}

// place is where an installation runs, asked without berth.
type place interface {
	// running are the units that run, and what is wrong with those that don't.
	running() ([]unit, error)
	// sql asks pgsql.
	sql(query string) (string, error)
	// volumes are the names of what holds data.
	volumes() ([]string, error)
	// hand does something to a service by hand, and says whether berth must notice it.
	hand(verb, service, release string) (noticed bool, err error)
}

// unit is a container or a pod.
type unit struct {
	service, release string
	runs             bool
	trouble          string // why it can't use its data
}

func newWalk(t *testing.T, s *site, p place) *walk {
	return &walk{t: t, site: s, place: p, ports: []int{freePort(t), freePort(t), freePort(t)}, doubtful: map[string]bool{}, secrets: map[string]struct{}{}}
}

// result is what became of a command.
type result struct {
	args   []string
	code   int // -1: it was killed
	out    string
	before []record // the history before it
	after  []record
}

func (r result) command() string { return strings.Join(r.args, " ") }

// record is what the history says of one thing that was asked for.
type record struct {
	Number                        int
	Action, From, Release, Result string
}

// step does one step.
func (w *walk) step(words []string) {
	w.t.Helper()
	switch words[0] {
	case "new":
		w.begin(words[1])
	case "edit":
		w.edit(words[1:])
	case "berth":
		w.judge(w.berth(words[1:]...))
	case "kill", "interrupt":
		w.disturbed(words)
	case "saved":
		w.saved(words[1:])
	case "revert-to":
		w.revertTo(words[1])
	case "both":
		w.both(strings.Join(words[1:], " "))
	case "hand":
		w.hand(words[1:])
	case "delete-data":
		w.deleteData()
	case "use":
		w.use()
	case "take":
		w.take()
	case "restore":
		w.restore()
	case "lead":
		w.lead()
	default:
		w.t.Fatalf("no step is called %q", words[0])
	}
}

// begin makes the config with berth init, adds what the test bed needs, and deploys.
func (w *walk) begin(from string) {
	w.t.Helper()
	wanted := w.site.read("sourcegraph.yaml")
	if err := os.Remove(w.site.dir + "/sourcegraph.yaml"); err != nil {
		w.t.Fatal(err)
	}
	w.run("init", "--release", from, "--target", w.key(wanted, "target"), "--name", w.site.name, "--url", w.key(wanted, "url"), "--size", "demo")
	text := w.site.read("sourcegraph.yaml")
	for line := range strings.Lines(wanted) {
		if key, _, _ := strings.Cut(line, ":"); strings.HasPrefix(line, " ") || !regexp.MustCompile(`(?m)^`+key+`:`).MatchString(text) {
			text += line
		}
	}
	text += "services:\n" +
		"  worker: {env: {ROUND: \"0\"}}\n" +
		"  searcher: {memory: 900Mi, replicas: 1}\n" +
		"  gitserver: {replicas: 1}\n"
	for _, off := range []string{"grafana", "cadvisor", "node-exporter", "otel-collector", "pgsql-exporter", "codeintel-db-exporter", "codeinsights-db-exporter"} {
		if !w.site.cluster || !strings.HasSuffix(off, "-exporter") {
			text += "  " + off + ": {enabled: false}\n"
		}
	}
	text = regexp.MustCompile(`(?ms)^patches:\n(  .*?\n)*`).ReplaceAllString(text, "") // of cadvisor, which is disabled
	w.write(text)
	w.run("lock")
	w.run("lock", "--to", release)
	if r := w.berth("up"); r.code != 0 {
		w.t.Fatalf("the first up: exit %d\n%s", r.code, r.out)
	}
	w.site.post("/api/site-init", "application/json", strings.NewReader(`{"email":"ada@example.com","username":"ada","password":"correct horse"}`))
	w.use()
}

func (w *walk) key(text, name string) string {
	m := regexp.MustCompile(`(?m)^` + name + `: *(\S+)`).FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	return m[1]
}

// write writes the config, as an admin's editor does.
func (w *walk) write(text string) {
	w.site.writeFile("sourcegraph.yaml", text)
	if !strings.Contains(text, brokenLine) {
		w.valid = text
	}
}

const brokenLine = "services: {worker: [\n"

// edit changes a key of the config.
func (w *walk) edit(words []string) {
	w.t.Helper()
	text := w.site.read("sourcegraph.yaml")
	replace := func(pattern, with string) {
		re := regexp.MustCompile(pattern)
		if !re.MatchString(text) {
			w.t.Fatalf("the file has no %s:\n%s", pattern, text)
		}
		text = re.ReplaceAllString(text, "${1}"+with)
	}
	switch words[0] {
	case "env":
		replace(`(ROUND: ")\d+`, words[1])
	case "memory":
		replace(`(memory: )\d+(Mi)`, words[1]+"Mi")
	case "replicas":
		replace(`(  `+words[1]+`: \{.*replicas: )\d+`, words[2])
	case "port":
		if i, err := strconv.Atoi(words[1]); err == nil && strings.Contains(text, "ports: {") {
			replace(`(ports: \{.*prometheus: )\d+`, strconv.Itoa(w.ports[i]))
		}
	case "release":
		replace(`(?m)(^release: *)\S+`, words[1])
	case "broken":
		if !strings.HasSuffix(text, brokenLine) {
			text += brokenLine
		}
	case "repair":
		text = w.valid
	}
	w.write(text)
}

// arguments are those of a command, with the flags that it needs where nobody can answer.
func (w *walk) arguments(args []string) []string {
	args = slices.Clone(args)
	changes := args[0] == "upgrade" && !slices.Contains(args, "--plan") || args[0] == "rollback" || args[0] == "revert"
	if changes && !slices.Contains(args, "--yes") {
		args = append(args, "--yes")
	}
	if args[0] == "upgrade" && !slices.Contains(args, "finish") {
		if !slices.Contains(args, "--to") && w.site.cluster {
			args = append(args, "--to", release)
		}
		args = append(args, "--patience", "1m")
	}
	if slices.Contains([]string{"up", "upgrade", "rollback", "revert"}, args[0]) && !slices.Contains(args, "finish") && !slices.Contains(args, "--plan") && !slices.Contains(args, "--timeout") {
		args = append(args, "--timeout", "2m")
	}
	return args
}

// run runs a command to its end, and looks for secrets in its output.
func (w *walk) run(args ...string) result {
	return w.disturb(0, 0, args...)
}

// longest is how long a command of a walk may take.
const longest = 12 * time.Minute

// disturb runs a command and sends it a signal after a while; 0: none.
func (w *walk) disturb(after time.Duration, signal syscall.Signal, args ...string) result {
	w.t.Helper()
	w.commands++
	began := time.Now()
	b := w.site.start(w.arguments(args)...)
	var clock <-chan time.Time
	if signal != 0 {
		clock = time.After(after)
	}
	patience := time.After(longest)
	r := result{args: args}
	for !b.ended() {
		select {
		case <-b.done:
		case <-clock:
			_ = b.cmd.Process.Signal(signal) // it may have ended just now
		case <-patience:
			_, out := b.end(os.Kill)
			w.broke("a command ends", "berth %s has not ended after %v:\n%s", r.command(), longest, out)
		}
	}
	r.code, r.out = b.wait(), b.said.String()
	w.t.Logf("  berth %s: exit %d in %.1f s", r.command(), r.code, time.Since(began).Seconds())
	if r.code > 0 && r.code != 2 {
		w.t.Logf("%s", indented(r.out, 12))
	}
	w.keptSecret("what berth "+r.command()+" printed", r.out)
	if text, err := os.ReadFile(w.site.dir + "/sourcegraph.yaml"); err == nil && !strings.Contains(string(text), brokenLine) {
		w.valid = string(text) // berth edits it, too
	}
	if r.code == 2 && slices.Contains(args, "up") || strings.Contains(r.out, "panic:") || strings.Contains(r.out, "goroutine ") {
		w.broke("a command ends orderly", "berth %s: exit %d\n%s", r.command(), r.code, r.out)
	}
	return r
}

// indented are the last lines of a text.
func indented(text string, most int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return "    > " + strings.Join(lines[max(0, len(lines)-most):], "\n    > ")
}

// berth runs a command with the history before and after it.
func (w *walk) berth(args ...string) result {
	w.t.Helper()
	before := w.history()
	r := w.run(args...)
	r.before, r.after = before, w.history()
	return r
}

// disturbed kills or interrupts a command.
func (w *walk) disturbed(words []string) {
	w.t.Helper()
	ms, err := strconv.Atoi(words[1])
	if err != nil {
		w.t.Fatal(err)
	}
	signal := syscall.SIGKILL
	if words[0] == "interrupt" {
		signal = syscall.SIGINT
	}
	before := w.history()
	r := w.disturb(time.Duration(ms)*time.Millisecond, signal, words[2:]...)
	r.before, r.after = before, w.history()
	w.judge(r)
}

// saved saves a plan, does another step, and carries the plan out.
func (w *walk) saved(between []string) {
	w.t.Helper()
	if r := w.berth("plan", "--out", "plan.json"); r.code != 0 && r.code != 2 {
		w.judge(r)
		return
	}
	if len(between) > 0 {
		w.step(between)
	}
	w.judge(w.berth("up", "--plan", "plan.json"))
}

// revertTo reverts to one of the runs in the history.
func (w *walk) revertTo(which string) {
	w.t.Helper()
	records := w.history()
	n, err := strconv.Atoi(which)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(records) > 0 {
		n = records[n%len(records)].Number
	}
	w.judge(w.berth("revert", "--to", strconv.Itoa(n)))
}

// both runs two commands at once: a second admin.
func (w *walk) both(text string) {
	w.t.Helper()
	one, other, _ := strings.Cut(text, " | ")
	before := w.history()
	results := make([]result, 2)
	var wait sync.WaitGroup
	caught := make(chan any, 2)
	for i, command := range []string{one, other} {
		wait.Go(func() {
			defer func() { caught <- recover() }()
			results[i] = w.run(strings.Fields(command)...)
		})
	}
	wait.Wait()
	for range results {
		if c := <-caught; c != nil {
			panic(c)
		}
	}
	after := w.history()
	for _, r := range results {
		w.promises(r)
		if r.code != 0 {
			w.said = r.out
		}
	}
	if len(after) > len(before)+2 {
		w.broke("history has one line for each command", "%d lines more after berth %s", len(after)-len(before), text)
	}
}

// hand changes a container by hand. Until the next command of berth that succeeds, rules are checked with that in mind.
func (w *walk) hand(words []string) {
	w.t.Helper()
	to := ""
	if len(words) > 2 {
		to = words[2]
		units, err := w.place.running()
		if err != nil {
			w.t.Fatal(err)
		}
		if slices.ContainsFunc(units, func(u unit) bool { return u.service == words[1] && u.release == to }) {
			return // it has that release already
		}
	}
	noticed, err := w.place.hand(words[0], words[1], to)
	switch {
	case err != nil:
		w.t.Logf("  not done: %v", err)
	case noticed:
		w.byHand = strings.Join(words, " ")
	}
}

// deleteData deletes the installation with its data.
func (w *walk) deleteData() {
	w.t.Helper()
	before := w.volumes
	r := w.run("down", "--delete-data", w.site.name)
	if r.code != 0 {
		w.said = r.out
		return
	}
	if left, err := w.place.volumes(); err != nil || len(left) > 0 {
		w.broke("delete-data deletes all data", "left of %q: %q, %v", before, left, err)
	}
	w.marks, w.promised, w.taken, w.volumes, w.secrets = nil, "", nil, nil, map[string]struct{}{}
	clear(w.doubtful)
}

// use does what people do: it adds a repository, if Sourcegraph answers.
func (w *walk) use() {
	w.t.Helper()
	name := fmt.Sprintf("example/walk-%d", len(w.walked))
	resp, err := http.Post(w.site.url("/api/repos/"+name+"/bundle"), "application/octet-stream", bytes.NewReader(bundle(w.t, "needle-"+name)))
	if err != nil {
		return
	}
	resp.Body.Close()
	if resp.StatusCode < 300 {
		w.marks = append(w.marks, name)
	}
}

// take stops the databases and copies their volumes.
func (w *walk) take() {
	w.t.Helper()
	at, err := w.place.sql("SELECT version FROM versions WHERE service = 'frontend'")
	if err != nil {
		return
	}
	if _, err := w.place.hand("take", "", ""); err != nil {
		w.t.Logf("  not done: %v", err)
		return
	}
	w.taken = &taken{at, slices.Clone(w.marks)}
}

// restore stops the installation, restores the copied volumes, and starts it.
func (w *walk) restore() {
	w.t.Helper()
	if w.taken == nil {
		return
	}
	if r := w.berth("down"); r.code != 0 {
		w.judge(r)
		return
	}
	if _, err := w.place.hand("restore", "", ""); err != nil {
		w.t.Fatal(err)
	}
	w.byHand = "restored volumes of " + w.taken.release
	for _, m := range w.marks {
		if !slices.Contains(w.taken.marks, m) {
			w.doubtful[m] = true
		}
	}
	w.judge(w.berth("up"))
}

// onEngine is an installation on a Docker Engine.
type onEngine struct{ name string }

// sh runs a program and gives its output.
func sh(args ...string) (string, error) {
	var stderr bytes.Buffer
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out)), err
}

func (e onEngine) running() (units []unit, err error) {
	out, err := sh("docker", "ps", "-a", "--filter", "label=dev.berth.installation="+e.name, "--format",
		`{{.Label "dev.berth.service"}} {{.Label "dev.berth.release"}} {{.State}} {{.Names}}`)
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) < 4 {
			continue // a task
		}
		u := unit{service: f[0], release: f[1], runs: f[2] == "running"}
		if slices.Contains(databases, u.service) {
			log, _ := exec.Command("docker", "logs", "--tail", "20", f[3]).CombinedOutput()
			u.trouble = olderMajor.FindString(string(log))
		}
		units = append(units, u)
	}
	return units, err
}

var databases = []string{"pgsql", "codeintel-db", "codeinsights-db"}

// olderMajor is what Postgres prints when data is of another major release.
var olderMajor = regexp.MustCompile(`(?m)^.*(not compatible with this version|incompatible with server).*$`)

func (e onEngine) sql(query string) (string, error) {
	return sh("docker", "exec", e.name+"-pgsql", "psql", "-U", "sg", "-d", "sg", "-Atc", query)
}

func (e onEngine) volumes() ([]string, error) {
	out, err := sh("docker", "volume", "ls", "--filter", "label=com.docker.compose.project="+e.name, "--format", "{{.Name}}")
	return strings.Fields(out), err
}

// hand: "image" replaces a container by one with the image of another release, like an admin who edits the rendered file.
func (e onEngine) hand(verb, service, to string) (noticed bool, err error) {
	container := e.name + "-" + service
	if slices.Contains([]string{"gitserver", "searcher", "sourcegraph-frontend"}, service) {
		container += "-0"
	}
	switch verb {
	case "stop":
		_, err = sh("docker", "stop", "-t", "5", container)
	case "rm":
		_, err = sh("docker", "rm", "-f", container)
	case "limit":
		_, err = sh("docker", "update", "--memory", "1500m", "--memory-swap", "3g", container)
	case "image":
		err = e.image(container, to)
	case "take", "restore":
		err = e.copies(verb)
	}
	return err == nil, err
}

func (e onEngine) image(container, to string) error {
	dir, err := sh("docker", "inspect", "-f", `{{index .Config.Labels "com.docker.compose.project.working_dir"}}`, container)
	if err != nil {
		return err
	}
	unit := strings.TrimPrefix(container, e.name+"-")
	image, err := sh("docker", "inspect", "-f", "{{.Config.Image}}", container)
	if err != nil {
		return err
	}
	name, _, _ := strings.Cut(image, "@")
	over := dir + "/../by-hand.yaml"
	text := fmt.Sprintf("services:\n  %s:\n    image: %s:%s\n", unit, name[:strings.LastIndexByte(name, ':')], to)
	if err := os.WriteFile(over, []byte(text), 0o600); err != nil {
		return err
	}
	_, err = sh("docker", "compose", "--project-directory", dir, "--project-name", e.name, "-f", dir+"/docker-compose.yaml", "-f", over, "up", "--detach", "--no-deps", unit)
	return errors.Join(err, os.Remove(over))
}

// copies copies the databases' volumes to other volumes, or from them.
func (e onEngine) copies(verb string) error {
	image := repository() + "/postgresql-16:" + release
	for _, db := range databases {
		from, to := e.name+"_"+db, e.name+"-kept-"+db
		if verb == "take" {
			if _, err := sh("docker", "stop", e.name+"-"+db); err != nil {
				return err
			}
		} else {
			from, to = to, from
		}
		if _, err := sh("docker", "run", "--rm", "--user", "0", "--entrypoint", "sh", "-v", from+":/from", "-v", to+":/to", image, "-c",
			"find /to -mindepth 1 -delete; cp -a /from/. /to"); err != nil {
			return err
		}
		if verb == "take" {
			if _, err := sh("docker", "start", e.name+"-"+db); err != nil {
				return err
			}
		}
	}
	return nil
}
