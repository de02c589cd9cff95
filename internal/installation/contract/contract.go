// Package contract holds what everybody relies on who works with an installation, as one test. It runs on the fakes of both targets, and on a real engine
// and a real cluster.
package contract

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/rehearse"
	"berth/internal/run"
	"berth/internal/stack"
	"berth/internal/state"
)

// Target is a target with nothing of the installation on it.
type Target struct {
	Env  *installation.Environment
	File string // the config
	Open func(context.Context, *installation.Environment, *installation.Want) (*installation.Installation, error)
	// Delete deletes what runs of a service, as somebody does by hand.
	Delete func(t *testing.T, service string)
	// OnlyKnownTasks says that the target is a fake, which knows no tasks but those of package data.
	OnlyKnownTasks bool
}

// open finds the installation as its file asks for it.
func (c *Target) open(t *testing.T) *installation.Installation {
	t.Helper()
	w, problems, err := c.Env.Load(c.File)
	if err != nil || problems.Failed() {
		t.Fatal(problems, err)
	}
	i, err := c.Open(t.Context(), c.Env, w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(i.Close)
	return i
}

// reach makes what runs what the file asks for.
func (c *Target) reach(t *testing.T, i *installation.Installation) {
	t.Helper()
	r := installation.Runner{Record: state.NewRecord(plan.Up, i.Stack.Release, string(i.Text), time.Now()), Now: c.Env.Now, Watch: c.Env.Watch,
		Open: func(ctx context.Context, w *installation.Want) (*installation.Installation, error) {
			return c.Open(ctx, c.Env, w)
		}}
	err := installation.Recorded(t.Context(), i, r, func(r *installation.Runner) error { return r.Reach(t.Context(), i.Want, 0) })
	if err != nil {
		t.Fatal(err)
	}
}

// Test holds a target to the contract. Each part goes on from where the one before ended.
func Test(t *testing.T, c *Target) {
	for _, part := range []struct {
		name string
		test func(*testing.T, *Target)
	}{
		{"an empty target has no data, and everything to do", empty},
		{"passwords are made once", passwords},
		{"a plan that was carried out leaves nothing to do", carriedOut},
		{"the databases answer, and so does a task", databases},
		{"instances say how they are, log, do commands and are measured", inside},
		{"what somebody deleted comes back", comesBack},
		{"the lock says who holds it", locked},
		{"a run that was killed is in the history with its steps", killed},
		{"a clone is marked, found and deleted", cloned},
		{"stopping keeps the data, and deleting does not", stopped},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.test(t, c) }) {
			return
		}
	}
}

func empty(t *testing.T, c *Target) {
	i := c.open(t)
	if err := i.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	p, err := i.Plan(t.Context())
	if err != nil || p.Empty() || p.From != "" {
		t.Fatalf("the plan: %v, %v", p, err)
	}
	if there, err := i.Present(t.Context()); there || err != nil {
		t.Errorf("there is data: %v, %v", there, err)
	}
	if said, err := i.Asked(t.Context()); said.Answered || err != nil {
		t.Errorf("databases answer: %+v, %v", said, err)
	}
	if services, err := i.Services(t.Context()); len(services.All) > 0 || services.Release != "" || err != nil {
		t.Errorf("something runs: %+v, %v", services, err)
	}
	if problems := i.Preflight(t.Context(), p); problems.Failed() {
		t.Error(problems)
	}
}

func passwords(t *testing.T, c *Target) {
	i := c.open(t)
	if made, err := i.Generate(t.Context()); !made || err != nil {
		t.Fatalf("none was made: %v", err)
	}
	before, err := i.Store.Generated(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if made, err := i.Generate(t.Context()); made || err != nil {
		t.Errorf("they are made again: %v", err)
	}
	if after, err := c.open(t).Store.Generated(t.Context()); err != nil || len(after) != len(before) || after["pgsql-password"] != before["pgsql-password"] {
		t.Errorf("they changed: %v", err)
	}
}

func carriedOut(t *testing.T, c *Target) {
	i := c.open(t)
	c.reach(t, i)
	p, err := c.open(t).Plan(t.Context())
	if err != nil || !p.Empty() || p.From != i.Stack.Release {
		t.Fatalf("there is something to do: %v, %v", p, err)
	}
	services, err := i.Services(t.Context())
	if err != nil || len(services.Unready()) > 0 || services.Release != i.Stack.Release || len(services.Runs()) != 1 {
		t.Errorf("services: %v, %v", services.Unready(), err)
	}
	if there, err := i.Present(t.Context()); !there || err != nil {
		t.Errorf("there is no data: %v", err)
	}
	if err := i.Lost(t.Context()); err != nil {
		t.Error(err)
	}
	if how, err := i.Searched(t.Context(), installation.ByFrontProxy, c.Env.Now); err != nil {
		t.Errorf("a search: %s, %v", how, err)
	}
}

func databases(t *testing.T, c *Target) {
	i := c.open(t)
	said, err := i.Asked(t.Context())
	if err != nil || !said.Answered || said.Release != i.Stack.Release || said.Postgres == 0 {
		t.Errorf("the databases say %+v, %v", said, err)
	}
	facts, err := (&data.Worker{Tasks: i.Tasks, Tag: c.Env.Tag()}).Inspect(t.Context(), i.Image("pgsql"))
	if err != nil || len(facts.Databases) != len(stack.Databases()) || facts.Release != said.Release || facts.Postgres() != said.Postgres {
		t.Errorf("a task found %+v, %v", facts, err)
	}
	if c.OnlyKnownTasks {
		return
	}
	failing := run.Task{Name: "backup", Identity: "contract", Image: i.Image("pgsql"), As: "pgsql", Entry: []string{"/bin/sh", "-c", "echo it fails; exit 3"}}
	var lines []string
	exit, err := i.Task(t.Context(), failing, func(l string) { lines = append(lines, l) })
	if exit != 3 || err != nil || !slices.Contains(lines, "it fails") {
		t.Errorf("a task that fails: exit %d, %q, %v", exit, lines, err)
	}
	if again, err := i.Task(t.Context(), failing, func(string) {}); again != 3 || err != nil {
		t.Errorf("it is not taken up: exit %d, %v", again, err)
	}
	if err := i.Forget(t.Context(), failing.Name); err != nil {
		t.Error(err)
	}
}

func inside(t *testing.T, c *Target) {
	i := c.open(t)
	all, err := i.Instances(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	find := func(service string) installation.Instance {
		t.Helper()
		at := slices.IndexFunc(all, func(i installation.Instance) bool { return i.Service == service && !i.Init })
		if at < 0 {
			t.Fatalf("there is no %s among %+v", service, all)
		}
		return all[at]
	}
	pgsql := find("pgsql")
	if !pgsql.Up() || pgsql.Release != i.Stack.Release || pgsql.Own || pgsql.Once || pgsql.Image == "" || pgsql.Container == "" || pgsql.Started.IsZero() || len(pgsql.Mounts) != 1 {
		t.Errorf("pgsql is %+v", pgsql)
	}
	if !slices.IsSortedFunc(all, func(a, b installation.Instance) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("they are not in order")
	}
	logs(t, i, find("sourcegraph-frontend"))
	command := func(in string, args ...string) (string, int) {
		t.Helper()
		var out, complaint bytes.Buffer
		exit, err := i.Exec(t.Context(), pgsql, installation.Command{Args: args, Stdin: strings.NewReader(in), Stdout: &out, Stderr: &complaint})
		if err != nil {
			t.Fatal(err)
		}
		return out.String(), exit
	}
	long := strings.Repeat("a line of many\n", 10000)
	if out, exit := command(long, "cat"); out != long || exit != 0 {
		t.Errorf("cat gave %d of %d bytes, exit %d", len(out), len(long), exit)
	}
	if _, exit := command("", "sh", "-c", "exit 3"); exit != 3 {
		t.Errorf("exit %d, want 3", exit)
	}
	if once := slices.IndexFunc(all, func(i installation.Instance) bool { return i.Once }); once >= 0 {
		gone := all[once]
		if _, err := i.Exec(t.Context(), gone, installation.Command{Args: []string{"echo"}, Stdout: io.Discard, Stderr: io.Discard}); !errors.As(err, new(*installation.NotRunning)) {
			t.Errorf("a command in what does not run: %v", err)
		}
	}
	usage, err := i.Usage(t.Context(), []installation.Instance{pgsql})
	if err != nil || len(usage) != 1 || usage[0].Instance != pgsql.Name {
		t.Fatalf("usage: %+v, %v", usage, err)
	}
	u := usage[0]
	if len(u.Disks) != 1 || u.Disks[0].Size < u.Disks[0].Used || u.Disks[0].Used <= 0 || u.Disks[0].Source != pgsql.Mounts[0].Source {
		t.Errorf("disks: %+v", u)
	}
	if measured := u.CPUs >= 0 && u.Memory > 0; !measured && u.Problem == "" {
		t.Errorf("nothing is measured, and nothing says why: %+v", u)
	}
}

// logs: lines come in their order with their times, and Since and Tail leave out what they say.
func logs(t *testing.T, i *installation.Installation, of installation.Instance) {
	t.Helper()
	read := func(q installation.LogQuery) (lines []installation.LogLine) {
		t.Helper()
		if err := i.Log(t.Context(), of, q, func(l installation.LogLine) { lines = append(lines, l) }); err != nil {
			t.Fatal(err)
		}
		return lines
	}
	all := read(installation.LogQuery{})
	if len(all) == 0 || all[0].Time.IsZero() {
		t.Fatalf("%s has no log: %v", of.Name, all)
	}
	if !slices.IsSortedFunc(all, func(a, b installation.LogLine) int { return a.Time.Compare(b.Time) }) {
		t.Error("lines are not in order")
	}
	if last := read(installation.LogQuery{Tail: 1}); len(last) != 1 {
		t.Errorf("a tail of 1 has %d lines", len(last))
	}
	if after := read(installation.LogQuery{Since: time.Now().Add(time.Hour * 24 * 365)}); len(after) != 0 {
		t.Errorf("there are %d lines of the future", len(after))
	}
	if before := read(installation.LogQuery{Previous: true}); of.Restarts == 0 && len(before) != 0 {
		t.Errorf("it did not restart, and %d lines are of a run before", len(before))
	}
}

func comesBack(t *testing.T, c *Target) {
	c.Delete(t, "worker")
	p, err := c.open(t).Plan(t.Context())
	if err != nil || !slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return s.Service == "worker" && s.Verb == plan.Create }) {
		t.Fatalf("the plan: %v, %v", p, err)
	}
	c.reach(t, c.open(t))
	if p, err := c.open(t).Plan(t.Context()); err != nil || !p.Empty() {
		t.Errorf("there is something to do: %v, %v", p, err)
	}
}

func locked(t *testing.T, c *Target) {
	i := c.open(t)
	held, release, err := i.Store.Lock(t.Context(), "up", c.Env.Now)
	if err != nil || held.Err() != nil {
		t.Fatal(err)
	}
	var problems diag.List
	if _, _, err := c.open(t).Store.Lock(t.Context(), "down", c.Env.Now); !errors.As(err, &problems) || problems[0].Code != state.Locked {
		t.Errorf("a second one has the lock: %v", err)
	}
	release()
	if _, release, err = i.Store.Lock(t.Context(), "down", c.Env.Now); err != nil {
		t.Fatal(err)
	}
	release()
}

func killed(t *testing.T, c *Target) {
	i := c.open(t)
	r := state.NewRecord(plan.Up, i.Stack.Release, "", c.Env.Now())
	r.Plan = &plan.Plan{Steps: []plan.Step{{ID: 1, Object: "one"}, {ID: 2, Object: "two"}}}
	if err := i.Store.Add(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	journal, err := i.Store.Journal(t.Context(), r.Number)
	if err != nil {
		t.Fatal(err)
	}
	at := c.Env.Now().Add(time.Second)
	entry := func(event string, step int) state.Entry {
		at = at.Add(time.Second)
		return state.Entry{Time: at, Run: r.Number, Event: event, Step: step, What: "x"}
	}
	if err := errors.Join(journal.Add(entry(state.Began, 1), entry(state.Finished, 1)), journal.Add(entry(state.Began, 2)), journal.Close()); err != nil {
		t.Fatal(err)
	}
	records, err := c.open(t).Store.History(t.Context())
	if err != nil || len(records) == 0 {
		t.Fatal(err)
	}
	last := records[len(records)-1]
	begun, failed := last.HasBegun(2)
	if last.Result != state.Killed || !last.HasDone(1) || last.HasDone(2) || !begun || failed {
		t.Errorf("the history says %+v", last)
	}
	last.End(state.Done, nil, c.Env.Now())
	if err := i.Store.Save(t.Context(), &last); err != nil {
		t.Error(err)
	}
}

func cloned(t *testing.T, c *Target) {
	original := c.open(t)
	w, err := rehearse.Clone(c.Env, original.Want)
	if err != nil {
		t.Fatal(err)
	}
	clone, err := c.Open(t.Context(), c.Env, w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(clone.Close)
	left := func(want bool) {
		t.Helper()
		if there, err := clone.Clone.Left(t.Context(), original.Stack.Name); there != want || err != nil {
			t.Fatalf("something is left: %v, want %v, %v", there, want, err)
		}
	}
	left(false)
	_, release, err := clone.Clone.Mark(t.Context(), original.Stack.Name)
	if err != nil {
		t.Fatal(err)
	}
	left(true)
	release()
	if err := clone.Clone.Wipe(t.Context()); err != nil {
		t.Fatal(err)
	}
	left(false)
}

func stopped(t *testing.T, c *Target) {
	for _, volumes := range []installation.Volumes{installation.KeepVolumes, installation.DeleteVolumes} {
		i := c.open(t)
		p, err := i.Teardown(t.Context(), volumes)
		if err != nil {
			t.Fatal(err)
		}
		record := state.NewRecord(plan.Down, p.Release, "", c.Env.Now())
		err = installation.Recorded(t.Context(), i, installation.Runner{Record: record, Now: c.Env.Now, Watch: c.Env.Watch}, func(r *installation.Runner) error {
			_, err := r.Run(t.Context(), i, p, 0)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if services, err := i.Services(t.Context()); len(services.All) > 0 || err != nil {
			t.Errorf("something runs: %+v, %v", services, err)
		}
		if there, err := i.Present(t.Context()); there != (volumes == installation.KeepVolumes) || err != nil {
			t.Errorf("there is data: %v, %v", there, err)
		}
	}
}
