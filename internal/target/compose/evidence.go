package compose

import (
	"context"
	"encoding/json"
	"os"
	"strings"

	render "berth/internal/render/compose"
	"github.com/moby/moby/client"
)

// Told is what the engine reports about an installation, as it reports it: containers, volumes and networks. Their variables have secrets.
type Told struct {
	Containers []any
	Volumes    []any
	Networks   []any
}

// Tell asks the engine for all that it has of an installation.
func (e *Engine) Tell(ctx context.Context, installation string) (t Told, err error) {
	list, err := e.containers(ctx, true, render.LabelInstallation+"="+installation)
	if err != nil {
		return t, err
	}
	for _, c := range list {
		full, err := e.inspect(ctx, c.ID)
		if notFound(err) {
			continue // it went meanwhile
		}
		if err != nil {
			return t, err
		}
		t.Containers = append(t.Containers, full)
	}
	volumes, err := e.api.VolumeList(ctx, client.VolumeListOptions{Filters: ofProject(installation)})
	if err != nil {
		return t, err
	}
	for _, v := range volumes.Items {
		t.Volumes = append(t.Volumes, v)
	}
	networks, err := e.api.NetworkList(ctx, client.NetworkListOptions{Filters: ofProject(installation)})
	for _, n := range networks.Items {
		t.Networks = append(t.Networks, n)
	}
	return t, err
}

// About is what the engine reports about itself and its host.
func (e *Engine) About(ctx context.Context) (any, error) {
	info, err := e.api.Info(ctx, client.InfoOptions{})
	return info.Info, err
}

// Variables are the variables of an installation's containers, "NAME=value".
func (e *Engine) Variables(ctx context.Context, installation string) (out []string, err error) {
	told, err := e.Tell(ctx, installation)
	for _, c := range told.Containers {
		var full struct{ Config struct{ Env []string } }
		text, _ := json.Marshal(c) // it was read from JSON
		if json.Unmarshal(text, &full) == nil {
			out = append(out, full.Config.Env...)
		}
	}
	return out, err
}

// hostFiles are what a Linux host reports about itself.
var hostFiles = []string{"/proc/meminfo", "/proc/loadavg", "/proc/uptime", "/proc/version", "/proc/mounts", "/proc/pressure/cpu", "/proc/pressure/memory",
	"/proc/pressure/io", "/proc/sys/vm/max_map_count", "/proc/sys/vm/overcommit_memory", "/proc/sys/fs/inotify/max_user_watches",
	"/proc/sys/fs/inotify/max_user_instances", "/proc/sys/fs/file-max", "/proc/sys/net/core/somaxconn", "/proc/sys/net/ipv4/ip_local_port_range", "/etc/os-release"}

// HostFiles are texts by their files; none where the engine may be on another host.
func (e *Engine) HostFiles() map[string]string {
	out := map[string]string{}
	if !e.Local() {
		return out
	}
	for _, name := range hostFiles {
		if text, err := os.ReadFile(name); err == nil { // not every kernel has all
			out[name] = strings.TrimSpace(string(text))
		}
	}
	return out
}
