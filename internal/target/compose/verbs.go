package compose

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"berth/internal/registry"
	"github.com/containerd/errdefs"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// Up makes and starts the containers of some units, in one go.
func (e *Engine) Up(p Project, units []string) error {
	return e.run(p, append([]string{"up", "--detach", "--no-deps", "--no-build", "--pull", "never", "--quiet-pull"}, units...)...)
}

// Replace makes the containers of some units anew; volumes stay.
func (e *Engine) Replace(p Project, units []string) error {
	return e.run(p, append([]string{"up", "--detach", "--no-deps", "--no-build", "--pull", "never", "--force-recreate"}, units...)...)
}

// Start starts a container that does not run, or that is paused.
func (e *Engine) Start(ctx context.Context, container string) error {
	_, err := e.api.ContainerStart(ctx, container, client.ContainerStartOptions{})
	if err != nil && strings.Contains(err.Error(), "paused") {
		_, err = e.api.ContainerUnpause(ctx, container, client.ContainerUnpauseOptions{})
	}
	return named("start", container, err)
}

// Restart stops and starts a container, with the time to stop that it asks for.
func (e *Engine) Restart(ctx context.Context, container string) error {
	_, err := e.api.ContainerRestart(ctx, container, client.ContainerRestartOptions{})
	return named("restart", container, err)
}

// Remove stops and removes a container; its named volumes stay. One that is gone already is as it should be.
func (e *Engine) Remove(ctx context.Context, container string) error {
	if _, err := e.api.ContainerStop(ctx, container, client.ContainerStopOptions{}); err != nil && !errdefs.IsNotFound(err) && !errdefs.IsNotModified(err) {
		return named("stop", container, err)
	}
	_, err := e.api.ContainerRemove(ctx, container, client.ContainerRemoveOptions{Force: true})
	if errdefs.IsNotFound(err) {
		return nil
	}
	return named("remove", container, err)
}

// RemoveNetwork removes a network.
func (e *Engine) RemoveNetwork(ctx context.Context, network string) error {
	_, err := e.api.NetworkRemove(ctx, network, client.NetworkRemoveOptions{})
	if errdefs.IsNotFound(err) {
		return nil
	}
	return named("remove network", network, err)
}

// DeleteVolume deletes a volume and the data in it.
func (e *Engine) DeleteVolume(ctx context.Context, volume string) error {
	_, err := e.api.VolumeRemove(ctx, volume, client.VolumeRemoveOptions{})
	if errdefs.IsNotFound(err) {
		return nil
	}
	return named("delete volume", volume, err)
}

// Limit changes the limits of a container in place. A limit of 0 stays as it is: the engine can't take one away.
func (e *Engine) Limit(ctx context.Context, name string, cpus float64, memory int64) error {
	r := container.Resources{NanoCPUs: int64(cpus * 1e9), Memory: memory}
	if memory > 0 {
		// What the engine does itself when only memory is given at the start. Without it, a larger limit than the swap limit is refused.
		r.MemorySwap = 2 * memory
	}
	_, err := e.api.ContainerUpdate(ctx, name, client.ContainerUpdateOptions{Resources: &r})
	return named("change the limits of", name, err)
}

func named(verb, object string, err error) error {
	if err != nil {
		return fmt.Errorf("%s %s: %w", verb, object, err)
	}
	return nil
}

// Pull fetches an image, and tells the bytes that are there and that are to come, as far as they are known.
func (e *Engine) Pull(ctx context.Context, login registry.Login, ref string, progress func(done, total int64)) error {
	auth, err := authHeader(login, ref)
	if err != nil {
		return err
	}
	resp, err := e.api.ImagePull(ctx, byDigest(ref), client.ImagePullOptions{RegistryAuth: auth})
	if err != nil {
		return named("pull", ref, err)
	}
	defer resp.Close()
	layers := map[string][2]int64{}
	for m, err := range resp.JSONMessages(ctx) {
		if err != nil {
			return named("pull", ref, err)
		}
		if m.Error != nil {
			return named("pull", ref, errors.New(m.Error.Message))
		}
		if m.Progress == nil || m.Progress.Total <= 0 || m.Status != "Downloading" {
			if l, ok := layers[m.ID]; ok && (m.Status == "Download complete" || m.Status == "Pull complete") {
				layers[m.ID] = [2]int64{l[1], l[1]}
			}
		} else {
			layers[m.ID] = [2]int64{m.Progress.Current, m.Progress.Total}
		}
		var done, total int64
		for _, l := range layers {
			done, total = done+l[0], total+l[1]
		}
		progress(done, total)
	}
	return nil
}

// authHeader is how the engine is told who pulls.
func authHeader(login registry.Login, ref string) (string, error) {
	config := authn.AuthConfig{Username: login.Username, Password: login.Password}
	if login.Username == "" {
		r, err := name.ParseReference(byDigest(ref))
		if err != nil {
			return "", fmt.Errorf("image %q: %w", ref, err)
		}
		a, err := authn.DefaultKeychain.Resolve(r.Context())
		if err != nil {
			return "", fmt.Errorf("sign in to %s: %w", r.Context().RegistryStr(), err)
		}
		c, err := a.Authorization()
		if err != nil {
			return "", fmt.Errorf("sign in to %s: %w", r.Context().RegistryStr(), err)
		}
		config = *c
	}
	return encodeAuth(config), nil
}

func encodeAuth(c authn.AuthConfig) string {
	text, _ := json.Marshal(map[string]string{"username": c.Username, "password": c.Password, "identitytoken": c.IdentityToken,
		"registrytoken": c.RegistryToken, "auth": c.Auth}) // strings always marshal
	return base64.URLEncoding.EncodeToString(text)
}

// Logs gives the last lines that a container wrote.
func (e *Engine) Logs(ctx context.Context, container string, lines int) ([]string, error) {
	r, err := e.api.ContainerLogs(ctx, container, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Tail: strconv.Itoa(lines)})
	if err != nil {
		return nil, named("read the log of", container, err)
	}
	defer r.Close()
	var out bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, &out, r); err != nil {
		return nil, named("read the log of", container, err)
	}
	all := strings.Split(out.String(), "\n")
	return slices.DeleteFunc(all, func(l string) bool { return strings.TrimSpace(l) == "" }), nil
}

// ID gives a container's ID.
func (e *Engine) ID(ctx context.Context, name string) (string, error) {
	full, err := e.api.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
	if err != nil {
		return "", named("inspect", name, err)
	}
	return full.Container.ID, nil
}
