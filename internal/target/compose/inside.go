package compose

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"berth/internal/plan"
	render "berth/internal/render/compose"
	"berth/internal/target/inside"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"
)

// Inside is a container seen closely.
type Inside struct {
	Watched
	plan.Container
	TTY bool
}

// Inside looks closely at all containers of an installation.
func (e *Engine) Inside(ctx context.Context, installation string) ([]Inside, error) {
	list, err := e.containers(ctx, true, render.LabelInstallation+"="+installation)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(c container.Summary) bool { return c.Labels["com.docker.compose.oneoff"] == "True" })
	out := make([]Inside, len(list))
	g, inspecting := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i, c := range list {
		g.Go(func() error {
			full, err := e.checked(inspecting, c.ID)
			switch {
			case notFound(err): // it went meanwhile
			case err != nil:
				return err
			default:
				out[i] = Inside{Watched: watched(full), Container: observed(full, nil), TTY: full.Config.Tty}
			}
			return nil
		})
	}
	err = g.Wait()
	return slices.DeleteFunc(out, func(c Inside) bool { return c.ID == "" }), err
}

// Looked looks closely at one container.
func (e *Engine) Looked(ctx context.Context, name string) (Inside, error) {
	full, err := e.inspect(ctx, name)
	if err != nil {
		return Inside{}, err
	}
	return Inside{Watched: watched(full), Container: observed(full, nil), TTY: full.Config.Tty}, nil
}

// LogRange is a part of a container's log.
type LogRange struct {
	Since, Until time.Time // zero: open
	Tail         string    // lines from the end; "": all
	Follow       bool
}

// Lines gives lines of a container's log with the time of each, as they were written.
func (e *Engine) Lines(ctx context.Context, name string, tty bool, r LogRange, line func(at time.Time, text string)) error {
	o := client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true, Follow: r.Follow, Tail: r.Tail}
	if !r.Since.IsZero() {
		o.Since = r.Since.UTC().Format(time.RFC3339Nano)
	}
	if !r.Until.IsZero() {
		o.Until = r.Until.UTC().Format(time.RFC3339Nano)
	}
	log, err := e.slow.ContainerLogs(ctx, name, o)
	if err != nil {
		return named("read the log of", name, err)
	}
	defer log.Close()
	defer context.AfterFunc(ctx, func() { log.Close() })()
	var text io.Reader = log
	if !tty {
		plain, out := io.Pipe()
		defer plain.Close()
		go func() {
			_, err := stdcopy.StdCopy(out, out, log)
			out.CloseWithError(err)
		}()
		text = plain
	}
	err = inside.Lines(text, line)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return named("read the log of", name, err)
}

// Attach runs a command in a container that runs, connected to a terminal or to streams, and gives its exit code.
func (e *Engine) Attach(ctx context.Context, name string, env map[string]string, command []string, t inside.Terminal) (int, error) {
	o := client.ExecCreateOptions{Cmd: command, TTY: t.TTY, AttachStdin: t.In != nil, AttachStdout: true, AttachStderr: !t.TTY}
	for _, k := range slices.Sorted(maps.Keys(env)) {
		o.Env = append(o.Env, k+"="+env[k])
	}
	made, err := e.api.ExecCreate(ctx, name, o)
	if err != nil {
		return 0, named("run a command in", name, err)
	}
	stream, err := e.slow.ExecAttach(ctx, made.ID, client.ExecAttachOptions{TTY: t.TTY})
	if err != nil {
		return 0, named("run a command in", name, err)
	}
	defer stream.Close()
	defer context.AfterFunc(ctx, stream.Close)() // the client does not end the stream with ctx
	if t.In != nil {
		go func() {
			_, _ = io.Copy(stream.Conn, t.In) // a command that ended takes no more
			_ = stream.CloseWrite()
		}()
	}
	if t.Sizes != nil {
		sizing, done := context.WithCancel(ctx)
		defer done()
		go e.resize(sizing, made.ID, t.Sizes)
	}
	if t.TTY {
		_, err = io.Copy(t.Out, stream.Reader)
	} else {
		_, err = stdcopy.StdCopy(t.Out, t.Err, stream.Reader)
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return 0, named("run a command in", name, err)
	}
	ended, err := e.api.ExecInspect(ctx, made.ID, client.ExecInspectOptions{})
	return ended.ExitCode, named("run a command in", name, err)
}

// resize reports to a command's terminal its sizes. One that ended has none.
func (e *Engine) resize(ctx context.Context, exec string, sizes <-chan inside.Size) {
	for {
		select {
		case <-ctx.Done():
			return
		case s, more := <-sizes:
			if !more {
				return
			}
			_, _ = e.api.ExecResize(ctx, exec, client.ExecResizeOptions{Height: uint(s.Height), Width: uint(s.Width)})
		}
	}
}

// Used is what a container uses.
type Used struct {
	CPUs   float64
	Memory int64
}

// Usage measures containers over a second, all at the same time. What can't be measured is nil.
func (e *Engine) Usage(ctx context.Context, names []string) ([]*Used, error) {
	out := make([]*Used, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() {
			r, err := e.slow.ContainerStats(ctx, name, client.ContainerStatsOptions{IncludePreviousSample: true})
			if err != nil {
				return // it ended
			}
			defer r.Body.Close()
			var s container.StatsResponse
			if json.NewDecoder(r.Body).Decode(&s) == nil {
				out[i] = used(s)
			}
		})
	}
	all.Wait()
	return out, ctx.Err()
}

// used reads one measurement; nil when nothing was measured. Files that the kernel caches can be freed, and are not counted, as docker stats does it.
func used(s container.StatsResponse) *Used {
	took := s.Read.Sub(s.PreRead)
	if s.MemoryStats.Usage == 0 || took <= 0 || s.PreRead.IsZero() {
		return nil
	}
	u := &Used{CPUs: float64(s.CPUStats.CPUUsage.TotalUsage-s.PreCPUStats.CPUUsage.TotalUsage) / float64(took), Memory: int64(s.MemoryStats.Usage)}
	for _, name := range []string{"total_inactive_file", "inactive_file"} { // of the older and the newer kind of control groups
		if idle := s.MemoryStats.Stats[name]; idle > 0 && idle < s.MemoryStats.Usage {
			u.Memory -= int64(idle)
			break
		}
	}
	return u
}
