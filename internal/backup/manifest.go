// Package backup is the format of backups: parts, which are tar archives, compressed with zstd and encrypted to age recipients, and a manifest in JSON that
// is written last. All of it can be read without berth: docs/backup.md says how. It knows how a part is written and read, and which backups are kept;
// where they are is a Place's business.
//
//	a dump's files ──> tar ──> zstd ──> age ──> a part, with its sha256 ──> a place
package backup

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"berth/internal/backup/place"
	"berth/internal/diag"
)

// Format is the version of the form of backups.
const Format = 1

// ManifestName is the file that makes a backup whole.
const ManifestName = "manifest.json"

// Manifest is what a backup has, and what it was made from.
type Manifest struct {
	Format       int        `json:"format"`
	ID           string     `json:"id"` // when it was begun: "20261128-230000"
	Installation string     `json:"installation"`
	Target       string     `json:"target"`
	Release      string     `json:"release"`
	Program      string     `json:"program,omitempty"` // the berth that made it
	Began        time.Time  `json:"began"`
	Completed    time.Time  `json:"completed"`
	Databases    []Database `json:"databases"`
	Parts        []Part     `json:"parts"`
	// Recipients can read it; none: it is not encrypted.
	Recipients []string `json:"recipients,omitempty"`
	Left       []Left   `json:"left"` // what it does not have
}

// Database is a database as it was dumped.
type Database struct {
	Name       string            `json:"name"`
	Server     int               `json:"server"` // server_version_num: 160004
	Bytes      int64             `json:"bytes"`
	Snapshot   string            `json:"snapshot"`
	LSN        string            `json:"lsn,omitempty"` // of the log of its server, at about that moment
	Encoding   string            `json:"encoding"`
	Collation  string            `json:"collation"`
	Characters string            `json:"characters"`
	Extensions map[string]string `json:"extensions"` // versions by name
	Rows       map[string]int64  `json:"rows"`       // by table
}

// Major is the major release of the database's server.
func (d Database) Major() int { return d.Server / 10000 }

// Part is a file of a backup.
type Part struct {
	Name   string `json:"name"`   // "pgsql-001.tar.zst.age"
	Size   int64  `json:"size"`   // as it is stored, in bytes
	Holds  int64  `json:"holds"`  // bytes of the files in it
	Files  int    `json:"files"`  // how many are in it
	SHA256 string `json:"sha256"` // of the file as it is stored
}

// Left is something that a backup does not have, and why.
type Left struct {
	What string `json:"what"`
	Why  string `json:"why"`
	Lost string `json:"lost,omitempty"` // by a restore
}

// Bytes is how much a backup takes where it is.
func (m *Manifest) Bytes() (n int64) {
	for _, p := range m.Parts {
		n += p.Size
	}
	return n
}

// Holds is how much its dumps take where they are unpacked.
func (m *Manifest) Holds() (n int64) {
	for _, p := range m.Parts {
		n += p.Holds
	}
	return n
}

// Data is the size of its databases.
func (m *Manifest) Data() (n int64) {
	for _, d := range m.Databases {
		n += d.Bytes
	}
	return n
}

// Postgres is the newest major release of its databases' servers.
func (m *Manifest) Postgres() (major int) {
	for _, d := range m.Databases {
		major = max(major, d.Major())
	}
	return major
}

// Dumps are the parts with dumps of databases.
func (m *Manifest) Dumps() []Part {
	return slices.DeleteFunc(slices.Clone(m.Parts), func(p Part) bool { return strings.HasPrefix(p.Name, FilesPart) })
}

// Backup is a backup at a place.
type Backup struct {
	Place place.Place
	Dir   string // below the place
}

// ID is its name.
func (b Backup) ID() string { return path.Base(b.Dir) }

func (b Backup) String() string { return b.Place.At(b.Dir) }

// Manifest reads the manifest of a backup. One that has none is not whole: the error is a diag.List.
func (b Backup) Manifest(ctx context.Context) (*Manifest, error) {
	in, err := b.Place.Get(ctx, path.Join(b.Dir, ManifestName))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, diag.List{{Code: "BERTH4503", Severity: diag.Error, Subject: b.String(), Summary: "there is no backup here: it has no manifest, which is written last",
			Hint: "to see which backups there are: berth backup list"}}
	case err != nil:
		return nil, err
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, 64<<20))
	if err != nil {
		return nil, fmt.Errorf("read the manifest of %s: %w", b, err)
	}
	var m Manifest
	switch err := json.Unmarshal(text, &m); {
	case err != nil:
		return nil, diag.List{{Code: "BERTH4504", Severity: diag.Error, Subject: b.String(), Summary: "the manifest of this backup can't be read", Detail: []string{err.Error()},
			Hint: "use another one: berth backup list"}}
	case m.Format > Format:
		return nil, diag.List{{Code: "BERTH4504", Severity: diag.Error, Subject: b.String(), Summary: fmt.Sprintf("the backup has form %d, and this berth reads forms up to %d", m.Format, Format),
			Hint: "use the release of berth that wrote it, or a later one: " + cmp.Or(m.Program, "unknown")}}
	}
	return &m, nil
}

// Complete writes the manifest, which makes a backup whole.
func (b Backup) Complete(ctx context.Context, m *Manifest) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	return b.Place.Put(ctx, path.Join(b.Dir, ManifestName), strings.NewReader(string(text)+"\n"))
}

// Delete deletes a backup: its manifest first, so that nobody takes what is left of it for a backup.
func (b Backup) Delete(ctx context.Context) error {
	files, err := b.Place.List(ctx, b.Dir)
	if err != nil {
		return err
	}
	if err := b.Place.Delete(ctx, path.Join(b.Dir, ManifestName)); err != nil {
		return err
	}
	for _, f := range files {
		if err := b.Place.Delete(ctx, f.Name); err != nil {
			return err
		}
	}
	return b.Place.Discard(ctx, b.Dir)
}

// Sizes are the sizes of what is where the backup is, by name, in bytes. Nothing of it is read.
func (b Backup) Sizes(ctx context.Context) (map[string]int64, error) {
	files, err := b.Place.List(ctx, b.Dir)
	if err != nil {
		return nil, err
	}
	sizes := map[string]int64{}
	for _, f := range files {
		sizes[path.Base(f.Name)] = f.Size
	}
	return sizes, nil
}

// Missing are the parts of a manifest that are not there, or have another size.
func (b Backup) Missing(m *Manifest, sizes map[string]int64) (problems diag.List) {
	for _, p := range m.Parts {
		size, there := sizes[p.Name]
		d := diag.Diagnostic{Code: "BERTH4505", Severity: diag.Error, Subject: b.String(), Hint: "use another backup: berth backup list"}
		switch {
		case !there:
			d.Summary = "the part " + p.Name + " is not there"
		case size != p.Size:
			d.Summary = fmt.Sprintf("the part %s has %d bytes, and %d were written", p.Name, size, p.Size)
		default:
			continue
		}
		problems = append(problems, d)
	}
	return problems
}

// Listed is a backup in a list.
type Listed struct {
	ID         string    `json:"id"`
	Where      string    `json:"where"`
	Whole      bool      `json:"whole"`
	Release    string    `json:"release,omitempty"`
	Began      time.Time `json:"began"`
	Bytes      int64     `json:"bytes"`
	Proven     time.Time `json:"proven,omitzero"` // when it was restored to prove it, the last time
	Recipients []string  `json:"recipients,omitempty"`
	Upgrades   bool      `json:"ofUpgrade,omitempty"` // an upgrade made it; it is in the volume of backups
}

// List gives the backups below a folder of a place, oldest first. Those without a manifest are not whole.
func List(ctx context.Context, at place.Place, dir string) ([]Listed, error) {
	files, err := at.List(ctx, dir)
	if err != nil {
		return nil, err
	}
	unfinished, err := at.Unfinished(ctx, dir) // of one that was killed there may be nothing else
	if err != nil {
		return nil, err
	}
	found := map[string]*Listed{}
	whole := len(files)
	for n, f := range append(files, unfinished...) {
		id := path.Base(path.Dir(f.Name))
		began, ok := Began(id)
		if !ok {
			continue
		}
		l := found[id]
		if l == nil {
			l = &Listed{ID: id, Where: at.At(path.Join(dir, id)), Began: began}
			found[id] = l
		}
		l.Bytes += f.Size
		l.Whole = l.Whole || n < whole && path.Base(f.Name) == ManifestName
	}
	out := []Listed{}
	for _, l := range found {
		if l.Whole {
			m, err := Backup{Place: at, Dir: path.Join(dir, l.ID)}.Manifest(ctx)
			if l.Whole = err == nil; err == nil {
				l.Release, l.Recipients = m.Release, m.Recipients
			}
		}
		out = append(out, *l)
	}
	slices.SortFunc(out, func(a, b Listed) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

// ProvenNote is the note in an installation's state that says when backups were proven, by their names.
const ProvenNote = "proven-backups"

// Ago says how long ago something was; the zero time is never.
func Ago(at, now time.Time) string {
	switch d := now.Sub(at); {
	case at.IsZero():
		return "never"
	case d < 48*time.Hour:
		return fmt.Sprintf("%.0f h ago", d.Hours())
	default:
		return fmt.Sprintf("%.0f days ago", d.Hours()/24)
	}
}

// IDForm is the form of the names of backups, as a time.
const IDForm = "20060102-150405"

// Began is when the backup of a name was begun.
func Began(id string) (time.Time, bool) {
	t, err := time.Parse(IDForm, id)
	return t, err == nil
}
