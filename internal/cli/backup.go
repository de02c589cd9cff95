package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"berth/internal/backup"
	"berth/internal/backup/execute"
	"berth/internal/backup/place"
	"berth/internal/backup/stages"
	"berth/internal/config"
	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/state"
	"berth/internal/view"

	"filippo.io/age"
	"github.com/spf13/cobra"
)

// backupFlags are what berth backup and its commands can be told.
type backupFlags struct {
	file, out, identity string
	plan                bool
}

func newBackupCmd(env *Env) *cobra.Command {
	var f backupFlags
	cmd := &cobra.Command{
		Use:   "backup",
		Short: "Back up databases, config and secrets",
		Long: `Dump all databases in one snapshot, compress and encrypt the dumps, and write them with the config and its secrets to where  backup.to  says. The
manifest is written last: a folder without one is not a backup. Sourcegraph answers meanwhile.

  berth backup                     to where the config says
  berth backup --out FOLDER        to another folder
  berth backup --plan              what it would do, and how long that takes
  berth backup list                all backups, also those that upgrades made
  berth backup verify latest       read every part, and compare its sha256
  berth backup prove latest        restore it into a scratch server, and compare every table

A backup that was stopped or killed continues when you run berth backup again. To restore one: berth restore.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return env.backup(cmd.Context(), f) },
	}
	configFlag(cmd, &f.file)
	cmd.Flags().StringVar(&f.out, "out", "", "the folder, or s3://BUCKET/PREFIX, to write to (default: backup.to of the config)")
	cmd.Flags().BoolVar(&f.plan, "plan", false, "only show what would be done")
	placeFlags(env, cmd, &f.file)
	cmd.AddCommand(newBackupListCmd(env), newBackupVerifyCmd(env), newBackupProveCmd(env))
	return cmd
}

// identityFlag adds the flag that names the key that reads backups.
func identityFlag(c *cobra.Command, file *string) {
	c.Flags().StringVarP(file, "identity", "i", "", "the file with the secret key of age that reads the backup")
}

func (e *Env) backup(ctx context.Context, f backupFlags) error {
	s, err := e.lookIdle(ctx, f.file)
	if err != nil {
		return err
	}
	defer s.Close()
	to, err := e.backupsOf(s.Want, f.out)
	if err != nil {
		return err
	}
	j := e.job(s)
	j.To = to
	said, err := s.Asked(ctx)
	if err != nil {
		return err
	}
	if !said.Answered {
		return diag.List{{Code: "BERTH3701", Severity: diag.Error, Subject: "databases", Summary: "the databases do not answer", Hint: "see how they are: berth status"}}
	}
	p := stages.Plan(stages.Request{Action: plan.Backup, Installation: s.Stack.Name, Target: s.Stack.Target, Release: s.Stack.Release, Config: string(s.Text), Backup: to.String()})
	if f.plan {
		return e.give(p, func() { view.Stages(e.Stdout, p) })
	}
	if err := e.sameAsAgreed(p); err != nil {
		return err
	}
	e.warn(unencrypted(s.Want))
	r := s.unfinished(p, e.Now())
	if r == nil {
		r = state.NewRecord(plan.Backup, p.Release, string(s.Text), e.Now())
		r.Plan = p
	} else {
		fmt.Fprintln(e.Stdout, "continuing the backup that was stopped")
	}
	if err := e.carryBackup(ctx, s, j, r, "backup"); err != nil {
		return err
	}
	made := j.Made
	if made == nil { // it was complete before
		return e.give(r, func() { fmt.Fprintln(e.Stdout, "the backup is complete") })
	}
	return e.give(made, func() {
		view.Made(e.Stdout, made, backup.Backup{Place: to.Place, Dir: filepath.Join(to.Dir, made.ID)}.String())
	})
}

// carryBackup carries out a backup, a proof or a restore.
func (e *Env) carryBackup(ctx context.Context, s *seen, j *execute.Job, r *state.Record, command string) error {
	ctx, release, err := e.lockAsSeen(ctx, s, command)
	if err != nil {
		return err
	}
	defer release()
	e.out.result = r
	err = j.Carry(ctx, r)
	var problems diag.List
	if errors.As(err, &problems) {
		e.warn(problems)
		fmt.Fprintf(e.Stderr, "next      continue with: berth %s\n", r.GoesOn())
	}
	if err != nil {
		return ended(err)
	}
	return nil
}

// unfinished is the run of a plan that was stopped or killed within a day, to be continued; nil: there is none.
func (s *seen) unfinished(p *plan.Plan, now time.Time) *state.Record {
	if len(s.records) == 0 {
		return nil
	}
	last := &s.records[len(s.records)-1]
	if last.Action != p.Action || last.Result == state.Done || last.Plan == nil || last.Plan.Backup != p.Backup || last.Config != string(s.Text) || now.Sub(last.Started) > 24*time.Hour {
		return nil
	}
	return last
}

// job is a backup, a proof or a restore of an installation, without where it comes from or goes to.
func (e *Env) job(s *seen) *execute.Job {
	j := &execute.Job{Side: e.side(s), Program: version}
	if b := s.Doc.Config.Backup; b != nil {
		j.Recipients = b.Recipients
		if b.Keep != nil {
			if b.Keep.Count != nil {
				j.Keep.Count = *b.Keep.Count
			}
			if b.Keep.Days != nil {
				j.Keep.Days = *b.Keep.Days
			}
		}
	}
	return j
}

// side is an installation as a job works on it.
func (e *Env) side(s *seen) execute.Side {
	return execute.Side{Env: &e.Environment, Open: e.open, At: s.Installation}
}

// backupsOf is where an installation's backups are: out, or as its config says.
func (e *Env) backupsOf(w *installation.Want, out string) (*backup.Backup, error) {
	b := w.Doc.Config.Backup
	if out == "" && b != nil && b.To != "" {
		if out = b.To; !isBucket(out) && !filepath.IsAbs(out) {
			out = filepath.Join(w.Dir, out)
		}
	}
	if out == "" {
		return nil, diag.List{{Code: "BERTH4514", Severity: diag.Error, Subject: w.File, Summary: "the config does not say where backups go",
			Hint: "add  backup: {to: /mnt/backups}  to the config, or name a folder: berth backup --out FOLDER"}}
	}
	at, err := e.backupPlace(w, out)
	return &backup.Backup{Place: at, Dir: w.Stack.Name}, err
}

const bucketScheme = "s3://"

func isBucket(text string) bool { return strings.HasPrefix(text, bucketScheme) }

// backupPlace is a folder, or a part of a bucket in the store that the config describes.
func (e *Env) backupPlace(w *installation.Want, text string) (place.Place, error) {
	if !isBucket(text) {
		return place.In(e.Abs(text)), nil
	}
	name, prefix, _ := strings.Cut(strings.TrimPrefix(text, bucketScheme), "/")
	b := &place.Bucket{Name: name, Prefix: strings.Trim(prefix, "/"), Region: cmp.Or(e.Getenv("AWS_REGION"), "us-east-1"), Now: time.Now,
		Keys: place.Keys{ID: e.Getenv("AWS_ACCESS_KEY_ID"), Secret: e.Getenv("AWS_SECRET_ACCESS_KEY"), Session: e.Getenv("AWS_SESSION_TOKEN")}}
	var s *config.BackupS3
	if w.Doc.Config.Backup != nil {
		s = w.Doc.Config.Backup.S3
	}
	if s == nil {
		return b.Place(), nil
	}
	b.Endpoint, b.Region = s.Endpoint, cmp.Or(s.Region, b.Region)
	if s.AccessKeyID != nil {
		var err error
		b.Keys = place.Keys{}
		if b.Keys.ID, err = e.Secret(w, s.AccessKeyID); err != nil {
			return place.Place{}, err
		}
		if b.Keys.Secret, err = e.Secret(w, s.SecretAccessKey); err != nil {
			return place.Place{}, err
		}
	}
	if s.CA == "" {
		return b.Place(), nil
	}
	pem, err := os.ReadFile(filepath.Join(w.Dir, s.CA))
	if filepath.IsAbs(s.CA) {
		pem, err = os.ReadFile(s.CA)
	}
	if err != nil {
		return place.Place{}, fmt.Errorf("read the certificate authority of the store of backups: %w", err)
	}
	b.Client, err = place.Trusting(pem)
	return b.Place(), err
}

// unencrypted warns of backups that everybody can read.
func unencrypted(w *installation.Want) diag.List {
	if b := w.Doc.Config.Backup; b != nil && len(b.Recipients) > 0 {
		return nil
	}
	return diag.List{{Code: "BERTH4515", Severity: diag.Warning, Subject: w.File, Range: w.Doc.At("backup"), Summary: "the backup is not encrypted, so secrets are left out of it",
		Hint: "create a key with age-keygen, keep it elsewhere, and add its public half: backup: {recipients: [age1...]}"}}
}

// identities reads the file with the keys that read backups; none without a file.
func (e *Env) identities(file string) ([]age.Identity, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(e.Abs(file))
	if err != nil {
		return nil, diag.List{{Code: "BERTH4506", Severity: diag.Error, Subject: "--identity", Summary: "the file with the key can't be read", Detail: []string{err.Error()}, Hint: "name a file that this user can read"}}
	}
	return backup.Identities(text)
}

// latest is the word for the newest backup.
const latest = "latest"

// located finds a backup: the newest one, one by its name, or one by its folder. in is the name of one that is in the volume of backups, where upgrades
// make theirs.
func (e *Env) located(ctx context.Context, s *seen, text string) (at *backup.Backup, in *data.Dumped, err error) {
	if _, named := backup.Began(text); text != latest && !named {
		b, err := e.backupAt(s.Want, text)
		return &b, nil, err
	}
	to, err := e.backupsOf(s.Want, "")
	if err == nil {
		all, err := backup.List(ctx, to.Place, to.Dir)
		if err != nil {
			return nil, nil, err
		}
		for _, l := range slices.Backward(all) {
			if l.Whole && (text == latest || l.ID == text) {
				return &backup.Backup{Place: to.Place, Dir: filepath.Join(to.Dir, l.ID)}, nil, nil
			}
		}
	}
	switch {
	case text == latest && err != nil:
		return nil, nil, err
	case text == latest:
		return nil, nil, diag.List{{Code: "BERTH4503", Severity: diag.Error, Subject: to.String(), Summary: "there is no backup here", Hint: "to make one: berth backup"}}
	}
	dumps, err := e.dumps(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	for _, d := range dumps {
		if d.Name == text {
			return nil, &d, nil
		}
	}
	return nil, nil, diag.List{{Code: "BERTH4503", Severity: diag.Error, Subject: text, Summary: "there is no backup of this name", Hint: "to see which there are: berth backup list"}}
}

// backupAt is the backup in a folder, or in a bucket.
func (e *Env) backupAt(w *installation.Want, text string) (backup.Backup, error) {
	text = strings.TrimRight(text, "/")
	dir, id := filepath.Dir(text), filepath.Base(text)
	if isBucket(text) {
		i := strings.LastIndex(text, "/")
		dir, id = text[:i], text[i+1:]
	}
	at, err := e.backupPlace(w, dir)
	return backup.Backup{Place: at, Dir: id}, err
}

// dumps are the backups in the volume of backups. Where nothing ever ran there are none, and nothing is started to look for them.
func (e *Env) dumps(ctx context.Context, s *seen) ([]data.Dumped, error) {
	if len(s.records) == 0 {
		if present, err := s.Present(ctx); err != nil || !present {
			return nil, err
		}
	}
	return (&data.Worker{Tasks: s.Tasks, Tag: e.Tag()}).Dumps(ctx, s.Image("pgsql"))
}
