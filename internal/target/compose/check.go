package compose

import (
	"context"
	"net/http"
	"time"
)

// early is how long a container must run before its health check is asked ahead of time. Postgres answers for a moment while it makes its
// first database, and is not there for good yet.
const early = 3 * time.Second

// checked inspects a container. What the engine says of its health is up to an interval old, ten seconds for most: one that is said to be
// starting, or unhealthy, is asked here, by the same command in the same container, and counts as healthy when it passes. A frontend is
// unhealthy for the engine until its next check, for one, when the database that it needs is back.
func (e *Engine) checked(ctx context.Context, container string) (inspected, error) {
	c, err := e.api.inspect(ctx, container)
	if err != nil || c.State.Status != "running" || c.State.Health == nil || c.State.Health.Status == "healthy" {
		return c, err
	}
	started, err := time.Parse(time.RFC3339Nano, c.State.StartedAt)
	if err != nil || time.Since(started) < early {
		return c, nil
	}
	if command := c.check(); len(command) > 0 && e.passes(ctx, c.ID, command) {
		c.State.Health.Status = "healthy"
	}
	return c, nil
}

// check is the command of a container's health check; nil without one.
func (c *inspected) check() []string {
	h := c.Config.Healthcheck
	if h == nil || len(h.Test) < 2 {
		return nil
	}
	switch h.Test[0] {
	case "CMD":
		return h.Test[1:]
	case "CMD-SHELL":
		shell := c.Config.Shell
		if len(shell) == 0 {
			shell = []string{"/bin/sh", "-c"}
		}
		return append(shell[:len(shell):len(shell)], h.Test[1])
	}
	return nil
}

// passes runs a command in a container, and reports whether it ends well within a second. In doubt it does not: the engine asks as well.
func (e *Engine) passes(ctx context.Context, id string, command []string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var made struct {
		ID string `json:"Id"`
	}
	if e.api.call(ctx, http.MethodPost, "/containers/"+id+"/exec", nil, map[string]any{"Cmd": command}, &made) != nil {
		return false
	}
	if e.api.call(ctx, http.MethodPost, "/exec/"+made.ID+"/start", nil, map[string]any{"Detach": true}, nil) != nil {
		return false
	}
	for {
		var run struct {
			Running  bool
			ExitCode *int
		}
		if e.api.call(ctx, http.MethodGet, "/exec/"+made.ID+"/json", nil, nil, &run) != nil {
			return false
		}
		if !run.Running && run.ExitCode != nil {
			return *run.ExitCode == 0
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(20 * time.Millisecond):
		}
	}
}
