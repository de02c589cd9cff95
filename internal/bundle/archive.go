package bundle

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
)

// write makes the archive of some files, below a folder. Each file's parts are compressed already: an archive of several members is one that every
// program opens.
func write(w io.Writer, folder string, at time.Time, files []*kept) error {
	tail := int64(0) // what the file before lacks to whole blocks of tar
	for _, k := range files {
		var header bytes.Buffer
		header.Write(make([]byte, tail))
		t := tar.NewWriter(&header)
		err := t.WriteHeader(&tar.Header{Name: folder + "/" + k.Path, Mode: 0o600, Size: k.Bytes, ModTime: at.UTC().Truncate(time.Second), Format: tar.FormatPAX})
		if err == nil {
			err = member(w, header.Bytes())
		}
		if err == nil {
			err = k.packed(w)
		}
		if err != nil {
			return fmt.Errorf("write the bundle: %w", err)
		}
		tail = (512 - k.Bytes%512) % 512
	}
	return member(w, make([]byte, tail+1024))
}

// member writes a part of the archive that is not compressed yet.
func member(w io.Writer, text []byte) error {
	gz := gzip.NewWriter(w)
	if _, err := gz.Write(text); err != nil {
		return err
	}
	return gz.Close()
}

// unsafe reports a name that leads out of the folder that an archive is unpacked into.
func unsafe(name string) bool { return !filepath.IsLocal(filepath.FromSlash(name)) }

// each gives the files of an archive: .tar.gz, .tar, .zip, or a folder. Names are below the archive's own folder, where all are in one.
func each(file string, take func(name string, content io.Reader) error) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return eachIn(os.DirFS(file), take)
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	b := bufio.NewReaderSize(f, 1<<20)
	magic, _ := b.Peek(4)
	switch {
	case bytes.HasPrefix(magic, []byte("PK\x03\x04")):
		z, err := zip.NewReader(f, info.Size())
		if err != nil {
			return err
		}
		return eachIn(z, take)
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		gz, err := gzip.NewReader(b)
		if err != nil {
			return err
		}
		return eachOf(gz, take)
	}
	return eachOf(b, take)
}

// eachIn gives the files of a tree of files.
func eachIn(tree fs.FS, take func(name string, content io.Reader) error) error {
	return fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := tree.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		return take(name, f)
	})
}

// eachOf gives the files of a tar archive.
func eachOf(r io.Reader, take func(name string, content io.Reader) error) error {
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if unsafe(h.Name) {
			return fmt.Errorf("the name %q leads out of the archive", h.Name)
		}
		if err := take(path.Clean(h.Name), t); err != nil {
			return err
		}
	}
}

// below is a name without the folder that all files of an archive are in.
func below(names []string) string {
	folder := ""
	for i, name := range names {
		first, _, ok := strings.Cut(name, "/")
		if !ok || i > 0 && first != folder {
			return ""
		}
		folder = first
	}
	if len(names) == 0 || slices.Contains([]string{"cluster-resources", "logs", "kubectl", "docker", "config"}, folder) {
		return ""
	}
	return folder + "/"
}
