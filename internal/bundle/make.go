package bundle

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"berth/internal/bundle/redact"
	"berth/internal/diag"
	"golang.org/x/sync/errgroup"
)

// Collector collects files.
type Collector struct {
	Name     string
	Patience time.Duration // 0: as Request says
	Collect  func(ctx context.Context, out *Out) error
}

// Request is what a bundle is to be.
type Request struct {
	Manifest   Manifest // what is known of it before it is made
	Collectors []Collector
	Known      []redact.Value
	Unknown    []Missing          // secrets and names that could not be read, so that they can't be searched for
	Pseudonyms *redact.Pseudonyms // that replace names; nil: names stay
	Patience   time.Duration
	MostBytes  int64 // of one file; of a longer one its end is kept
	Now        func() time.Time
	// Summary is the text of the first file.
	Summary func(*Manifest) string
}

const (
	patience = time.Minute
	parallel = 4
)

// Out is where a collector puts what it collects.
type Out struct {
	collector string
	spool     *spool
	note      func(what, why string)
	files     func()
}

// File adds a file. What was read before an error is kept, and the error is noted.
func (o *Out) File(path string, content io.Reader) {
	if err := o.spool.add(path, o.collector, content); err != nil {
		o.Missing(path, err)
		return
	}
	o.files()
}

// Stream adds a file that a function writes.
func (o *Out) Stream(path string, write func(w io.Writer) error) {
	in, out := io.Pipe()
	go func() { out.CloseWithError(write(out)) }()
	o.File(path, in)
	in.Close() // whoever still writes gets an error
}

// JSON adds a value as a file.
func (o *Out) JSON(path string, value any) {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		o.Missing(path, err)
		return
	}
	o.File(path, bytes.NewReader(append(text, '\n')))
}

// Missing notes what could not be collected.
func (o *Out) Missing(what string, err error) {
	why := err.Error()
	if errors.Is(err, context.DeadlineExceeded) {
		why = "it took too long"
	}
	o.note(what, why)
}

// Made is a bundle that was written.
type Made struct {
	File     string   `json:"file"`
	Size     int64    `json:"size"` // of the archive
	Manifest Manifest `json:"manifest"`
	// Names are those that pseudonyms replaced. They are not in the archive.
	Names []redact.Used `json:"names,omitempty"`
}

// Make collects, masks, writes the archive and proves that no known secret is in it. On any doubt there is no archive.
func Make(ctx context.Context, r Request, file string) (*Made, error) {
	planted, set := r.plant()
	if err := selfTest(set, planted); err != nil {
		return nil, err
	}
	s, err := newSpool(file, set.WithPatterns(), r.MostBytes)
	if err != nil {
		return nil, err
	}
	defer s.close()
	m := r.Manifest
	m.Version, m.Known, m.Began = ManifestVersion, len(r.Known), r.Now()
	if r.Pseudonyms != nil {
		m.Pseudonyms = r.Pseudonyms.Kinds
	}
	m.Missing = append(append([]Missing{}, m.Missing...), r.Unknown...)
	r.collect(ctx, s, &m)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.seal("redaction", "berth")
	if err := s.add(CanaryFile, "redaction", strings.NewReader(canaries(planted))); err != nil {
		return nil, err
	}
	if err := r.finish(s, &m); err != nil {
		return nil, err
	}
	size, err := s.archive(file, m.Ended, set)
	if err != nil {
		return nil, err
	}
	return &Made{File: file, Size: size, Manifest: m, Names: s.used()}, nil
}

// plant gives everything to search for, with canaries among it, which belong to nothing: a secret, and a name where names have pseudonyms.
func (r Request) plant() (planted []string, set *redact.Set) {
	secret := canaryBegin + rand.Text() + `"'&/`
	set = redact.Known(append(slices.Clone(r.Known), redact.Value{Text: secret, What: "the canary"}))
	if r.Pseudonyms == nil {
		return []string{secret}, set
	}
	p := *r.Pseudonyms
	name := redact.Name{Kind: p.Kinds[0], Text: canaryBegin + strings.ToLower(rand.Text())}
	p.Names = append(slices.Clone(p.Names), name)
	return []string{secret, "/" + name.Text + "/"}, set.WithNames(&p) // a name counts where it stands by itself
}

// selfTest proves that what searches for secrets and names finds them in every form: a search that finds nothing proves nothing by itself.
func selfTest(set *redact.Set, planted []string) error {
	scan := redact.New(set)
	for _, one := range planted {
		forms := 0
		for form := range strings.SplitSeq(strings.ReplaceAll(canary(one), "\n    ", "\x00"), "\n") {
			if form == "" {
				continue
			}
			found, err := scan.Has(strings.NewReader(strings.ReplaceAll(form, "\x00", "\n    ") + "\n"))
			if err != nil || len(found) == 0 {
				return unsafeBundle("the search for secrets and names misses one in a form that it must find: " + strings.SplitN(form, ":", 2)[0])
			}
			forms++
		}
		if forms != canaryForms {
			return unsafeBundle("the search for secrets was not tried in all forms")
		}
	}
	return nil
}

// unsafeBundle refuses to give a bundle away.
func unsafeBundle(why string) error {
	return diag.List{{Code: "BERTH4431", Severity: diag.Error, Subject: "bundle", Summary: why + "; the bundle was deleted",
		Hint: "this is a fault of berth: report it, and send no bundle that you made with it"}}
}

// collect runs the collectors.
func (r Request) collect(ctx context.Context, s *spool, m *Manifest) {
	var g errgroup.Group
	g.SetLimit(parallel)
	for _, c := range r.Collectors {
		g.Go(func() error {
			r.one(ctx, c, s, m)
			return nil
		})
	}
	_ = g.Wait() // what fails is noted
}

// one runs a collector. One that does not end in its time is left alone: what it gave until then is there.
func (r Request) one(ctx context.Context, c Collector, s *spool, m *Manifest) {
	limit := c.Patience
	if limit == 0 {
		limit = r.Patience
	}
	if limit == 0 {
		limit = patience
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	did := Collected{Name: c.Name, Began: r.Now()}
	over := false
	guarded := func(do func()) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !over {
			do()
		}
	}
	out := &Out{collector: c.Name, spool: s,
		note:  func(what, why string) { guarded(func() { m.Missing = append(m.Missing, Missing{what, why}) }) },
		files: func() { guarded(func() { did.Files++ }) }}
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- fmt.Errorf("it broke: %v", p)
			}
		}()
		done <- c.Collect(limited, out)
	}()
	select {
	case err := <-done:
		if err != nil {
			out.Missing(c.Name, err)
		}
	case <-limited.Done():
		// A moment for what ends by itself now, and writes down what it has.
		select {
		case err := <-done:
			if err != nil {
				out.Missing(c.Name, err)
			}
		case <-time.After(grace):
			out.Missing(c.Name, fmt.Errorf("it did not end within %s", limit))
		}
	}
	guarded(func() {
		over = true
		did.Seconds = r.Now().Sub(did.Began).Seconds()
		m.Collectors = append(m.Collectors, did)
	})
}

// grace is how long a collector may take to end after its time is up.
const grace = time.Second

// finish adds the summary and the manifest.
func (r Request) finish(s *spool, m *Manifest) error {
	counts := map[string]int{}
	m.Files = []File{}
	for _, k := range s.files {
		m.Files = append(m.Files, k.File)
		for _, n := range k.Masked {
			if k.Path != CanaryFile {
				counts[n.What] += n.Times
			}
		}
	}
	m.Masked = masked(counts)
	m.Ended = r.Now()
	m.order()
	if err := s.add(SummaryFile, "berth", strings.NewReader(r.Summary(m))); err != nil {
		return err
	}
	m.Files = append([]File{s.files[len(s.files)-1].File}, m.Files...)
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	return s.add(ManifestFile, "berth", bytes.NewReader(append(text, '\n')))
}

// archive writes the archive beside its place, proves it, and puts it there.
func (s *spool) archive(file string, at time.Time, set *redact.Set) (size int64, err error) {
	files := slices.Clone(s.files)
	first := map[string]int{SummaryFile: -2, ManifestFile: -1}
	slices.SortFunc(files, func(a, b *kept) int {
		if d := first[a.Path] - first[b.Path]; d != 0 {
			return d
		}
		return strings.Compare(a.Path, b.Path)
	})
	made := s.dir + "/archive"
	f, err := os.OpenFile(made, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return 0, fmt.Errorf("write the bundle: %w", err)
	}
	r := s.redactor()
	defer s.back(r)
	err = write(f, r.Text(strings.TrimSuffix(baseOf(file), Suffix)), at, files)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = prove(made, set)
	}
	if err != nil {
		return 0, err
	}
	info, err := os.Stat(made)
	if err != nil {
		return 0, err
	}
	return info.Size(), os.Rename(made, file)
}
