//go:build e2e

package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// broke ends the walk: a rule is broken.
func (w *walk) broke(rule, detail string, args ...any) {
	panic(&broken{rule: rule, detail: fmt.Sprintf(detail, args...)})
}

// check checks the rules that hold after every step.
func (w *walk) check() {
	w.t.Helper()
	units, err := w.place.running()
	if err != nil {
		w.t.Fatal(err)
	}
	w.schemas(units)
	w.majors(units)
	w.keptVolumes()
	w.keptMarks()
	w.keptFiles()
	var status struct{ Upgrade string }
	if r := w.quiet("status", "--json"); resultOf(r, &status) == nil {
		w.underWay = status.Upgrade != ""
	}
}

// quiet is what a command prints as its result.
func (w *walk) quiet(args ...string) string {
	out, _ := w.site.command(w.t.Context(), args...).Output() // its result is there also where it ends with a code
	return string(out)
}

// schemas: software never runs on a schema that its release can't read. A release can read the schema of the next minor release, and its frontend
// migrates that of the minor release before.
//
// Source: https://sourcegraph.com/docs/admin/updates
func (w *walk) schemas(units []unit) {
	at, err := w.place.sql("SELECT version FROM versions WHERE service = 'frontend'")
	if err != nil || at == "" || w.byHand != "" {
		return // the databases don't run, or services were changed by hand
	}
	for _, u := range units {
		if u.runs && strings.HasPrefix(u.service, "sourcegraph-frontend") && u.release != "" && apart(u.release, at) > 1 {
			w.broke("software runs on a schema that it can read", "a frontend of %s runs, and the databases are of %s", u.release, at)
		}
	}
	if spoiled, err := w.place.sql("SELECT count(*) FROM standin_spoiled"); err == nil && spoiled != "0" {
		what, _ := w.place.sql("SELECT * FROM standin_spoiled LIMIT 5")
		w.broke("software runs on a schema that it can read", "data is spoiled: %s", what)
	}
}

// lastMinors are the last minor releases of majors.
var lastMinors = map[int]int{5: 11, 6: 12}

// apart is how many minor releases lie between two.
func apart(a, b string) int {
	count := func(v string) int {
		f := strings.SplitN(v, ".", 3)
		major, _ := strconv.Atoi(f[0])
		minor, _ := strconv.Atoi(f[1])
		for m := 5; m < major; m++ {
			minor += lastMinors[m] + 1
		}
		return minor
	}
	return max(count(a)-count(b), count(b)-count(a))
}

// majors: no Postgres opens data of another major release.
func (w *walk) majors(units []unit) {
	for _, u := range units {
		if u.trouble != "" && w.byHand == "" {
			w.broke("data is opened by a Postgres of its major", "%s of %s: %s", u.service, u.release, u.trouble)
		}
	}
}

// keptVolumes: no volume is deleted without --delete-data, but for those of tasks and clones.
func (w *walk) keptVolumes() {
	now, err := w.place.volumes()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, v := range w.volumes {
		if !slices.Contains(now, v) {
			w.broke("volumes are kept", "%s is gone", v)
		}
	}
	w.volumes = now
}

// keptMarks: the repositories that people added exist, if the databases answer.
func (w *walk) keptMarks() {
	there, err := w.place.sql("SELECT string_agg(name, ' ') FROM repo")
	if err != nil {
		return
	}
	for _, m := range w.marks {
		if !slices.Contains(strings.Fields(there), m) && !w.doubtful[m] {
			w.broke("people's data is kept", "the repository %s is gone; there are: %s", m, there)
		}
	}
}

// keptFiles: no secret is in a file that others can read.
func (w *walk) keptFiles() {
	text, err := os.ReadFile(filepath.Join(w.site.dir, ".berth", w.site.name, "secrets.json"))
	if err == nil {
		var values map[string]string
		if err := json.Unmarshal(text, &values); err != nil {
			w.t.Fatal(err)
		}
		for _, v := range values {
			w.secrets[v] = struct{}{}
		}
	}
	if c, ok := w.place.(onCluster); ok {
		for _, v := range c.passwords() {
			w.secrets[v] = struct{}{}
		}
	}
	err = filepath.WalkDir(w.site.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if d.IsDir() && path != w.site.dir && info.Mode()&0o011 == 0 {
			return fs.SkipDir // nobody else can open it
		}
		if d.IsDir() || info.Mode()&0o044 == 0 {
			return nil
		}
		text, err := os.ReadFile(path)
		w.keptSecret(path, string(text))
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// keptSecret: no secret is in a text.
func (w *walk) keptSecret(where, text string) {
	for s := range w.secrets {
		if len(s) > 5 && (strings.Contains(text, s) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(s)))) {
			w.broke("secrets are kept", "a generated password is in %s:\n%s", where, text)
		}
	}
}

// history is the history that berth prints; nil when the config is broken.
func (w *walk) history() []record {
	out := w.quiet("history", "--json")
	if out == "" {
		return nil
	}
	var records []record
	if err := resultOf(out, &records); err != nil {
		w.broke("history can be read", "%v\n%s", err, out)
	}
	return records
}

// doing gives the actions in the history of a command that changes something.
var doing = map[string][]string{"up": {"up", "upgrade"}, "upgrade": {"upgrade"}, "rollback": {"rollback"}, "revert": {"revert"}, "down": {"down"}, "agent": {"upgrade"}}

// judge checks what a command says against what is true.
func (w *walk) judge(r result) {
	w.t.Helper()
	w.promises(r)
	w.recorded(r)
	if slices.Contains([]string{"plan", "up"}, r.args[0]) && r.code == 0 && w.byHand != "" && strings.Contains(r.out, "nothing to do") {
		w.broke("changes by hand are noticed", "after %s, berth %s says\n%s", w.byHand, r.command(), r.out)
	}
	switch r.code {
	case 0:
		w.well(r)
	case 2, -1:
	default:
		w.said = r.out
	}
}

// recorded: history has one line for each command, with what happened.
func (w *walk) recorded(r result) {
	if r.before == nil && r.after == nil {
		return
	}
	if len(r.after) > len(r.before)+1 {
		w.broke("history has one line for each command", "%d lines more after berth %s", len(r.after)-len(r.before), r.command())
	}
	idle := strings.Contains(r.out, "nothing to do") || strings.Contains(r.out, "nothing to upgrade") || strings.Contains(r.out, "given up") ||
		strings.Contains(r.out, "nothing was changed yet") || r.args[0] == "down" && len(r.before) == len(r.after) || r.args[0] == "agent"
	actions, changes := doing[r.args[0]]
	if !changes || r.code != 0 || idle || slices.Contains(r.args, "--plan") && r.args[0] != "up" || slices.Contains(r.args, "finish") {
		return
	}
	if len(r.after) == 0 {
		w.broke("history says what happened", "nothing, after berth %s:\n%s", r.command(), r.out)
	}
	if last := r.after[len(r.after)-1]; !slices.Contains(actions, last.Action) || last.Result != "done" {
		w.broke("history says what happened", "berth %s ended well, and the last line says %+v\n%s", r.command(), last, r.out)
	}
}

var (
	promise    = regexp.MustCompile(`(?m)^to roll back (?:further, )?to (\S+?): berth rollback`)
	rolledBack = regexp.MustCompile(`(?m)^Sourcegraph (\S+) runs again`)
	sinceThen  = regexp.MustCompile(`cost +what was written since the backup`)
	nothingYet = regexp.MustCompile(`nothing was changed yet`)
)

// promises: a rollback that was promised is possible, and goes to that release.
func (w *walk) promises(r result) {
	if m := rolledBack.FindStringSubmatch(r.out); m != nil {
		if r.args[0] == "rollback" && w.promised != "" && m[1] != w.promised && !w.underWay {
			w.broke("a promised rollback goes to its release", "%s was promised, and it went to %s:\n%s", w.promised, m[1], r.out)
		}
		if !w.underWay {
			w.promised = "" // while an upgrade is under way, the promise of the one before it holds
		}
	}
	if r.args[0] == "rollback" && r.code != 0 && r.code != -1 && strings.Contains(r.out, "BERTH3735") && w.promised != "" {
		w.broke("a promised rollback is possible", "%s was promised:\n%s", w.promised, r.out)
	}
	if sinceThen.MatchString(r.out) && r.args[0] == "rollback" {
		for _, m := range w.marks {
			w.doubtful[m] = true // it may be older than the backup
		}
	}
	if m := promise.FindStringSubmatch(r.out); m != nil {
		w.promised = m[1]
	} else if strings.Contains(r.out, " runs; from ") && r.code == 0 {
		w.broke("an upgrade says how to go back", "berth %s:\n%s", r.command(), r.out)
	}
	if slices.Contains(r.args, "finish") && r.code == 0 {
		w.promised = ""
	}
}

// well: after a command that succeeded, status is healthy at once and the plan is empty.
func (w *walk) well(r result) {
	command := r.args[0]
	if slices.Contains(r.args, "finish") || !slices.Contains([]string{"up", "upgrade", "rollback", "revert"}, command) || slices.Contains(r.args, "--plan") && command != "up" {
		return
	}
	w.byHand = ""
	if command == "upgrade" && strings.Contains(r.out, "nothing to upgrade") {
		return
	}
	if nothingYet.MatchString(r.out) {
		return // the config may have had changes before the upgrade that was given up
	}
	if s := w.run("status"); s.code != 0 {
		w.broke("after a success status is healthy", "berth %s:\n%s\nberth status: exit %d\n%s", r.command(), r.out, s.code, s.out)
	}
	if p := w.run("plan"); p.code != 0 {
		w.broke("after a success the plan is empty", "berth %s:\n%s\nberth plan: exit %d\n%s", r.command(), r.out, p.code, p.out)
	}
}

// tries is the number of named commands that must be enough to repair an installation.
const tries = 8

// named finds commands and edits that a text names. quoted finds lines of the config in it, whose comments may name some, too.
var (
	named  = regexp.MustCompile(`berth (upgrade finish|upgrade|up|rollback|revert|lock)\b((?: --(?:to|data-of) [0-9.]+)*)|write  release: ([0-9.]+)`)
	quoted = regexp.MustCompile(`(?m)^ *\d+ \| .*$`)
)

// lead brings the installation to health by commands that berth names and nothing else: from every state, the named commands do it.
func (w *walk) lead() {
	w.t.Helper()
	if w.site.read("sourcegraph.yaml") != w.valid {
		w.edit([]string{"repair"}) // the message has the line, so an admin can repair it
	}
	var said []string
	failed := w.said
	w.said = ""
	tried := map[string]int{}
	for range tries {
		s := w.run("status")
		p := w.run("plan")
		if s.code == 0 && p.code == 0 {
			return
		}
		said = append(said, s.out, p.out)
		next := ""
		for _, text := range []string{failed, s.out, p.out} {
			for _, command := range named.FindAllString(quoted.ReplaceAllString(text, ""), -1) {
				command = strings.TrimSuffix(command, ".")
				if next == "" || tried[command] < tried[next] {
					next = command
				}
			}
		}
		if next == "" {
			w.broke("the commands that berth names repair it", "none is named:\n%s", strings.Join(said, "\n---\n"))
		}
		tried[next]++
		said = append(said, "TRIED "+next)
		w.t.Logf("  named: %s", next)
		if to, ok := strings.CutPrefix(next, "write  release: "); ok {
			w.edit([]string{"release", to})
			failed = ""
			continue
		}
		r := w.berth(strings.Fields(next)[1:]...)
		w.judge(r)
		w.said = ""
		said = append(said, r.out)
		if failed = ""; r.code != 0 {
			failed = r.out
		}
	}
	if s, p := w.run("status"), w.run("plan"); s.code == 0 && p.code == 0 {
		return
	}
	w.broke("the commands that berth names repair it", "after %d of them it is not healthy:\n%s", tries, strings.Join(said, "\n---\n"))
}
