package fake

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"berth/catalogue"
	"berth/internal/data"
	"berth/internal/run"
	"berth/internal/stack"
)

// dumpFile is the file of a backup in memory that has all there is of the databases; those of the other two are empty.
const dumpFile = "pgsql/toc.dat"

// pipe does what tasks do in the volume of backups. Their input and output have the forms of the real ones.
func (p *place) pipe(ctx context.Context, t run.Task, in io.Reader, out io.Writer) (exit int, said string, err error) {
	if err := ctx.Err(); err != nil {
		return 0, "", err
	}
	if t.Asks {
		return p.round(t, in, out)
	}
	if t.Own {
		return p.ofVolume(t, in, out)
	}
	backup := t.Env["BACKUP"]
	verb, _, _ := strings.Cut(strings.TrimPrefix(t.Name, "backup-"), "-")
	if verb == "put" { // it says a size, and reads what another task may be writing now, which holds the world
		return p.put(backup, in)
	}
	if !p.keeps(t) {
		return 0, "", run.ErrNoVolume
	}
	err = p.world.effect(func() error {
		if p.world.Failing["pipe"] {
			return errors.New("the disk is full")
		}
		d, there := p.backups[backup]
		switch verb {
		case "list":
			p.listed(out)
			return nil
		case "whole":
			if part, left := p.backups[backup+".part"]; left && !there {
				delete(p.backups, backup+".part")
				p.backups[backup] = part
			}
			return nil
		case "clear", "drop":
			delete(p.backups, backup)
			delete(p.backups, backup+".part")
			return nil
		case "files", "rows", "read":
			if !there {
				exit, said = 1, "there is no such backup"
				return nil
			}
			return d.told(verb, in, out)
		}
		return fmt.Errorf("%s is not known", t.Name)
	})
	return exit, said, err
}

// volumes are one of each store.
func (p *place) volumes(store string) []data.Volume {
	return []data.Volume{{Name: store, As: store, Image: "image of " + store}}
}

// ofVolume does what tasks do in a volume of a store, whose files are a text in memory.
func (p *place) ofVolume(t run.Task, in io.Reader, out io.Writer) (exit int, said string, err error) {
	var filled []byte
	if in != nil { // it comes from a task that needs the world meanwhile
		if filled, err = io.ReadAll(in); err != nil {
			return 0, "", err
		}
	}
	return 0, "", p.world.effect(func() error {
		if p.world.Failing["pipe"] {
			return errors.New("the disk is full")
		}
		text, there := p.files[t.Volume]
		if !there {
			text = t.Volume + " of " + p.name
		}
		switch {
		case strings.HasPrefix(t.Name, "volume-list-"):
			fmt.Fprintf(out, "1000000\n%d ./%x\n", len(text), text)
		case strings.HasPrefix(t.Name, "volume-read-"):
			fmt.Fprint(out, text)
		case strings.HasPrefix(t.Name, "volume-fill-"):
			if p.files == nil {
				p.files = map[string]string{}
			}
			p.files[t.Volume] = string(filled)
		default:
			return fmt.Errorf("%s is not known", t.Name)
		}
		return nil
	})
}

// Files are the files of a volume of an installation, as a move carried them there; "" where none did.
func (w *World) Files(name, volume string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.places[name].files[volume]
}

// keeps reports whether the volume of backups is there for a task. A cluster makes a claim only for a task that says how large it is to be.
func (p *place) keeps(t run.Task) bool {
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	p.kept = p.kept || t.Size > 0 || p.target == catalogue.Compose || len(p.backups) > 0
	return p.kept
}

// listed is what the list of backups says.
func (p *place) listed(out io.Writer) {
	for _, name := range slices.Sorted(maps.Keys(p.backups)) {
		if strings.HasSuffix(name, ".part") {
			continue
		}
		d := p.backups[name]
		fmt.Fprintf(out, "BACKUP 8000 %s\n", name)
		for _, database := range stack.Databases() {
			fmt.Fprintf(out, `FACT database {"name": %q, "server": %d, "bytes": 8000000, "snapshot": "1:1:", "lsn": "0/1", "encoding": "UTF8", "collation": "C", "characters": "C", "extensions": {"citext": "1.6"}}`+"\n",
				database, d.Postgres*10000+4)
		}
		fmt.Fprintf(out, "FACT release {\"version\": %q}\nFACT proven false\nFACTS END\n", d.Release)
	}
}

// told writes what there is of a backup.
func (d databases) told(verb string, in io.Reader, out io.Writer) error {
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	switch verb {
	case "files":
		fmt.Fprintf(out, "%d ./%s\n1 ./pgsql.rows\n", len(text), dumpFile)
	case "rows":
		fmt.Fprintf(out, "public.users %d -\n", strings.Count(d.Rows, ";"))
	case "read":
		names, err := io.ReadAll(in)
		if err != nil {
			return err
		}
		w := tar.NewWriter(out)
		for _, name := range strings.Fields(string(names)) {
			content := []byte("x")
			if name == dumpFile {
				content = text
			}
			if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(content))}); err != nil {
				return err
			}
			if _, err := w.Write(content); err != nil {
				return err
			}
		}
		return w.Close()
	}
	return nil
}

// put unpacks a part of a backup. It reads from elsewhere meanwhile, and so the world goes on.
func (p *place) put(backup string, in io.Reader) (exit int, said string, err error) {
	var found []byte
	r := tar.NewReader(in)
	for {
		header, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, "", err
		}
		text, err := io.ReadAll(r)
		if err != nil {
			return 0, "", err
		}
		if header.Name == dumpFile {
			found = text
		}
	}
	return 0, "", p.world.effect(func() error {
		if p.world.Failing["pipe"] {
			return errors.New("the disk is full")
		}
		var d databases
		if found == nil {
			return nil
		}
		if err := json.Unmarshal(found, &d); err != nil {
			return err
		}
		p.backups[backup+".part"] = d
		return nil
	})
}

// round carries what was written at the source of a move: all of it, with pgsql.
func (p *place) round(t run.Task, in io.Reader, out io.Writer) (exit int, said string, err error) {
	var lines []string
	changes := strings.HasPrefix(t.Name, "changes-")
	if changes && in != nil {
		fmt.Fprintln(out, "-- ready")
	}
	if in != nil { // it comes from a task that needs the world meanwhile
		text, err := io.ReadAll(in)
		if err != nil {
			return 0, "", err
		}
		lines = strings.Split(strings.TrimSpace(strings.TrimPrefix(string(text), "-- ready\n")), "\n")
	}
	err = p.world.effect(func() error {
		switch {
		case p.data == nil || p.world.Failing["pipe"]:
			exit, said = 2, "connection refused"
		case strings.HasPrefix(t.Name, "reset-"): // Sourcegraph starts there and writes no row
			fmt.Fprintf(out, "APPLIED %s\n", t.Env["ROUND"])
		case changes && !p.data.Watched:
			exit, said = 5, "nothing notes which rows of pgsql are written"
		case changes:
			fmt.Fprintf(out, "%s\nAPPLIED %s\n", p.data.Rows, t.Env["ROUND"])
		default:
			if t.Env["DATABASE"] == "pgsql" && len(lines) == 2 && !strings.HasPrefix(lines[0], "ROLLBACK") {
				p.data.Rows = lines[0]
			}
			fmt.Fprintln(out, strings.TrimPrefix(lines[len(lines)-1], "\\echo "))
		}
		return nil
	})
	return exit, said, err
}
