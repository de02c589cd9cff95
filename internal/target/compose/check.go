package compose

import (
	"context"
	"slices"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// checked inspects a container. What the engine says of its health is up to an interval old, ten seconds for most: one that is said to be
// starting, or unhealthy, is asked here, by the same command in the same container, and counts as healthy when it passes. A frontend is
// unhealthy for the engine until its next check, for one, when the database that it needs is back.
func (e *Engine) checked(ctx context.Context, name string) (container.InspectResponse, error) {
	c, err := e.inspect(ctx, name)
	if err != nil || c.State.Status != container.StateRunning || c.State.Health == nil || c.State.Health.Status == container.Healthy {
		return c, err
	}
	if command := check(c.Config); len(command) > 0 && e.passes(ctx, c.ID, command) {
		c.State.Health.Status = container.Healthy
	}
	return c, nil
}

// check is the command of a container's health check; nil without one.
func check(c *container.Config) []string {
	h := c.Healthcheck
	if h == nil || len(h.Test) < 2 {
		return nil
	}
	switch h.Test[0] {
	case "CMD":
		return h.Test[1:]
	case "CMD-SHELL":
		shell := c.Shell
		if len(shell) == 0 {
			shell = []string{"/bin/sh", "-c"}
		}
		return append(slices.Clone(shell), h.Test[1])
	}
	return nil
}

// patience is how long a health check may take that is asked ahead of time. A busy machine needs more than a second to start a process.
const patience = 3 * time.Second

// passes runs a command in a container, and reports whether it ends well in time. In doubt it does not: the engine asks as well.
func (e *Engine) passes(ctx context.Context, id string, command []string) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	made, err := e.api.ExecCreate(ctx, id, client.ExecCreateOptions{Cmd: command})
	if err != nil {
		return false
	}
	if _, err := e.api.ExecStart(ctx, made.ID, client.ExecStartOptions{Detach: true}); err != nil {
		return false
	}
	for {
		// From the start on, a command either runs or has ended.
		run, err := e.api.ExecInspect(ctx, made.ID, client.ExecInspectOptions{})
		if err != nil {
			return false
		}
		if !run.Running {
			return run.ExitCode == 0
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(20 * time.Millisecond):
		}
	}
}
