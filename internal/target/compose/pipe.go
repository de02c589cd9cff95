package compose

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"berth/internal/registry"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// most is how much is kept of what a program says for people.
const most = 4 << 10

// Pipe runs a task whose input and output are bytes, from its begin, and leaves nothing of it. The engine logs none of them.
func (e *Engine) Pipe(ctx context.Context, installation string, login registry.Login, t Task, in io.Reader, out io.Writer) (exit int, said string, err error) {
	if err := e.Discard(ctx, t.Container); err != nil {
		return 0, "", err
	}
	if err := e.fetch(ctx, login, t.Image); err != nil {
		return 0, "", err
	}
	if err := e.volumes(ctx, t); err != nil {
		return 0, "", err
	}
	options := t.container(installation)
	options.HostConfig.LogConfig = container.LogConfig{Type: "none"}
	options.Config.OpenStdin, options.Config.StdinOnce = in != nil, in != nil
	if _, err := e.api.ContainerCreate(ctx, options); err != nil {
		return 0, "", named("make the task", t.Container, err)
	}
	defer func() { _ = e.Discard(context.WithoutCancel(ctx), t.Container) }() // the next one of this name removes it, too
	stream, err := e.slow.ContainerAttach(ctx, t.Container, client.ContainerAttachOptions{Stream: true, Stdin: in != nil, Stdout: true, Stderr: true})
	if err != nil {
		return 0, "", named("attach to the task", t.Container, err)
	}
	defer stream.Close()
	defer context.AfterFunc(ctx, stream.Close)() // the client does not end the stream with ctx
	if err := e.Start(ctx, t.Container); err != nil {
		return 0, "", err
	}
	fed := make(chan error, 1)
	go func() { fed <- feed(stream.HijackedResponse, in) }()
	var text bytes.Buffer
	_, err = stdcopy.StdCopy(out, &ends{Buffer: &text}, stream.Reader)
	switch {
	case ctx.Err() != nil:
		return 0, "", ctx.Err()
	case err != nil:
		stream.Close()
		return 0, text.String(), cmp.Or(<-fed, named("read what the task writes", t.Container, err))
	}
	stream.Close() // where the task ended before it read all
	select {
	case err := <-fed:
		if err != nil {
			return 0, text.String(), err
		}
	case <-time.After(5 * time.Second): // whoever gives the input has nothing to give for now, and the task wants no more
	}
	exit, err = e.ended(ctx, t.Container)
	return exit, text.String(), err
}

// feed gives a task its input. A failure of the input itself is another thing than a task that wants no more.
func feed(stream client.HijackedResponse, in io.Reader) error {
	if in == nil {
		return nil
	}
	source := &source{Reader: in}
	_, err := io.Copy(stream.Conn, source)
	if source.err != nil {
		// The task must not take what came so far for the whole: it ends with the stream.
		stream.Close()
		return source.err
	}
	if err == nil {
		_ = stream.CloseWrite() // a task that ended has closed it
	}
	return nil
}

// source remembers why it can't be read.
type source struct {
	io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// ends is a buffer that takes a few lines.
type ends struct{ *bytes.Buffer }

func (b *ends) Write(p []byte) (int, error) {
	if room := most - b.Len(); room > 0 {
		b.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// ended waits until a container that has closed its output has ended, and gives its exit code.
func (e *Engine) ended(ctx context.Context, name string) (int, error) {
	for {
		c, err := e.inspect(ctx, name)
		if err != nil {
			return 0, named("look for the task", name, err)
		}
		if c.State.Status != container.StateRunning && c.State.Status != container.StateCreated {
			if c.State.Error != "" {
				return c.State.ExitCode, fmt.Errorf("%s: %s", name, c.State.Error)
			}
			return c.State.ExitCode, nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(again):
		}
	}
}
