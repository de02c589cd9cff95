package engine

import (
	"context"
	"strings"

	"berth/internal/installation"
	"berth/internal/secret"
)

// Evidence is what the engine and this host tell.
func (i *onEngine) Evidence() []installation.Evidence {

	return []installation.Evidence{
		{Path: "docker/info.json", Ask: i.engine.About},
		{Path: "docker/compose-version.txt", Ask: func(ctx context.Context) (any, error) { return i.engine.ComposeVersion(ctx) }},
		{Path: "docker/objects.json", Ask: func(ctx context.Context) (any, error) { return i.engine.Tell(ctx, i.Stack.Name) }},
		{Path: "host/files.json", Ask: func(context.Context) (any, error) { return i.engine.HostFiles(), nil }},
		{Path: "host/facts.json", Ask: func(ctx context.Context) (any, error) {
			f, err := i.engine.Facts(ctx, "", i.Stack.Name)
			return map[string]any{"engine": f.Engine, "architecture": f.Architecture, "cpus": f.CPUs, "memory": f.Memory, "freeMemory": f.FreeMemory,
				"freeDisk": f.FreeDisk, "vm.max_map_count": f.MapCount, "elsewhere": f.Elsewhere}, err
		}},
	}
}

// Held are the values of containers' variables whose names suggest secrets.
func (i *onEngine) Held(ctx context.Context) (out []string, err error) {
	variables, err := i.engine.Variables(ctx, i.Stack.Name)
	for _, v := range variables {
		if name, value, _ := strings.Cut(v, "="); secret.Name(name) {
			out = append(out, value)
		}
	}
	return out, err
}
