// Package project is the folder that a rendered Compose project lies in: how it is written, and whether it is still what was written.
package project

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	render "berth/internal/render/compose"
	"berth/internal/stack"
	"berth/internal/state"
	"berth/internal/target/compose/store"
)

// Folder is where the rendered project of an installation lies.
func Folder(d store.Dir) string { return filepath.Join(d.Path(), "project") }

// envFile holds the secret values of a rendered project.
const envFile = ".env"

// content is all files of a project, the one with secret values included.
func content(p *render.Project, value func(string) string) []stack.File {
	return append(slices.Clone(p.Files), stack.File{Path: envFile, Content: render.EnvFile(p.Secrets, value)})
}

// formerly are files of a project, with secrets in them, that earlier versions of berth wrote for all to read. What they held stands among the
// secret values now.
var formerly = []string{"site-config/admin.json", "site-config/code-hosts.json", "site-config/settings.json", "git/gitconfig", "otel-collector/admin.yaml"}

// Write writes a rendered project to a folder, and touches nothing else there. Only the file with secret values is kept from other
// users.
func Write(dir string, p *render.Project, value func(string) string) error {
	for _, f := range content(p, value) {
		mode := os.FileMode(0o644)
		if f.Path == envFile {
			mode = 0o600
		}
		path := filepath.Join(dir, filepath.FromSlash(f.Path))
		if f.Path == envFile {
			// Whoever made it readable, secrets are not written into it before it no longer is.
			if err := os.Chmod(path, mode); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("keep secret values from other users: %w", err)
			}
		}
		if now, err := os.ReadFile(path); err == nil && string(now) == string(f.Content) {
			continue
		}
		if err := replace(path, f.Content, mode); err != nil {
			return err
		}
	}
	for _, name := range formerly {
		if err := os.Remove(filepath.Join(dir, filepath.FromSlash(name))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove a file that is no longer rendered: %w", err)
		}
	}
	return nil
}

// Replace writes a rendered project to a folder that is berth's own, and removes files there that are no longer part of it.
func Replace(dir string, p *render.Project, value func(string) string) error {
	if err := Write(dir, p, value); err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, f := range content(p, value) {
		wanted[filepath.FromSlash(f.Path)] = true
	}
	names, err := files(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !wanted[name] {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				return fmt.Errorf("remove a file that is no longer rendered: %w", err)
			}
		}
	}
	return nil
}

// replace writes a file. One that exists keeps its identity, since containers that mount it go on seeing that one.
func replace(path string, content []byte, mode os.FileMode) error {
	if _, err := os.Stat(path); err != nil {
		return state.WriteFile(path, content, mode)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// files lists the files of a folder by their paths in it; none when there is no such folder.
func files(dir string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == store.Folder {
			return fs.SkipDir // what belongs to berth, not to the project
		}
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		names = append(names, name)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the project's files: %w", err)
	}
	return names, nil
}

// Hash is a hash of a rendered project as it would lie on disk.
func Hash(p *render.Project, value func(string) string) string {
	all := content(p, value)
	slices.SortFunc(all, func(a, b stack.File) int { return cmp.Compare(a.Path, b.Path) })
	h := sha256.New()
	for _, f := range all {
		fmt.Fprintf(h, "%s %d\n", f.Path, len(f.Content))
		h.Write(f.Content)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// HashOnDisk is the same hash of what lies on disk; "" when nothing does.
func HashOnDisk(dir string) (string, error) {
	names, err := files(dir)
	if err != nil || len(names) == 0 {
		return "", err
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(filepath.ToSlash(a), filepath.ToSlash(b)) })
	h := sha256.New()
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return "", fmt.Errorf("read the project: %w", err)
		}
		fmt.Fprintf(h, "%s %d\n", filepath.ToSlash(name), len(content))
		h.Write(content)
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}
