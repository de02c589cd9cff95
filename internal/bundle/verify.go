package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"berth/internal/bundle/redact"
	"berth/internal/diag"
)

// Suffix is how the name of a bundle ends.
const Suffix = ".tar.gz"

func baseOf(file string) string { return filepath.Base(file) }

// prove reads a finished archive, and fails when a known value or name is in it.
func prove(file string, set *redact.Set) error {
	_, found, err := read(file, redact.New(set))
	if err != nil {
		return fmt.Errorf("read the bundle again: %w", err)
	}
	for name, values := range found {
		return unsafeBundle(fmt.Sprintf("%s still has %s", name, values[0].What))
	}
	return nil
}

// contents are the files of an archive as they are.
type contents struct {
	names    []string
	sums     map[string]string
	sizes    map[string]int64
	folder   string    // that all are in, with a slash; "": there is none
	manifest *Manifest // nil: it has none
}

// read reads an archive: names, checksums, the manifest, and which known values and names are in which file. scan may be nil.
func read(file string, scan *redact.Redactor) (*contents, map[string][]redact.Value, error) {
	c, found := &contents{sums: map[string]string{}, sizes: map[string]int64{}}, map[string][]redact.Value{}
	var manifest []byte
	err := each(file, func(name string, content io.Reader) error {
		if path.Base(name) == ManifestFile && manifest == nil {
			all, err := io.ReadAll(io.LimitReader(content, mostManifest))
			if err != nil {
				return err
			}
			manifest, content = all, bytes.NewReader(all)
		}
		h, n := sha256.New(), new(count)
		text := io.TeeReader(content, io.MultiWriter(h, n))
		if scan != nil {
			values, err := scan.Has(ahead(text))
			if err != nil {
				return err
			}
			if len(values) > 0 {
				found[name] = values
			}
		} else if _, err := io.Copy(io.Discard, text); err != nil {
			return err
		}
		c.names = append(c.names, name)
		c.sums[name], c.sizes[name] = hex.EncodeToString(h.Sum(nil)), int64(*n)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	c.folder = below(c.names)
	if manifest != nil {
		c.manifest = &Manifest{}
		if err := json.Unmarshal(manifest, c.manifest); err != nil {
			return nil, nil, fmt.Errorf("read its manifest: %w", err)
		}
	}
	return c, found, nil
}

// mostManifest is how long a manifest may be.
const mostManifest = 64 << 20

// count counts bytes.
type count int64

func (c *count) Write(text []byte) (int, error) {
	*c += count(len(text))
	return len(text), nil
}

// ahead reads while the other side works.
func ahead(from io.Reader) io.Reader {
	in, out := io.Pipe()
	go func() {
		blocks, failed := make(chan []byte, 2), new(atomic.Pointer[error])
		go func() {
			for b := range blocks {
				_, _ = out.Write(b) // who does not read on has its reason
			}
			if err := failed.Load(); err != nil {
				out.CloseWithError(*err)
			}
			out.Close()
		}()
		for {
			b := make([]byte, blockSize)
			n, err := io.ReadFull(from, b)
			blocks <- b[:n]
			if err != nil {
				if err != io.EOF && err != io.ErrUnexpectedEOF {
					failed.Store(&err)
				}
				close(blocks)
				return
			}
		}
	}()
	return in
}

// Checked is what became of the check of a bundle.
type Checked struct {
	Files    int       `json:"files"`
	Bytes    int64     `json:"bytes"`
	Known    int       `json:"known"` // secrets that were searched for
	Names    int       `json:"names,omitempty"`
	Problems diag.List `json:"problems"`
}

// Replaced are the kinds of names that a bundle has pseudonyms for; none where it can't be read.
func Replaced(file string) (kinds []redact.Kind) {
	_ = each(file, func(name string, content io.Reader) error {
		if path.Base(name) != ManifestFile {
			return nil
		}
		var m Manifest
		if err := json.NewDecoder(io.LimitReader(content, mostManifest)).Decode(&m); err != nil {
			return err
		}
		kinds = m.Pseudonyms
		return io.EOF // the rest is of no interest
	})
	return kinds
}

// Verify proves that a bundle is whole, and that no known value is in it; with pseudonyms, no name either.
func Verify(file string, known []redact.Value, p *redact.Pseudonyms) (*Checked, error) {
	var scan *redact.Redactor
	set := redact.Known(known)
	if p != nil {
		set = set.WithNames(p)
	}
	if len(known) > 0 || p != nil {
		scan = redact.New(set)
	}
	c, found, err := read(file, scan)
	if err != nil {
		return nil, diag.List{{Code: "BERTH4434", Severity: diag.Error, Subject: file, Summary: "the bundle can't be read", Detail: []string{err.Error()},
			Hint: "get the file again: it was cut off or changed in transfer"}}
	}
	out := &Checked{Files: len(c.names), Known: len(known)}
	if p != nil {
		out.Names = len(p.Names)
	}
	for _, n := range c.sizes {
		out.Bytes += n
	}
	if c.manifest == nil {
		return nil, diag.List{{Code: "BERTH4434", Severity: diag.Error, Subject: file, Summary: "it has no manifest, so berth did not make it",
			Hint: "see what is in it with: berth bundle analyze " + file}}
	}
	out.Problems = append(diag.List{}, c.compare(file)...)
	for _, name := range slices.Sorted(maps.Keys(found)) {
		out.Problems = append(out.Problems, diag.Diagnostic{Code: "BERTH4432", Severity: diag.Error, Subject: name,
			Summary: "it has what it must not have, of this installation: " + found[name][0].What, Hint: "do not send this file; write another: berth bundle"})
	}
	return out, nil
}

// compare compares the files with the manifest.
func (c *contents) compare(file string) (problems diag.List) {
	problem := func(name, summary string) {
		problems = append(problems, diag.Diagnostic{Code: "BERTH4433", Severity: diag.Error, Subject: name, Summary: summary,
			Hint: "get " + path.Base(file) + " again from who made it"})
	}
	listed := map[string]bool{c.folder + ManifestFile: true}
	for _, f := range c.manifest.Files {
		name := c.folder + f.Path
		listed[name] = true
		switch sum, there := c.sums[name]; {
		case !there:
			problem(f.Path, "the manifest lists this file, and it is not in the bundle")
		case sum != f.SHA256:
			problem(f.Path, "the file was changed: its checksum differs from the manifest")
		}
	}
	for _, name := range c.names {
		if !listed[name] {
			problem(strings.TrimPrefix(name, c.folder), "the file is not in the manifest")
		}
	}
	return problems
}
