package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"berth/internal/backup"
	"berth/internal/backup/place"
	"berth/internal/diag"
	"berth/internal/hq/store"
)

// provenFile is a file in the folder of a backup that says when it was restored to prove it. It is beside the backup, so that it is there when the database is lost.
const provenFile = "proven"

// opened is a backup of berth-hq that can be read.
type opened struct {
	backup.Backup
	began time.Time
	dump  store.Dump
	read  func(take func(io.Reader) error) error
}

// open opens a backup of berth-hq by the name of its folder, with the key of a file.
func open(ctx context.Context, name, identity string) (*opened, error) {
	name = filepath.Clean(name)
	b := backup.Backup{Place: place.In(filepath.Dir(name)), Dir: filepath.Base(name)}
	m, err := b.Manifest(ctx)
	if err != nil {
		return nil, err
	}
	schema, err := strconv.Atoi(m.Release)
	if err != nil || m.Target != hqTarget || len(m.Parts) != 1 || len(m.Databases) != 1 {
		return nil, diag.List{{Code: "BERTH4929", Severity: diag.Error, Subject: b.String(), Summary: "it is a backup of something else", Hint: "name one that berth-hq backup wrote"}}
	}
	keys, err := keysOf(identity)
	if err != nil {
		return nil, err
	}
	read := func(take func(io.Reader) error) error { return b.Read(ctx, m.Parts[0], keys, take) }
	return &opened{b, m.Began, store.Dump{Schema: schema, Rows: m.Databases[0].Rows}, read}, b.Opens(ctx, m, keys)
}

// fromBackup is a command that reads a backup into the database.
func fromBackup(e *env, use, short, long string, do func(context.Context, *store.Store, *opened) error) *cobra.Command {
	var identity string
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := e.open(cmd.Context())
			if err != nil {
				return err
			}
			defer s.Close()
			b, err := open(cmd.Context(), args[0], identity)
			if err != nil {
				return err
			}
			return do(cmd.Context(), s, b)
		},
	}
	cmd.Flags().StringVar(&identity, "identity", "", "the file with the key of age that opens it")
	return cmd
}

func newProveCmd(e *env) *cobra.Command {
	return fromBackup(e, "prove BACKUP", "Restore a backup once, compare it with what was dumped, and take it back",
		`Restore a backup into a schema of its own, compare the rows of each table with what was dumped, and take all of it back, in one transaction. The
database may be in use. It needs room for the backup until then; BERTH_HQ_DATABASE may name an empty one elsewhere.

The last proven backup is never deleted by --keep-count and --keep-days.`, e.prove)
}

func (e *env) prove(ctx context.Context, s *store.Store, b *opened) error {
	if err := s.Prove(ctx, b.dump, b.read); err != nil {
		return err
	}
	if err := proven(ctx, b.Backup, e.now()); err != nil {
		return err
	}
	_, err := fmt.Fprintf(e.stdout, "%s is proven: %d rows of %d tables were restored and taken back\n", b, rowsOf(b.dump.Rows), len(b.dump.Rows))
	return err
}

// proven notes that a backup was restored.
func proven(ctx context.Context, b backup.Backup, now time.Time) error {
	return b.Place.Put(ctx, path.Join(b.Dir, provenFile), strings.NewReader(now.UTC().Format(time.RFC3339)+"\n"))
}

// listed are the backups of berth-hq in a folder, oldest first. Those of installations may be there, too, and are left alone.
func listed(ctx context.Context, folder string) (out []backup.Listed, err error) {
	at := place.In(folder)
	all, err := backup.List(ctx, at, ".")
	if err != nil {
		return nil, err
	}
	for _, l := range all {
		b := backup.Backup{Place: at, Dir: l.ID}
		if !l.Whole {
			files, err := at.List(ctx, l.ID)
			unfinished, broken := at.Unfinished(ctx, l.ID)
			if err := errors.Join(err, broken); err != nil {
				return nil, err
			}
			if slices.ContainsFunc(append(files, unfinished...), func(f place.File) bool { return strings.HasPrefix(path.Base(f.Name), dumpPart+".") }) {
				out = append(out, l)
			}
			continue
		}
		if m, err := b.Manifest(ctx); err != nil || m.Target != hqTarget {
			continue
		}
		if l.Proven, err = provenAt(ctx, b); err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

// provenAt is when a backup was proven; zero: never.
func provenAt(ctx context.Context, b backup.Backup) (at time.Time, err error) {
	in, err := b.Place.Get(ctx, path.Join(b.Dir, provenFile))
	if errors.Is(err, fs.ErrNotExist) {
		return at, nil
	}
	if err != nil {
		return at, err
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, 100))
	if err == nil {
		at, err = time.Parse(time.RFC3339, strings.TrimSpace(string(text)))
	}
	if err != nil {
		return at, fmt.Errorf("read when %s was proven: %w", b, err)
	}
	return at, nil
}

func newBackupListCmd(e *env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list FOLDER",
		Short: "List the backups below a folder, and when each was proven",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := listed(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(e.stdout, append([]backup.Listed{}, all...))
			}
			t := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintln(t, "BACKUP\tSCHEMA\tSIZE\tPROVEN")
			for _, l := range all {
				release := l.Release
				if !l.Whole {
					release = "not whole"
				}
				fmt.Fprintf(t, "%s\t%s\t%.1f MB\t%s\n", l.ID, release, float64(l.Bytes)/1e6, backup.Ago(l.Proven, e.now()))
			}
			return t.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

// prune deletes the backups that are not kept.
func prune(ctx context.Context, e *env, folder string, keep backup.Keep) error {
	all, err := listed(ctx, folder)
	if err != nil {
		return err
	}
	expired := keep.Expired(all, e.now())
	for _, l := range expired {
		if err := (backup.Backup{Place: place.In(folder), Dir: l.ID}).Delete(ctx); err != nil {
			return err
		}
		fmt.Fprintf(e.stdout, "%s: deleted, older than what is kept\n", l.Where)
	}
	return nil
}
