package cli

import (
	"context"
	"fmt"

	"berth/internal/diag"
	"berth/internal/doctor"
	"berth/internal/plan"
	"berth/internal/view"
)

// fix carries out the remedies of a report, each as the command that an admin would give, and looks again after each.
func (e *Env) fix(ctx context.Context, f doctorFlags, report *doctor.Report, only []string) (*doctor.Report, error) {
	for _, by := range doctor.Remedies {
		causes := report.Fixable(by)
		if len(causes) == 0 {
			continue
		}
		did := append(report.Did, by)
		if !e.out.machine() {
			view.Remedy(e.Stdout, by, causes)
		}
		if err := e.remedy(ctx, f, by, causes); err != nil {
			return report, err
		}
		again, err := e.examine(ctx, f.file, only)
		if err != nil {
			return report, err
		}
		report, again.Did = again, did
		if !e.out.machine() {
			fmt.Fprintln(e.Stdout)
		}
		e.diagnosed(report)
	}
	if len(report.Did) == 0 && !e.out.machine() {
		view.Unfixable(e.Stdout, report)
	}
	return report, nil
}

// remedy carries out one remedy: through plan, lock, runner and history, after a yes.
func (e *Env) remedy(ctx context.Context, f doctorFlags, by doctor.Remedy, causes []*doctor.Finding) error {
	agreed := func(*plan.Plan) error { return e.agree(ctx, f.yes, "carry this out?") }
	if by == doctor.Restart {
		var services []string
		for _, c := range causes {
			services = append(services, c.Service)
		}
		return e.restart(ctx, restartFlags{file: f.file, timeout: f.timeout}, services, agreed)
	}
	up := upFlags{file: f.file, timeout: f.timeout}
	return e.upon(ctx, up, "doctor --fix", func(ctx context.Context, s *seen) error {
		if s.Problems.Failed() {
			return s.Problems
		}
		if problems := undeployed(s); problems.Failed() {
			return problems
		}
		e.warn(s.Problems)
		return e.deploy(ctx, s, up, agreed)
	})
}

// undeployed refuses to bring back what is missing where that would also carry out changes that nobody has deployed yet.
func undeployed(s *seen) diag.List {
	var pending []string
	if !s.Reached {
		pending = append(pending, "release "+s.From+" -> "+s.To)
	} else {
		for _, step := range s.plan.Changes() {
			pending = append(pending, string(step.Verb)+" "+step.Object)
		}
	}
	if pending == nil {
		return nil
	}
	return diag.List{{Code: "BERTH5095", Severity: diag.Error, Subject: s.File, Summary: "it asks for changes that are not deployed yet; nothing was touched",
		Detail: []string{listed(pending, 6)}, Hint: "see them with berth plan; to carry out both: berth up"}}
}
