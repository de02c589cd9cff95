package check

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/diag"
	"go.yaml.in/yaml/v4"
)

func (c *checker) ownNames() []string { return slices.Sorted(maps.Keys(c.Containers)) }

// ownContainers: containers of the admin's own have names that nothing of Sourcegraph's has, and all that they need.
func (c *checker) ownContainers() {
	for _, name := range c.ownNames() {
		own, at := c.Containers[name], "containers."+name
		c.ownName(at, name)
		c.ownBody(at, own)
		c.ownPorts(at, own)
		c.ownOrder(at, name, own)
		c.ownLabels(at, &config.Attributes{Labels: own.Labels})
		if own.Storage != "" && len(own.Volumes) == 0 && c.On == catalogue.Kubernetes {
			c.keyf("BERTH1608", at+".storage", "remove it, or add  volumes: {data: /data}", "%s has no volume, so it takes no storage", at)
		}
	}
}

// instanceForm ends the name of an instance of a service with several.
var instanceForm = lazy(`-[0-9]+$`)

// ownName: the name is free, and one that both targets accept.
func (c *checker) ownName(at, name string) {
	switch taken := c.taken(name); {
	case len(name) > 40 || !labelForm().MatchString(name):
		c.keyf("BERTH1601", at, "", "the name of a container must be at most 40 lower-case letters, digits and dashes, got %q", name)
	case taken != "":
		c.keyf("BERTH1601", at, "choose another name, such as my-"+name+"; write settings of Sourcegraph's own services under services", "%s is the name of %s", name, taken)
	}
}

// taken says what has a name already: a service of any release, so that an upgrade meets nothing of the same name.
func (c *checker) taken(name string) string {
	bare := instanceForm().ReplaceAllString(name, "")
	switch pool, isPool := strings.CutPrefix(name, "worker-"); {
	case strings.HasPrefix(name, "berth-"):
		return "something of berth's own"
	case isPool && c.Workers[pool].Jobs != nil:
		return "a worker for some jobs"
	case c.world.Catalogue == nil:
		return ""
	}
	for _, n := range []string{name, bare} {
		if _, is := c.world.Catalogue.Describe()[n]; is {
			return "one of Sourcegraph's services"
		}
	}
	return ""
}

// ownBody: a container of the admin's own, or a sidecar, has an image and what belongs to it.
func (c *checker) ownBody(at string, own config.Container) {
	switch {
	case own.Image == "":
		c.missingf("BERTH1602", at, "add  image: REPOSITORY:TAG", "%s has no image", at)
	case strings.ContainsAny(own.Image, " \t") || strings.HasPrefix(own.Image, "http"):
		c.errorf("BERTH1602", at+".image", "write it as for docker pull", "%q is not an image", own.Image)
	default:
		c.releasedImage(at+".image", own.Image)
	}
	for _, variable := range slices.Sorted(maps.Keys(own.Env)) {
		if !variableForm().MatchString(variable) {
			c.keyf("BERTH1165", at+".env."+variable, "letters, digits and _ only", "%q can't be the name of an environment variable", variable)
		}
	}
	c.ownMounts(at, own)
	if h := own.Health; h != nil {
		switch {
		case (len(h.Exec) > 0) == (h.Port != nil):
			c.missingf("BERTH1606", at+".health", "write  exec: [COMMAND]  or  port: NUMBER", "%s.health must have one of exec and port", at)
		case h.Path != "" && (h.Port == nil || !strings.HasPrefix(h.Path, "/")):
			c.errorf("BERTH1606", at+".health.path", "write  port: 9090, path: /ready", "a path begins with / and belongs to a port")
		}
	}
	if own.User != "" && c.On == catalogue.Kubernetes && !userForm().MatchString(own.User) {
		c.errorf("BERTH1607", at+".user", "write  user: 1000  or  user: 1000:1000", "in a cluster, the user must be a number, got %q", own.User)
	}
}

var (
	userForm   = lazy(`^[0-9]+(:[0-9]+)?$`)
	volumeForm = lazy(`^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$`)
)

// ownMounts: files and volumes have a path of their own each.
func (c *checker) ownMounts(at string, own config.Container) {
	seen := map[string]string{}
	mounts := func(key, where string) {
		switch other, twice := seen[path.Clean(where)]; {
		case !strings.HasPrefix(where, "/") || path.Clean(where) == "/":
			c.keyf("BERTH1608", key, "write an absolute path, such as /data", "%q is not the absolute path of a folder or file in the container", where)
		case twice:
			c.keyf("BERTH1608", key, "choose another path", "%s is mounted twice, the other is %s", where, other)
		default:
			seen[path.Clean(where)] = key
		}
	}
	for _, where := range slices.Sorted(maps.Keys(own.Files)) {
		mounts(at+".files."+where, where)
	}
	for _, volume := range slices.Sorted(maps.Keys(own.Volumes)) {
		if !volumeForm().MatchString(volume) {
			c.keyf("BERTH1608", at+".volumes."+volume, "", "the name of a volume must be at most 42 lower-case letters, digits and dashes, got %q", volume)
		}
		mounts(at+".volumes."+volume, own.Volumes[volume])
	}
}

// ownPorts: a port is a number, with one of the host's before it where it is opened there.
func (c *checker) ownPorts(at string, own config.Container) {
	inside := map[string]bool{}
	for i, text := range own.Ports {
		key := at + ".ports." + strconv.Itoa(i)
		address, published, port, ok := splitPort(text)
		switch {
		case !ok:
			c.errorf("BERTH1605", key, "write  '5432',  '8080:80'  or  '127.0.0.1:8080:80'", "%q is not a port", text)
		case inside[port]:
			c.errorf("BERTH1605", key, "remove one", "port %s appears twice", port)
		case published != "" && c.On == catalogue.Kubernetes:
			c.errorf("BERTH1605", key, "write  '"+port+"', and send people there with an Ingress of your own in kubernetes.objects", "a cluster does not open ports of a host, got %q", text)
		case address != "" && !isAddress(address):
			c.errorf("BERTH1605", key, "write an address of the host", "%q is not an address", address)
		}
		inside[port] = true
	}
}

// splitPort reads PORT, HOST:PORT or ADDRESS:HOST:PORT.
func splitPort(text string) (address, published, inside string, ok bool) {
	rest, inside := "", text
	if i := strings.LastIndexByte(text, ':'); i >= 0 {
		rest, inside = text[:i], text[i+1:]
		published = rest
		if i := strings.LastIndexByte(rest, ':'); i >= 0 {
			address, published = strings.Trim(rest[:i], "[]"), rest[i+1:]
		}
		if !isPort(published) {
			return "", "", "", false
		}
	}
	return address, published, inside, isPort(inside)
}

func isPort(text string) bool {
	n, err := strconv.Atoi(text)
	return err == nil && n > 0 && n < 65536
}

func isAddress(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil
}

// ownOrder: what a container starts before and after runs here.
func (c *checker) ownOrder(at, name string, own config.Container) {
	for key, list := range map[string][]string{"before": own.Before, "after": own.After} {
		for i, other := range list {
			place := at + "." + key + "." + strconv.Itoa(i)
			switch _, mine := c.Containers[other]; {
			case other == name:
				c.errorf("BERTH1603", place, "remove it", "%s can't start %s itself", name, key)
			case mine:
			case c.rel == nil:
			case c.rel.Services[other] == (catalogue.Service{}):
				known := slices.Concat(slices.Sorted(maps.Keys(c.rel.Services)), c.ownNames())
				hint := "berth catalogue show " + c.rel.Version + " lists the services"
				if guess := diag.Closest(other, known); guess != "" {
					hint = "did you mean " + guess + "?"
				}
				c.errorf("BERTH1603", place, hint, "there is no service or container %q here", other)
			case c.off(other):
				c.errorf("BERTH1603", place, "remove it", "%s does not run here, so nothing can wait for it", other)
			case key == "before" && c.guest(other):
				c.errorf("BERTH1603", place, "write "+c.workload(other).Home, "%s runs in the pods of %s", other, c.workload(other).Home)
			}
		}
	}
}

// off reports whether the config leaves a service out.
func (c *checker) off(name string) bool {
	enabled := c.Services[name].Enabled
	return enabled != nil && !*enabled || c.replaced(name)
}

// guest reports whether a service runs in another's pods. The migrator also has pods of its own.
func (c *checker) guest(name string) bool {
	w := c.workload(name)
	return w != nil && w.Guest() && name != "migrator"
}

// sidecars: they are in pods of their service, beside containers of other names.
func (c *checker) sidecars() {
	for _, service := range c.serviceNames() {
		all := c.Services[service].Sidecars
		for _, name := range slices.Sorted(maps.Keys(all)) {
			at := "services." + service + ".sidecars." + name
			c.ownBody(at, all[name].Container())
			w := c.workload(service)
			switch {
			case len(name) > 40 || !labelForm().MatchString(name):
				c.keyf("BERTH1601", at, "", "the name of a container must be at most 40 lower-case letters, digits and dashes, got %q", name)
			case w == nil:
			case w.Guest():
				c.keyf("BERTH1609", at, "write it under services."+w.Home, "%s runs in the pods of %s", service, w.Home)
			case slices.Contains(containersOf(w.Spec), name):
				c.keyf("BERTH1601", at, "choose another name, such as my-"+name, "the pods of %s have a container %s already", service, name)
			}
		}
	}
}

// containersOf are the names of the containers of a workload's pods.
func containersOf(spec map[string]any) []string {
	pods := catalogue.Branch(spec, "template", "spec")
	var names []string
	for _, group := range []string{"initContainers", "containers"} {
		for _, container := range catalogue.Maps(pods[group]) {
			names = append(names, plain(container["name"]))
		}
	}
	return names
}

// workers: pools have jobs, which the worker knows.
func (c *checker) workers() {
	if len(c.Workers) == 0 || c.rel == nil {
		return
	}
	c.service("workers", "worker")
	if c.off("worker") {
		c.keyf("BERTH1611", "workers", "remove  enabled: false  of worker", "worker does not run, so it can't have workers for some jobs")
	}
	has := map[string]string{}
	for _, pool := range slices.Sorted(maps.Keys(c.Workers)) {
		at := "workers." + pool
		if len(pool) > 30 || !labelForm().MatchString(pool) || instanceForm().MatchString("-"+pool) {
			c.keyf("BERTH1601", at, "choose a name such as insights", "the name of a worker must be at most 30 lower-case letters, digits and dashes, and no number, got %q", pool)
		}
		if len(c.Workers[pool].Jobs) == 0 {
			c.missingf("BERTH1611", at, "add  jobs: [insights-job]", "%s has no jobs", at)
		}
		for i, job := range c.Workers[pool].Jobs {
			c.job(at+".jobs."+strconv.Itoa(i), pool, job, has)
		}
	}
}

// job: the worker knows it, and it runs no more often than it may. has are the pools of the jobs that were seen.
func (c *checker) job(at, pool, job string, has map[string]string) {
	jobs := c.rel.Relations
	if jobs == nil {
		return
	}
	once := slices.Contains(jobs.Jobs.Once, job)
	switch other, twice := has[job]; {
	case job == "all" || job == "" || strings.ContainsAny(job, ", "):
		c.errorf("BERTH1611", at, "write the names of single jobs as a list", "%q is not the name of a job", job)
	case twice && other == pool:
		c.errorf("BERTH1611", at, "remove one", "%s appears twice", job)
	case once && (twice || c.Workers[pool].Replicas != nil && *c.Workers[pool].Replicas > 1):
		c.errorf("BERTH1614", at, "give it to one worker without replicas", "%s may run only once at a time", job)
	case !slices.Contains(jobs.Jobs.Names, job):
		hint := "a worker with an unknown job does not start; the jobs are listed at " + jobs.Jobs.Source
		if guess := diag.Closest(job, jobs.Jobs.Names); guess != "" {
			hint = "did you mean " + guess + "? " + "A worker with an unknown job does not start"
		}
		c.warnf("BERTH1612", at, hint, "berth does not know a job %s of the worker", job)
	}
	has[job] = cmp.Or(has[job], pool)
}

// releasedImage warns of an image of Sourcegraph's of another release than the config's: nothing upgrades it.
func (c *checker) releasedImage(at, image string) {
	if what := c.otherRelease(image); what != "" {
		c.warnf("BERTH1610", at, "berth does not upgrade it: write the tag "+c.rel.Version+", or a service of Sourcegraph's instead", "%s is of another release than %s", what, c.rel.Version)
	}
}

var releaseTag = lazy(`^v?([0-9]+\.[0-9]+\.[0-9]+)$`)

// otherRelease is an image of Sourcegraph's with the tag of another release; "": it is none.
func (c *checker) otherRelease(image string) string {
	if c.rel == nil {
		return ""
	}
	name, _, _ := strings.Cut(image, "@")
	i := strings.LastIndexByte(name, ':')
	if i < 0 || i < strings.LastIndexByte(name, '/') {
		return ""
	}
	repository, tag := name[:i], releaseTag().FindStringSubmatch(name[i+1:])
	folder, base := path.Split(repository)
	mirror := strings.TrimSuffix(c.Images.Registry, "/")
	ours := strings.TrimSuffix(folder, "/") == mirror && mirror != "" || strings.HasSuffix("/"+folder, "/sourcegraph/")
	if !ours || tag == nil || tag[1] == c.rel.Version {
		return ""
	}
	return base + ":" + name[i+1:]
}

// objectImages warns of images of Sourcegraph's of another release in the admin's own objects.
func (c *checker) objectImages() {
	if c.Kubernetes == nil || c.rel == nil {
		return
	}
	for i, name := range c.Kubernetes.Objects {
		data, err := c.world.ReadFile(name)
		if err != nil {
			continue // the rule files reports it
		}
		decoder := yaml.NewDecoder(strings.NewReader(string(data)))
		for {
			var object map[string]any
			if err := decoder.Decode(&object); errors.Is(err, io.EOF) || err != nil {
				break
			}
			for _, image := range images(object) {
				c.releasedImage(fmt.Sprintf("kubernetes.objects.%d", i), image)
			}
		}
	}
}

// images are the images that a tree names.
func images(v any) (found []string) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if text, ok := v[key].(string); ok && key == "image" {
				found = append(found, text)
			}
			found = append(found, images(v[key])...)
		}
	case []any:
		for _, item := range v {
			found = append(found, images(item)...)
		}
	}
	return found
}
