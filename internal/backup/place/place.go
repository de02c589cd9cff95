// Package place is where backups are kept: a folder, or a bucket of an S3-compatible store. A file there is whole or it is not there.
package place

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// Place is a place with its name for people.
type Place struct {
	Files
	Leftovers
	At func(name string) string // a file or folder there, as berth takes it on its command line
}

// In is a folder of this host as a place.
func In(folder string) Place { return Place{Folder(folder), Folder(folder), Folder(folder).At} }

// Files keeps files by name; names have slashes.
type Files interface {
	// Put writes a file, which is there once Put returns without an error, and not before.
	Put(ctx context.Context, name string, in io.Reader) error
	// Get opens a file. One that is not there is fs.ErrNotExist.
	Get(ctx context.Context, name string) (io.ReadCloser, error)
	// List gives the files below a folder, ordered by name.
	List(ctx context.Context, dir string) ([]File, error)
	// Delete deletes files; those that are not there are no error.
	Delete(ctx context.Context, names ...string) error
}

// Leftovers are files that are not whole.
type Leftovers interface {
	// Unfinished gives what is below a folder of files that are not whole: they are being written, or whoever wrote them was killed. They have the names that
	// they would get. Where that may not be asked, there are none.
	Unfinished(ctx context.Context, dir string) ([]File, error)
	// Discard deletes what Unfinished gives.
	Discard(ctx context.Context, dir string) error
}

// File is a file at a place.
type File struct {
	Name     string
	Size     int64
	Modified time.Time
}

// Folder is a folder of this host.
type Folder string

// unfinished begins the names of files that are not whole.
const unfinished = ".unfinished-"

func (f Folder) path(name string) string { return filepath.Join(string(f), filepath.FromSlash(name)) }

// At is the path.
func (f Folder) At(name string) string { return f.path(name) }

// Put writes a file beside its place, and gives it its name when it is on the disk.
func (f Folder) Put(ctx context.Context, name string, in io.Reader) (err error) {
	to := f.path(name)
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return fmt.Errorf("make the folder of %s: %w", to, err)
	}
	// One name for all tries, so that those that were killed leave one file at most.
	tmp := filepath.Join(filepath.Dir(to), unfinished+filepath.Base(to))
	out, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp) // the next try writes all of it
		}
	}()
	_, err = io.Copy(out, &ending{ctx, in})
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	if err := os.Rename(tmp, to); err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	folder, err := os.Open(filepath.Dir(to))
	if err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil { // the name, too, has to outlive a loss of power
		return fmt.Errorf("write %s: %w", to, err)
	}
	return nil
}

// ending is a reader that ends with a context.
type ending struct {
	ctx context.Context
	io.Reader
}

func (e *ending) Read(p []byte) (int, error) {
	if err := e.ctx.Err(); err != nil {
		return 0, err
	}
	return e.Reader.Read(p)
}

// Get opens a file.
func (f Folder) Get(_ context.Context, name string) (io.ReadCloser, error) {
	return os.Open(f.path(name))
}

// List walks the folder. What is not whole is left out, and so is what goes away meanwhile.
func (f Folder) List(_ context.Context, dir string) ([]File, error) { return f.list(dir, true) }

// Unfinished walks the folder, too.
func (f Folder) Unfinished(_ context.Context, dir string) ([]File, error) { return f.list(dir, false) }

func (f Folder) list(dir string, whole bool) ([]File, error) {
	var out []File
	root := f.path(dir)
	err := filepath.WalkDir(root, func(at string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || entry.IsDir() {
			return err
		}
		name, part := strings.CutPrefix(entry.Name(), unfinished)
		info, err := entry.Info()
		if err != nil || part == whole {
			return nil
		}
		below, err := filepath.Rel(root, filepath.Join(filepath.Dir(at), name))
		out = append(out, File{Name: path.Join(dir, filepath.ToSlash(below)), Size: info.Size(), Modified: info.ModTime()})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", root, err)
	}
	return out, nil
}

// Delete deletes files, and folders that are empty then.
func (f Folder) Delete(_ context.Context, names ...string) error {
	for _, name := range names {
		at := f.path(name)
		if err := os.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("delete %s: %w", at, err)
		}
		_ = os.Remove(filepath.Dir(at)) // it stays while there is something in it
	}
	return nil
}

// Discard deletes files that are not whole, and folders that are empty then.
func (f Folder) Discard(ctx context.Context, dir string) error {
	files, err := f.Unfinished(ctx, dir)
	if err != nil {
		return err
	}
	for _, file := range files {
		at := f.path(file.Name)
		if err := os.Remove(filepath.Join(filepath.Dir(at), unfinished+filepath.Base(at))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("delete what is not whole of %s: %w", at, err)
		}
		_ = os.Remove(filepath.Dir(at)) // it stays while there is something in it
	}
	return nil
}
