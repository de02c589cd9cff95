package compose

import (
	"context"
	"fmt"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/volume"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"
)

// Made is what somebody made on an engine, whoever it was, as the engine shows it.
type Made struct {
	Containers []container.InspectResponse
	Images     map[string]image.InspectResponse // by ID; those that are there
	Networks   map[string]network.Network       // by name, all of the engine
	Volumes    map[string]volume.Volume         // by name, all of the engine
}

// All lists all containers of the engine, also those that don't run.
func (e *Engine) All(ctx context.Context) ([]container.Summary, error) {
	return e.containers(ctx, true, "")
}

// Made asks for all that some containers were made with.
func (e *Engine) Made(ctx context.Context, ids []string) (Made, error) {
	out := Made{Containers: make([]container.InspectResponse, len(ids)), Images: map[string]image.InspectResponse{}, Networks: map[string]network.Network{}, Volumes: map[string]volume.Volume{}}
	images := make([]image.InspectResponse, len(ids))
	g, asking := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i, id := range ids {
		g.Go(func() (err error) {
			if out.Containers[i], err = e.inspect(asking, id); err != nil {
				return err
			}
			found, err := e.api.ImageInspect(asking, out.Containers[i].Image)
			if images[i] = found.InspectResponse; notFound(err) {
				return nil // it was deleted, and the container runs on
			}
			return named("look at the image of", out.Containers[i].Name, err)
		})
	}
	if err := g.Wait(); err != nil {
		return out, err
	}
	for i, c := range out.Containers {
		if images[i].ID != "" {
			out.Images[c.Image] = images[i]
		}
	}
	networks, err := e.api.NetworkList(ctx, client.NetworkListOptions{})
	if err != nil {
		return out, fmt.Errorf("list networks: %w", err)
	}
	for _, n := range networks.Items {
		out.Networks[n.Name] = n.Network
	}
	volumes, err := e.api.VolumeList(ctx, client.VolumeListOptions{})
	for _, v := range volumes.Items {
		out.Volumes[v.Name] = v
	}
	return out, wrapped("list volumes", err)
}
