package cli

import (
	"context"
	"fmt"

	"berth/internal/backup"
	"berth/internal/backup/stages"
	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/state"
	"berth/internal/view"

	"github.com/spf13/cobra"
)

func newBackupListCmd(env *Env) *cobra.Command {
	var f backupFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List all backups, and when each was proven",
		Long: `List the backups where the config says, and those in the installation's volume of backups, where upgrades make theirs. A backup is proven
when it was restored once and compared with the dumped data.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return env.backupList(cmd.Context(), f) },
	}
	configFlag(cmd, &f.file)
	cmd.Flags().StringVar(&f.out, "out", "", "the folder that they are in (default: backup.to of the config)")
	placeFlags(env, cmd, &f.file)
	return cmd
}

func (e *Env) backupList(ctx context.Context, f backupFlags) error {
	s, err := e.look(ctx, f.file)
	if err != nil {
		return err
	}
	defer s.Close()
	all := []backup.Listed{}
	if to, err := e.backupsOf(s.Want, f.out); err == nil {
		j := e.job(s)
		j.To = to
		if all, err = j.Listed(ctx); err != nil {
			return err
		}
	}
	dumps, err := e.dumps(ctx, s)
	if err != nil {
		e.warn(diag.List{{Code: "BERTH4516", Severity: diag.Warning, Subject: s.Backups, Summary: "the backups that upgrades made can't be listed", Detail: []string{err.Error()},
			Hint: "see how the installation is: berth status"}})
	}
	for _, d := range dumps {
		began, _ := backup.Began(d.Name)
		all = append(all, backup.Listed{ID: d.Name, Where: s.Backups, Whole: true, Release: d.Release, Began: began, Bytes: d.Bytes, Upgrades: true})
	}
	return e.give(all, func() { view.Backups(e.Stdout, all, e.Now()) })
}

// Verified is what came of the verification of a backup.
type Verified struct {
	Backup string `json:"backup"`
	Parts  int    `json:"parts"`
	Bytes  int64  `json:"bytes"`
	Opened bool   `json:"opened"` // a key was given, so that the archives were read, too
}

func newBackupVerifyCmd(env *Env) *cobra.Command {
	var f backupFlags
	cmd := &cobra.Command{
		Use:   "verify LOCATION",
		Short: "Read every part of a backup, and compare it with its manifest",
		Long: `Read every part of a backup and compare its size and its sha256 with the manifest. With the key, decrypt and unpack it, too. LOCATION is latest,
the name of a backup, or its folder. This proves that the backup is unchanged; berth backup prove proves that it can be restored.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return env.backupVerify(cmd.Context(), f, args[0]) },
	}
	configFlag(cmd, &f.file)
	identityFlag(cmd, &f.identity)
	placeFlags(env, cmd, &f.file)
	return cmd
}

func (e *Env) backupVerify(ctx context.Context, f backupFlags, location string) error {
	identities, err := e.identities(f.identity)
	if err != nil {
		return err
	}
	s, err := e.look(ctx, f.file)
	if err != nil {
		return err
	}
	defer s.Close()
	b, in, err := e.located(ctx, s, location)
	if err != nil {
		return err
	}
	if in != nil {
		return diag.List{{Code: "BERTH4517", Severity: diag.Error, Subject: location, Summary: "this backup is in the volume of backups, and has no parts to verify", Hint: "restore it once instead: berth backup prove " + location}}
	}
	m, err := b.Manifest(ctx)
	if err != nil {
		return err
	}
	sizes, err := b.Sizes(ctx)
	if err != nil {
		return err
	}
	problems := b.Missing(m, sizes)
	if len(identities) > 0 {
		if err := b.Opens(ctx, m, identities); err != nil {
			return err
		}
	}
	for _, p := range m.Parts {
		if _, there := sizes[p.Name]; !there {
			continue // it is among the missing ones
		}
		err := b.Verify(ctx, p, identities)
		switch found, ok := err.(diag.List); {
		case ok:
			problems = append(problems, found...)
		case err != nil:
			return err
		}
	}
	if problems.Failed() {
		e.warn(problems)
		return exit(ExitError)
	}
	v := Verified{Backup: b.String(), Parts: len(m.Parts), Bytes: m.Bytes(), Opened: len(identities) > 0 || len(m.Recipients) == 0}
	return e.give(v, func() {
		how := "every sha256 is right, and every archive can be read"
		if !v.Opened {
			how = "every sha256 is right; with the key, the archives would be read, too: --identity FILE"
		}
		fmt.Fprintf(e.Stdout, "%s: %d parts, %s; %s\n", b, v.Parts, data.Size(v.Bytes), how)
	})
}

func newBackupProveCmd(env *Env) *cobra.Command {
	var f backupFlags
	cmd := &cobra.Command{
		Use:   "prove LOCATION",
		Short: "Restore a backup into a scratch server, and compare every table",
		Long: `Restore the dumps of a backup into a Postgres server of their own beside the installation. Compare the number of rows of every table with
the backup's, and the contents of tables that people write. The installation is not changed. LOCATION is latest, the name of a
backup, or its folder. berth backup list shows when each was proven.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return env.backupProve(cmd.Context(), f, args[0]) },
	}
	configFlag(cmd, &f.file)
	identityFlag(cmd, &f.identity)
	cmd.Flags().BoolVar(&f.plan, "plan", false, "only show what would be done")
	placeFlags(env, cmd, &f.file)
	return cmd
}

func (e *Env) backupProve(ctx context.Context, f backupFlags, location string) error {
	identities, err := e.identities(f.identity)
	if err != nil {
		return err
	}
	s, err := e.lookIdle(ctx, f.file)
	if err != nil {
		return err
	}
	defer s.Close()
	j, r, err := e.from(ctx, s, location, identities)
	if err != nil {
		return err
	}
	r.Action = plan.ProveBackup
	p := stages.Plan(r)
	if f.plan {
		return e.give(p, func() { view.Stages(e.Stdout, p) })
	}
	record := state.NewRecord(plan.ProveBackup, p.Release, string(s.Text), e.Now())
	record.Plan = p
	if err := e.carryBackup(ctx, s, j, record, string(plan.ProveBackup)+" "+location); err != nil {
		return err
	}
	return e.give(record, func() {
		fmt.Fprintf(e.Stdout, "\n%s is proven: it was restored, and is equal to what was dumped\n", p.Backup)
	})
}
