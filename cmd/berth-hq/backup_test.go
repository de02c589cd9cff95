package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"

	"berth/internal/hq/store"
	"berth/internal/hq/store/pgtest"
)

// TestBackup: what a backup has is there again in another database, which goes on from there; and nothing is written where something is or that is not whole.
func TestBackup(t *testing.T) {
	server := pgtest.Start(t)
	a, other := admin{t, server.Create(t, "createdb", "hq")}, admin{t, server.Create(t, "createdb", "hq2")}
	dir := t.TempDir()
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	identity := filepath.Join(dir, "key")
	if err := os.WriteFile(identity, []byte(key.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	_, errs := a.types("", 1, "backup", dir)
	contains(t, errs, "BERTH4921")
	a.types("", 0, "migrate")
	reports, _ := a.types("", 0, "simulate", "--installations", "20", "--months", "4", "--issues", filepath.Join(dir, "issues.csv"))
	first := reports[:len(reports)/2]
	first = first[:strings.LastIndex(first, "\n")+1]
	a.types(first, 0, "import", "-", filepath.Join(dir, "issues.csv"))
	a.types("", 0, "people", "add", "jo")
	sheet, _ := a.types("", 0, "options", "--example")
	a.types(sheet, 0, "import", "-")

	out, _ := a.types("", 0, "backup", dir, "--recipient", key.Recipient().String())
	made, _, _ := strings.Cut(out, ":")
	_, errs = a.types("", 1, "restore", made)
	contains(t, errs, "BERTH4507")
	_, errs = a.types("", 1, "restore", made, "--identity", identity)
	contains(t, errs, "BERTH4928")
	_, errs = other.types("", 1, "restore", dir)
	contains(t, errs, "BERTH4503")
	spoil(t, filepath.Join(made, "hq.tar.zst.age"), func() {
		other.types("", 1, "restore", made, "--identity", identity)
	})
	other.types("", 0, "restore", made, "--identity", identity)
	for _, what := range [][]string{{"export"}, {"issues", "--csv"}, {"people", "list"}, {"options", "--csv"}} {
		want, _ := a.types("", 0, what...)
		got, _ := other.types("", 0, what...)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v: %s", what, diff)
		}
	}
	// Both go on, and what is numbered goes on with it.
	for _, of := range []admin{a, other} {
		out, _ := of.types(reports, 0, "import", "-")
		if strings.Contains(out, " 0 were there already") {
			t.Error(out)
		}
		of.types("", 0, "people", "add", "al")
		of.types("", 0, "import", filepath.Join(dir, "issues.csv"))
		of.types(strings.ReplaceAll(sheet, "Kubernetes", "A cluster"), 0, "import", "-")
	}
	want, _ := a.types("", 0, "export")
	if got, _ := other.types("", 0, "export"); got != want {
		t.Error(cmp.Diff(want, got))
	}
}

// TestKept: backups go by count and age, but never the newest one, the last proven one, or one that is not of berth-hq. A proof leaves nothing in the database.
func TestKept(t *testing.T) {
	a := admin{t, pgtest.Start(t).Database(t)}
	a.types("", 0, "migrate")
	a.types("", 0, "people", "add", "jo")
	dir := t.TempDir()
	other := filepath.Join(dir, "20200101-000000") // an installation's, which is old
	if err := os.MkdirAll(other, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(other, "manifest.json"), []byte(`{"format": 1, "id": "20200101-000000", "target": "compose"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	a.types("", 1, "backup", dir, "--keep-days", "-1")
	kept := func(want ...string) {
		t.Helper()
		all, err := filepath.Glob(filepath.Join(dir, "2026*"))
		if err != nil {
			t.Fatal(err)
		}
		for n := range all {
			all[n] = filepath.Base(all[n])
		}
		if diff := cmp.Diff(want, all); diff != "" {
			t.Error(diff)
		}
	}
	for day := range 4 {
		a.typesAt(day, "", 0, "backup", dir)
	}
	first, third := filepath.Join(dir, "20261129-120000"), filepath.Join(dir, "20261201-120000")
	before, _ := a.types("", 0, "export")
	out, _ := a.typesAt(4, "", 0, "backup", "prove", first)
	contains(t, out, "is proven:", "tables were restored and taken back")
	spoil(t, filepath.Join(third, "hq.tar.zst"), func() { a.types("", 1, "backup", "prove", third) })
	if after, _ := a.types("", 0, "export"); after != before {
		t.Error(cmp.Diff(before, after))
	}
	a.types("", 0, "migrate") // nothing of the proofs is in the way
	out, _ = a.typesAt(5, "", 0, "backup", dir, "--keep-count", "2")
	contains(t, out, "20261130-120000: deleted, older than what is kept")
	kept("20261129-120000", "20261202-120000", "20261204-120000")
	// One that was killed leaves a folder with a file that is not whole.
	killed := filepath.Join(dir, "20261205-120000")
	if err := os.MkdirAll(killed, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(killed, ".unfinished-hq.tar.zst"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _ = a.typesAt(7, "", 0, "backup", "list", dir)
	contains(t, out, "20261205-120000  not whole")
	a.typesAt(60, "", 0, "backup", dir, "--keep-days", "30")
	kept("20261129-120000")
	out, _ = a.typesAt(60, "", 0, "backup", "list", dir)
	contains(t, out, "20261129-120000", "56 days ago", "20270128-120000", "never")
	if strings.Contains(out, "20200101") {
		t.Error(out)
	}
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
}

// spoil changes a byte in the middle of a file for a while.
func spoil(t *testing.T, name string, meanwhile func()) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	meanwhile()
	text[len(text)/2] ^= 1
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestBackupOfAnOlderSchema: one is made before a migration, and a restore leads it to the schema of the program.
func TestBackupOfAnOlderSchema(t *testing.T) {
	server := pgtest.Start(t)
	a, other := admin{t, server.Database(t)}, admin{t, server.Database(t)}
	a.types("", 0, "migrate")
	reports, _ := a.types("", 0, "simulate", "--installations", "5", "--months", "4")
	a.types(reports, 0, "import", "-")
	a.types("", 0, "migrate", "--to", "5", "--yes")
	out, _ := a.types("", 0, "backup", t.TempDir())
	made, _, _ := strings.Cut(out, ":")
	other.types("", 0, "restore", made)
	a.types("", 0, "migrate") // what the older schema had no place for is gone here, too
	want, _ := a.types("", 0, "export")
	if got, _ := other.types("", 0, "export"); got != want {
		t.Error(cmp.Diff(want, got))
	}
	s, err := store.Open(t.Context(), other.address)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}
