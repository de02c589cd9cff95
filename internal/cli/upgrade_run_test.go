package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/journey"
	"berth/internal/state"
	"berth/internal/upgrade"
)

// TestYesIsForWhatWasSeen: whoever says yes to a plan says it to that plan, and not to what somebody else made of the installation meanwhile.
func TestYesIsForWhatWasSeen(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(t *testing.T, store state.Store, file string)
		want      bool
	}{
		"nothing happened": {func(*testing.T, state.Store, string) {}, true},
		"the file was edited": {func(t *testing.T, _ state.Store, file string) {
			if err := os.WriteFile(file, []byte("on: compose\n# mine\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, false},
		"the upgrade went on": {func(t *testing.T, store state.Store, _ string) {
			if err := store.SetNote(t.Context(), journey.NoteName, &journey.Journey{ID: "1", Status: journey.Arrived}); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "sourcegraph.yaml")
			text := []byte("on: compose\n")
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			store := state.At(dir, "sourcegraph")
			if err := store.SetNote(t.Context(), journey.NoteName, &journey.Journey{ID: "1", Status: journey.Walking, Began: time.Now()}); err != nil {
				t.Fatal(err)
			}
			seen, err := journey.Load(t.Context(), store)
			if err != nil {
				t.Fatal(err)
			}
			c.meanwhile(t, store, file)
			e := &Env{Environment: installation.Environment{Dir: dir, Now: time.Now}}
			_, release, err := e.lockAsSeen(t.Context(), store, &installation.Want{File: file, Text: text}, "upgrade", seen)
			var problems diag.List
			switch {
			case c.want && err != nil:
				t.Fatal(err)
			case !c.want && (!errors.As(err, &problems) || problems[0].Code != "BERTH3738"):
				t.Fatalf("it is begun all the same: %v", err)
			case !c.want:
				// The lock is free again.
				if _, release, err = store.Lock(t.Context(), "up", time.Now); err != nil {
					t.Fatal(err)
				}
			}
			release()
		})
	}
}

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
		{"n\n", true, false, false, "nothing was touched"},
		{"\n", true, false, false, "nothing was touched"},
		{"", true, false, false, "nothing was touched"}, // the end of input
		{"y\n", false, false, false, ""},
		{"", false, true, true, ""},
	} {
		var out strings.Builder
		e := &Env{Stdout: &out, Environment: installation.Environment{Stdin: strings.NewReader(c.typed), Interactive: c.interactive}}
		if err := e.agree(c.beforehand, "go?"); (err == nil) != c.want || !strings.Contains(out.String(), c.says) {
			t.Errorf("%+v: %v, %q", c, err, out.String())
		}
	}
}

// TestUnderWay: what refuses to change an installation that is on a journey names a command that goes on with it.
func TestUnderWay(t *testing.T) {
	for status, want := range map[journey.Status]string{journey.Walking: "berth upgrade", journey.Stopped: "berth upgrade", journey.Returning: "berth rollback"} {
		j := &journey.Journey{Status: status, From: "6.0.0", To: "7.5.4453", Hops: make([]journey.Hop, 1)}
		d := underway(j, "sourcegraph.yaml")
		if _, first, _ := strings.Cut(d.Hint, ": "); !strings.HasPrefix(first, want) {
			t.Errorf("%s: %s", status, d.Hint)
		}
		if err := resumable(nil, j, upgradeFlags{to: "9.9"}); status == journey.Returning && !strings.Contains(err.Error(), "BERTH3730") {
			t.Errorf("%s: %v", status, err)
		}
	}
}

// TestRollbackKeepsChanges: what an admin changed since an upgrade began is kept on the way back, wherever the upgrade is.
func TestRollbackKeepsChanges(t *testing.T) {
	text := func(release, more string) string {
		return "on: compose\nrelease: " + release + "\nurl: http://localhost\n" + more
	}
	for name, c := range map[string]struct {
		status journey.Status
		file   string
		want   string
	}{
		"untouched, and nothing was changed":   {journey.Stopped, text("6.0.0", ""), ""},
		"untouched, and something was changed": {journey.Stopped, text("7.4.0", "size: demo\n"), text("6.0.0", "size: demo\n")},
		"arrived, and something was changed":   {journey.Arrived, text("7.5.4453", "size: demo\n"), text("6.0.0", "size: demo\n")},
	} {
		t.Run(name, func(t *testing.T) {
			e := &Env{Environment: installation.Environment{Dir: t.TempDir(), Now: time.Now, Getenv: func(string) string { return "" }}}
			j := journey.New(text("6.0.0", ""), []journey.Hop{{Hop: upgrade.Hop{From: "6.0.0", To: "7.5.4453"}, Config: text("7.5.4453", "")}}, "", time.Now())
			if j.Status = c.status; c.status == journey.Arrived {
				j.Done = []journey.Done{{Place: journey.Place{Stage: journey.Settle}}}
			}
			s := justLoaded{l: &installation.Want{File: "sourcegraph.yaml", Dir: e.Dir, Text: []byte(c.file)}}
			note, err := e.keepChanges(t.Context(), s, j, journey.Way{To: "6.0.0"})
			if err != nil || j.BackConfig != c.want || (note == "") != (c.file == text("6.0.0", "")) {
				t.Errorf("%q, %v; it leads to\n%s\nwant\n%s", note, err, j.BackConfig, c.want)
			}
		})
	}
}

// justLoaded is a site of which only the config is known.
type justLoaded struct {
	installation.Site
	l *installation.Want
}

func (s justLoaded) Of() *installation.Want { return s.l }
