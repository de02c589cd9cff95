package installation

import (
	"context"
	"fmt"

	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/plan"
)

// Session runs a task beside the installation, from which one of its external databases can be opened, and removes it at the end. What is read through
// the task is in no log: its own says only where it runs.
func (i *Installation) Session(ctx context.Context, e *Environment, s data.Session, use func(Instance) error) (err error) {
	task := s.Task(i.Image("pgsql"), e.Tag())
	running, stop := context.WithCancel(ctx)
	where := make(chan string, 1)
	type end struct {
		lines []string
		err   error
	}
	ended := make(chan end, 1)
	go func() {
		var e end
		_, e.err = i.Task(running, task, func(line string) {
			if at, ok := data.Ready(line); ok {
				where <- at
				return
			}
			e.lines = append(e.lines, line)
		})
		ended <- e
	}()
	defer func() {
		stop()
		if left := i.Forget(context.WithoutCancel(ctx), task.Name); left != nil && err == nil {
			err = fmt.Errorf("the task %s is left: %w", task.Name, left)
		}
	}()
	select {
	case at := <-where:
		in := Instance{Service: "psql", Name: task.Name, State: plan.Running, Container: at}
		if i.Stack.Cluster != nil {
			in.Pod, in.Container = at, ""
		}
		return use(in)
	case e := <-ended:
		if e.err != nil {
			return e.err
		}
		return diag.List{{Code: "BERTH3701", Severity: diag.Error, Subject: s.Database, Summary: "the database does not answer", Detail: e.lines[max(0, len(e.lines)-5):],
			Hint: "check that it runs, and what the config says of it: berth explain databases"}}
	case <-ctx.Done():
		return ctx.Err()
	}
}
