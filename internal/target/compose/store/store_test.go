package store

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/state"
	"github.com/google/go-cmp/cmp"
)

func TestSecretsAreMadeOnceAndKept(t *testing.T) {
	d := At(t.TempDir(), "sourcegraph")
	first, err := d.Generate(t.Context(), []string{"pgsql-password", "redis-password"})
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range first {
		if len(v) != 32 || strings.Trim(v, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") != "" {
			t.Errorf("%s is %q, want 32 letters and digits", name, v)
		}
	}
	if first["pgsql-password"] == first["redis-password"] {
		t.Error("two secrets are the same")
	}
	again, err := d.Generate(t.Context(), []string{"pgsql-password", "redis-password", "new-password"})
	if err != nil {
		t.Fatal(err)
	}
	if again["pgsql-password"] != first["pgsql-password"] || again["redis-password"] != first["redis-password"] || again["new-password"] == "" {
		t.Errorf("secrets changed: %v, before %v", again, first)
	}
	onDisk, err := d.Generated(t.Context())
	if diff := cmp.Diff(again, onDisk); diff != "" || err != nil {
		t.Error(err, diff)
	}
	mode(t, filepath.Join(d.Path(), secretsFile), 0o600)
	mode(t, d.Path(), 0o700)
	if text, err := os.ReadFile(filepath.Join(filepath.Dir(d.Path()), ".gitignore")); string(text) != "*\n" || err != nil {
		t.Errorf(".gitignore: %q, %v", text, err)
	}
}

func TestSecretsThatCannotBeReadAreNotMadeAgain(t *testing.T) {
	d := At(t.TempDir(), "sourcegraph")
	if err := state.WriteFile(filepath.Join(d.Path(), secretsFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Generate(t.Context(), []string{"pgsql-password"}); err == nil {
		t.Error("new secrets were made over a file that holds the old ones")
	}
}

func mode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != want {
		t.Errorf("%s has mode %o, want %o", filepath.Base(path), got, want)
	}
}

func TestSecondLearnsWhoHoldsTheLock(t *testing.T) {
	d := At(t.TempDir(), "sourcegraph")
	since := time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)
	release, err := d.lock("up", since)
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.lock("down", since.Add(time.Hour))
	var problems diag.List
	if !errors.As(err, &problems) || problems[0].Code != "BERTH3201" {
		t.Fatalf("Lock: %v", err)
	}
	for _, want := range []string{"berth up", "2026-11-23 01:02:03", "pid"} {
		if !strings.Contains(problems[0].Summary, want) {
			t.Errorf("%q lacks %q", problems[0].Summary, want)
		}
	}
	release()
	release, err = d.lock("down", since)
	if err != nil {
		t.Fatalf("the lock is still held: %v", err)
	}
	release()
}

// TestLockEndsWithItsProcess: nobody has to clean up after kill -9.
func TestLockEndsWithItsProcess(t *testing.T) {
	if dir := os.Getenv("HOLD_LOCK_OF"); dir != "" {
		if _, err := At(dir, "sourcegraph").lock("up", time.Now()); err != nil {
			t.Fatal(err)
		}
		os.Stdout.WriteString("held\n")
		select {}
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestLockEndsWithItsProcess$")
	cmd.Env = append(os.Environ(), "HOLD_LOCK_OF="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	if _, err := At(dir, "sourcegraph").lock("up", time.Now()); err == nil {
		t.Error("two hold the lock")
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	release, err := At(dir, "sourcegraph").lock("up", time.Now())
	if err != nil {
		t.Fatalf("the lock of a killed process is still held: %v", err)
	}
	release()
}

func TestWriteFileIsWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	for _, text := range []string{"one", "two"} {
		if err := state.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if text, _ := os.ReadFile(path); string(text) != "two" {
		t.Errorf("got %q", text)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("something was left over: %v", entries)
	}
}

func TestHistory(t *testing.T) {
	d := At(t.TempDir(), "sourcegraph")
	p := &plan.Plan{Release: "7.5.0", Steps: []plan.Step{{ID: 1, Verb: plan.Create, Object: "pgsql"}}}
	start := time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)
	first := state.NewRecord(plan.Up, "7.5.0", "target: compose\n", start)
	first.Plan = p
	if err := d.Add(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	first.Steps = append(first.Steps, state.StepTime{Step: 1, Seconds: 2, Done: true})
	first.End(state.Done, nil, start.Add(time.Minute))
	if err := d.Save(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if err := d.Add(t.Context(), state.NewRecord(plan.Down, "7.5.0", "", start.Add(time.Hour))); err != nil { // and nothing more is heard of it
		t.Fatal(err)
	}
	runs, err := d.History(t.Context())
	if err != nil || len(runs) != 2 {
		t.Fatalf("History: %+v, %v", runs, err)
	}
	if r := runs[0]; r.Number != 1 || r.Result != state.Done || r.Config != "target: compose\n" || len(r.Steps) != 1 || r.Ended.IsZero() {
		t.Errorf("the first run: %+v", r)
	}
	if r := runs[1]; r.Number != 2 || r.Result != state.Killed || r.Action != plan.Down {
		t.Errorf("the second run: %+v", r)
	}
	if err := os.Remove(filepath.Join(d.Path(), "history", "0001.json")); err != nil {
		t.Fatal(err)
	}
	third := state.NewRecord(plan.Up, "7.5.0", "", start)
	if err := d.Add(t.Context(), third); err != nil || third.Number != 3 {
		t.Errorf("after the first was cleared away, the third has number %d, %v", third.Number, err)
	}
}

func TestJournalIsOnDiskAtOnce(t *testing.T) {
	d := At(t.TempDir(), "sourcegraph")
	if err := d.Make(); err != nil {
		t.Fatal(err)
	}
	j, err := d.Journal(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if err := j.Add(state.Entry{Event: "begin", Step: 1, What: "pgsql"}, state.Entry{Event: "begin", Step: 2, What: "redis"}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(d.Path(), "journal.jsonl"))
	if err != nil || strings.Count(string(text), "\n") != 2 {
		t.Errorf("%q, %v", text, err)
	}
}
