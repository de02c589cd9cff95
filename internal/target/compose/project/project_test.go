package project

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	render "berth/internal/render/compose"
	"berth/internal/stack"
	"berth/internal/state"
	"berth/internal/target/compose/store"
	"github.com/google/go-cmp/cmp"
)

func rendered(files ...string) *render.Project {
	p := &render.Project{Name: "sourcegraph", Secrets: []stack.Secret{{Name: "pgsql-password"}}}
	for _, f := range files {
		path, text, _ := strings.Cut(f, "=")
		p.Files = append(p.Files, stack.File{Path: path, Content: []byte(text)})
	}
	return p
}

func TestProject(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "project")
	value := func(string) string { return "hunter2" }
	if h, err := HashOnDisk(dir); h != "" || err != nil {
		t.Errorf("nothing is there, and its hash is %q, %v", h, err)
	}
	first := rendered("caddy/Caddyfile=one", "docker-compose.yaml=x", "old.yml=o")
	if err := Replace(dir, first, value); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(filepath.Join(dir, "caddy", "Caddyfile"))
	if err != nil {
		t.Fatal(err)
	}
	second := rendered("caddy/Caddyfile=two", "docker-compose.yaml=x")
	if h, _ := HashOnDisk(dir); h == Hash(second, value) || h != Hash(first, value) {
		t.Error("the hash on disk is not that of what was written")
	}
	if err := Replace(dir, second, value); err != nil {
		t.Fatal(err)
	}
	if h, _ := HashOnDisk(dir); h != Hash(second, value) {
		t.Error("the hash on disk is not that of what was written again")
	}
	after, err := os.Stat(filepath.Join(dir, "caddy", "Caddyfile"))
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(before, after) {
		t.Error("a file that containers mount is another one now: they would go on seeing the old one")
	}
	if _, err := os.Stat(filepath.Join(dir, "old.yml")); err == nil {
		t.Error("a file that is no longer rendered is still there")
	}
	mode(t, filepath.Join(dir, ".env"), 0o600)
	if Hash(second, func(string) string { return "other" }) == Hash(second, value) {
		t.Error("another password, and the same hash")
	}
}

// TestSecretsLeaveFilesThatOthersRead: what earlier versions wrote for all to read goes, and what holds secrets now is for its owner alone,
// whoever changed its mode.
func TestSecretsLeaveFilesThatOthersRead(t *testing.T) {
	dir := t.TempDir()
	for _, name := range append([]string{".env", "mine/admin.json"}, formerly...) {
		if err := state.WriteFile(filepath.Join(dir, name), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // also when nothing is new
		if err := Write(dir, rendered("docker-compose.yaml=x"), func(string) string { return "hunter2" }); err != nil {
			t.Fatal(err)
		}
		mode(t, filepath.Join(dir, ".env"), 0o600)
		if err := os.Chmod(filepath.Join(dir, ".env"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	left, err := files(dir)
	if diff := cmp.Diff([]string{".env", "docker-compose.yaml", "mine/admin.json"}, left); diff != "" || err != nil {
		t.Error(err, diff)
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

func TestApplied(t *testing.T) {
	d := store.At(t.TempDir(), "sourcegraph")
	if err := SetApplied(t.Context(), d, map[string]string{"id": "f1"}); err != nil {
		t.Fatal(err)
	}
	got, err := Applied(t.Context(), d)
	if diff := cmp.Diff(map[string]string{"id": "f1"}, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
}
