package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/doctor"
	"berth/internal/doctor/look"
	"berth/internal/view"
	"github.com/spf13/cobra"
)

// doctorFlags are what berth doctor can be told.
type doctorFlags struct {
	file       string
	watch, fix bool
	yes        bool
	timeout    time.Duration
}

func newDoctorCmd(env *Env) *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor [CODE...]",
		Short: "Say what is wrong, why, and what to do",
		Long: `Check everything at the same time: the config, the host or the cluster, containers and pods with their logs, disks, databases, Redis, the front
proxy, a search, and the address that people use with its certificate. Nothing is changed; in object storage of your own an object of one line
is written, read and deleted.

The result shows causes, each with its consequences below it. The first line says what to do first. Checks that can't run are listed with the
reason, and stop nothing else. With codes, only these checks run. berth explain CODE says more about one.

--fix does what is safe about causes: it starts what does not run, makes what is missing, restarts what hangs, and repairs indexes and tables of
databases. It shows the plan and asks, holds the lock, and is in the history, as berth up and berth restart. Then it looks again. It never changes
data, or what the config asks for.

Exit code 3: a check failed. Warnings, and checks that could not run, don't count.`,
		Example:     "  berth doctor\n  berth doctor --fix\n  berth doctor BERTH5010 BERTH5012\n  berth doctor -o junit\n  berth explain BERTH5010",
		Args:        cobra.ArbitraryArgs,
		Annotations: map[string]string{reports: "yes"},
		RunE: func(cmd *cobra.Command, args []string) error {
			only, err := checksNamed(args)
			if err != nil {
				return err
			}
			if f.watch {
				return env.watchDoctor(cmd.Context(), f.file, only)
			}
			return env.doctor(cmd.Context(), f, only)
		},
	}
	configFlag(cmd, &f.file)
	watchFlag(cmd, &f.watch)
	yesFlag(cmd, &f.yes)
	cmd.Flags().BoolVar(&f.fix, "fix", false, "start what does not run, make what is missing, restart what hangs and repair indexes, after showing it")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 0, "how long a service may take to become ready with --fix (default: as the release says)")
	cmd.MarkFlagsMutuallyExclusive("fix", "watch")
	placeFlags(env, cmd, &f.file)
	return cmd
}

// doctor shows what is wrong, and does what is safe about it where that is asked for.
func (e *Env) doctor(ctx context.Context, f doctorFlags, only []string) error {
	report, err := e.examine(ctx, f.file, only)
	if err != nil {
		return err
	}
	e.diagnosed(report)
	if f.fix {
		if report, err = e.fix(ctx, f, report, only); err != nil {
			e.out.result = report // the run that failed is in the history
			return err
		}
	} else if !e.out.machine() {
		view.Remedies(e.Stdout, report)
	}
	if report.Verdict == doctor.Fail {
		return exit(ExitChecks)
	}
	return nil
}

// diagnosed gives a report to who asked for it.
func (e *Env) diagnosed(report *doctor.Report) {
	if e.out.result = report; !e.out.machine() {
		view.Doctor(e.Stdout, report)
	}
}

// watchDoctor shows the report again whenever it is another one.
func (e *Env) watchDoctor(ctx context.Context, file string, only []string) error {
	return e.watching(ctx, func(ctx context.Context, out io.Writer) error {
		report, err := e.examine(ctx, file, only)
		if err == nil {
			report.Milliseconds = 0 // it differs each time
			view.Doctor(out, report)
		}
		return err
	})
}

// reports is the annotation of commands whose result can be written in the formats of reports.
const reports = "reports"

// examine collects evidence of the installation of a config, and judges it.
func (e *Env) examine(ctx context.Context, file string, only []string) (*doctor.Report, error) {
	begun := e.Now()
	w, problems, err := e.Load(file)
	if err != nil {
		return nil, err
	}
	l := look.Look{Env: &e.Environment, Open: e.open, Judge: e.beside}
	if slices.Contains(only, "BERTH5059") {
		l.Stream = 5 * time.Minute
		fmt.Fprintln(e.Stderr, "A search is held open for up to 5 minutes, to see whether something cuts it.")
	}
	evidence := l.Nothing(problems)
	if w != nil {
		evidence = l.Evidence(ctx, w, problems)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	report := doctor.Examine(evidence, doctor.Request{Only: only})
	report.Milliseconds = e.Now().Sub(begun).Milliseconds()
	if w != nil && only == nil {
		standings, _, _ := e.standingsOf(w) // what is wrong with them is among the findings
		for _, s := range standings {
			report.Excepted(string(s.Status))
		}
	}
	return report, nil
}

// checksNamed are the codes of checks that somebody named: "5010" is short for BERTH5010.
func checksNamed(names []string) (codes []string, err error) {
	var problems diag.List
	for _, name := range names {
		if name == "explain" { // hands that know kubectl type berth doctor explain CODE
			return nil, usageError("berth doctor", "it explains no codes", "berth explain "+names[len(names)-1])
		}
		code := "BERTH" + strings.TrimPrefix(strings.ToUpper(name), "BERTH")
		if !slices.ContainsFunc(doctor.Checks(""), func(c *doctor.Check) bool { return c.Code == code }) {
			problems = append(problems, diag.Diagnostic{Code: "BERTH4420", Severity: diag.Error, Subject: "berth doctor", Summary: fmt.Sprintf("there is no check %q", name),
				Hint: "see all checks: berth docs doctor"})
			continue
		}
		codes = append(codes, code)
	}
	return codes, problems.Err()
}

// checkCodes completes the codes of checks.
func (e *Env) checkCodes(_ *cobra.Command, args []string, typed string) (found []string, _ cobra.ShellCompDirective) {
	for _, c := range doctor.Checks(catalogue.Target("")) {
		if strings.HasPrefix(c.Code, strings.ToUpper(typed)) && !slices.Contains(args, c.Code) {
			found = append(found, cobra.CompletionWithDesc(c.Code, c.Title()))
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}
