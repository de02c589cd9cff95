package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"berth/internal/diag"
	"berth/internal/stack"
)

// folder is where berth render writes. Files of others in it are left alone.
type folder struct {
	path   string
	name   string // as the admin named it
	marker string // the file that tells that berth wrote the folder
	memory []byte // that files are read into
}

// foreign refuses a folder that holds something else than what berth rendered: rendering would write over it.
func (f *folder) foreign() error {
	if ours, err := startsAsOurs(filepath.Join(f.path, f.marker)); err == nil && ours {
		return nil
	}
	entries, err := os.ReadDir(f.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the folder to render to: %w", err)
	}
	return diag.List{{Code: "BERTH1120", Severity: diag.Error, Subject: f.name, Summary: "the folder contains other files; nothing was written",
		Hint: "name a new or empty folder, or one that berth render wrote"}}
}

// releaseOf finds the release in a marker: the first lines of a README or of a Compose file.
var releaseOf = regexp.MustCompile(`(?m)^#+ Sourcegraph (\d+\.\d+\.\d+)\b`)

// release is the release that the folder was rendered for before; "" where it was not.
func (f *folder) release() string {
	text, err := os.ReadFile(filepath.Join(f.path, f.marker))
	if err != nil {
		return ""
	}
	if m := releaseOf.FindSubmatch(text); m != nil {
		return string(m[1])
	}
	return ""
}

// replace writes files where their content changed, those of once where they are not there, and removes files of berth's that are no longer
// rendered.
func (f *folder) replace(files, once []stack.File) error {
	wanted := map[string]bool{}
	for _, file := range append(once, files...) {
		wanted[filepath.FromSlash(file.Path)] = true
	}
	for _, file := range once {
		if _, err := os.Lstat(f.at(file.Path)); errors.Is(err, fs.ErrNotExist) {
			files = append(files, file)
		}
	}
	for _, file := range files {
		if err := f.write(file); err != nil {
			return err
		}
	}
	return f.clean(wanted)
}

func (f *folder) at(name string) string { return filepath.Join(f.path, filepath.FromSlash(name)) }

// write writes a file unless it is there with this content.
func (f *folder) write(file stack.File) error {
	path := f.at(file.Path)
	if f.has(path, file.Content) {
		return nil
	}
	err := os.WriteFile(path, file.Content, 0o644)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
			err = os.WriteFile(path, file.Content, 0o644)
		}
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// has reports whether a file has this content. All files are read into the same memory.
func (f *folder) has(path string, content []byte) bool {
	there, err := os.Open(path)
	if err != nil {
		return false
	}
	defer there.Close()
	if len(f.memory) <= len(content) {
		f.memory = make([]byte, max(2*len(content), 32<<10))
	}
	// One byte more than is wanted reports a longer file.
	n, err := io.ReadFull(there, f.memory[:len(content)+1])
	return errors.Is(err, io.ErrUnexpectedEOF) && bytes.Equal(f.memory[:n], content)
}

// clean removes files of berth's that are not wanted any more.
func (f *folder) clean(wanted map[string]bool) error {
	return filepath.WalkDir(f.path, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("look for files that are no longer rendered: %w", err)
		}
		if d.IsDir() {
			if strings.HasPrefix(d.Name(), ".") && path != f.path {
				return fs.SkipDir // not rendered, such as .git
			}
			return nil
		}
		name, err := filepath.Rel(f.path, path)
		if err != nil || wanted[name] || !d.Type().IsRegular() {
			return err
		}
		if ours, err := startsAsOurs(path); err != nil || !ours {
			return err
		}
		return os.Remove(path)
	})
}

// startsAsOurs reports whether a file begins with the comment that berth writes.
func startsAsOurs(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	head := make([]byte, 512)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return false, err
	}
	return bytes.Contains(head[:n], []byte("made by berth from sourcegraph.yaml")), nil
}
