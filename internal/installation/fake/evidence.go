package fake

import (
	"context"
	"strings"

	"berth/internal/installation"
)

// Evidence is what runs.
func (f *found) Evidence() []installation.Evidence {
	path := "docker/objects.json"
	if f.onCluster() {
		path = "cluster-resources/pods/" + f.name + ".json"
	}
	return []installation.Evidence{{Path: path, Ask: func(ctx context.Context) (any, error) { return f.Instances(ctx) }}}
}

// Held are the secrets of the world.
func (f *found) Held(context.Context) ([]string, error) { return strings.Fields(f.world.Held), nil }
