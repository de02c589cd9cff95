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

// Adopted are the containers of a Compose project that berth took over. Docker can't label a container that exists, so they are known by their
// project and their names. One that berth makes again has its labels, and is no longer among them.
type Adopted struct {
	Installation, Release string
	Project               string          // the Compose project that they are of
	Units                 map[string]Unit // by the container's name
	// Differs says in what a container differs from the wanted unit of a name; nothing: it stays as it is.
	Differs func(unit string, c container.InspectResponse, of image.InspectResponse) []string
}

// Unit is what an adopted container is.
type Unit struct{ Name, Service string }

// labels are those that a container would have if berth had made it; nil where it is none of these.
func (a *Adopted) labels(name string, all map[string]string) map[string]string {
	unit, known := a.Units[name]
	if !known || all["com.docker.compose.project"] != a.Project || all[render.LabelInstallation] != "" || all["com.docker.compose.oneoff"] == "True" {
		return nil
	}
	out := maps.Clone(all)
	out[render.LabelInstallation], out[render.LabelService], out["com.docker.compose.service"] = a.Installation, unit.Service, unit.Name
	out[render.LabelRelease] = a.Release
	return out
}

// marked lists containers with the labels of those that are adopted.
func (e *Engine) marked(ctx context.Context, all bool, label string) ([]container.Summary, error) {
	list, err := e.api.ContainerList(ctx, client.ContainerListOptions{All: all})
	for i, c := range list.Items {
		if labels := e.Adopted.labels(nameOf(c), c.Labels); labels != nil {
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
	if labels := e.Adopted.labels(strings.TrimPrefix(c.Name, "/"), c.Config.Labels); labels != nil {
		c.Config.Labels = labels
	}
}

// compared says of an adopted container whether it is what is wanted. One that is counts as made by berth, whatever the texts of its image and its
// variables are.
func (e *Engine) compared(ctx context.Context, p *render.Project, out *plan.Container, c container.InspectResponse) {
	i := slices.IndexFunc(p.Units, func(u render.Unit) bool { return u.Container == out.Name })
	if e.Adopted == nil || i < 0 || out.Spec != "" {
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
