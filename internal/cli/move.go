package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
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
	"berth/internal/view"

	"github.com/spf13/cobra"
)

// moveFlags are what berth move and its commands can be told.
type moveFlags struct {
	file, to, toContext string
	plan, yes           bool
	with                []string // stores whose files are carried, beside the databases
	short               bool     // the databases are copied while Sourcegraph answers

	// getenv is the environment before --context chose another engine for the source.
	getenv func(string) string
}

func newMoveCmd(env *Env) *cobra.Command {
	f := moveFlags{getenv: env.Getenv}
	cmd := &cobra.Command{
		Use:   "move",
		Short: "Move Sourcegraph to another target, host, cluster or database",
		Long: `Move Sourcegraph with its data to the installation that another config describes: from Docker Compose to Kubernetes or back, to another host, cluster
or namespace, or to other databases. Both sides have the same release.

  berth move --to FILE --plan      what it would do, how long that takes, and what is not carried
  berth move --to FILE             close the source, carry the databases, compare every table, open the destination
  berth move --to FILE --short-downtime
                                   copy the databases while people work, then close, carry the last changes, open
  berth move --to FILE --with gitserver,blobstore
                                   copy their files, too, while the source is closed
  berth move back                  return to the source, after berth said what was written on the other side since
  berth move finish                delete the source, once you are sure

berth refuses before it touches anything: another release, a destination that is not empty, too little room. People see a maintenance page
while the databases are carried. The source's data stays as it is until berth move finish. If a stage fails before the destination opens, the
source answers again. A move that was stopped or killed continues when you run it again.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return env.move(cmd.Context(), f) },
	}
	configFlag(cmd, &f.file)
	cmd.Flags().StringVar(&f.to, "to", "", "the config of the destination")
	cmd.Flags().StringVar(&f.toContext, "to-context", "", "the kube context or the Docker context of the destination")
	_ = cmd.RegisterFlagCompletionFunc("to", yamlFiles) // the flags exist
	_ = cmd.RegisterFlagCompletionFunc("to-context", env.contexts)
	cmd.Flags().BoolVar(&f.short, "short-downtime", false, "copy the databases while Sourcegraph answers, and close it only for the last changes")
	cmd.Flags().StringSliceVar(&f.with, "with", nil, "stores whose files are carried, too: "+strings.Join(env.carriable(), ", "))
	_ = cmd.RegisterFlagCompletionFunc("with", cobra.FixedCompletions(env.carriable(), cobra.ShellCompDirectiveNoFileComp))
	cmd.Flags().BoolVar(&f.plan, "plan", false, "only show what would be done")
	yesFlag(cmd, &f.yes)
	placeFlags(env, cmd, &f.file)
	cmd.AddCommand(newMoveBackCmd(env), newMoveFinishCmd(env))
	return cmd
}

// carriable are the stores whose files a move carries where it is asked to. What a cache holds is worth nothing.
func (e *Env) carriable() (names []string) {
	for name, s := range e.Catalogue().State().Stores {
		if (s.Carry == catalogue.CarryChoice || s.Carry == catalogue.CarryRebuilt) && name != "redis-cache" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// fits proves that a move can carry what it is asked to.
func (e *Env) fits(f *moveFlags) error {
	slices.Sort(f.with)
	f.with = slices.Compact(f.with)
	for _, name := range f.with {
		if !slices.Contains(e.carriable(), name) {
			return usageError("berth move", "--with "+name+" is nothing that a move can carry beside the databases", "name some of: "+strings.Join(e.carriable(), ", "))
		}
	}
	if f.short && len(f.with) > 0 {
		return usageError("berth move", "--with copies files while Sourcegraph is closed, so it does not go with --short-downtime", "leave one of them out")
	}
	return nil
}

// toward finds the other side of a move, as another command on that file would.
func (e *Env) toward(ctx context.Context, f moveFlags, to plan.Destination) (*Env, *seen, error) {
	there := *e
	there.Place = installation.Place{Context: to.Context}
	there.Getenv = dockerContext(f.getenv, to.Context)
	d, err := there.look(ctx, to.File)
	return &there, d, err
}

func (e *Env) move(ctx context.Context, f moveFlags) error {
	if f.to == "" {
		return usageError("berth move", "it needs --to", "see: berth move --help")
	}
	if err := e.fits(&f); err != nil {
		return err
	}
	s, err := e.look(ctx, f.file)
	if err != nil {
		return err
	}
	defer s.Close()
	there, d, err := e.toward(ctx, f, plan.Destination{File: f.to, Context: f.toContext})
	if err != nil {
		return err
	}
	defer d.Close()
	r, err := s.moving(d)
	if err != nil {
		return err
	}
	fresh := r == nil
	if fresh {
		if r, err = e.planMove(ctx, s, d, f); err != nil {
			return err
		}
	}
	if f.plan {
		return e.give(r.Plan, func() { view.Move(e.Stdout, r.Plan, e.Catalogue().State().Stores) })
	}
	if !fresh {
		fmt.Fprintln(e.Stdout, "continuing the move that was stopped")
		if f.short && !r.Plan.Has(plan.Watch) {
			fmt.Fprintln(e.Stdout, "it continues as it began, without --short-downtime; to begin again: berth move back")
		}
		if len(f.with) > 0 && !slices.Equal(f.with, r.Plan.Carried) {
			fmt.Fprintln(e.Stdout, "it continues as it began, and carries what it was asked to then; to begin again: berth move back")
		}
	} else if err := e.agreeToMove(ctx, r.Plan, f); err != nil {
		return err
	}
	if err := there.prepareFor(ctx, d); err != nil {
		return err
	}
	if fresh && d.Problems.Failed() {
		return d.Problems
	}
	if err := e.carryBoth(ctx, s, there, d, r); err != nil {
		return err
	}
	return e.give(r, func() {
		fmt.Fprintf(e.Stdout, "\nSourcegraph %s runs at %s, with the data of %s\n", r.Release, d.Stack.URL, s.Stack.Name)
		fmt.Fprintln(e.Stdout, "next      look at it there; to delete the source: berth move finish   to return to it: berth move back")
	})
}

// carryBoth carries out a plan on both sides of a move, with both locks.
func (e *Env) carryBoth(ctx context.Context, s *seen, there *Env, d *seen, r *state.Record) error {
	ctx, release, err := there.lockAsSeen(ctx, d, string(r.Action))
	if err != nil {
		return err
	}
	defer release()
	j, side := e.job(s), there.side(d)
	j.There = &side
	return e.carryBackup(ctx, s, j, r, string(r.Action))
}

// moving is the run of a move to a destination that was stopped or killed, to be continued; nil: there is none, and a new one may begin.
func (s *seen) moving(d *seen) (*state.Record, error) {
	if s.Upgrade.Open() || d.Upgrade.Open() {
		return nil, errors.Join(s.idle(), d.idle())
	}
	if len(s.records) > 0 && len(d.records) > 0 && s.records[0].Started.Equal(d.records[0].Started) && s.records[0].Who.PID == d.records[0].Who.PID {
		return nil, diag.List{{Code: "BERTH4613", Severity: diag.Error, Subject: d.File, Summary: "both configs are of the same installation, " + s.Stack.Name,
			Hint: "give the destination another name, namespace or context, or put its config into another folder"}}
	}
	last := -1
	for i, r := range s.records {
		if r.Action == plan.Move && r.Result != state.Done && r.Plan != nil && (i == len(s.records)-1 || s.move != nil && s.move.Name == r.Plan.Backup) {
			last = i
		}
	}
	if last < 0 || s.move != nil && s.move.Name != s.records[last].Plan.Backup {
		if err := s.idle(); err != nil {
			return nil, err
		}
		return nil, d.idle()
	}
	r := &s.records[last]
	changed := ""
	switch to := r.Plan.Destination; {
	case to.Installation != d.Stack.Name || to.Target != d.Stack.Target:
		if s.move == nil { // nothing was carried
			return nil, nil
		}
		return nil, s.idle()
	case r.Config != string(s.Text):
		changed = s.File
	case r.Plan.Configs[plan.ConfigTo] != string(d.Text):
		changed = d.File
	}
	if changed == "" {
		return r, nil
	}
	if s.move == nil {
		return nil, nil
	}
	return nil, diag.List{{Code: "BERTH4611", Severity: diag.Error, Subject: changed, Summary: "it was edited since the move began; nothing was changed",
		Hint: "undo the change, or return to the source: berth move back"}}
}

// planMove refuses what can't be moved, and gives the record of a move that would begin.
func (e *Env) planMove(ctx context.Context, s, d *seen, f moveFlags) (*state.Record, error) {
	problems, err := s.unfit(ctx, d)
	for _, store := range f.with {
		problems = append(problems, execute.Uncarried(store, d.File, len(s.Volumes(store)), len(d.Volumes(store)))...)
	}
	if err == nil {
		err = problems.Err()
	}
	if err != nil {
		return nil, err
	}
	e.warn(problems)
	facts, err := (&data.Worker{Tasks: s.Tasks, Tag: e.Tag()}).Inspect(ctx, s.Image("pgsql"))
	if err != nil {
		return nil, err
	}
	now := e.Now()
	request := stages.Request{Action: plan.Move, Installation: s.Stack.Name, Target: s.Stack.Target, Release: s.Stack.Release, Config: string(s.Text), Backup: data.Stamp(now),
		Bytes: facts.Bytes(), Runs: true, Short: f.short, Carried: f.with, ToConfig: string(d.Text),
		To: &plan.Destination{File: f.to, Context: f.toContext, Installation: d.Stack.Name, Target: d.Stack.Target, URL: d.Stack.URL}}
	for _, name := range stack.Databases() {
		request.Rebuild = request.Rebuild || d.Doc.Config.Databases[name].External != nil
	}
	if slices.Contains(f.with, "gitserver") {
		request.Files = facts.Clones.Bytes
	}
	r := state.NewRecord(plan.Move, s.Stack.Release, string(s.Text), now)
	r.Plan = stages.Plan(request)
	r.Plan.Shared = s.shared(d)
	if c := facts.Clones; c.Repositories > 0 {
		r.Plan.Clones = &plan.Clones{Repositories: c.Repositories, Bytes: c.Bytes, Seconds: float64(c.Bytes) / plan.CloneRate}
	}
	if len(f.with) > 0 {
		return r, nil // they are carried while the source is closed
	}
	request.Short = !request.Short
	r.Plan.Otherwise = stages.Plan(request).Downtime
	return r, nil
}

// shared are the stores outside that both sides of a move have in common: what is in them need not be carried.
func (s *seen) shared(d *seen) map[string]string {
	out := map[string]string{}
	here, there := s.Doc.Config, d.Doc.Config
	if a, b := here.ObjectStorage, there.ObjectStorage; a != nil && b != nil && a.Backend == b.Backend && a.Bucket == b.Bucket && a.Endpoint == b.Endpoint {
		out["blobstore"] = "the bucket " + a.Bucket
	}
	if a, b := here.Redis["redis-store"], there.Redis["redis-store"]; a.External != nil && reflect.DeepEqual(a, b) &&
		(a.External.Secret == nil || a.External.Secret.File == "" || filepath.Dir(s.File) == filepath.Dir(d.File)) {
		out["redis-store"] = "the same external one"
	}
	return out
}

// ofTarget are keys of a config that say how a target is used, so that the destination of a move need not have them.
var ofTarget = []string{"target", "name", "kubernetes", "ports", "tls", "patches", "services", "size", "images", "front", "containerPrefix", "network", "allServices", "containers", "databases", "redis"}

// unfit finds what stands in the way of a move, before anything is changed. All of it is looked at.
func (s *seen) unfit(ctx context.Context, d *seen) (problems diag.List, err error) {
	if s.Stack.Release != d.Stack.Release {
		hint := "write  release: " + s.Stack.Release + "  there"
		if catalogue.CompareVersions(d.Stack.Release, s.Stack.Release) > 0 {
			hint += ", or first upgrade the source: berth upgrade --to " + d.Stack.Release
		}
		problems = append(problems, diag.Diagnostic{Code: "BERTH4606", Severity: diag.Error, Subject: d.File, Range: d.Doc.At("release"),
			Summary: fmt.Sprintf("%s says %s, and the source has %s", d.File, d.Stack.Release, s.Stack.Release), Detail: []string{"a move keeps the release; upgrade before or afterwards"},
			Hint: hint})
	}
	for _, name := range s.Stack.Databases {
		if !slices.Contains(d.Stack.Databases, name) {
			problems = append(problems, diag.Diagnostic{Code: "BERTH4612", Severity: diag.Error, Subject: d.File, Summary: "the destination has no " + name + ", so its data would be left behind",
				Hint: "let both configs use the same databases, then: berth move --to " + d.File})
		}
	}
	said, err := s.Asked(ctx)
	if err != nil {
		return nil, err
	}
	if !said.Answered {
		problems = append(problems, diag.Diagnostic{Code: "BERTH3701", Severity: diag.Error, Subject: "databases", Summary: "the databases of the source do not answer", Hint: "see how they are: berth status"})
	}
	there, err := d.Present(ctx)
	if err != nil {
		return nil, err
	}
	services, err := d.Services(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case len(services.Runs()) > 0:
		problems = append(problems, execute.Occupied(d.File, d.Stack.Name, "Sourcegraph runs there")...)
	case there:
		problems = append(problems, execute.Occupied(d.File, d.Stack.Name, "it has volumes of databases")...)
	}
	var lacks []string
	for _, key := range config.Root().Names() {
		if s.Doc.Has(key) && !d.Doc.Has(key) && !slices.Contains(ofTarget, key) {
			lacks = append(lacks, key)
		}
	}
	if len(lacks) > 0 {
		problems = append(problems, diag.Diagnostic{Code: "BERTH4614", Severity: diag.Warning, Subject: d.File, Summary: "it lacks what " + s.File + " has: " + strings.Join(lacks, ", "),
			Hint: "add what the destination needs as well"})
	}
	return problems, nil
}

// agreeToMove shows the plan of a move, and asks.
func (e *Env) agreeToMove(ctx context.Context, p *plan.Plan, f moveFlags) error {
	view.Move(e.Stdout, p, e.Catalogue().State().Stores)
	return e.agree(ctx, f.yes, "move to "+p.Destination.String()+"? People see a maintenance page for about "+view.About(p.Downtime)+".")
}
