package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/backup/place"
	"berth/internal/diag"

	"filippo.io/age"
	"pgregory.net/rapid"
)

// archive is a tar archive of one file.
func archive(content []byte) func(io.Writer) error {
	return func(out io.Writer) error {
		w := tar.NewWriter(out)
		if err := w.WriteHeader(&tar.Header{Name: "pgsql/toc.dat", Mode: 0o600, Size: int64(len(content))}); err != nil {
			return err
		}
		if _, err := w.Write(content); err != nil {
			return err
		}
		return w.Close()
	}
}

func key(t *testing.T) *age.X25519Identity {
	t.Helper()
	k, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// codeOf is the code of the first problem of an error.
func codeOf(err error) string {
	var problems diag.List
	if errors.As(err, &problems) {
		return problems[0].Code
	}
	return fmt.Sprint(err)
}

// TestParts: a part is read as it was written; one that was changed or cut, and one for another key, are refused, whichever byte it is.
func TestParts(t *testing.T) {
	mine, other := key(t), key(t)
	content := bytes.Repeat([]byte("users and settings\n"), 10000)
	for name, recipients := range map[string][]age.Recipient{"plain": nil, "encrypted": {mine.Recipient()}} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			b := Backup{Place: place.In(folder), Dir: "20261128-230000"}
			p, err := b.Write(t.Context(), "pgsql-001", recipients, archive(content))
			if err != nil {
				t.Fatal(err)
			}
			read := func(keys ...age.Identity) (got []byte, err error) {
				err = b.Read(t.Context(), p, keys, func(in io.Reader) error {
					r := tar.NewReader(in)
					if _, err := r.Next(); err != nil {
						return err
					}
					got, err = io.ReadAll(r)
					return err
				})
				return got, err
			}
			if got, err := read(mine); err != nil || !bytes.Equal(got, content) {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
			if _, err := read(other); name == "encrypted" && codeOf(err) != "BERTH4507" {
				t.Errorf("with another key: %v", err)
			}
			stored := filepath.Join(folder, b.Dir, p.Name)
			text, err := os.ReadFile(stored)
			if err != nil {
				t.Fatal(err)
			}
			if name == "encrypted" && bytes.Contains(text, []byte("settings")) {
				t.Error("it can be read without a key")
			}
			for _, at := range []int{0, len(text) / 2, len(text) - 1} {
				spoiled := slices.Clone(text)
				spoiled[at] ^= 1
				if err := os.WriteFile(stored, spoiled, 0o600); err != nil {
					t.Fatal(err)
				}
				if _, err := read(mine); codeOf(err) != "BERTH4508" {
					t.Errorf("byte %d of %d is another: %v", at, len(text), err)
				}
				if err := b.Verify(t.Context(), p, nil); codeOf(err) != "BERTH4508" {
					t.Errorf("byte %d of %d is another, and verify says %v", at, len(text), err)
				}
			}
			if err := os.WriteFile(stored, text[:len(text)/2], 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := read(mine); codeOf(err) != "BERTH4508" {
				t.Errorf("half of it: %v", err)
			}
			sizes, err := b.Sizes(t.Context())
			if problems := b.Missing(&Manifest{Parts: []Part{p}}, sizes); err != nil || len(problems) != 1 || problems[0].Code != "BERTH4505" {
				t.Errorf("half of it is missed: %v %v", problems, err)
			}
		})
	}
}

// TestPartThatFails: what could not be read to its end, or not be written, is no part.
func TestPartThatFails(t *testing.T) {
	folder := t.TempDir()
	b := Backup{Place: place.In(folder), Dir: "20261128-230000"}
	broken := errors.New("the network is gone")
	_, err := b.Write(t.Context(), "pgsql-001", nil, func(out io.Writer) error {
		_, _ = out.Write(make([]byte, 1<<20))
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("the reason is lost: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = b.Write(ctx, "pgsql-002", nil, func(out io.Writer) error {
		cancel()
		for {
			if _, err := out.Write([]byte("more")); err != nil {
				return err
			}
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if files, err := b.Place.List(t.Context(), ""); err != nil || len(files) > 0 {
		t.Errorf("left behind: %v %v", files, err)
	}
	if _, have := b.Have(t.Context(), "pgsql-001", false, map[string]int64{"pgsql-001.tar.zst": 7}); have {
		t.Error("a part without its sum counts as whole")
	}
}

// TestMemoryIsFlat: a part of a gigabyte takes no more memory than a small one.
func TestMemoryIsFlat(t *testing.T) {
	b := Backup{Place: place.In(t.TempDir()), Dir: "20261128-230000"}
	chunk := make([]byte, 1<<20)
	var most uint64
	p, err := b.Write(t.Context(), "pgsql-001", []age.Recipient{key(t).Recipient()}, func(out io.Writer) error {
		for i := range 1024 {
			if _, err := out.Write(chunk); err != nil {
				return err
			}
			if i%128 == 0 {
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapInuse)
			}
		}
		return nil
	})
	if err != nil || p.Size == 0 {
		t.Fatal(p, err)
	}
	if most > 200<<20 {
		t.Errorf("%d MiB are in use", most>>20)
	}
}

// TestManifestMakesItWhole: without its manifest, a backup is none.
func TestManifestMakesItWhole(t *testing.T) {
	folder := place.In(t.TempDir())
	b := Backup{Place: folder, Dir: "sourcegraph/20261128-230000"}
	p, err := b.Write(t.Context(), "pgsql-001", nil, archive([]byte("x")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Manifest(t.Context()); codeOf(err) != "BERTH4503" {
		t.Errorf("without a manifest: %v", err)
	}
	if all, err := List(t.Context(), folder, "sourcegraph"); err != nil || len(all) != 1 || all[0].Whole {
		t.Errorf("%+v %v", all, err)
	}
	if err := b.Complete(t.Context(), &Manifest{Format: Format, ID: b.ID(), Release: "7.5.4453", Parts: []Part{p}}); err != nil {
		t.Fatal(err)
	}
	if all, err := List(t.Context(), folder, "sourcegraph"); err != nil || len(all) != 1 || !all[0].Whole || all[0].Release != "7.5.4453" {
		t.Errorf("%+v %v", all, err)
	}
	if err := b.Complete(t.Context(), &Manifest{Format: Format + 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Manifest(t.Context()); codeOf(err) != "BERTH4504" {
		t.Errorf("of a later form: %v", err)
	}
}

// TestGroups: every file is in one part, in order, and parts are no larger than asked for, unless a file is.
func TestGroups(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOf(rapid.Int64Range(0, 400)).Draw(t, "sizes")
		most := rapid.Int64Range(1, 500).Draw(t, "most")
		names := make([]string, len(sizes))
		for i := range sizes {
			names[i] = fmt.Sprintf("%s%04d.dat", rapid.SampledFrom([]string{"codeintel-db/", "pgsql/", ""}).Draw(t, "folder"), i)
		}
		slices.Sort(names)
		var all, seen []string
		for _, g := range Groups(names, sizes, most) {
			if slices.Contains(seen, g.Name) {
				t.Fatalf("two parts are named %s", g.Name)
			}
			seen, all = append(seen, g.Name), append(all, g.Files...)
			if g.Bytes > most && len(g.Files) > 1 {
				t.Fatalf("%s has %d bytes, and %d are asked for", g.Name, g.Bytes, most)
			}
			for _, f := range g.Files {
				if folder, _, in := strings.Cut(f, "/"); in && !strings.HasPrefix(g.Name, folder+"-") {
					t.Fatalf("%s is in %s", f, g.Name)
				}
			}
		}
		if !slices.Equal(all, names) {
			t.Fatalf("got %v, want %v", all, names)
		}
	})
}

// TestExpired: whatever is asked for, the newest whole backup and the last proven one stay, and what is under way is left alone.
func TestExpired(t *testing.T) {
	now := time.Date(2026, 11, 28, 23, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		k := Keep{Count: rapid.IntRange(0, 4).Draw(t, "count"), Days: rapid.IntRange(0, 40).Draw(t, "days")}
		var all []Listed
		at := now.Add(-100 * 24 * time.Hour)
		for i := range rapid.IntRange(0, 8).Draw(t, "backups") {
			at = at.Add(time.Duration(rapid.IntRange(1, 300).Draw(t, "hours")) * time.Hour)
			if at.After(now) {
				break
			}
			l := Listed{ID: fmt.Sprint(i), Began: at, Whole: rapid.Bool().Draw(t, "whole")}
			if l.Whole && rapid.Bool().Draw(t, "proven") {
				l.Proven = at
			}
			all = append(all, l)
		}
		gone := map[string]bool{}
		for _, l := range k.Expired(all, now) {
			gone[l.ID] = true
		}
		whole, proven := "", ""
		kept := 0
		for _, l := range all {
			if l.Whole {
				whole = l.ID
				if !gone[l.ID] {
					kept++
				}
			}
			if !l.Proven.IsZero() {
				proven = l.ID
			}
			if !l.Whole && now.Sub(l.Began) < unfinished && gone[l.ID] {
				t.Fatal("a backup under way is deleted")
			}
			if l.Whole && k.Count == 0 && k.Days == 0 && gone[l.ID] {
				t.Fatal("nothing is asked for, and a backup is deleted")
			}
		}
		if whole != "" && gone[whole] || proven != "" && gone[proven] {
			t.Fatalf("the newest %q or the last proven %q is deleted: %v", whole, proven, gone)
		}
		if k.Count > 0 && kept > k.Count+1 {
			t.Fatalf("%d are kept of %d", kept, k.Count)
		}
	})
}
