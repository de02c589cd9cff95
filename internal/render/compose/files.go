package compose

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"berth/catalogue"
	"berth/internal/render/yaml"
	"berth/internal/stack"
)

// madeBy is the first line of every settings file whose format has comments.
const (
	madeByText = "Made by berth; berth up overwrites it."
	madeBy     = "# " + madeByText + "\n"
)

// targetsFile is reloaded by Prometheus whenever it changes (file_sd).
const targetsFile = "prometheus/prometheus_targets.yml"

// settingsFiles are the files that services mount.
func settingsFiles(s *stack.Stack) []stack.File {
	files := slices.Clone(s.Settings.Files)
	for _, name := range slices.Sorted(maps.Keys(s.Settings.Postgres)) {
		files = append(files, stack.File{Path: name + "/conf/postgresql.conf", Content: []byte(madeBy + catalogue.PostgresConf(s.Settings.Postgres[name]))})
	}
	for _, path := range slices.Sorted(maps.Keys(s.Settings.YAML)) {
		files = append(files, stack.File{Path: path, Content: yamlFile(s.Settings.YAML[path])})
	}
	for _, path := range slices.Sorted(maps.Keys(s.Settings.Caddyfiles)) {
		if mounted(s, path) {
			files = append(files, stack.File{Path: path, Content: []byte(madeBy + strings.Join(s.Settings.Caddyfiles[path], "\n") + "\n")})
		}
	}
	files = append(files, stack.File{Path: targetsFile, Content: yamlFile(scrape(s.Settings.Scrape)), Reload: true})
	return append(files, stack.File{Path: "grafana/dashboards/containers.json", Content: containersDashboard()})
}

func mounted(s *stack.Stack, path string) bool {
	return slices.ContainsFunc(s.Instances, func(i stack.Instance) bool {
		return slices.ContainsFunc(i.Mounts, func(m stack.Mount) bool { return m.File == path })
	})
}

func yamlFile(v any) []byte { return yaml.Encode(madeByText, v) }

// scrape is the targets file in Prometheus' file_sd form.
func scrape(jobs []stack.Scrape) []any {
	var out []any
	for _, j := range jobs {
		labels := map[string]any{"job": j.Job}
		for name, value := range j.Labels {
			labels[name] = value
		}
		out = append(out, mapping{{"labels", labels}, {"targets", sequence(j.Targets)}})
	}
	return out
}

// panels of the dashboard of containers, as cAdvisor measures them.
var panels = []struct{ title, unit, expr string }{
	{"Processor cores used", "short", `sum by (name) (rate(container_cpu_usage_seconds_total{name!=""}[5m]))`},
	{"Memory used", "bytes", `sum by (name) (container_memory_working_set_bytes{name!=""})`},
	{"Network received", "Bps", `sum by (name) (rate(container_network_receive_bytes_total{name!=""}[5m]))`},
	{"Network sent", "Bps", `sum by (name) (rate(container_network_transmit_bytes_total{name!=""}[5m]))`},
}

// containersDashboard is a Grafana dashboard of the resources that each container uses.
func containersDashboard() []byte {
	var list []map[string]any
	for i, p := range panels {
		list = append(list, map[string]any{
			"id": i + 1, "type": "timeseries", "title": p.title, "datasource": "Prometheus",
			"gridPos":     map[string]int{"h": 10, "w": 12, "x": 12 * (i % 2), "y": 10 * (i / 2)},
			"fieldConfig": map[string]any{"defaults": map[string]string{"unit": p.unit}},
			"targets":     []map[string]string{{"refId": "A", "expr": p.expr, "legendFormat": "{{name}}"}},
		})
	}
	text, _ := json.MarshalIndent(map[string]any{"uid": "berth-containers", "title": "Containers", "schemaVersion": 39,
		"time": map[string]string{"from": "now-6h", "to": "now"}, "panels": list}, "", "  ")
	return append(text, '\n')
}
