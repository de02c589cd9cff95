package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/state"
	"berth/internal/target/compose/store"
	"berth/internal/upgrade/execute"
	"berth/internal/upgrade/stages"
)

// anUpgrade is the record of an upgrade from 6.0.0 to 7.5.4453 that was begun.
func anUpgrade(config func(release string) string) *state.Record {
	p := stages.Upgrade(stages.Request{Hops: []plan.Hop{{From: "6.0.0", To: "7.5.4453", Kind: plan.MultiVersion}},
		Configs: plan.Configs{"6.0.0": config("6.0.0"), "7.5.4453": config("7.5.4453"), plan.ConfigFile: config("6.0.0")}})
	return execute.Begin(p, time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC))
}

// done makes a record one whose steps came to their end.
func done(r *state.Record) *state.Record {
	for _, s := range r.Plan.Steps {
		r.Steps = append(r.Steps, state.StepTime{Step: s.ID, Done: true})
	}
	r.Result = state.Done
	return r
}

// TestYesIsForWhatWasSeen: a yes to a plan is for that plan, and not for what somebody else made of the installation meanwhile.
func TestYesIsForWhatWasSeen(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(t *testing.T, store store.Dir, file string)
		want      bool
	}{
		"nothing happened": {func(*testing.T, store.Dir, string) {}, true},
		"the file was edited": {func(t *testing.T, _ store.Dir, file string) {
			if err := os.WriteFile(file, []byte("target: compose\n# mine\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, false},
		"the upgrade went on": {func(t *testing.T, store store.Dir, _ string) {
			r := done(anUpgrade(func(string) string { return "" }))
			r.Number = 1
			if err := store.Save(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "sourcegraph.yaml")
			text := []byte("target: compose\n")
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			d := store.At(dir, "sourcegraph")
			if err := d.Add(t.Context(), anUpgrade(func(string) string { return "" })); err != nil {
				t.Fatal(err)
			}
			s := &seen{Installation: &installation.Installation{Want: &installation.Want{File: file, Text: text}, Store: d.Store(), Secrets: noSecrets{}}}
			if err := s.remember(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.meanwhile(t, d, file)
			e := &Env{Environment: installation.Environment{Dir: dir, Now: time.Now}}
			_, release, err := e.lockAsSeen(t.Context(), s, "upgrade")
			var problems diag.List
			switch {
			case c.want && err != nil:
				t.Fatal(err)
			case !c.want && (!errors.As(err, &problems) || problems[0].Code != "BERTH3738"):
				t.Fatalf("it is begun all the same: %v", err)
			case !c.want:
				// The lock is free again.
				if _, release, err = d.Lock(t.Context(), "up", time.Now); err != nil {
					t.Fatal(err)
				}
			}
			release()
		})
	}
}

// noSecrets is an installation of which no password is lost.
type noSecrets struct{ installation.Secrets }

func (noSecrets) Lost(context.Context) error { return nil }

// TestAgree: only a yes is one, and where nobody can be asked it has to be given beforehand.
func TestAgree(t *testing.T) {
	for _, c := range []struct {
		typed       string
		interactive bool
		beforehand  bool
		want        bool
		says        string
	}{
		{"y\n", true, false, true, "go? [y/N]"},
		{"Yes\n", true, false, true, "go? [y/N]"},
		{"n\n", true, false, false, "nothing was changed"},
		{"\n", true, false, false, "nothing was changed"},
		{"", true, false, false, "nothing was changed"}, // the end of input
		{"y\n", false, false, false, ""},
		{"", false, true, true, ""},
	} {
		var out strings.Builder
		e := &Env{Stdout: &out, Environment: installation.Environment{Stdin: strings.NewReader(c.typed), Interactive: c.interactive}}
		if err := e.agree(t.Context(), c.beforehand, "go?"); (err == nil) != c.want || !strings.Contains(out.String(), c.says) {
			t.Errorf("%+v: %v, %q", c, err, out.String())
		}
	}
}

// TestUnderWay: what refuses to change an installation during an upgrade names a command that continues it.
func TestUnderWay(t *testing.T) {
	r := anUpgrade(func(string) string { return "" })
	rollback := execute.Return(stages.Last([]state.Record{*r}), stages.WayBack{From: "7.5.4453", To: "6.0.0"}, "", "", time.Now())
	for want, records := range map[string][]state.Record{"berth upgrade": {*r}, "berth rollback": {*r, *rollback}} {
		u := stages.Last(records)
		d := underway(u, "sourcegraph.yaml")
		if _, first, _ := strings.Cut(d.Hint, ": "); !strings.HasPrefix(first, want) {
			t.Errorf("%s: %s", u.Status, d.Hint)
		}
		if err := resumable(u, "", upgradeFlags{to: "9.9"}); u.Status == stages.Returning && !strings.Contains(err.Error(), "BERTH3730") {
			t.Errorf("%s: %v", u.Status, err)
		}
	}
}

// TestRollbackKeepsChanges: a rollback keeps what an admin changed since an upgrade began, wherever the upgrade is.
func TestRollbackKeepsChanges(t *testing.T) {
	text := func(release, more string) string {
		return "target: compose\nrelease: " + release + "\nurl: http://localhost\n" + more
	}
	begun := anUpgrade(func(release string) string { return text(release, "") })
	for name, c := range map[string]struct {
		record *state.Record
		file   string
		want   string
	}{
		"untouched, and nothing was changed":   {begun, text("6.0.0", ""), text("6.0.0", "")},
		"untouched, and something was changed": {begun, text("7.4.0", "size: demo\n"), text("6.0.0", "size: demo\n")},
		"arrived, and something was changed":   {done(anUpgrade(func(release string) string { return text(release, "") })), text("7.5.4453", "size: demo\n"), text("6.0.0", "size: demo\n")},
	} {
		t.Run(name, func(t *testing.T) {
			e := &Env{Environment: installation.Environment{Dir: t.TempDir(), Now: time.Now, Getenv: func(string) string { return "" }}}
			w := &installation.Want{File: "sourcegraph.yaml", Dir: e.Dir, Text: []byte(c.file)}
			back, _, note, err := e.keepChanges(w, stages.Last([]state.Record{*c.record}), stages.WayBack{To: "6.0.0"})
			if err != nil || back != c.want || (note == "") != (c.file == text("6.0.0", "")) {
				t.Errorf("%q, %v; it leads to\n%s\nwant\n%s", note, err, back, c.want)
			}
		})
	}
}
