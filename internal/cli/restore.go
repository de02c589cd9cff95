package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"berth/catalogue"
	"berth/internal/backup/execute"
	"berth/internal/backup/stages"
	"berth/internal/config"
	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/stack"
	"berth/internal/state"
	"berth/internal/upgrade/survey"
	"berth/internal/view"

	"filippo.io/age"
	"github.com/spf13/cobra"
)

// restoreFlags are what berth restore can be told.
type restoreFlags struct {
	backupFlags
	replace, yes bool
	files        string
}

func newRestoreCmd(env *Env) *cobra.Command {
	var f restoreFlags
	cmd := &cobra.Command{
		Use:   "restore LOCATION",
		Short: "Restore a backup into an empty installation, or in place of one",
		Long: `Restore a backup into the installation that the config describes, and compare every table with the backup. LOCATION is latest, the name of a
backup, or its folder. The config has the backup's release; it may have another target, host or name than the backup's.

  berth restore latest                     into an empty installation
  berth restore latest --replace           in place of the present data, after berth said what is lost
  berth restore FOLDER --files DIR         only write the backup's config and its files into DIR
  berth restore FOLDER --plan              what it would do, and how long that takes

berth refuses before it touches anything: another release, a missing part, the wrong key, a target that is not empty. A restore that was
stopped or killed continues when you run it again.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return env.restore(cmd.Context(), f, args[0]) },
	}
	configFlag(cmd, &f.file)
	identityFlag(cmd, &f.identity)
	cmd.Flags().BoolVar(&f.plan, "plan", false, "only show what would be done")
	cmd.Flags().BoolVar(&f.replace, "replace", false, "replace the data that is there")
	cmd.Flags().StringVar(&f.files, "files", "", "only write the backup's config and its files into this folder")
	yesFlag(cmd, &f.yes)
	placeFlags(env, cmd, &f.file)
	return cmd
}

// from is a job that restores or proves a backup, and the request for its plan.
func (e *Env) from(ctx context.Context, s *seen, location string, identities []age.Identity) (*execute.Job, stages.Request, error) {
	r := stages.Request{Installation: s.Stack.Name, Target: s.Stack.Target, Release: s.Stack.Release, Config: string(s.Text)}
	b, in, err := e.located(ctx, s, location)
	if err != nil {
		return nil, r, err
	}
	j := e.job(s)
	j.Identities = identities
	if in != nil {
		j.In, r.Backup, r.Stays = in.Name, in.Name, true
		for _, d := range in.Sources {
			r.Bytes += d.Bytes
		}
		return j, r, ofDump(s.Want, in)
	}
	if j.Manifest, err = b.Manifest(ctx); err != nil {
		return nil, r, err
	}
	j.From, r.Backup, r.Bytes = b, b.String(), j.Manifest.Data()
	problems, err := j.Acceptable(ctx)
	if err == nil {
		err = problems.Err()
	}
	return j, r, err
}

// ofDump refuses a backup of an upgrade that is of another minor release. The databases name a minor release by its first patch.
func ofDump(w *installation.Want, d *data.Dumped) error {
	if d.Release == "" || catalogue.Minor(d.Release) == catalogue.Minor(w.Stack.Release) {
		return nil
	}
	return diag.List{{Code: "BERTH4513", Severity: diag.Error, Subject: d.Name, Range: w.Doc.At("release"),
		Summary: fmt.Sprintf("the backup is of Sourcegraph %s, and %s says %s", d.Release, w.File, w.Stack.Release), Hint: "to roll an upgrade back: berth rollback"}}
}

func (e *Env) restore(ctx context.Context, f restoreFlags, location string) error {
	identities, err := e.identities(f.identity)
	if err != nil {
		return err
	}
	if f.files != "" {
		return e.restoreFiles(ctx, f.file, location, identities, f.files)
	}
	s, err := e.lookIdle(ctx, f.file)
	if err != nil {
		return err
	}
	defer s.Close()
	j, request, err := e.from(ctx, s, location, identities)
	if err != nil {
		return err
	}
	request.Action = plan.RestoreFrom
	services, err := s.Services(ctx)
	if err != nil {
		return err
	}
	request.Runs = len(services.Runs()) > 0
	for _, name := range stack.Databases() {
		request.Rebuild = request.Rebuild || s.Doc.Config.Databases[name].External != nil
	}
	p := stages.Plan(request)
	r := s.unfinished(p, e.Now())
	if r == nil {
		if err := e.vacant(ctx, s, f.replace, location); err != nil {
			return err
		}
	}
	if f.plan {
		return e.give(p, func() { view.Stages(e.Stdout, p) })
	}
	if r != nil {
		fmt.Fprintln(e.Stdout, "continuing the restore that was stopped")
	} else {
		if r, err = e.agreed(ctx, s, p, f); err != nil {
			return err
		}
	}
	if err := e.prepareFor(ctx, s); err != nil {
		return err
	}
	if err := e.carryBackup(ctx, s, j, r, "restore "+location); err != nil {
		return err
	}
	return e.give(r, func() { fmt.Fprintf(e.Stdout, "\nSourcegraph %s runs with the data of %s\n", p.Release, p.Backup) })
}

// agreed asks whether a restore is to begin, and gives its record.
func (e *Env) agreed(ctx context.Context, s *seen, p *plan.Plan, f restoreFlags) (*state.Record, error) {
	view.Stages(e.Stdout, p)
	if f.replace {
		if err := e.agree(ctx, f.yes, "replace the data of "+s.Stack.Name+"? Data that was written since the backup is lost."); err != nil {
			return nil, err
		}
	}
	r := state.NewRecord(plan.RestoreFrom, p.Release, string(s.Text), e.Now())
	r.Plan = p
	return r, nil
}

// vacant refuses to restore in place of data, unless that is asked for; then it says what is lost.
func (e *Env) vacant(ctx context.Context, s *seen, replace bool, location string) error {
	there, err := s.Present(ctx)
	if err != nil || !there {
		return err
	}
	said, err := s.Asked(ctx)
	if err != nil {
		return err
	}
	what := "its databases do not answer, so berth can't list what they hold"
	if said.Answered {
		what = "they are of Sourcegraph " + said.Release
	}
	if replace {
		fmt.Fprintf(e.Stdout, "replaces the databases of %s: %s; all that was written since the backup is lost\n\n", s.Stack.Name, what)
		return nil
	}
	return diag.List{{Code: "BERTH4518", Severity: diag.Error, Subject: s.Stack.Name, Summary: "the installation has data: " + what,
		Detail: []string{"a restore replaces the databases, and what was written since the backup is lost"},
		Hint:   "to keep what is there, back it up first: berth backup   then: berth restore " + location + " --replace"}}
}

// prepareFor makes an installation that may be empty ready for a restore: its place, its secrets, and the proof that it can run here.
func (e *Env) prepareFor(ctx context.Context, s *seen) error {
	if err := s.Prepare(ctx); err != nil {
		return err
	}
	ctx, release, err := e.lockAsSeen(ctx, s, "restore")
	if err != nil {
		return err
	}
	defer release()
	if err := s.observe(ctx, e, survey.IfQuick, ""); err != nil {
		return err
	}
	_, err = e.ready(ctx, s.Installation, s.plan)
	return err
}

// ofFile is a config, which says how a store is reached; where there is none, the environment does.
func (e *Env) ofFile(file string) *installation.Want {
	if w, problems, err := e.LoadAlone(file); err == nil && !problems.Failed() {
		return w
	}
	return installation.Named(file, e.Dir, &config.Doc{Config: &config.Config{}})
}

// restoreFiles writes what is in no database into a folder. No installation is asked, and no config is needed.
func (e *Env) restoreFiles(ctx context.Context, file, location string, identities []age.Identity, to string) error {
	b, err := e.backupAt(e.ofFile(file), location)
	if err != nil {
		return err
	}
	m, err := b.Manifest(ctx)
	if err != nil {
		return err
	}
	if err := b.Opens(ctx, m, identities); err != nil {
		return err
	}
	contents, err := execute.Unpack(ctx, b, m, identities)
	if err != nil {
		return err
	}
	root := e.Abs(to)
	var w Written
	w.Folder, w.Files = root, []string{}
	for name := range contents {
		at := strings.TrimPrefix(name, execute.ConfigFolder)
		if !filepath.IsLocal(filepath.FromSlash(at)) {
			return diag.List{{Code: "BERTH4508", Severity: diag.Error, Subject: b.String(), Summary: "the backup has a file whose name leads out of the folder: " + name, Hint: "use another backup: berth backup list"}}
		}
		if _, err := os.Stat(filepath.Join(root, at)); !errors.Is(err, os.ErrNotExist) {
			return diag.List{{Code: "BERTH4519", Severity: diag.Error, Subject: root, Summary: "there is a file " + at + " already; nothing was written", Hint: "name a folder that is empty or not there: --files DIR"}}
		}
		w.Files = append(w.Files, at)
	}
	for name, content := range contents {
		if err := state.WriteFile(filepath.Join(root, strings.TrimPrefix(name, execute.ConfigFolder)), content, 0o600); err != nil {
			return err
		}
	}
	return e.give(w, func() {
		fmt.Fprintf(e.Stdout, "%d files of the backup %s are in %s\nnext      look at the config there, then: berth restore %s --config %s\n", len(w.Files), b.ID(), root, location,
			filepath.Join(to, DefaultConfig))
	})
}
