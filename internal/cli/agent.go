package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"berth/internal/config"
	"berth/internal/diag"
	"berth/internal/journey"
	"berth/internal/policy"
	"berth/internal/installation"
	"berth/internal/upgrade"
	"berth/internal/window"
	"github.com/spf13/cobra"
)

// agentFlags are what berth agent can be told.
type agentFlags struct {
	file, configMap    string
	json, waitingOK    bool
	render, out, image string
}

func newAgentCmd(env *Env) *cobra.Command {
	var f agentFlags
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Upgrade automatically as the config's policy allows, in its window",
		Long: `Look once for a newer release and plan the upgrade. Carry it out if the config allows it and its window is open:

  upgrades:
    automatic: patch                          # or minor, or off
    window: Sun 02:00-05:00 Europe/Berlin

It stops at anything that needs a person: an upgrade step over several minor releases, one that can't be undone, manual work, edits of your
file, problems that the checks found, and upgrades that somebody else started. berth status shows what it saw last.

Run it every hour:

  berth agent --render systemd --out DIR                  a service and a timer, for a Docker host
  berth agent --render cronjob --image IMAGE --out DIR    a CronJob, for a cluster

Exit codes: 0 nothing to do, or done; 2 an upgrade waits for the window or for a person; 1 an upgrade failed; 3 a problem was found and
nothing was touched.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.render != "" {
				return env.renderAgent(f)
			}
			return env.agent(cmd.Context(), f)
		},
	}
	configFlag(cmd, &f.file)
	cmd.Flags().BoolVar(&f.json, "json", false, "print what was seen and done as JSON, and only that")
	cmd.Flags().BoolVar(&f.waitingOK, "waiting-ok", false, "exit with 0 also when an upgrade waits: for schedulers that treat 2 as a failure")
	cmd.Flags().StringVar(&f.configMap, "config-map", "", "read the config from this ConfigMap of the cluster, and write the release there")
	cmd.Flags().StringVar(&f.render, "render", "", "write the files that run it every hour: systemd or cronjob")
	cmd.Flags().StringVar(&f.out, "out", "", "with --render: the folder to write to")
	cmd.Flags().StringVar(&f.image, "image", "", "with --render cronjob: your image with berth in it")
	cmd.MarkFlagsRequiredTogether("render", "out")
	cmd.MarkFlagsMutuallyExclusive("render", "config-map")
	return cmd
}

// AgentReport is what berth agent saw and did. The last one is kept with the installation.
type AgentReport struct {
	Format   int             `json:"format"`
	Checked  time.Time       `json:"checked"`
	Release  string          `json:"release"` // that runs
	Newest   string          `json:"newest"`  // that is offered
	Decision policy.Decision `json:"decision"`
	// Held is about the newest release where the decision is about an older one.
	Held     *policy.Decision `json:"held,omitempty"`
	Outcome  string           `json:"outcome,omitempty"` // of what was begun or gone on with: done, failed or stopped
	Summary  string           `json:"summary"`           // all of it in one line
	Problems diag.List        `json:"problems,omitempty"`
	Takes    float64          `json:"takesSeconds,omitempty"` // of that one, as it was estimated
	Left     []string         `json:"left,omitempty"`         // releases that somebody went back from
}

// about is what the report says of a release that runs; "" when it is about another one. One of more than a day ago says so: it is made every hour.
func (r *AgentReport) about(release string, now time.Time) string {
	if r.Summary == "" || r.Release != release {
		return ""
	}
	if now.Sub(r.Checked) > 24*time.Hour {
		return r.Summary + " (berth agent last ran " + r.Checked.Format(time.DateTime) + ")"
	}
	return r.Summary
}

// agentNote is the name of the note that the last report is kept in.
const agentNote = "agent"

// agent runs once, prints what came of it, and gives the exit code for it.
func (e *Env) agent(ctx context.Context, f agentFlags) error {
	to := *e
	if f.json {
		to.Stdout, to.Terminal = e.Stderr, false // the report alone is the result
	}
	if f.configMap != "" {
		done, err := to.fromConfigMap(ctx, f)
		if err != nil {
			return err
		}
		defer done()
	}
	r, err := to.look(ctx, f)
	var problems diag.List
	if errors.As(err, &problems) && problems[0].Code == "BERTH3201" {
		problems.WriteText(e.Stderr, e.Color)
		return f.waits()
	}
	if r == nil {
		return err
	}
	if f.json {
		err = errors.Join(err, e.printJSON(r))
	} else {
		fmt.Fprintln(e.Stdout, r.Summary)
	}
	if err != nil {
		return err
	}
	return r.end(f)
}

// end is the exit code for what came of a run.
func (r *AgentReport) end(f agentFlags) error {
	switch {
	case r.Outcome == outcomeFailed:
		return exit(ExitError)
	case r.Outcome == outcomeStopped:
		return exit(ExitStopped)
	case r.Decision.Action == policy.Refused:
		return exit(ExitChecks)
	case r.Decision.Action == policy.Wait || r.Decision.Action == policy.Human:
		return f.waits()
	}
	return nil
}

// waits is how a run ends when something waits.
func (f agentFlags) waits() error {
	if f.waitingOK {
		return nil
	}
	return exit(ExitChanges)
}

// The outcomes of an upgrade.
const (
	outcomeDone    = "done"
	outcomeFailed  = "failed"
	outcomeStopped = "stopped"
)

// visit is one run of the agent at an installation.
type visit struct {
	*Env
	site   installation.Site
	file   string
	policy policy.Policy
	report *AgentReport // this time's
	open   *journey.Journey
	next   *journey.Journey // that would begin
	takes  time.Duration    // the next one, estimated
}

// look takes the lock, decides, and acts. The report is nil when nothing could be seen.
func (e *Env) look(ctx context.Context, f agentFlags) (*AgentReport, error) {
	s, err := e.Open(ctx, f.file)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	ctx, release, err := s.Store().Lock(ctx, "agent", e.Now)
	if err != nil {
		return nil, err
	}
	defer release()
	v := &visit{Env: e, site: s, file: f.file, policy: policyOf(s.Of().Doc.Config)}
	if v.open, err = journey.Load(ctx, s.Store()); err != nil {
		return nil, err
	}
	if err := v.remember(ctx); err != nil {
		return nil, err
	}
	if v.report.Decision, err = v.decide(ctx); err != nil {
		return nil, err
	}
	v.report.Problems.WriteText(e.Stderr, e.Color)
	if err := v.save(ctx); err != nil {
		return nil, err
	}
	switch v.report.Decision.Action {
	case policy.Upgrade:
		err = v.walk(ctx, v.next)
	case policy.Resume:
		fmt.Fprintf(e.Stdout, "continuing the upgrade from %s to %s: %s\n", v.open.From, v.open.To, v.open.Describe())
		err = v.walk(ctx, v.open)
	default:
		return v.report, nil
	}
	return v.report, errors.Join(err, v.save(context.WithoutCancel(ctx)))
}

// policyOf is what a config allows; its window was checked before.
func policyOf(c *config.Config) policy.Policy {
	if c.Upgrades == nil {
		return policy.Policy{}
	}
	w, _ := window.Parse(c.Upgrades.Window) // without one nothing is automatic
	return policy.Policy{Automatic: policy.Automatic(c.Upgrades.Automatic), Window: w}
}

// remember begins this time's report with what of the last one still counts.
func (v *visit) remember(ctx context.Context) error {
	var last AgentReport
	if err := v.installation.Store().Note(ctx, agentNote, &last); err != nil {
		return err
	}
	v.report = &AgentReport{Format: 1, Checked: v.Now(), Takes: last.Takes, Left: last.Left}
	if v.open != nil {
		for _, release := range v.open.Left {
			if !slices.Contains(v.report.Left, release) {
				v.report.Left = append(v.report.Left, release)
			}
		}
	}
	return nil
}

func (v *visit) save(ctx context.Context) error {
	r := v.report
	switch {
	case r.Outcome == outcomeDone:
		r.Summary = fmt.Sprintf("upgraded to %s", r.Decision.To)
	case r.Outcome != "":
		r.Summary = fmt.Sprintf("the upgrade to %s %s", r.Decision.To, r.Outcome)
		if len(r.Problems) > 0 {
			r.Summary += ": " + r.Problems[0].Code + ": " + r.Problems[0].Summary
		}
	default:
		r.Summary = r.Decision.String()
		if !r.Decision.Opens.IsZero() {
			r.Summary += ", which opens " + r.Decision.Opens.Format("Mon 2 Jan 15:04 MST")
		}
		if r.Held != nil {
			r.Summary += "; " + r.Held.String()
		}
	}
	return v.installation.Store().SetNote(ctx, agentNote, r)
}

// decide says what to do. What is wrong with the installation is a decision, too, with its problems in the report.
func (v *visit) decide(ctx context.Context) (policy.Decision, error) {
	l := v.installation.Of()
	v.report.Newest = v.Catalogue().Newest(l.Stack.Target)
	_, _, from, err := v.installation.Services(ctx, &v.Environment)
	if err != nil {
		return policy.Decision{}, err
	}
	v.report.Release = from
	if v.open.Open() {
		return v.goOn(), nil
	}
	if from == "" {
		return policy.Decision{}, v.notRunning(ctx, v.site, v.file)
	}
	pick, held := v.policy.Choose(v.candidates(from), v.report.Left)
	switch {
	case pick == nil && held.Action == policy.Nothing:
		return policy.Decision{Action: policy.Nothing, To: from}, nil
	case pick == nil:
		return held, nil
	case held.Action != policy.Nothing:
		v.report.Held = &held
	}
	u, err := v.prospect(ctx, from, pick.Release)
	var problems diag.List
	if err != nil && !errors.As(err, &problems) {
		return policy.Decision{}, err
	}
	u.Problems = append(u.Problems, problems...)
	v.report.Problems = u.Problems
	return v.policy.Decide(v.Now(), u), nil
}

// goOn decides about an upgrade that is open.
func (v *visit) goOn() policy.Decision {
	j := v.open
	v.report.Problems = j.Problems
	var changed diag.List
	if err := resumable(v.site, j, upgradeFlags{file: v.file}); errors.As(err, &changed) {
		v.report.Problems = append(v.report.Problems, changed...)
	}
	way, none := j.Back()
	return v.policy.GoOn(v.Now(), policy.Underway{To: j.To, Kind: j.Hop().Kind, Ours: j.Agent, Returning: j.Status == journey.Returning,
		Touched: len(none) > 0 || len(way.Stages) > 0, Takes: seconds(v.report.Takes), Problems: v.report.Problems, Where: j.Describe()})
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

// candidates are the releases worth a look, each with the way there.
func (v *visit) candidates(from string) []policy.Candidate {
	l := v.installation.Of()
	var offered []string
	for _, r := range v.Catalogue().Versions(l.Stack.Target) {
		if r.Offered(l.Stack.Target) {
			offered = append(offered, r.Version)
		}
	}
	var out []policy.Candidate
	for _, to := range policy.Releases(offered, from) {
		way, refused := upgrade.Path(v.Catalogue(), upgrade.Request{From: from, To: to, Target: l.Stack.Target, Facts: l.Known(nil)})
		out = append(out, policy.Candidate{Release: to, Way: way, Refused: refused})
	}
	return out
}

// prospect looks closely at what an upgrade would meet. Nothing is touched. Problems are a diag.List.
func (v *visit) prospect(ctx context.Context, from, to string) (policy.Prospect, error) {
	u := policy.Prospect{To: to}
	var err error
	if u.Pending, err = v.pending(ctx, from); err != nil || u.Pending != "" {
		return u, err
	}
	p, j, err := v.planJourney(ctx, v.site, upgradeFlags{file: v.file, to: to})
	if err != nil {
		return u, err
	}
	for _, h := range p.Hops {
		u.Edits = append(u.Edits, h.Edits...)
		for _, s := range h.Stages {
			u.Takes += seconds(s.Seconds)
		}
	}
	v.takes, u.Problems = u.Takes, p.Problems
	if u.Problems.Failed() {
		return u, nil
	}
	v.next = j
	// What the release needs of the host or the cluster, and its images: better told now than in the night.
	at := installation.NewPlace(&v.Environment, v.installation.Of(), 0)
	return u, at.Ready(ctx, j.Hops[0].Config, j.Hops[0].Front())
}

// pending says what the admin's file asks for and was not carried out: an upgrade would carry it out along the way, and nobody decided that.
func (v *visit) pending(ctx context.Context, from string) (string, error) {
	l := v.installation.Of()
	switch wanted := l.Release.Version; {
	case wanted != from && !l.Doc.Has("release"):
		return fmt.Sprintf("your file names no release; write  release: %s", from), nil
	case wanted != from:
		return fmt.Sprintf("your file asks for %s, and %s runs: berth plan", wanted, from), nil
	}
	p, err := v.installation.Plan(ctx, &v.Environment)
	if err != nil || p.Empty() {
		return "", err
	}
	return fmt.Sprintf("your file has changes that were not carried out (%d steps): berth plan", len(p.Steps)), nil
}

// walk walks a journey, and writes into the report how it ended. One that failed before it touched anything is given up, so that it stands in
// nobody's way; one that was interrupted stays, to be gone on with.
func (v *visit) walk(ctx context.Context, j *journey.Journey) error {
	if v.report.Decision.Action == policy.Upgrade {
		fmt.Fprintf(v.Stdout, "upgrade from %s to %s, in the window %s\n", j.From, j.To, v.policy.Window)
		j.Agent, v.report.Takes = true, v.takes.Seconds()
		if err := v.save(ctx); err != nil {
			return err
		}
	}
	err := v.Env.walk(ctx, v.site, j, upgradeFlags{file: v.file, patience: usualPatience})
	v.report.Problems = j.Problems
	var code exit
	switch {
	case err == nil:
		v.report.Outcome, v.report.Release = outcomeDone, j.To
		return nil
	case len(j.Problems) == 0:
		v.report.Outcome = outcomeStopped
	default:
		v.report.Outcome = outcomeFailed
		if way, none := j.Back(); len(none) == 0 && len(way.Stages) == 0 {
			if err := v.walker(ctx, v.site, nil, 0, 0).Return(ctx, j, way); err != nil {
				return err
			}
			fmt.Fprintf(v.Stderr, "given up  %s runs as before; fix the cause, then: berth upgrade\n", way.To)
		}
	}
	if errors.As(err, &code) {
		return nil // all of it was said
	}
	return err
}
