package compose

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"berth/catalogue"
	"berth/internal/adopt"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/image"
	networks "github.com/moby/moby/api/types/network"
	volumes "github.com/moby/moby/api/types/volume"
)

// created is a project as docker compose would create it: a container for each service, with what its image gives.
func created(t *testing.T, s *Source) (all []container.InspectResponse, images map[string]image.InspectResponse) {
	t.Helper()
	images = map[string]image.InspectResponse{}
	for object, keys := range s.Objects {
		name, isService := strings.CutPrefix(object, service)
		if !isService {
			continue
		}
		ref := fmt.Sprint(keys["image"])
		var of image.InspectResponse
		repository, digest, _ := strings.Cut(ref, "@")
		repository, _, _ = strings.Cut(repository, ":")
		if err := json.Unmarshal(fmt.Appendf(nil, `{"Id": %q, "RepoDigests": [%q], "Config": {"Env": ["PATH=/bin"], "Cmd": ["serve"], "User": "sourcegraph", "Labels": {"maintainer": "x"}}}`,
			ref, repository+"@"+digest), &of); err != nil {
			t.Fatal(err)
		}
		images[ref] = of
		all = append(all, containerOf(t, s, name, keys))
	}
	return all, images
}

// containerOf is one container of a project.
func containerOf(t *testing.T, s *Source, name string, keys map[string]any) container.InspectResponse {
	t.Helper()
	id := fmt.Sprintf("%x", name) + "0123456789abcdef"
	c := container.InspectResponse{ID: id, Image: fmt.Sprint(keys["image"]), Name: "/" + fmt.Sprint(keys["container_name"]), HostConfig: &container.HostConfig{ShmSize: 64 << 20},
		Config: &container.Config{Image: fmt.Sprint(keys["image"]), Hostname: id[:12], User: "sourcegraph", Env: []string{"PATH=/bin"}, Cmd: []string{"serve"},
			Labels: map[string]string{ofProject: s.Name, ofService: name, ofNumber: "1", inFolder: s.Dir, ofFiles: strings.Join(s.Files, ","), "maintainer": "x"}},
		NetworkSettings: &container.NetworkSettings{Networks: map[string]*networks.EndpointSettings{}}}
	if keys["container_name"] == nil {
		c.Name = "/" + s.Name + "_" + name + "_1"
	}
	for key, v := range mapOf(keys["environment"]) {
		c.Config.Env = append(c.Config.Env, key+"="+fmt.Sprint(v))
	}
	for key, v := range mapOf(keys["labels"]) {
		c.Config.Labels[key] = fmt.Sprint(v)
	}
	for at, m := range mapsIn(keys["volumes"]) {
		source := fmt.Sprint(m["source"])
		p := container.MountPoint{Type: "bind", Source: source, Destination: at, RW: m["read_only"] != true}
		if rest, ok := strings.CutPrefix(source, file); ok {
			p.Source = filepath.Join(s.Root, rest)
		} else if rest, ok := strings.CutPrefix(source, volumePrefix); ok {
			p.Type, p.Name, p.Source = "volume", rest, "/var/lib/docker/volumes/"+rest+"/_data"
		}
		c.Mounts = append(c.Mounts, p)
	}
	for joined := range mapOf(keys["networks"]) {
		c.NetworkSettings.Networks[joined] = &networks.EndpointSettings{Aliases: []string{name, strings.TrimPrefix(c.Name, "/"), id[:12]}}
	}
	put(t, c, keys)
	return c
}

// put gives a container the other settings of a service.
func put(t *testing.T, c container.InspectResponse, keys map[string]any) {
	t.Helper()
	h := c.HostConfig
	h.PortBindings = networks.PortMap{}
	for port := range mapOf(keys["ports"]) {
		m := portForm.FindStringSubmatch(port)
		p := networks.MustParsePort(m[3])
		h.PortBindings[p] = append(h.PortBindings[p], networks.PortBinding{HostIP: netip.MustParseAddr(m[1]), HostPort: m[2]})
	}
	text := func(key string) string {
		if keys[key] == nil {
			return ""
		}
		return fmt.Sprint(keys[key])
	}
	whole := func(key string) int64 {
		n, err := strconv.ParseInt(text(key), 10, 64)
		if err != nil && keys[key] != nil {
			t.Fatal(err)
		}
		return n
	}
	if cpus, err := strconv.ParseFloat(text("cpus"), 64); err == nil {
		h.NanoCPUs = int64(cpus * 1e9)
	}
	h.Memory, h.RestartPolicy.Name = whole("mem_limit"), container.RestartPolicyMode(text("restart"))
	if keys["shm_size"] != nil {
		h.ShmSize = whole("shm_size")
	}
	h.PidMode, h.Privileged = container.PidMode(text("pid")), keys["privileged"] == true
	if h.Privileged {
		h.SecurityOpt = []string{unlabelled}
	}
	if keys["user"] != nil {
		c.Config.User = text("user")
	}
	if keys["hostname"] != nil {
		c.Config.Hostname = text("hostname")
	}
	if d, err := time.ParseDuration(text("stop_grace_period")); err == nil {
		seconds := int(d.Seconds())
		c.Config.StopTimeout = &seconds
	}
	for _, one := range listOf(keys["command"]) {
		if c.Config.Cmd = append(c.Config.Cmd, fmt.Sprint(one)); c.Config.Cmd[0] == "serve" {
			c.Config.Cmd = c.Config.Cmd[1:]
		}
	}
	for device := range mapOf(keys["devices"]) {
		from, to, _ := strings.Cut(device, ":")
		h.Devices = append(h.Devices, container.DeviceMapping{PathOnHost: from, PathInContainer: to})
	}
	for host, at := range mapOf(keys["extra_hosts"]) {
		h.ExtraHosts = append(h.ExtraHosts, host+":"+fmt.Sprint(at))
	}
	for server := range mapOf(keys["dns"]) {
		h.DNS = append(h.DNS, netip.MustParseAddr(server))
	}
	putMaps(c, keys)
}

func putMaps(c container.InspectResponse, keys map[string]any) {
	h := c.HostConfig
	if l := mapOf(keys["logging"]); l != nil {
		h.LogConfig = container.LogConfig{Type: fmt.Sprint(l["driver"]), Config: map[string]string{}}
		for key, v := range mapOf(l["options"]) {
			h.LogConfig.Config[key] = fmt.Sprint(v)
		}
	}
	for name, v := range mapOf(ulimits(keys["ulimits"])) {
		n := int64(mapOf(v)["soft"].(float64))
		h.Ulimits = append(h.Ulimits, &container.Ulimit{Name: name, Soft: n, Hard: n})
	}
	for name, v := range mapOf(keys["sysctls"]) {
		if h.Sysctls == nil {
			h.Sysctls = map[string]string{}
		}
		h.Sysctls[name] = fmt.Sprint(v)
	}
	if check := mapOf(keys["healthcheck"]); check != nil {
		health := &container.HealthConfig{}
		for _, word := range listOf(check["test"]) {
			health.Test = append(health.Test, fmt.Sprint(word))
		}
		for key, into := range map[string]*time.Duration{"interval": &health.Interval, "timeout": &health.Timeout, "start_period": &health.StartPeriod} {
			if d, err := time.ParseDuration(fmt.Sprint(check[key])); err == nil {
				*into = d
			}
		}
		if n, ok := check["retries"].(float64); ok {
			health.Retries = int(n)
		}
		c.Config.Healthcheck = health
	}
}

// seen reads a project from the containers that docker compose would create of it.
func seen(t *testing.T, s *Source, change func(all []container.InspectResponse)) (adopt.Result, *Source) {
	t.Helper()
	all, images := created(t, s)
	change(all)
	read, err := See(s.Name, all, images, map[string]networks.Network{}, map[string]volumes.Volume{})
	if err != nil {
		t.Fatal(err)
	}
	base, err := adopt.FindBase(catalogue.Embedded(), catalogue.Compose, read.Images())
	if err != nil {
		t.Fatal(err)
	}
	release, err := catalogue.Embedded().Release(base.Release, catalogue.Compose)
	if err != nil {
		t.Fatal(err)
	}
	source := read.Source(release)
	r, problems := Adopt(source, catalogue.Embedded(), base, "", filepath.Join(s.Root, "berth"), time.Now)
	if problems.Failed() {
		t.Fatalf("%v\n%s", problems, r.Text)
	}
	return r, source
}

// otherwise are edits that a container shows in another way than a file: what is the engine's own by default, and what only docker compose reads.
var otherwise = []string{"log limits of one", "a container of their own", "not privileged"}

// sameSeen: the containers of a project give the same config as its files do.
func sameSeen(t *testing.T, edit string, ofFiles adopt.Result, s *Source) {
	t.Helper()
	r, _ := seen(t, s, func([]container.InspectResponse) {})
	if left := rest(r); left != "" {
		t.Errorf("of containers, not kept:\n%s\n%s", left, r.Text)
	}
	if d := cmp.Diff(string(ofFiles.Text), string(r.Text)); d != "" && !slices.Contains(otherwise, edit) {
		t.Errorf("files and containers give different configs:\n%s", d)
	}
}

// TestSeenWithoutFiles: what containers mount is gone, and each line of it that nobody can read is asked about.
func TestSeenWithoutFiles(t *testing.T) {
	f := shipped(t, "5.3.9104")
	services(f.project)["gitserver-0"]["volumes"] = append(list(services(f.project)["gitserver-0"]["volumes"]), "./ssh:/home/sourcegraph/.ssh")
	root := t.TempDir()
	_, s := f.take(t, root)
	if err := os.RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	r, source := seen(t, s, func([]container.InspectResponse) {})
	for _, want := range []string{"service prometheus volumes./sg_prometheus_add_ons = " + root + "/prometheus", "service pgsql volumes./conf = " + root + "/pgsql/conf"} {
		if !strings.Contains(rest(r), want) {
			t.Errorf("nothing is asked about %s:\n%s", want, rest(r))
		}
	}
	if source.Root != root || source.Dir != s.Dir {
		t.Errorf("the files were in %s, not in %s", source.Root, root)
	}
	if !slices.ContainsFunc(r.Report.Notes, func(n string) bool { return strings.Contains(n, "gitserver-0 mounts "+root+"/docker-compose/ssh") }) {
		t.Errorf("nothing is said of a folder that is gone: %v", r.Report.Notes)
	}
	if len(r.Report.Differing()) > 0 {
		t.Errorf("containers would be made again for %v", r.Report.Differing())
	}
}

// TestSeenByVersion1: containers have the names that Compose's version 1 gave, one was renamed, one was removed, and a service runs twice.
func TestSeenByVersion1(t *testing.T) {
	_, s := shipped(t, "5.3.9104").take(t, t.TempDir())
	removed := -1
	r, _ := seen(t, s, func(all []container.InspectResponse) {
		for i := range all {
			switch name := all[i].Config.Labels[ofService]; name {
			case "worker":
				all[i].Name = "/jobs"
			case "migrator":
				removed = i
			default:
				all[i].Name = "/docker-compose_" + name + "_1"
			}
		}
		all[removed].Config.Labels[ofService], all[removed].Config.Labels[ofNumber] = "searcher-0", "2"
	})
	if left := rest(r); !strings.HasPrefix(left, "service worker container_name = jobs: the container keeps this name until") || strings.Contains(left, "\n") {
		t.Errorf("not kept: %s", left)
	}
	if want := []string{"migrator no longer has a container", "searcher-0 has several containers"}; len(r.Report.Notes) != 2 || !strings.HasPrefix(r.Report.Notes[0], want[0]) || !strings.HasPrefix(r.Report.Notes[1], want[1]) {
		t.Errorf("notes: %v", r.Report.Notes)
	}
	if strings.Contains(string(r.Text), "migrator") || strings.Contains(string(r.Text), "containerPrefix: docker") {
		t.Errorf("in the config:\n%s", r.Text)
	}
}

// TestSeenBad: without an image, or with images of two releases, nobody can tell what was wished.
func TestSeenBad(t *testing.T) {
	_, s := shipped(t, "5.3.9104").take(t, t.TempDir())
	all, images := created(t, s)
	gone := all[0].Image
	delete(images, gone)
	if _, err := See(s.Name, all, images, nil, nil); err == nil || !strings.Contains(err.Error(), "no longer on this host") {
		t.Errorf("without the image %s: %v", gone, err)
	}
	all, images = created(t, s)
	for i, c := range all[:len(all)/3] {
		all[i].Config.Image = strings.Replace(strings.Split(c.Config.Image, "@")[0], "5.3.9104", "5.4.5099", 1)
		images[c.Image] = image.InspectResponse{ID: c.Image, Config: images[c.Image].Config}
	}
	read, err := See(s.Name, all, images, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	base, err := adopt.FindBase(catalogue.Embedded(), catalogue.Compose, read.Images())
	if err != nil {
		t.Fatal(err)
	}
	if problems := Known(base, read.Images(), "sg", "project"); len(problems) != 1 || problems[0].Code != "BERTH4315" {
		t.Errorf("half-upgraded: %v", problems)
	}
}

// TestChoose: the project is the one with Sourcegraph that berth did not make; everything else is a clear answer.
func TestChoose(t *testing.T) {
	of := func(project, name string, more ...string) container.Summary {
		labels := map[string]string{ofProject: project, ofService: name}
		for _, label := range more {
			labels[label] = "True"
		}
		return container.Summary{ID: project + "/" + name, Labels: labels}
	}
	one := []container.Summary{of("sg", "sourcegraph-frontend-0"), of("sg", "pgsql"), of("sg", "migrator", oneOff), of("wiki", "web")}
	for _, tt := range []struct {
		name, asked string
		all         []container.Summary
		want        string // the project, or a part of the problem
	}{
		{"one", "", one, "sg"},
		{"asked", "wiki", one, "wiki"},
		{"none", "", []container.Summary{of("wiki", "web")}, "no Compose project"},
		{"nothing of that name", "other", one, "no containers of the Compose project other"},
		{"two", "", append(slices.Clone(one), of("test", "sourcegraph-frontend-0")), "2 Compose projects"},
		{"docker run", "", []container.Summary{{Image: "sourcegraph/gitserver:5.3.0"}}, "docker run started them"},
		{"berth's", "", []container.Summary{of("sg", "sourcegraph-frontend-0", berths)}, "no Compose project"},
		{"berth's, asked", "sg", []container.Summary{of("sg", "sourcegraph-frontend-0", berths)}, "berth made containers"},
	} {
		project, ids, problems := Choose(tt.all, tt.asked)
		if got := project + problems.Error(); !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		if tt.name == "one" && len(ids) != 2 {
			t.Errorf("containers: %v", ids)
		}
	}
}
