package cli

import (
	"context"
	"errors"
	"fmt"

	"berth/internal/diag"
	"berth/internal/doctor"
	"berth/internal/plan"
	"berth/internal/repair"
	"berth/internal/state"
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
	return e.upon(ctx, up, string(plan.Repairs), func(ctx context.Context, s *seen) error {
		if s.Problems.Failed() {
			return s.Problems
		}
		if r := s.stopped(); r != nil && by == doctor.Resume {
			fmt.Fprintln(e.Stdout, "continuing the repair that was stopped")
			return e.repair(ctx, s, f, r)
		}
		if by != doctor.Repair { // a statement carries out nothing of the config
			if problems := undeployed(s); problems.Failed() {
				return problems
			}
		}
		e.warn(s.Problems)
		if by == doctor.Deploy || by == doctor.Resume {
			return e.deploy(ctx, s, up, agreed)
		}
		p := repair.Plan(s.Installation, repairs(by, causes))
		view.Repair(e.Stdout, p)
		if err := agreed(p); err != nil {
			return err
		}
		r := state.NewRecord(plan.Repairs, p.Release, string(s.Text), e.Now())
		r.Plan = p
		return e.repair(ctx, s, f, r)
	})
}

// repairs is what causes ask for of one remedy.
func repairs(by doctor.Remedy, causes []*doctor.Finding) (w repair.Wish) {
	w.Rebuild = by == doctor.Rebuild
	for _, c := range causes {
		w.Bytes += c.Bytes
		for _, s := range c.Statements {
			w.Statements = append(w.Statements, repair.Statement{Database: c.Service, SQL: s})
		}
	}
	return w
}

// stopped is a repair of this config that was stopped or killed, to be continued; nil: there is none.
func (s *seen) stopped() *state.Record {
	if len(s.records) == 0 {
		return nil
	}
	last := &s.records[len(s.records)-1]
	if last.Action != plan.Repairs || last.Result == state.Done || last.Plan == nil || last.Config != string(s.Text) {
		return nil
	}
	return last
}

// repair carries out a repair, and says how to continue one that did not come to its end.
func (e *Env) repair(ctx context.Context, s *seen, f doctorFlags, r *state.Record) error {
	fmt.Fprintln(e.Stdout)
	j := &repair.Job{Env: &e.Environment, Open: e.open, At: s.Installation, Timeout: f.timeout}
	err := j.Carry(ctx, r)
	var problems diag.List
	if errors.As(err, &problems) {
		e.warn(problems)
		fmt.Fprintf(e.Stderr, "next      continue with: berth %s\n", r.GoesOn())
	}
	return ended(err)
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
	return diag.List{{Code: "BERTH5095", Severity: diag.Error, Subject: s.File, Summary: "it asks for changes that are not deployed yet; nothing was changed",
		Detail: []string{listed(pending, 6)}, Hint: "see them with berth plan; to carry out both: berth up"}}
}
