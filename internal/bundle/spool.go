package bundle

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"berth/internal/bundle/redact"
	"github.com/klauspost/compress/gzip"
)

// blockSize is how much text becomes one member of the archive.
const blockSize = 1 << 20

// spool keeps files, masked and compressed, until their sizes are known: an archive says them before the contents.
type spool struct {
	dir  string
	set  *redact.Set
	most int64 // bytes that a file may have: of a longer one, its end is kept

	mu        sync.Mutex
	redactors []*redact.Redactor // that nobody uses
	files     []*kept
	sealed    []string // when not nil, only these still add files
}

// kept is a file of the spool.
type kept struct {
	File
	path   string
	blocks []part
}

// part is a compressed part of a file.
type part struct{ at, size, raw int64 }

// redactor gives a redactor for one goroutine; back takes it back.
func (s *spool) redactor() *redact.Redactor {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.redactors); n > 0 {
		r := s.redactors[n-1]
		s.redactors = s.redactors[:n-1]
		return r
	}
	return redact.New(s.set)
}

// used are the names that were replaced in files that are in the archive, but for what was planted; most frequent first. A collector that was given up
// may still use its redactor, so it is left out.
func (s *spool) used() []redact.Used {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := map[string]int{}
	var out []redact.Used
	for _, r := range s.redactors {
		for _, u := range r.Used() {
			if strings.HasPrefix(u.Name, canaryBegin) {
				continue
			}
			if i, seen := at[u.Pseudonym]; seen {
				out[i].Times += u.Times
				continue
			}
			at[u.Pseudonym] = len(out)
			out = append(out, u)
		}
	}
	slices.SortFunc(out, func(a, b redact.Used) int { return cmp.Or(b.Times-a.Times, strings.Compare(a.Pseudonym, b.Pseudonym)) })
	return out
}

func (s *spool) back(r *redact.Redactor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.redactors = append(s.redactors, r)
}

// add takes a file. What was read of it before an error is kept.
func (s *spool) add(path, collector string, content io.Reader) error {
	r := s.redactor()
	defer s.back(r)
	out, err := os.CreateTemp(s.dir, "file-")
	if err != nil {
		return fmt.Errorf("keep a file of the bundle: %w", err)
	}
	defer out.Close()
	k := &kept{File: File{Path: r.Text(path), Collector: collector}, path: out.Name()}
	w := &blocks{out: out, kept: k, most: s.most, sum: sha256.New()}
	counts, err := r.Copy(w, content)
	if flushed := w.flush(); err == nil {
		err = flushed
	}
	k.Masked, k.SHA256 = masked(counts), hex.EncodeToString(w.sum.Sum(nil))
	if k.LeftOut > 0 {
		sum, sumErr := k.sum()
		if k.SHA256 = sum; sumErr != nil {
			return errors.Join(err, sumErr)
		}
	}
	if k.Bytes == 0 && err != nil {
		return errors.Join(err, os.Remove(k.path))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := 2; slices.ContainsFunc(s.files, func(other *kept) bool { return other.Path == k.Path }); n++ { // a part of both names was masked
		ext := filepath.Ext(path)
		k.Path = strings.TrimSuffix(r.Text(path), ext) + fmt.Sprintf("-%d", n) + ext
	}
	if s.sealed == nil || slices.Contains(s.sealed, collector) {
		s.files = append(s.files, k)
	}
	return err
}

// blocks writes a text as compressed parts, and forgets those at its begin when there are too many.
type blocks struct {
	out    *os.File
	kept   *kept
	most   int64
	buffer []byte
	packed bytes.Buffer
	gz     *gzip.Writer
	sum    hash.Hash // of all that was written
	at     int64
}

func (b *blocks) Write(text []byte) (int, error) {
	n := len(text)
	for len(text) > 0 {
		if b.buffer == nil {
			b.buffer = make([]byte, 0, blockSize)
		}
		take := min(len(text), blockSize-len(b.buffer))
		b.buffer, text = append(b.buffer, text[:take]...), text[take:]
		if len(b.buffer) == blockSize {
			if err := b.flush(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

func (b *blocks) flush() error {
	if len(b.buffer) == 0 {
		return nil
	}
	b.packed.Reset()
	if b.gz == nil {
		b.gz, _ = gzip.NewWriterLevel(&b.packed, gzip.BestSpeed) // the level exists
	} else {
		b.gz.Reset(&b.packed)
	}
	_, _ = b.gz.Write(b.buffer) // a buffer takes everything
	_, _ = b.sum.Write(b.buffer)
	if err := b.gz.Close(); err != nil {
		return err
	}
	if _, err := b.out.Write(b.packed.Bytes()); err != nil {
		return fmt.Errorf("keep a file of the bundle: %w", err)
	}
	k := b.kept
	k.blocks = append(k.blocks, part{b.at, int64(b.packed.Len()), int64(len(b.buffer))})
	b.at += int64(b.packed.Len())
	k.Bytes += int64(len(b.buffer))
	for b.most > 0 && k.Bytes > b.most && len(k.blocks) > 1 {
		k.Bytes, k.LeftOut, k.blocks = k.Bytes-k.blocks[0].raw, k.LeftOut+k.blocks[0].raw, k.blocks[1:]
	}
	b.buffer = b.buffer[:0]
	return nil
}

// packed gives the compressed parts, one after the other.
func (k *kept) packed(w io.Writer) error {
	f, err := os.Open(k.path)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, p := range k.blocks {
		if _, err := io.Copy(w, io.NewSectionReader(f, p.at, p.size)); err != nil {
			return err
		}
	}
	return nil
}

// sum is the checksum of what is kept of a file.
func (k *kept) sum() (string, error) {
	in, out := io.Pipe()
	go func() { out.CloseWithError(k.packed(out)) }()
	defer in.Close()
	r, err := gzip.NewReader(in)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(h, r)
	return hex.EncodeToString(h.Sum(nil)), err
}

// newSpool makes a place for files that nobody else can read.
func newSpool(beside string, set *redact.Set, most int64) (*spool, error) {
	dir, err := os.MkdirTemp(filepath.Dir(beside), ".berth-bundle-")
	if err != nil {
		return nil, fmt.Errorf("make a place for the bundle: %w", err)
	}
	return &spool{dir: dir, set: set, most: most}, nil
}

func (s *spool) close() { _ = os.RemoveAll(s.dir) } // what is left is masked

// seal lets only some add files from now on: a collector that was given up may still be at work.
func (s *spool) seal(but ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sealed = but
}
