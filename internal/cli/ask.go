package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"berth/internal/diag"
	"berth/internal/fold"
	"berth/internal/plan"
	"berth/internal/view"
)

// agree asks for a yes. Where nobody can be asked, it has to be given beforehand.
func (e *Env) agree(ctx context.Context, yes bool, question string) error {
	if yes {
		return nil
	}
	if !e.Interactive {
		return diag.List{{Code: "BERTH3733", Severity: diag.Error, Subject: "--yes", Summary: "there is no terminal to confirm on; nothing was changed",
			Hint: "confirm in advance: --yes"}}
	}
	fmt.Fprint(e.raw(), fold.Rows(view.Columns(e.Stdout), "\n"+question+" [y/N]")+" ")
	answer, err := e.answer(ctx)
	if err != nil {
		fmt.Fprintln(e.Stdout)
		return err
	}
	if a := strings.ToLower(answer); a != "y" && a != "yes" {
		fmt.Fprintln(e.Stdout, "nothing was changed")
		return exit(ExitChecks)
	}
	return nil
}

// sameAsAgreed refuses a plan that is another one than somebody said yes to in the console, where a plan is shown before the command begins that makes it.
func (e *Env) sameAsAgreed(p *plan.Plan) error {
	if e.saidYes == "" || e.saidYes == p.ID() {
		return nil
	}
	return becameAnother(e.saidYes)
}

func becameAnother(plan string) error {
	return diag.List{{Code: "BERTH3738", Severity: diag.Error, Subject: "plan " + plan, Summary: "the plan has changed since it was shown; nothing was changed",
		Hint: "look at the new plan, and confirm that one"}}
}

// answer reads a line that a person types. Ctrl-C ends it at once; the end of input is an empty answer.
func (e *Env) answer(ctx context.Context) (string, error) {
	text, err := e.line(ctx)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return text, err
}

// line is answer for who asks again: at the end of the input, where nothing more can come, it is io.EOF.
func (e *Env) line(ctx context.Context) (string, error) {
	if e.lines == nil {
		e.lines = bufio.NewReader(e.Stdin)
	}
	type read struct {
		text string
		err  error
	}
	line := make(chan read, 1)
	go func() {
		text, err := e.lines.ReadString('\n')
		line <- read{text, err}
	}()
	select {
	case r := <-line:
		if r.text = strings.TrimSpace(r.text); r.text != "" {
			return r.text, nil
		}
		return "", r.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// approve asks a person at a terminal before a plan restarts, removes or deletes something that is there. Scripts are not asked: they are to work as
// they did.
func (e *Env) approve(ctx context.Context, yes bool, p *plan.Plan) error {
	if yes || !e.Interactive {
		return nil
	}
	noticed := map[plan.Effect][]string{}
	for _, s := range p.Steps {
		noticed[s.Effect] = append(noticed[s.Effect], s.Object)
	}
	var parts []string
	for _, what := range []struct {
		effect plan.Effect
		text   string
	}{{plan.Data, "deletes for good or changes the data of"}, {plan.Downtime, "interrupts Sourcegraph for"}, {plan.Brief, "restarts"}} {
		if names := noticed[what.effect]; len(names) > 0 {
			parts = append(parts, what.text+" "+listed(names, 3))
		}
	}
	if parts == nil {
		return nil
	}
	return e.agree(ctx, false, "this "+strings.Join(parts, "; ")+". Continue?")
}
