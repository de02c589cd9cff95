package compose

import (
	"context"
	"maps"
	"slices"
	"strings"

	"berth/internal/plan"
	render "berth/internal/render/compose"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"
)

// Adopted are the containers of a Compose project that berth took over. Docker can't label a container that exists, so they are known by the labels that
// docker compose gave them, of any version, whatever their names are. One that berth makes again has berth's labels, and is no longer among them.
type Adopted struct {
	Installation, Release string
	Project               string            // the Compose project that they are of
	Services              map[string]string // by unit, which is the service of the Compose file
	// Differs says in what a container differs from the wanted unit of a name; nothing: it stays as it is.
	Differs func(unit string, c container.InspectResponse, of image.InspectResponse) []string
}

// labels are those that a container would have if berth had made it; nil where it is none of these.
func (a *Adopted) labels(all map[string]string) map[string]string {
	service, known := a.Services[all["com.docker.compose.service"]]
	if !known || all["com.docker.compose.project"] != a.Project || all[render.LabelInstallation] != "" || all["com.docker.compose.oneoff"] == "True" {
		return nil
	}
	out := maps.Clone(all)
	out[render.LabelInstallation], out[render.LabelService], out[render.LabelRelease] = a.Installation, service, a.Release
	out[labelAdopted] = "true"
	return out
}

// labelAdopted marks, in this process alone, a container that was taken over.
const labelAdopted = "dev.berth.adopted"

// marked lists containers with the labels of those that are adopted.
func (e *Engine) marked(ctx context.Context, all bool, label string) ([]container.Summary, error) {
	list, err := e.api.ContainerList(ctx, client.ContainerListOptions{All: all})
	for i, c := range list.Items {
		if labels := e.Adopted.labels(c.Labels); labels != nil {
			list.Items[i].Labels = labels
		}
	}
	name, value, valued := strings.Cut(label, "=")
	out := slices.DeleteFunc(list.Items, func(c container.Summary) bool {
		has, found := c.Labels[name]
		return label != "" && (!found || valued && has != value)
	})
	return out, wrapped("list containers", err)
}

// mark gives a container the labels of one that is adopted.
func (e *Engine) mark(_ context.Context, c *container.InspectResponse) {
	if e.Adopted == nil {
		return
	}
	if labels := e.Adopted.labels(c.Config.Labels); labels != nil {
		c.Config.Labels = labels
	}
}

// Called is the name of a unit's container: the usual one, or, where it was taken over, the one that it has.
func (e *Engine) Called(ctx context.Context, unit, usual string) (string, error) {
	if e.Adopted == nil {
		return usual, nil
	}
	list, err := e.marked(ctx, true, render.LabelInstallation+"="+e.Adopted.Installation)
	for _, c := range list {
		if c.Labels[labelAdopted] != "" && c.Labels["com.docker.compose.service"] == unit {
			return nameOf(c), err
		}
	}
	return usual, err
}

// compared says of an adopted container whether it is what is wanted. One that is counts as made by berth, whatever the texts of its image and its
// variables are.
func (e *Engine) compared(ctx context.Context, p *render.Project, out *plan.Container, c container.InspectResponse) {
	i := slices.IndexFunc(p.Units, func(u render.Unit) bool { return u.Name == out.Unit })
	if !out.Adopted || i < 0 {
		return
	}
	u := p.Units[i]
	of, err := e.api.ImageInspect(ctx, c.Image)
	if err != nil {
		out.Differs = []string{"its image is no longer on this host"}
		return
	}
	if out.Differs = e.Adopted.Differs(u.Name, c, of.InspectResponse); len(out.Differs) > 0 {
		return
	}
	out.Spec, out.Files, out.Image = u.Spec, u.Files, u.Image
	for name, value := range u.Env {
		if value != "" {
			out.Env[name] = value
		}
	}
}
