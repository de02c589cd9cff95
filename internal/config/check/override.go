package check

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"berth/catalogue"
	"berth/internal/diag"
	"go.yaml.in/yaml/v4"
)

// overrides are the names under which Docker Compose looks for an override file.
//
// Source: https://docs.docker.com/compose/how-tos/multiple-compose-files/merge/
var overrides = []string{"compose.override.yaml", "compose.override.yml", "docker-compose.override.yaml", "docker-compose.override.yml"}

// instead of a key of a Compose service: keys of services.SERVICE. All others are patches.
var composeKeys = map[string]string{"labels": "labels", "environment": "env", "volumes": "mounts or volume", "extra_hosts": "extraHosts", "logging": "logging",
	"ulimits": "ulimits", "sysctls": "sysctls", "dns": "dns", "dns_search": "dns", "dns_opt": "dns", "networks": "networks", "mem_limit": "memory", "cpus": "cpu",
	"deploy": "cpu and memory"}

// override: nothing reads an override file beside the config.
func (c *checker) override() {
	if c.On != catalogue.Compose || c.world.Stat == nil {
		return
	}
	for _, name := range overrides {
		if _, err := c.world.Stat(name); err != nil {
			continue
		}
		c.keyf("BERTH1666", "target", "write its settings into this file, then remove it; settings without a key:  berth explain patches", "%s has no effect: nothing reads it", name)
		p := &c.problems[len(c.problems)-1]
		p.Severity, p.Detail = diag.Warning, c.keysInstead(name)
	}
}

// keysInstead are the keys for what an override file says.
func (c *checker) keysInstead(name string) []string {
	data, err := c.world.ReadFile(name)
	if err != nil {
		return nil
	}
	var file struct {
		Services map[string]map[string]any
	}
	if yaml.Unmarshal(data, &file) != nil {
		return nil
	}
	var lines []string
	for _, service := range slices.Sorted(maps.Keys(file.Services)) {
		var keys []string
		for _, key := range slices.Sorted(maps.Keys(file.Services[service])) {
			if own := cmp.Or(composeKeys[key], "a patch for "+key); !slices.Contains(keys, own) {
				keys = append(keys, own)
			}
		}
		lines = append(lines, fmt.Sprintf("%s: use %s", service, strings.Join(keys, ", ")))
	}
	return lines
}
