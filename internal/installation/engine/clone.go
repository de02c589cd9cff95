package engine

import (
	"context"
	"fmt"
	"time"

	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/run"
	"berth/internal/target/compose"
)

// cloneNote is the note in a clone's state that says which installation it is a rehearsal's clone of.
const cloneNote = "rehearsal"

type cloneMark struct {
	Of    string    `json:"of"`
	Began time.Time `json:"began"`
}

// Left reports whether there is a clone that a rehearsal made.
func (i *onEngine) Left(ctx context.Context, original string) (bool, error) {
	var mark cloneMark
	if err := i.state.Note(ctx, cloneNote, &mark); err != nil {
		return false, err
	}
	if mark.Of == original {
		return true, nil
	}
	volumes, err := i.engine.Volumes(ctx, i.Stack.Name)
	if err != nil {
		return false, err
	}
	network, err := i.engine.Network(ctx, i.Stack.Name)
	if err != nil {
		return false, err
	}
	if len(volumes) > 0 || network != "" {
		return false, diag.List{{Code: "BERTH3903", Severity: diag.Error, Subject: i.Stack.Name,
			Summary: fmt.Sprintf("this engine has something named %s, which no rehearsal from %s created", i.Stack.Name, i.Dir),
			Detail:  append(volumes, network),
			Hint:    "a rehearsal would delete this, so look at it first; if nobody needs it: docker compose --project-name " + i.Stack.Name + " down --volumes"}}
	}
	return false, nil
}

// Mark marks the clone's folder, and takes its lock.
func (i *onEngine) Mark(ctx context.Context, original string) (context.Context, func(), error) {
	ctx, release, err := i.state.Lock(ctx, "rehearse", i.env.Now)
	if err != nil {
		return nil, nil, err
	}
	if err := i.state.SetNote(ctx, cloneNote, cloneMark{Of: original, Began: i.env.Now()}); err != nil {
		release()
		return nil, nil, err
	}
	return ctx, release, nil
}

// Reading gives tasks in the original's network, with its passwords, whose volumes are the clone's.
func (i *onEngine) Reading(_ context.Context, original installation.Access) (run.Tasks, error) {
	tasks := i.tasks()
	tasks.Env, tasks.Files, tasks.Network = original.Env, original.Files, original.Network
	return tasks, nil
}

// unlimited is what is counted for a database that has no memory limit.
const unlimited = 512 << 20

// Room compares what a clone takes with what is free on the engine's host.
func (i *onEngine) Room(ctx context.Context, r data.Room) (string, diag.List, error) {
	facts, err := i.engine.Facts(ctx, "", i.Stack.Name)
	if err != nil {
		return "", nil, err
	}
	var memory int64
	for _, inst := range i.Stack.Instances {
		if inst.Memory == 0 {
			memory += unlimited
		}
		memory += inst.Memory
	}
	return fmt.Sprintf("up to %s of disk (%s) and %s of memory (%s)", data.GiB(r.Disk), free(facts.FreeDisk), data.GiB(memory), free(facts.FreeMemory)),
		scarce(facts, r, memory), nil
}

// scarce finds what there is too little of.
func scarce(f compose.Facts, r data.Room, memory int64) (problems diag.List) {
	if f.FreeDisk >= 0 && f.FreeDisk < r.Disk {
		problems = append(problems, diag.Diagnostic{Code: "BERTH3901", Severity: diag.Error, Subject: "host",
			Summary: fmt.Sprintf("a clone of %s of data needs up to %s of disk, and the disk of Docker's volumes has %s free", data.GiB(r.Data), data.GiB(r.Disk), data.GiB(f.FreeDisk)),
			Detail:  []string{"twice the databases, because another Postgres may copy them, and their dumps once"},
			Hint:    fmt.Sprintf("make %s of room (docker system df shows what uses the space), then: berth rehearse", data.GiB(r.Disk-f.FreeDisk))})
	}
	if f.FreeMemory >= 0 && f.FreeMemory < memory {
		problems = append(problems, diag.Diagnostic{Code: "BERTH3902", Severity: diag.Error, Subject: "host",
			Summary: fmt.Sprintf("the clone's databases may use %s of memory, and this host has %s available", data.GiB(memory), data.GiB(f.FreeMemory)),
			Detail:  []string{"the clone has the same limits as the databases, so that its times are realistic; it must not slow down what runs now"},
			Hint:    "rehearse when the host is less busy, or stop something else, then: berth rehearse"})
	}
	return problems
}

// free is an amount that may not be known.
func free(bytes int64) string {
	if bytes < 0 {
		return "the free space is not known from here"
	}
	return data.GiB(bytes) + " free"
}

// Wipe deletes what runs, tasks included, the volumes and the state. Nothing gets time to stop: its data is deleted with it.
func (i *onEngine) Wipe(ctx context.Context) error {
	containers, err := i.engine.Containers(ctx, i.Stack.Name)
	if err != nil {
		return err
	}
	tasks, err := i.engine.Tasks(ctx, i.Stack.Name)
	if err != nil {
		return err
	}
	for _, name := range append(tasks, containers...) {
		if err := i.engine.Discard(ctx, name); err != nil {
			return err
		}
	}
	network, err := i.engine.Network(ctx, i.Stack.Name)
	if err != nil {
		return err
	}
	if network != "" {
		if err := i.engine.RemoveNetwork(ctx, network); err != nil {
			return err
		}
	}
	volumes, err := i.engine.Volumes(ctx, i.Stack.Name)
	if err != nil {
		return err
	}
	// What is backed up outlives an installation, so that it is none of its volumes.
	for _, name := range append(volumes, i.Stack.Name+"_"+data.Backups) {
		if err := i.engine.DeleteVolume(ctx, name); err != nil {
			return err
		}
	}
	return i.state.Forget(ctx)
}
