package engine

import (
	"context"
	"maps"
	"path"
	"slices"

	"berth/internal/data"
	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/stack"
	"berth/internal/target/compose"
)

// volumesNote is the note that says where the data of each unit is: containers that are stopped say nothing any more.
const volumesNote = "volumes"

// sources are where data is, by unit and by path in the container.
type sources map[string]map[string]string

// Conclude notes where the data is.
func (i *onEngine) Conclude(ctx context.Context, p *plan.Plan) error {
	if p.Action == plan.Down || p.Action == plan.RestartOnly {
		return nil
	}
	noted := sources{}
	if err := i.state.Note(ctx, volumesNote, &noted); err != nil {
		return err
	}
	now := maps.Clone(noted)
	for _, u := range i.project.Units {
		if len(u.Data) == 0 {
			continue
		}
		now[u.Name] = map[string]string{}
		for _, v := range u.Data {
			now[u.Name][v.Path] = v.Source
		}
	}
	if maps.EqualFunc(noted, now, func(a, b map[string]string) bool { return maps.Equal(a, b) }) {
		return nil
	}
	return i.state.SetNote(ctx, volumesNote, now)
}

// kept says where the data of units is that have no container: as noted, or in a volume that the engine has under the release's name for it.
func (i *onEngine) kept(ctx context.Context, containers []plan.Container) (map[string]map[string]string, error) {
	noted := sources{}
	if err := i.state.Note(ctx, volumesNote, &noted); err != nil {
		return nil, err
	}
	volumes, err := i.engine.Volumes(ctx, i.Stack.Name)
	if err != nil {
		return nil, err
	}
	out := sources{}
	for _, u := range i.project.Units {
		if slices.ContainsFunc(containers, func(c plan.Container) bool { return c.Name == u.Container }) {
			continue
		}
		out[u.Name] = map[string]string{}
		for _, v := range u.Data {
			if was := noted[u.Name][v.Path]; was != "" {
				out[u.Name][v.Path] = was
			} else if slices.Contains(volumes, v.Default) {
				out[u.Name][v.Path] = v.Default
			}
		}
	}
	return out, nil
}

// leftBehind finds data that would stay behind.
func (i *onEngine) leftBehind(ctx context.Context) diag.List {
	s, err := i.observe(ctx)
	if err != nil {
		return nil // plans report it
	}
	return plan.LeftBehind(i.desired(), s)
}

// places are what the installation uses of the host besides what berth makes there.
func (i *onEngine) places() compose.Places {
	var p compose.Places
	about := i.env.Catalogue().Describe()
	if n := i.Stack.Network; n != nil {
		p.Subnet, p.SubnetAt = n.Subnet, i.Doc.At("network.subnet")
	}
	volumes, networks, folders := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, inst := range i.Stack.Instances {
		for _, m := range inst.Mounts {
			at := origin(inst, map[bool]string{true: "volume", false: "mounts"}[m.Data != ""])
			existing := i.Stack.VolumeOptions[m.Volume].Existing
			switch {
			case existing != "" && !volumes[existing]:
				volumes[existing] = true
				p.Volumes = append(p.Volumes, compose.Named{Name: existing, At: at})
			case m.Strict && !folders[m.Host]:
				folders[m.Host] = true
				f := compose.Folder{Path: path.Clean(m.Host), Service: inst.Name, Holds: m.HoldsData, At: at}
				if f.User = inst.User; f.User == "" {
					f.User = about[inst.Service].User
				}
				if m.Data == "" {
					f.User = ""
				}
				p.Folders = append(p.Folders, f)
			}
		}
		for _, name := range inst.Attributes.Networks {
			if !networks[name] {
				networks[name] = true
				p.Networks = append(p.Networks, compose.Named{Name: name, At: origin(inst, "networks")})
			}
		}
	}
	return p
}

// origin is the config's last line about something of an instance.
func origin(inst stack.Instance, what string) diag.Range {
	var at diag.Range
	for _, o := range inst.Origins {
		if o.Text == what {
			at = o.Range
		}
	}
	return at
}

// own are the sources of the instances' volumes, by instance. Tasks work on them.
func (i *onEngine) own() map[string]string {
	out := map[string]string{}
	for _, u := range i.project.Units {
		for _, v := range u.Data {
			out[u.Name] = v.Source
		}
	}
	return out
}

// volumes are those of a store: one of each of its instances.
func (i *onEngine) volumes(store string) (out []data.Volume) {
	service := store
	if store == "indexed-search" {
		service = "zoekt-webserver" // zoekt-indexserver has the same volume
	}
	for _, u := range i.project.Units {
		if u.Service == service && !u.Own && len(u.Data) == 1 {
			out = append(out, data.Volume{Name: u.Name, As: service, Image: i.Image(service)})
		}
	}
	return out
}

// holds reports whether there is data of a database: in a volume of the project's, or where the config says so.
func (i *onEngine) holds(database string, volumes []string) bool {
	for _, u := range i.project.Units {
		for _, v := range u.Data {
			if u.Service == database && (v.Holds || slices.Contains(volumes, v.Source)) {
				return true
			}
		}
	}
	return slices.Contains(volumes, i.Stack.Name+"_"+database)
}
