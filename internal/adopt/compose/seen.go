package compose

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"berth/catalogue"
	"berth/internal/adopt"
	"berth/internal/diag"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/image"
	networks "github.com/moby/moby/api/types/network"
	volumes "github.com/moby/moby/api/types/volume"
)

// Labels that Docker Compose gives to what it makes, since its version 1.
const (
	ofProject = "com.docker.compose.project"
	ofService = "com.docker.compose.service"
	ofNumber  = "com.docker.compose.container-number"
	oneOff    = "com.docker.compose.oneoff"
	inFolder  = "com.docker.compose.project.working_dir"
	ofFiles   = "com.docker.compose.project.config_files"
	berths    = "dev.berth.installation"
)

// Choose finds the Compose project that runs Sourcegraph among all containers of an engine, and gives the IDs of its containers. asked is its name; "" where
// the only one is meant.
func Choose(all []container.Summary, asked string) (project string, ids []string, problems diag.List) {
	p := diag.Diagnostic{Code: "BERTH4320", Severity: diag.Error, Subject: "--running", Hint: "docker compose ls --all lists the projects of this engine; then: berth adopt --running --project-name NAME"}
	projects, loose := map[string]bool{}, false
	for _, c := range all {
		name := c.Labels[ofProject]
		if name != "" && strings.HasPrefix(c.Labels[ofService], "sourcegraph-frontend") && c.Labels[berths] == "" {
			projects[name] = true
		}
		loose = loose || name == "" && strings.Contains(c.Image, "sourcegraph/")
	}
	names := sorted(projects)
	switch {
	case asked != "":
		project = asked
	case len(names) == 1:
		project = names[0]
	case len(names) > 1:
		p.Summary, p.Detail = fmt.Sprintf("%d Compose projects of this engine run Sourcegraph", len(names)), names
		return "", nil, diag.List{p}
	case loose:
		p.Summary = "Sourcegraph's containers on this engine are of no Compose project: docker run started them"
		p.Hint = "move to Sourcegraph's Compose file of the same release first: its volumes can have the same folders; then: berth adopt DIR"
		return "", nil, diag.List{p}
	default:
		p.Summary = "no Compose project of this engine runs Sourcegraph without berth"
		return "", nil, diag.List{p}
	}
	for _, c := range all {
		if c.Labels[ofProject] != project || c.Labels[oneOff] == "True" {
			continue
		}
		if c.Labels[berths] != "" {
			p.Summary, p.Hint = "berth made containers of the Compose project "+project+" already", "continue with the config of that installation: berth status"
			return "", nil, diag.List{p}
		}
		ids = append(ids, c.ID)
	}
	if len(ids) == 0 {
		p.Summary = "this engine has no containers of the Compose project " + project
		return "", nil, diag.List{p}
	}
	return project, ids, nil
}

// Seen is a Compose project as its containers show it: nobody has its files.
type Seen struct {
	Project    string
	containers map[string]container.InspectResponse // by service
	images     map[string]image.InspectResponse     // by service
	networks   map[string]networks.Network
	volumes    map[string]volumes.Volume
	scaled     []string // services with several containers, of which one is read
}

// See sorts containers of a project. images are by their ID, networks and volumes by their name. Without its image nobody can tell what of a container was
// wished: then that is the error.
func See(project string, all []container.InspectResponse, images map[string]image.InspectResponse, nets map[string]networks.Network, volumes map[string]volumes.Volume) (*Seen, error) {
	s := &Seen{Project: project, containers: map[string]container.InspectResponse{}, images: map[string]image.InspectResponse{}, networks: nets, volumes: volumes}
	var problems diag.List
	slices.SortFunc(all, func(a, b container.InspectResponse) int { return cmp.Compare(number(a), number(b)) })
	for _, c := range all {
		name := c.Config.Labels[ofService]
		if _, twice := s.containers[name]; twice {
			s.scaled = append(s.scaled, name)
			continue
		}
		if s.containers[name], s.images[name] = c, images[c.Image]; s.images[name].Config == nil {
			problems = append(problems, diag.Diagnostic{Code: "BERTH4322", Severity: diag.Error, Subject: strings.TrimPrefix(c.Name, "/"), Summary: "its image is no longer on this host",
				Hint: "docker pull " + c.Config.Image})
		}
	}
	return s, problems.Err()
}

func number(c container.InspectResponse) int {
	n, _ := strconv.Atoi(c.Config.Labels[ofNumber]) // without a number it is the first
	return n
}

// Images are the images by service, with the digest that they have on the engine.
func (s *Seen) Images() map[string]string {
	out := map[string]string{}
	for name, c := range s.containers {
		out[name] = pinned(c.Config.Image, s.images[name])
	}
	return out
}

// pinned is a reference with the digest of the image that it stands for on the engine.
func pinned(ref string, of image.InspectResponse) string {
	ref = reference(ref)
	repository := ref
	if i := strings.LastIndexByte(ref, ':'); i > strings.LastIndexByte(ref, '/') {
		repository = ref[:i]
	}
	for _, known := range of.RepoDigests {
		if at, digest, _ := strings.Cut(reference(known), "@"); at == repository && !strings.Contains(ref, "@") {
			return ref + "@" + digest
		}
	}
	return ref
}

// Source is the project as it would be read from its files. What an image or the engine gives by itself is left out of it.
func (s *Seen) Source(release *catalogue.Release) *Source {
	first := s.containers[sorted(s.containers)[0]]
	out := &Source{Dir: first.Config.Labels[inFolder], Name: s.Project, Root: s.root(release), Objects: adopt.Objects{project: {"name": s.Project}}, Images: s.Images(), seen: s}
	if files := first.Config.Labels[ofFiles]; files != "" {
		out.Files = strings.Split(files, ",")
	}
	r := reader{root: out.Root, forked: map[string]bool{}}
	for name, c := range s.containers {
		object := s.service(r, name, c)
		out.Objects[service+name] = object
		for _, m := range mapsIn(object["volumes"]) {
			if from, named := strings.CutPrefix(fmt.Sprint(m["source"]), volumePrefix); named {
				out.Objects[volume+from] = volumeOptions(s.volumes[from])
			}
		}
		for joined := range mapOf(object["networks"]) {
			out.Objects[network+joined] = networkOptions(s.networks[joined])
		}
	}
	k := known{release: release}
	for _, name := range s.scaled {
		out.Notes = append(out.Notes, name+" has several containers; all but the first are left alone")
	}
	for name, of := range release.Services {
		if of.Compose != nil && once(of.Compose) && of.Compose.Overlay == "" && s.containers[name].ID == "" {
			out.Notes = append(out.Notes, name+" no longer has a container: berth up runs it once, as docker compose up does")
		}
	}
	slices.Sort(out.Notes)
	out.Gone = s.gone(r, k)
	return out
}

// once reports whether a service runs to its end.
func once(s *catalogue.ComposeService) bool { return s.Restart == "on-failure" || s.Restart == "no" }

// service is a container as a service of a Compose file.
func (s *Seen) service(r reader, name string, c container.InspectResponse) map[string]any {
	out := Running(c, s.images[name])
	out["image"] = pinned(c.Config.Image, s.images[name])
	own := strings.TrimPrefix(c.Name, "/")
	if !given(s.Project, name).MatchString(own) {
		out["container_name"] = own
	}
	if n := c.HostConfig.NanoCPUs; n != 0 {
		out["cpus"] = strconv.FormatFloat(float64(n)/1e9, 'f', -1, 64)
	}
	if n := c.HostConfig.Memory; n != 0 {
		out["mem_limit"] = strconv.FormatInt(n, 10)
	}
	for joined := range mapOf(out["networks"]) {
		if options := endpoint(c.NetworkSettings.Networks[joined], name, own, c.ID); len(options) > 0 {
			mapOf(out["networks"])[joined] = options
		}
	}
	for _, m := range mapsIn(out["volumes"]) {
		if source := fmt.Sprint(m["source"]); strings.HasPrefix(source, "/") {
			m["source"] = r.path(source)
		}
	}
	if c.HostConfig.Privileged || c.HostConfig.PidMode.IsHost() || c.HostConfig.IpcMode.IsHost() {
		if delete(mapOf(out["security_opt"]), unlabelled); len(mapOf(out["security_opt"])) == 0 {
			delete(out, "security_opt")
		}
	}
	return out
}

// given is the form of the names that docker compose gives by itself: with dashes since version 2, with underscores before, and with a random end in some
// of version 1.
func given(project, service string) *regexp.Regexp {
	return regexp.MustCompile(`^` + regexp.QuoteMeta(project) + `[-_]` + regexp.QuoteMeta(service) + `[-_]\d+(_[0-9a-f]{12})?$`)
}

// endpoint is how a container joins a network, but for the names that it has by itself.
func endpoint(e *networks.EndpointSettings, service, name, id string) map[string]any {
	out := map[string]any{}
	if e == nil {
		return out
	}
	var aliases []any
	for _, alias := range e.Aliases {
		if alias != service && alias != name && !strings.HasPrefix(id, alias) {
			aliases = append(aliases, alias)
		}
	}
	if len(aliases) > 0 {
		out["aliases"] = aliases
	}
	if e.IPAMConfig != nil && e.IPAMConfig.IPv4Address.IsValid() {
		out["ipv4_address"] = e.IPAMConfig.IPv4Address.String()
	}
	return out
}

func volumeOptions(v volumes.Volume) map[string]any {
	out := map[string]any{}
	if v.Driver != "" && v.Driver != "local" {
		out["driver"] = v.Driver
	}
	if len(v.Options) > 0 {
		out["driver"], out["driver_opts"] = cmp.Or(v.Driver, "local"), texts(v.Options)
	}
	return out
}

// pools are the addresses that an engine gives to networks by itself.
var pools = []netip.Prefix{netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16")}

func networkOptions(n networks.Network) map[string]any {
	out := map[string]any{}
	if n.Driver != "" && n.Driver != "bridge" {
		out["driver"] = n.Driver
	}
	if len(n.Options) > 0 {
		out["driver_opts"] = texts(n.Options)
	}
	for key, set := range map[string]bool{"internal": n.Internal, "attachable": n.Attachable, "enable_ipv6": n.EnableIPv6} {
		if set {
			out[key] = true
		}
	}
	var config []any
	for _, c := range n.IPAM.Config {
		if !slices.ContainsFunc(pools, func(p netip.Prefix) bool { return p.Contains(c.Subnet.Addr()) }) && c.Subnet.IsValid() && c.Subnet.Addr().Is4() {
			config = append(config, map[string]any{"subnet": c.Subnet.String()})
		}
	}
	if len(config) > 0 {
		out["ipam"] = map[string]any{"config": config}
	}
	return out
}

// root is the folder that most containers mount the release's files from.
func (s *Seen) root(release *catalogue.Release) string {
	votes, best := map[string]int{}, ""
	k := known{release: release}
	for name, c := range s.containers {
		place, _, found := k.place(service + name)
		if !found {
			continue
		}
		for at, m := range release.Services[place].Compose.Volumes {
			for _, mounted := range c.Mounts {
				from, is := strings.CutSuffix(path.Clean(mounted.Source), "/"+strings.TrimSuffix(strings.TrimPrefix(m.File, "./"), "/"))
				if m.File == "" || !is || path.Clean(mounted.Destination) != path.Clean(at) {
					continue
				}
				if votes[from]++; votes[from] > votes[best] || votes[from] == votes[best] && from < best {
					best = from
				}
			}
		}
	}
	return best
}

// Gone is a file or a folder of the host that a container has and that is there no more.
type Gone struct {
	Service, At, Path string
	// Shipped is the path in the release's own files; "" for another mount.
	Shipped string
}

func (s *Seen) gone(r reader, k known) (out []Gone) {
	for _, name := range sorted(s.containers) {
		for _, m := range s.containers[name].Mounts {
			if _, err := os.Lstat(m.Source); m.Type != "bind" || !errors.Is(err, fs.ErrNotExist) {
				continue
			}
			g := Gone{Service: name, At: path.Clean(m.Destination), Path: path.Clean(m.Source)}
			if place, _, found := k.place(service + name); found {
				for at, shipped := range k.release.Services[place].Compose.Volumes {
					if relative, below := strings.CutPrefix(r.path(g.Path), file); shipped.File != "" && below && path.Clean(at) == g.At {
						g.Shipped = relative
					}
				}
			}
			out = append(out, g)
		}
	}
	return out
}

// fit brings what berth renders into the form in which the containers were read. Of a file that is gone nobody knows the content, so it is as good as any.
func (s *Source) fit(objects adopt.Objects) {
	if s.seen == nil {
		return
	}
	for object, keys := range objects {
		name, isService := strings.CutPrefix(object, service)
		_, runs := s.seen.containers[name]
		switch {
		case isService && runs:
			objects[object] = fitted(keys, s.Objects[object], s.seen.images[name])
		case isService && keys["restart"] == "on-failure" || isService && keys["restart"] == "no":
			delete(objects, object)
		}
	}
	for _, g := range s.Gone {
		for object := range objects {
			if name, isFile := strings.CutPrefix(object, file); isFile && g.Shipped != "" && (name == g.Shipped || strings.HasPrefix(name, g.Shipped+"/")) {
				delete(objects, object)
			}
		}
	}
}

// rendering is a renderer whose results are in the form of theirs.
func (s *Source) rendering(render adopt.Render) adopt.Render {
	return func(text []byte, files map[string][]byte, generated map[string]string) (adopt.Rendering, diag.List) {
		out, problems := render(text, files, generated)
		s.fit(out.Objects)
		return out, problems
	}
}

// say says in a report what is gone.
func (s *Source) say(r *adopt.Report) {
	r.Notes = append(r.Notes, s.Notes...)
	for _, g := range s.Gone {
		at := "volumes." + g.At
		i := slices.IndexFunc(r.Items, func(i adopt.Item) bool {
			return i.Object == service+g.Service && (i.Path == at || strings.HasPrefix(i.Path, at+"."))
		})
		if g.Shipped == "" || i < 0 {
			r.Notes = append(r.Notes, g.Service+" mounts "+g.Path+", which this host no longer has: bring it back before the container is started again, or remove the mount from the config")
			continue
		}
		r.Items[i] = adopt.Item{Object: service + g.Service, Path: at, Theirs: filepath.ToSlash(g.Path), Fate: adopt.Lost, Undone: true,
			Why: "this host no longer has it, so nobody can read what it says. The container runs on with it. berth uses the release's own when it next creates the container"}
	}
}
