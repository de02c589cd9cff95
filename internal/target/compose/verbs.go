package compose

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/internal/registry"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/moby/moby/api/pkg/authconfig"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	types "github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/client"
)

// Up makes and starts the containers of some units, in one go.
func (e *Engine) Up(p Project, units []string) error {
	return e.run(p, append([]string{"up", "--detach", "--no-deps", "--no-build", "--pull", "never", "--quiet-pull"}, units...)...)
}

// Replace recreates the containers of some units; volumes stay.
func (e *Engine) Replace(p Project, units []string) error {
	return e.run(p, append([]string{"up", "--detach", "--no-deps", "--no-build", "--pull", "never", "--force-recreate"}, units...)...)
}

// Start starts a container that does not run, or that is paused.
func (e *Engine) Start(ctx context.Context, name string) error {
	_, err := e.api.ContainerStart(ctx, name, client.ContainerStartOptions{})
	if err != nil && strings.Contains(err.Error(), "paused") {
		_, err = e.api.ContainerUnpause(ctx, name, client.ContainerUnpauseOptions{})
	}
	return named("start", name, err)
}

// Restart stops and starts a container, with the time to stop that it asks for.
func (e *Engine) Restart(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, ending)
	defer cancel()
	_, err := e.slow.ContainerRestart(ctx, name, client.ContainerRestartOptions{})
	return named("restart", name, err)
}

// Remove stops and removes a container; its named volumes stay. One that is gone already is as it should be.
func (e *Engine) Remove(ctx context.Context, name string) error {
	stopping, cancel := context.WithTimeout(ctx, ending)
	defer cancel()
	if _, err := e.slow.ContainerStop(stopping, name, client.ContainerStopOptions{}); err != nil && !notFound(err) {
		return named("stop", name, err)
	}
	return e.Discard(ctx, name)
}

// Discard removes a container at once: what it works on is lost. Its named volumes stay.
func (e *Engine) Discard(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, ending)
	defer cancel()
	_, err := e.slow.ContainerRemove(ctx, name, client.ContainerRemoveOptions{Force: true})
	return named("remove", name, unlessGone(err))
}

// unlessGone is no error where something that was to be removed is gone already.
func unlessGone(err error) error {
	if notFound(err) {
		return nil
	}
	return err
}

// RemoveNetwork removes a network that nothing is connected to. An engine under load still counts a container for a moment that it has
// removed. An engine can count wrong when many start or end at once, and refuses until it is restarted: such a network, empty by its own
// word, is left, and is no failure. The next up uses it.
//
// Source: https://github.com/moby/moby/issues/42119
func (e *Engine) RemoveNetwork(ctx context.Context, network string) error {
	for begun := time.Now(); ; {
		_, err := e.api.NetworkRemove(ctx, network, client.NetworkRemoveOptions{})
		if err = unlessGone(err); err == nil || !strings.Contains(err.Error(), "active endpoints") || ctx.Err() != nil {
			return named("remove network", network, err)
		}
		n, unknown := e.api.NetworkInspect(ctx, network, client.NetworkInspectOptions{})
		if unknown != nil {
			return named("look at network", network, unknown)
		}
		if wait := time.Since(begun); len(n.Network.Containers) == 0 && wait > miscounting {
			return nil
		} else if wait > detaching {
			return named("remove network", network, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(again):
		}
	}
}

const (
	// detaching is how long an engine may take to see that a network is empty.
	detaching = 20 * time.Second
	// miscounting is how long it may count containers that it lists no more.
	miscounting = 5 * time.Second
)

// DeleteVolume deletes a volume and the data in it.
func (e *Engine) DeleteVolume(ctx context.Context, volume string) error {
	ctx, cancel := context.WithTimeout(ctx, deleting)
	defer cancel()
	_, err := e.slow.VolumeRemove(ctx, volume, client.VolumeRemoveOptions{})
	return named("delete volume", volume, unlessGone(err))
}

// Limit changes the limits of a container in place. A limit of 0 stays as it is: the engine can't take one away.
func (e *Engine) Limit(ctx context.Context, name string, cpus float64, memory int64) error {
	// Twice the memory is what the engine takes for the swap limit when only memory is given at the start. Without it, a memory limit
	// above the swap limit is refused.
	limits := &container.Resources{NanoCPUs: int64(cpus * 1e9), Memory: memory, MemorySwap: 2 * memory}
	_, err := e.api.ContainerUpdate(ctx, name, client.ContainerUpdateOptions{Resources: limits})
	return named("change the limits of", name, err)
}

func named(verb, object string, err error) error { return wrapped(verb+" "+object, err) }

func wrapped(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// Pull fetches an image, and tells the bytes that are there and that are to come, as far as they are known.
func (e *Engine) Pull(ctx context.Context, login registry.Login, ref string, progress func(done, total int64)) error {
	auth, err := authHeader(login, ref)
	if err != nil {
		return err
	}
	stream, err := e.slow.ImagePull(ctx, byDigest(ref), client.ImagePullOptions{RegistryAuth: auth})
	if err != nil {
		return named("pull", ref, err)
	}
	layers := map[string][2]int64{}
	for m, err := range stream.JSONMessages(ctx) {
		if err != nil {
			return named("pull", ref, err)
		}
		if m.Error != nil {
			return named("pull", ref, m.Error)
		}
		if p := m.Progress; p != nil && p.Total > 0 && m.Status == "Downloading" {
			layers[m.ID] = [2]int64{p.Current, p.Total}
		} else if l, ok := layers[m.ID]; ok && (m.Status == "Download complete" || m.Status == "Pull complete") {
			layers[m.ID] = [2]int64{l[1], l[1]}
		}
		var done, total int64
		for _, l := range layers {
			done, total = done+l[0], total+l[1]
		}
		progress(done, total)
	}
	return nil
}

// authHeader is what the engine sends to a registry to sign in.
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
	return authconfig.Encode(types.AuthConfig{Username: config.Username, Password: config.Password, Auth: config.Auth,
		IdentityToken: config.IdentityToken, RegistryToken: config.RegistryToken})
}

// Logs gives the last lines that a container wrote.
func (e *Engine) Logs(ctx context.Context, name string, lines int) ([]string, error) {
	log, err := e.api.ContainerLogs(ctx, name, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Tail: strconv.Itoa(lines)})
	if err != nil {
		return nil, named("read the log of", name, err)
	}
	defer log.Close()
	var text strings.Builder
	if _, err := stdcopy.StdCopy(&text, &text, log); err != nil {
		return nil, named("read the log of", name, err)
	}
	all := strings.Split(text.String(), "\n")
	return slices.DeleteFunc(all, func(l string) bool { return strings.TrimSpace(l) == "" }), nil
}

// ID gives a container's ID.
func (e *Engine) ID(ctx context.Context, name string) (string, error) {
	c, err := e.inspect(ctx, name)
	return c.ID, err
}
