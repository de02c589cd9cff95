package verify

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"strconv"
	"strings"
)

// engine runs containers by the docker program, so that DOCKER_HOST, contexts and a registry's password are found as people have them.
type engine struct {
	run string // names containers and network, and is their label
}

func (e engine) name(service string) string { return e.run + "-" + service }

// docker gives what a command prints; an error has what it said.
func docker(ctx context.Context, args ...string) (string, error) {
	var out, said bytes.Buffer
	c := exec.CommandContext(ctx, "docker", args...)
	c.Stdout, c.Stderr = &out, &said
	if err := c.Run(); err != nil {
		return out.String(), fmt.Errorf("docker %s: %w: %s", args[0], err, strings.TrimSpace(said.String()))
	}
	return strings.TrimSpace(out.String()), nil
}

// container is what is started.
type container struct {
	name, alias, image, hostname string
	env                          map[string]string
	args, mounts                 []string
	files                        map[string]string
	privileged                   bool
}

// create makes a container and puts its files into it. Files go through the engine's API, so that it may be on another machine.
func (e engine) create(ctx context.Context, c container) error {
	args := []string{"create", "--name", c.name, "--label", "berth.contract=" + e.run, "--network", e.run, "--shm-size", "256m"}
	if c.alias != "" {
		args = append(args, "--network-alias", c.alias)
	}
	if c.hostname != "" {
		args = append(args, "--hostname", c.hostname)
	}
	if c.privileged {
		args = append(args, "--privileged")
	}
	for k, v := range c.env {
		args = append(args, "--env", k+"="+v)
	}
	for _, m := range c.mounts {
		args = append(args, "--volume", m)
	}
	if _, err := docker(ctx, append(append(args, c.image), c.args...)...); err != nil {
		return err
	}
	for file, text := range c.files {
		if err := copyIn(ctx, c.name, file, text); err != nil {
			return err
		}
	}
	return nil
}

// copyIn writes a file into a container, and the folder that it is in.
func copyIn(ctx context.Context, name, file, text string) error {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Name: path.Dir(file)[1:] + "/", Typeflag: tar.TypeDir, Mode: 0o755}); err != nil {
		return err
	}
	if err := w.WriteHeader(&tar.Header{Name: file[1:], Mode: 0o644, Size: int64(len(text))}); err != nil {
		return err
	}
	if _, err := io.WriteString(w, text); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	c := exec.CommandContext(ctx, "docker", "cp", "-", name+":/")
	c.Stdin = &archive
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("docker cp %s: %w: %s", file, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// owner gives user and group of a folder of a container, as numbers. The container need not run.
func owner(ctx context.Context, name, folder string) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // the first entry is the folder; what is in it is not wanted
	c := exec.CommandContext(ctx, "docker", "cp", name+":"+folder, "-")
	out, err := c.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := c.Start(); err != nil {
		return "", err
	}
	h, err := tar.NewReader(out).Next()
	cancel()
	_ = c.Wait() // it was cut off
	if errors.Is(err, io.EOF) {
		return "", errors.New("not there")
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d:%d", h.Uid, h.Gid), nil
}

// users are user and group of each process of a container, as numbers, without repetition.
func users(ctx context.Context, name string) ([]string, error) {
	out, err := docker(ctx, "top", name, "-eo", "uid,gid,pid")
	if err != nil {
		return nil, err
	}
	var all []string
	for _, line := range strings.Split(out, "\n")[1:] {
		f := strings.Fields(line)
		if len(f) < 3 {
			return nil, fmt.Errorf("docker top: %q", line)
		}
		if u := f[0] + ":" + f[1]; len(all) == 0 || all[len(all)-1] != u {
			all = append(all, u)
		}
	}
	return all, nil
}

// state says whether a container runs and, if not, its exit code.
func state(ctx context.Context, name string) (runs bool, code int, err error) {
	out, err := docker(ctx, "inspect", "--format", "{{.State.Running}} {{.State.ExitCode}}", name)
	if err != nil {
		return false, 0, err
	}
	running, number, _ := strings.Cut(out, " ")
	code, err = strconv.Atoi(number)
	return running == "true", code, err
}

// logs are both streams of a container.
func logs(ctx context.Context, name string) string {
	out, _ := exec.CommandContext(ctx, "docker", "logs", name).CombinedOutput() // what there is of it
	return string(out)
}

// clean removes all containers of this run, their volumes, and its network.
func (e engine) clean(ctx context.Context) error {
	all, err := docker(ctx, "ps", "--all", "--quiet", "--filter", "label=berth.contract="+e.run)
	if err != nil {
		return err
	}
	if ids := strings.Fields(all); len(ids) > 0 {
		if _, err := docker(ctx, append([]string{"rm", "--force", "--volumes"}, ids...)...); err != nil {
			return err
		}
	}
	_, err = docker(ctx, "network", "rm", e.run)
	return err
}
