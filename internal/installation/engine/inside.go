package engine

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/stack"
	"berth/internal/target/compose"
	"berth/internal/target/inside"
)

// Instances are the containers of the project.
func (i *onEngine) Instances(ctx context.Context) ([]installation.Instance, error) {
	seen, err := i.engine.Inside(ctx, i.Stack.Name)
	if err != nil {
		return nil, err
	}
	out := make([]installation.Instance, len(seen))
	for n, c := range seen {
		out[n] = i.instance(c)
	}
	slices.SortFunc(out, func(a, b installation.Instance) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// instance is a container in the words that targets share.
func (i *onEngine) instance(c compose.Inside) installation.Instance {
	out := installation.Instance{Service: cmp.Or(c.Service, c.Unit), Name: c.Unit, Container: c.Name, Own: c.Release == "", Image: c.Image, Release: c.Release,
		State: c.Watched.Status, Restarts: c.Restarts, Exit: c.Watched.Exit, OOMKilled: c.OOM, Started: c.Started, CPUs: c.CPUs, Memory: c.Memory}
	if c.OOM {
		out.Reason = "OOMKilled"
	}
	out.Once = slices.ContainsFunc(i.Stack.Instances, func(inst stack.Instance) bool { return inst.Name == c.Unit && inst.OneShot })
	for _, u := range i.project.Units {
		if u.Name != c.Unit {
			continue
		}
		for _, v := range u.Data {
			out.Mounts = append(out.Mounts, installation.Mount{Path: v.Path, Source: cmp.Or(c.Volumes[v.Path], v.Source)})
		}
	}
	return out
}

// Log gives lines of a container's log. An engine keeps one log for all runs of a container.
func (i *onEngine) Log(ctx context.Context, of installation.Instance, q installation.LogQuery, line func(installation.LogLine)) error {
	r := compose.LogRange{Since: q.Since, Follow: q.Follow}
	if q.Tail > 0 {
		r.Tail = strconv.Itoa(q.Tail)
	}
	give := func(at time.Time, text string) { line(installation.LogLine{Time: at, Text: text}) }
	full, err := i.engine.Looked(ctx, of.Container)
	if err != nil {
		return err
	}
	if !q.Previous {
		return i.engine.Lines(ctx, of.Container, full.TTY, r, give)
	}
	if full.Restarts == 0 || full.Started.IsZero() {
		return nil
	}
	// Engines differ in what they make of a tail that ends in the past.
	r.Until, r.Follow, r.Tail = full.Started, false, ""
	var lines []installation.LogLine
	err = i.engine.Lines(ctx, of.Container, full.TTY, r, func(at time.Time, text string) {
		if !at.Before(full.Started) {
			return
		}
		if lines = append(lines, installation.LogLine{Time: at, Text: text}); q.Tail > 0 && len(lines) > 2*q.Tail {
			lines = append(lines[:0], lines[len(lines)-q.Tail:]...)
		}
	})
	if q.Tail > 0 {
		lines = lines[max(0, len(lines)-q.Tail):]
	}
	for _, l := range lines {
		line(l)
	}
	return err
}

// Exec runs a command in a container.
func (i *onEngine) Exec(ctx context.Context, in installation.Instance, c installation.Command) (int, error) {
	w, err := i.engine.Inspect(ctx, in.Container)
	if err != nil {
		return 0, err
	}
	if now := (installation.Instance{State: w.Status}); w.Missing || !now.Up() {
		return 0, &installation.NotRunning{Instance: in.Name, State: cmp.Or(w.Status, plan.Stopped)}
	}
	return i.engine.Attach(ctx, in.Container, c.Env, c.Args, inside.Terminal{In: c.Stdin, Out: c.Stdout, Err: c.Stderr, TTY: c.TTY, Sizes: c.Sizes})
}

// Usage asks the engine, and the containers for their disks.
func (i *onEngine) Usage(ctx context.Context, all []installation.Instance) ([]installation.Usage, error) {
	names := make([]string, len(all))
	for n, one := range all {
		names[n] = one.Container
	}
	out := make([]installation.Usage, len(all))
	var asked sync.WaitGroup
	for n, one := range all {
		asked.Go(func() { out[n].Disks, out[n].Problem = installation.Disks(ctx, i, one) })
	}
	used, err := i.engine.Usage(ctx, names)
	asked.Wait()
	for n, u := range used {
		out[n].Instance, out[n].CPUs, out[n].Memory = all[n].Name, -1, -1
		if u != nil {
			out[n].CPUs, out[n].Memory = u.CPUs, u.Memory
		}
	}
	return out, err
}
