package data

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"berth/internal/run"
)

// Dump is how databases are dumped.
type Dump struct {
	Name  string // of the backup
	Bytes int64  // of the databases
	Prove bool   // it is restored once into a scratch server, and compared
	Keep  bool   // it stays where it is, so that it is made small
	// Sums are tables whose contents are compared, beside the numbers of their rows, as "pgsql.users".
	Sums []string
	// Trust says how a backup of the admin's own is given instead; "": it can't be.
	Trust string
}

// Dump backs the databases up: each is dumped as of one moment, which is nearly the same for all.
func (w *Worker) Dump(ctx context.Context, image Image, d Dump) error {
	hint := "make room or fix the cause shown above, then: " + w.Again
	if d.Trust != "" {
		hint += "   with a backup of your own: " + d.Trust
	}
	// What is carried off is compressed on the way, by something better than what dumps of older servers have.
	env := map[string]string{"DIR": folder, "BACKUP": d.Name, "COMPRESS": "0", "PROVE": "", "SUMS": strings.Join(d.Sums, " ")}
	if d.Keep {
		env["COMPRESS"] = "1"
	}
	if d.Prove {
		env["PROVE"] = "yes"
	}
	t := run.Task{Name: "backup", Identity: w.identity("backup " + d.Name), Image: image, As: "pgsql", Entry: script(proofScript + dumpScript),
		Env: env, Volume: Backups, Path: folder, Size: room(d.Bytes)}
	return w.do(ctx, t, "BERTH3703", "the databases could not be backed up; nothing was changed", hint)
}

// Restore puts a backup into databases that run.
func (w *Worker) Restore(ctx context.Context, image Image, backup string, sums []string) error {
	return w.do(ctx, run.Task{Name: "restore", Identity: w.identity("restore"), Image: image, As: "pgsql", Entry: script(restoreScript),
		Env: map[string]string{"DIR": folder, "BACKUP": backup, "SUMS": strings.Join(sums, " ")}, Volume: Backups, Path: folder},
		"BERTH3723", "the backup could not be restored; the databases are as they were before", w.fix())
}

// Proof restores a backup into a scratch server beside the databases, and compares. The databases are not asked.
func (w *Worker) Proof(ctx context.Context, image Image, backup string, sums []string) error {
	return w.do(ctx, run.Task{Name: "prove", Identity: w.identity("prove"), Image: image, As: "pgsql", Entry: script(proofScript + `prove "$DIR/$BACKUP"`),
		Env: map[string]string{"DIR": folder, "BACKUP": backup, "SUMS": strings.Join(sums, " ")}, Volume: Backups, Path: folder},
		"BERTH4510", "the backup could not be restored into a scratch server", w.fix())
}

// Dumped is a backup as the volume of backups has it.
type Dumped struct {
	Name    string
	Release string
	Proven  bool // it was restored once
	Bytes   int64
	Sources []Source
}

// Source is a database as it was when it was dumped.
type Source struct {
	Name       string            `json:"name"`
	Server     int               `json:"server"` // server_version_num: 160004
	Bytes      int64             `json:"bytes"`
	Snapshot   string            `json:"snapshot"`
	LSN        string            `json:"lsn"`
	Encoding   string            `json:"encoding"`
	Collation  string            `json:"collation"`
	Characters string            `json:"characters"`
	Extensions map[string]string `json:"extensions"` // versions by name
}

// File is a file of a backup in the volume.
type File struct {
	Name string // below the backup's folder: "pgsql/3301.dat"
	Size int64
}

// Dumps are the backups in the volume, oldest first. One without a report of its own was made by an older release of berth.
func (w *Worker) Dumps(ctx context.Context, image Image) ([]Dumped, error) {
	text, err := w.told(ctx, image, "list", `mkdir -p "$DIR" && cd "$DIR" && for d in *; do
  case $d in *.part | lost+found | restoring | \*) continue ;; esac
  [ -d "$d" ] || continue
  echo "BACKUP $(du -sk "$d" | cut -f1) $d"
  [ ! -f "$d/facts" ] || cat "$d/facts"
done`, nil)
	if errors.Is(err, run.ErrNoVolume) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []Dumped
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if about, ok := strings.CutPrefix(line, "BACKUP "); ok {
			size, name, _ := strings.Cut(about, " ")
			kib, _ := strconv.ParseInt(size, 10, 64) // du writes numbers
			out = append(out, Dumped{Name: name, Bytes: kib << 10})
			continue
		}
		fact, ok := strings.CutPrefix(line, factsMark)
		if !ok || len(out) == 0 || line == factsEnd {
			continue
		}
		kind, text, _ := strings.Cut(fact, " ")
		if err := out[len(out)-1].take(kind, text); err != nil {
			return nil, fmt.Errorf("read the facts of the backup %s: %w", out[len(out)-1].Name, err)
		}
	}
	return out, nil
}

func (d *Dumped) take(kind, text string) (err error) {
	switch kind {
	case "database":
		var s Source
		err = json.Unmarshal([]byte(text), &s)
		d.Sources = append(d.Sources, s)
	case "release":
		var r struct{ Version string }
		err = json.Unmarshal([]byte(text), &r)
		d.Release = strings.TrimPrefix(r.Version, "v")
	case "proven":
		err = json.Unmarshal([]byte(text), &d.Proven)
	}
	return err
}

// Files are the files of a backup, by name.
func (w *Worker) Files(ctx context.Context, image Image, backup string) ([]File, error) {
	text, err := w.told(ctx, image, "files", `cd "$DIR/$BACKUP" && find . -type f -exec stat -c '%s %n' {} +`, map[string]string{"BACKUP": backup})
	if err != nil {
		return nil, err
	}
	var out []File
	for line := range strings.Lines(text) {
		size, name, ok := strings.Cut(strings.TrimRight(line, "\n"), " ")
		n, err := strconv.ParseInt(size, 10, 64)
		if !ok || err != nil {
			return nil, fmt.Errorf("the files of the backup %s can't be listed: %q", backup, line)
		}
		out = append(out, File{Name: path.Clean(name), Size: n})
	}
	slices.SortFunc(out, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// Rows are the tables of a database in a backup: the numbers of their rows.
func (w *Worker) Rows(ctx context.Context, image Image, backup, database string) (map[string]int64, error) {
	text, err := w.told(ctx, image, "rows", `cat "$DIR/$BACKUP/$DB.rows"`, map[string]string{"BACKUP": backup, "DB": database})
	if err != nil {
		return nil, err
	}
	out := map[string]int64{}
	for line := range strings.Lines(text) {
		// A table's name may have spaces; the number and the sum after it have none.
		fields := strings.Split(strings.TrimRight(line, "\n"), " ")
		if len(fields) < 3 {
			continue
		}
		n, err := strconv.ParseInt(fields[len(fields)-2], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("read the counts of %s: %w", database, err)
		}
		out[strings.Join(fields[:len(fields)-2], " ")] = n
	}
	return out, nil
}

// Read writes some files of a backup to out, as a tar archive.
func (w *Worker) Read(ctx context.Context, image Image, backup string, names []string, out io.Writer) error {
	in := strings.NewReader(strings.Join(names, "\n") + "\n")
	return w.pipe(ctx, image, "read-"+within(names), `tar -c -f - -C "$DIR/$BACKUP" -T /dev/stdin`, map[string]string{"BACKUP": backup}, in, out)
}

// Put unpacks a tar archive into the folder of a backup that is not whole yet; name distinguishes archives that are unpacked at the same time.
func (w *Worker) Put(ctx context.Context, image Image, backup, name string, size int64, in io.Reader) error {
	return w.piped(ctx, image, "put-"+name, `mkdir -p "$DIR/$BACKUP.part" && tar -x -f - -C "$DIR/$BACKUP.part"`, map[string]string{"BACKUP": backup}, size, in, io.Discard)
}

// Whole gives the folder of a backup its name, once all is in it. One that has it stays.
func (w *Worker) Whole(ctx context.Context, image Image, backup string) error {
	return w.pipe(ctx, image, "whole", `[ -d "$DIR/$BACKUP" ] || { sync; mv "$DIR/$BACKUP.part" "$DIR/$BACKUP"; }`, map[string]string{"BACKUP": backup}, nil, io.Discard)
}

// Clear makes the volume of backups ready for a backup of some bytes, with room to restore it once: it makes the volume where it is not there, and deletes what an earlier try left.
func (w *Worker) Clear(ctx context.Context, image Image, backup string, size int64) error {
	return w.piped(ctx, image, "clear", dropped, map[string]string{"BACKUP": backup}, room(size), nil, io.Discard)
}

// dropped is the script that deletes a backup.
const dropped = `rm -rf "$DIR/$BACKUP" "$DIR/$BACKUP.part"`

// Drop deletes a backup from the volume, whole or not.
func (w *Worker) Drop(ctx context.Context, image Image, backup string) error {
	err := w.pipe(ctx, image, "drop", dropped, map[string]string{"BACKUP": backup}, nil, io.Discard)
	if errors.Is(err, run.ErrNoVolume) {
		return nil
	}
	return err
}

// within makes a part of a task's name from the first of some files.
func within(names []string) string {
	base := "none"
	if len(names) > 0 {
		base = names[0]
	}
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, base)
}

// told runs a script in the volume of backups, and gives what it writes.
func (w *Worker) told(ctx context.Context, image Image, name, text string, env map[string]string) (string, error) {
	var out bytes.Buffer
	err := w.pipe(ctx, image, name, text, env, nil, &out)
	return out.String(), err
}

func (w *Worker) pipe(ctx context.Context, image Image, name, text string, env map[string]string, in io.Reader, out io.Writer) error {
	return w.piped(ctx, image, name, text, env, 0, in, out)
}

// piped runs a script in the volume of backups, which is made for some bytes where it is not there.
func (w *Worker) piped(ctx context.Context, image Image, name, text string, env map[string]string, size int64, in io.Reader, out io.Writer) error {
	t := run.Task{Name: "backup-" + name + w.Tag, Identity: w.identity("backup-" + name), Image: image, As: "pgsql", Entry: []string{"/bin/sh", "-c", "set -eu\n" + text},
		Env: map[string]string{"DIR": folder}, Volume: Backups, Path: folder, Size: size}
	for k, v := range env {
		t.Env[k] = v
	}
	exit, said, err := w.Tasks.Pipe(ctx, t, in, out)
	if err == nil && exit != 0 {
		err = errors.New(strings.TrimSpace(said))
	}
	if err != nil {
		return fmt.Errorf("%s in the volume of backups: %w", name, err)
	}
	return nil
}
