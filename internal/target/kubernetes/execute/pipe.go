package execute

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"time"

	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/run"
	"berth/internal/secret"
	"berth/internal/target/inside"
	"berth/internal/target/kubernetes"
	"berth/internal/target/kubernetes/health"
	"berth/internal/tree"
)

// longest is how long a pod of a pipe lives at most: one that a killed berth left ends by itself.
const longest = "86400"

// mostSaid is how much is kept of what a program says for people.
const mostSaid = 4 << 10

// Pipe runs a task whose input and output are bytes. A pod of the task's image waits, and the program runs in it: logs are no place for bytes.
func (t *Tasks) Pipe(ctx context.Context, task run.Task, in io.Reader, out io.Writer) (exit int, said string, err error) {
	ref := t.ref(task.Name)
	if err := t.Forget(ctx, task.Name); err != nil {
		return 0, "", err
	}
	if task.Volume != "" {
		if err := t.bound(ctx, task); err != nil {
			return 0, "", err
		}
	}
	waits := task
	waits.Entry, waits.Command = []string{"/bin/sh", "-c", "trap 'exit 0' TERM; sleep " + longest + " & wait"}, nil
	body := t.body(ref, waits)
	if !task.Asks {
		plain(body)
	} else if err := t.keep(ctx, ref); err != nil {
		return 0, "", err
	}
	if _, err := t.Client.Create(ctx, body, plan.Manager); err != nil && !kubernetes.Exists(err) {
		return 0, "", err
	}
	defer func() { // the next one of this name removes it, too
		_ = t.Forget(context.WithoutCancel(ctx), task.Name)
		if task.Asks && len(t.Tokens) > 0 {
			_ = t.Client.Delete(context.WithoutCancel(ctx), tokensOf(ref), kubernetes.DeleteOptions{})
		}
	}()
	pod, err := t.running(ctx, ref)
	if err != nil {
		return 0, "", err
	}
	var text bytes.Buffer
	container := tree.Text(tree.Items(tree.Branch(tree.Pods(body), "spec")["containers"])[0], "name")
	terminal := inside.Terminal{Out: out, Err: &few{&text}}
	source := &source{Reader: in}
	if in != nil {
		terminal.In = source
	}
	exit, err = t.Client.Attach(ctx, kubernetes.LogQuery{Namespace: t.Namespace, Pod: pod, Container: container}, append(task.Entry, task.Command...), terminal)
	said = strings.Join(secret.Hide(t.Secrets)(strings.Split(text.String(), "\n")), "\n")
	if err := source.failed(); err != nil {
		return 0, said, err // the program took what came so far for the whole
	}
	return exit, said, err
}

// bound makes the claim of a task that says its size. A pod whose claim is not there would wait forever.
func (t *Tasks) bound(ctx context.Context, task run.Task) error {
	if task.Size > 0 {
		return t.claim(ctx, task)
	}
	_, err := t.Client.Get(ctx, kubernetes.Ref{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: t.Namespace, Name: t.volume(task)})
	if kubernetes.NotFound(err) {
		return run.ErrNoVolume
	}
	return err
}

// source remembers why it can't be read.
type source struct {
	io.Reader
	mu  sync.Mutex
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && err != io.EOF {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.err = err
	}
	return n, err
}

func (s *source) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// plain takes from a pod what only programs need that ask databases: their passwords, and sidecars that lead there.
func plain(job map[string]any) {
	pod := tree.Branch(tree.Pods(job), "spec")
	delete(pod, "initContainers")
	c := tree.Items(pod["containers"])[0]
	var env []any
	for _, v := range tree.Items(c["env"]) {
		if _, refers := v["valueFrom"]; !refers {
			env = append(env, v)
		}
	}
	c["env"] = env
}

// running waits until the pod of a Job runs, and names it. A pod that can't start is a diag.List.
func (t *Tasks) running(ctx context.Context, ref kubernetes.Ref) (string, error) {
	watcher := health.NewWatcher(t.Client, t.Namespace, t.Now)
	for {
		how, err := watcher.Look(ctx, []kubernetes.Ref{ref})
		if err != nil {
			return "", err
		}
		if how[ref].Failed {
			return "", diag.List{watcher.Explain(ctx, ref)}
		}
		pods, err := podsOf(ctx, t.Client, ref)
		if err != nil {
			return "", err
		}
		for _, pod := range pods {
			if pod.Status.Phase == "Running" {
				return pod.Metadata.Name, nil
			}
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(lookAgain):
		}
	}
}

// few is a buffer that takes a few lines.
type few struct{ *bytes.Buffer }

func (b *few) Write(p []byte) (int, error) {
	if room := mostSaid - b.Len(); room > 0 {
		b.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
