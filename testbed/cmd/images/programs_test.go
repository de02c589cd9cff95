//go:build engine

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// The collector takes the configurations that charts of all releases give the agents. What Compose's file of each release lacks is known: it is a
// template with no exporter, and it names the address of metrics in a way that collectors refuse since 0.123.
func TestCollectorTakesConfigurationsOfReleases(t *testing.T) {
	files, err := filepath.Glob("../../../catalogue/releases/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d releases: %v", len(files), err)
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var release struct {
			Services map[string]struct {
				Kubernetes struct {
					Objects map[string]struct{ Data map[string]any }
				}
			}
		}
		if err := yaml.Unmarshal(text, &release); err != nil {
			t.Fatal(err)
		}
		config := release.Services["otel-agent"].Kubernetes.Objects["ConfigMap/otel-agent"].Data["config.yaml"]
		if config == nil {
			t.Errorf("%s has no configuration of the agents", filepath.Base(file))
			continue
		}
		if text, err = yaml.Marshal(config); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d := &database{T: t}
	d.must("run", "--rm", "--pull", "always", "-v", dir+":/configs:ro", "--entrypoint", "sh", registry()+"/sourcegraph/opentelemetry-collector:"+after, "-ec",
		`for file in /configs/*.yaml /etc/otel-collector/configs/logging.yaml; do otelcol-sourcegraph validate --config "$file" || { echo "$file"; exit 1; }; done`)
	out, err := d.docker("run", "--rm", "--entrypoint", "otelcol-sourcegraph", registry()+"/sourcegraph/opentelemetry-collector:"+after, "validate", "--config", "/nowhere.yaml")
	if err == nil {
		t.Errorf("it takes a file that is not there: %s", out)
	}
}

// cAdvisor measures the containers of this engine by their names, which is what Sourcegraph's dashboards select by.
func TestCadvisorMeasuresContainers(t *testing.T) {
	d := &database{T: t, name: "berth-testbed-cadvisor"}
	_, _ = d.docker("rm", "-f", "-v", d.name)
	t.Cleanup(func() { _, _ = d.docker("rm", "-f", "-v", d.name) })
	// Without rights of its own, which this machine may not be able to give: it measures all the same.
	d.must("run", "-d", "--pull", "always", "--name", d.name, "-v", "/:/rootfs:ro", "-v", "/var/run:/var/run:ro", "-v", "/sys:/sys:ro",
		registry()+"/sourcegraph/cadvisor:"+after)
	d.await("cAdvisor measures itself", func() bool {
		out, _ := d.docker("exec", d.name, "curl", "-fsS", "-m", "5", "http://127.0.0.1:48080/metrics")
		for line := range strings.Lines(out) {
			if strings.HasPrefix(line, "container_cpu_usage_seconds_total{") && strings.Contains(line, `name="`+d.name+`"`) {
				return true
			}
		}
		return false
	})
}
