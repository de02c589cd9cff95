package compose

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/image"
	nets "github.com/moby/moby/api/types/network"
)

// TestDiffers: a container that Compose made of a service differs in nothing, whatever it has from its image; each change is named.
func TestDiffers(t *testing.T) {
	const digest = "sha256:0123456789012345678901234567890123456789012345678901234567890123"
	wanted := map[string]any{
		"image": "sourcegraph/gitserver:5.3.9104@" + digest, "container_name": "gitserver-0", "environment": map[string]any{"SRC_LIST": `[{"Name":"a"}]`, "PATH": "/bin"},
		"volumes": map[string]any{"/data/repos": map[string]any{"source": "volume:sg_gitserver-0"}, "/conf": map[string]any{"source": "file conf", "read_only": true}},
		"ports":   map[string]any{"0.0.0.0:80:80/tcp": true}, "networks": map[string]any{"sg_sourcegraph": true}, "restart": "always", "labels": map[string]any{"team": "search"},
		"stop_grace_period": "2m0s", "healthcheck": map[string]any{"test": []any{"CMD", "true"}, "interval": "60s", "retries": 3.0}, "cpus": "4", "mem_limit": "1024",
		"depends_on": map[string]any{"pgsql": map[string]any{}}, "command": []any{"serve"},
	}
	grace := 120
	port := nets.MustParsePort("80/tcp")
	made := func() container.InspectResponse {
		return container.InspectResponse{ID: "abcdef0123456789", Config: &container.Config{
			Image: "sourcegraph/gitserver:5.3.9104@" + digest, Hostname: "abcdef012345", Env: []string{"SRC_LIST=[ {\"Name\": \"a\"} ]", "PATH=/bin"}, Cmd: []string{"serve"},
			Labels: map[string]string{"team": "search", "com.docker.compose.project": "sg", "maintainer": "x"}, StopTimeout: &grace,
			Healthcheck: &container.HealthConfig{Test: []string{"CMD", "true"}, Interval: time.Minute, Retries: 3}},
			HostConfig: &container.HostConfig{LogConfig: container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "10m"}},
				SecurityOpt: []string{"label=disable"}, RestartPolicy: container.RestartPolicy{Name: "always"}, ShmSize: 64 << 20,
				PortBindings: nets.PortMap{port: {{HostPort: "80"}}}},
			Mounts: []container.MountPoint{{Type: "volume", Name: "sg_gitserver-0", Source: "/var/lib/docker/volumes/sg_gitserver-0/_data", Destination: "/data/repos", RW: true},
				{Type: "bind", Source: "/fork/conf", Destination: "/conf"}},
			NetworkSettings: &container.NetworkSettings{Networks: map[string]*nets.EndpointSettings{"sg_sourcegraph": {}}}}
	}
	var of image.InspectResponse
	if err := json.Unmarshal([]byte(`{"RepoDigests": ["sourcegraph/gitserver@`+digest+`"],
		"Config": {"Env": ["PATH=/bin"], "Cmd": ["serve"], "Labels": {"maintainer": "x"}}}`), &of); err != nil {
		t.Fatal(err)
	}
	same := func(projects, hosts string) bool { return projects == "conf" && hosts == "/fork/conf" }
	if d := Differs(wanted, made(), of, same); len(d) > 0 {
		t.Errorf("a container as it should be differs in %v", d)
	}
	for want, change := range map[string]func(*container.InspectResponse){
		"environment LEVEL":       func(c *container.InspectResponse) { c.Config.Env = append(c.Config.Env, "LEVEL=debug") },
		"command":                 func(c *container.InspectResponse) { c.Config.Cmd = []string{"other"} },
		"user":                    func(c *container.InspectResponse) { c.Config.User = "root" },
		"volumes /conf":           func(c *container.InspectResponse) { c.Mounts[1].Source = "/elsewhere" },
		"volumes /data/repos":     func(c *container.InspectResponse) { c.Mounts[0].Name = "other" },
		"ports 0.0.0.0:80:80/tcp": func(c *container.InspectResponse) { c.HostConfig.PortBindings = nil },
		"restart":                 func(c *container.InspectResponse) { c.HostConfig.RestartPolicy.Name = "no" },
		"privileged":              func(c *container.InspectResponse) { c.HostConfig.Privileged = true },
		"networks traefik": func(c *container.InspectResponse) {
			c.NetworkSettings.Networks["traefik"] = &nets.EndpointSettings{}
		},
		"labels team":         func(c *container.InspectResponse) { delete(c.Config.Labels, "team") },
		"stop_grace_period":   func(c *container.InspectResponse) { c.Config.StopTimeout = nil },
		"healthcheck retries": func(c *container.InspectResponse) { c.Config.Healthcheck.Retries = 9 },
		"shm_size":            func(c *container.InspectResponse) { c.HostConfig.ShmSize = 1 << 30 },
	} {
		c := made()
		change(&c)
		if d := Differs(wanted, c, of, same); !slices.Contains(d, want) {
			t.Errorf("want a difference in %s, got %v", want, d)
		}
	}
	elsewhere := of
	elsewhere.RepoDigests = nil
	c := made()
	c.Config.Image = "sourcegraph/gitserver:5.3.9104"
	if d := Differs(wanted, c, elsewhere, same); !slices.Contains(d, "image") {
		t.Errorf("another image is not noticed: %v", d)
	}
}
