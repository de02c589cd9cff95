package compose

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/registry"
	render "berth/internal/render/compose"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"
)

// parallel is how many requests to the engine are under way at once.
const parallel = 8

// Observe tells what runs of an installation, and of the images that would have to be there. Containers of others that bear a name of
// ours are problems: they are not changed. applied says, by container ID, which file contents a container's last start saw.
func (e *Engine) Observe(ctx context.Context, p *render.Project, applied map[string]string) (plan.State, diag.List, error) {
	list, err := e.containers(ctx, true, "")
	if err != nil {
		return plan.State{}, nil, err
	}
	var ours []container.Summary
	var problems diag.List
	wanted := map[string]bool{}
	for _, u := range p.Units {
		wanted[u.Container] = true
	}
	for _, c := range list {
		switch {
		case c.Labels["com.docker.compose.oneoff"] == "True":
			// docker compose run: the admin's own
		case c.Labels[render.LabelInstallation] == p.Name:
			ours = append(ours, c)
		case wanted[nameOf(c)]:
			problems = append(problems, foreign(c))
		}
	}
	state := plan.State{Containers: make([]plan.Container, len(ours))}
	g, inspecting := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i, c := range ours {
		g.Go(func() error {
			full, err := e.checked(inspecting, c.ID)
			if err == nil {
				e.mark(inspecting, &full)
				state.Containers[i] = observed(full, applied)
				e.compared(inspecting, p, &state.Containers[i], full)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return plan.State{}, nil, err
	}
	slices.SortFunc(state.Containers, func(a, b plan.Container) int { return cmp.Compare(a.Name, b.Name) })
	if state.Network, err = e.madeNetwork(ctx, p.Name); err != nil {
		return plan.State{}, nil, err
	}
	state.Images, err = e.images(ctx, p, state.Containers)
	return state, problems, err
}

func nameOf(c container.Summary) string {
	if len(c.Names) == 0 {
		return c.ID
	}
	return strings.TrimPrefix(c.Names[0], "/")
}

// foreign reports a container that is in the way.
func foreign(c container.Summary) diag.Diagnostic {
	owner := "was created without berth"
	if project := c.Labels["com.docker.compose.project"]; project != "" {
		owner = "belongs to the Compose project " + project
	}
	if other := c.Labels[render.LabelInstallation]; other != "" {
		owner = "belongs to the installation " + other
	}
	return diag.Diagnostic{Code: "BERTH3101", Severity: diag.Error, Subject: nameOf(c),
		Summary: "a container with this name already exists and " + owner + "; it is not changed",
		Hint:    "stop and remove that one, or give this installation another name:  name: sourcegraph-2"}
}

// observed is what a plan needs to know of a container.
func observed(c container.InspectResponse, applied map[string]string) plan.Container {
	labels := c.Config.Labels
	out := plan.Container{
		ID: c.ID, Name: strings.TrimPrefix(c.Name, "/"), Unit: labels["com.docker.compose.service"],
		Service: labels[render.LabelService], Release: labels[render.LabelRelease],
		Image: c.Config.Image, Spec: labels[render.LabelSpec], Files: labels[render.LabelFiles],
		CPUs: float64(c.HostConfig.NanoCPUs) / 1e9, Memory: c.HostConfig.Memory, Adopted: labels[labelAdopted] != "",
		Status: status(c.State), Exit: c.State.ExitCode, Env: map[string]string{}, Volumes: map[string]string{},
	}
	for _, m := range c.Mounts {
		out.Volumes[path.Clean(m.Destination)] = cmp.Or(m.Name, m.Source)
	}
	if saw, ok := applied[c.ID]; ok {
		out.Files = saw
	}
	for _, e := range c.Config.Env {
		k, v, _ := strings.Cut(e, "=")
		out.Env[k] = v
	}
	return out
}

func status(s *container.State) plan.Status {
	switch s.Status {
	case container.StateRunning:
		if s.Health == nil {
			return plan.Running
		}
		switch s.Health.Status {
		case container.Healthy:
			return plan.Healthy
		case container.Unhealthy:
			return plan.Unhealthy
		case container.Starting:
			return plan.Starting
		}
		return plan.Running
	case container.StateRestarting:
		return plan.Crashing
	case container.StatePaused:
		return plan.Paused
	case container.StateCreated, container.StateDead:
		return plan.Created
	}
	return plan.Stopped
}

// images asks which images are there, of the units that may have to be recreated.
func (e *Engine) images(ctx context.Context, p *render.Project, containers []plan.Container) ([]string, error) {
	current, adopted := map[string]plan.Container{}, map[string]plan.Container{}
	for _, c := range containers {
		if current[c.Name] = c; c.Adopted {
			adopted[c.Unit] = c
		}
	}
	var refs []string
	for _, u := range p.Units {
		c, known := current[u.Container]
		if !known {
			c = adopted[u.Name]
		}
		if !stays(u, c) && !slices.Contains(refs, u.Image) {
			refs = append(refs, u.Image)
		}
	}
	there := make([]bool, len(refs))
	var g errgroup.Group
	g.SetLimit(parallel)
	for i, ref := range refs {
		g.Go(func() error {
			_, err := e.api.ImageInspect(ctx, byDigest(ref))
			there[i] = err == nil
			return nil
		})
	}
	_ = g.Wait() // an image that can't be inspected is pulled
	var out []string
	for i, ref := range refs {
		if there[i] {
			out = append(out, ref)
		}
	}
	slices.Sort(out)
	return out, ctx.Err()
}

// stays reports whether a container surely stays: most do, and need no question about their image.
func stays(u render.Unit, c plan.Container) bool {
	done := c.Status == plan.Stopped && c.Exit == 0 || !u.OneShot && c.Status != plan.Created
	return c.Spec == u.Spec && !c.Altered(u.Image, u.Env) && c.CPUs == u.CPUs && c.Memory == u.Memory && done
}

// byDigest leaves the tag out of a reference that has both: the digest says what is meant, and engines differ in what they make of both.
func byDigest(ref string) string {
	repository, _, digest := registry.Split(ref)
	if digest == "" {
		return ref
	}
	return repository + "@" + digest
}

// Volumes gives the installation's volumes.
func (e *Engine) Volumes(ctx context.Context, installation string) ([]string, error) {
	list, err := e.api.VolumeList(ctx, client.VolumeListOptions{Filters: ofProject(installation)})
	if err != nil {
		return nil, fmt.Errorf("list volumes: %w", err)
	}
	var names []string
	for _, v := range list.Items {
		names = append(names, v.Name)
	}
	slices.Sort(names)
	return names, nil
}

// Network gives the installation's network; "" when there is none.
func (e *Engine) Network(ctx context.Context, installation string) (string, error) {
	n, err := e.madeNetwork(ctx, installation)
	if n == nil {
		return "", err
	}
	return n.Name, err
}

// madeNetwork gives the installation's network, and how it was made; nil when there is none.
func (e *Engine) madeNetwork(ctx context.Context, installation string) (*plan.Network, error) {
	list, err := e.api.NetworkList(ctx, client.NetworkListOptions{Filters: ofProject(installation)})
	if err != nil {
		return nil, fmt.Errorf("list networks: %w", err)
	}
	if len(list.Items) == 0 {
		return nil, nil
	}
	return &plan.Network{Name: list.Items[0].Name, Made: list.Items[0].Labels[render.LabelNetwork]}, nil
}

func ofProject(name string) client.Filters { return labelled("com.docker.compose.project=" + name) }
