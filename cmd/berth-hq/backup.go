package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strconv"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"berth/internal/backup"
	"berth/internal/backup/place"
	"berth/internal/hq/store"
)

// hqTarget is what a manifest says where one of an installation says its target.
const hqTarget = "berth-hq"

// dumpPart is the name of the one part of a backup.
const dumpPart = "hq"

func newBackupCmd(e *env) *cobra.Command {
	var recipients []string
	var keep backup.Keep
	cmd := &cobra.Command{
		Use:   "backup FOLDER",
		Short: "Write a backup of the database, as it is at one moment",
		Long: `Write a backup of the database to a new folder below FOLDER, in one snapshot; reports may come in meanwhile. It has the form of berth's backups: an
archive of the tables in the text form of COPY, compressed with zstd, and a manifest that is written last. It reads the written files again.

With --recipient it is encrypted to a public key of age. Sessions are not in it, so people sign in again after a restore.

With --keep-count or --keep-days it then deletes older backups of berth-hq below FOLDER. The newest one and the last proven one always stay.

    berth-hq backup /var/backups/hq --recipient age1... --keep-count 14 --keep-days 60`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := e.open(cmd.Context())
			if err != nil {
				return err
			}
			defer s.Close()
			if keep.Count < 0 || keep.Days < 0 {
				return errors.New("--keep-count and --keep-days are numbers from 1 on; 0 keeps all")
			}
			// An older schema is backed up, too: that is what one does before a migration.
			if n, err := s.Schema(cmd.Context()); err != nil || n == 0 {
				return errors.Join(err, s.Ready(cmd.Context()))
			}
			if err := backUp(cmd.Context(), e, s, args[0], recipients); err != nil {
				return err
			}
			if keep == (backup.Keep{}) {
				return nil
			}
			return prune(cmd.Context(), e, args[0], keep)
		},
	}
	cmd.Flags().StringArrayVar(&recipients, "recipient", nil, "encrypt it to this public key of age (several times: to each)")
	cmd.Flags().IntVar(&keep.Count, "keep-count", 0, "delete all but the newest so many (0: none)")
	cmd.Flags().IntVar(&keep.Days, "keep-days", 0, "delete those that are older than so many days (0: none)")
	cmd.AddCommand(newBackupListCmd(e), newProveCmd(e))
	return cmd
}

func backUp(ctx context.Context, e *env, s *store.Store, folder string, recipients []string) error {
	to, err := backup.Recipients(recipients)
	if err != nil {
		return err
	}
	m := &backup.Manifest{Format: backup.Format, ID: e.now().UTC().Format(backup.IDForm), Target: hqTarget, Began: e.now().UTC(), Recipients: recipients,
		Left: []backup.Left{{What: "sessions", Why: "they last 12 hours", Lost: "people sign in again"}}}
	b := backup.Backup{Place: place.In(folder), Dir: m.ID}
	if _, err := b.Manifest(ctx); err == nil {
		return fmt.Errorf("%s exists already; wait a second", b)
	}
	var d store.Dump
	part, err := b.Write(ctx, dumpPart, to, func(out io.Writer) (err error) {
		d, err = s.Dump(ctx, out)
		return err
	})
	if err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	if err := b.Verify(ctx, part, nil); err != nil {
		return err
	}
	m.Release, m.Completed, m.Parts = strconv.Itoa(d.Schema), e.now().UTC(), []backup.Part{part}
	m.Databases = []backup.Database{{Name: "hq", Server: d.Server, Bytes: d.Bytes, Rows: d.Rows}}
	if err := b.Complete(ctx, m); err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.stdout, "%s: %d rows of %d tables, %.1f MB\n", b, rowsOf(d.Rows), len(d.Rows), float64(part.Size)/1e6)
	return err
}

func rowsOf(rows map[string]int64) (all int64) {
	for n := range maps.Values(rows) {
		all += n
	}
	return all
}

func newRestoreCmd(e *env) *cobra.Command {
	return fromBackup(e, "restore BACKUP", "Write a backup to an empty database", `Write a backup to an empty database, whole or not at all, and lead it to the schema of this program.

    createdb hq2
    BERTH_HQ_DATABASE=postgres:///hq2?host=/run/postgresql berth-hq restore /var/backups/hq/20261129-230000`, e.restore)
}

func (e *env) restore(ctx context.Context, s *store.Store, b *opened) error {
	if err := s.Load(ctx, b.dump, b.read); err != nil {
		return err
	}
	all, err := store.Migrations()
	if err != nil {
		return err
	}
	if err := s.Migrate(ctx, len(all), func(text string) { fmt.Fprintln(e.stderr, text) }); err != nil {
		return err
	}
	if err := proven(ctx, b.Backup, e.now()); err != nil {
		fmt.Fprintln(e.stderr, "the backup is restored, and its folder does not say so:", err)
	}
	_, err = fmt.Fprintf(e.stdout, "%d rows of %d tables, as they were on %s\n", rowsOf(b.dump.Rows), len(b.dump.Rows), b.began.Format("2006-01-02 15:04:05 MST"))
	return err
}

func keysOf(identity string) ([]age.Identity, error) {
	if identity == "" {
		return nil, nil
	}
	text, err := os.ReadFile(identity)
	if err != nil {
		return nil, err
	}
	return backup.Identities(text)
}
