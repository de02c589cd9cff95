package maintain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"berth/catalogue"
	"go.yaml.in/yaml/v4"
)

// Folders of the charts in the Helm repository.
const (
	chartsFolder   = "charts"
	mainChart      = "charts/sourcegraph"
	executorsChart = "charts/sourcegraph-executor/k8s"
)

// charts are the objects that a tag's charts make, by "Kind/name", without the charts' tests.
type charts struct {
	objects  map[string]any            // with default values
	overlays map[string]map[string]any // the same with an overlay, by overlay
}

// executorsValues are the values that the chart for executors requires. The queues are the defaults of berth's config. The token stays
// empty: each installation has its own.
func executorsValues(namespace string) []string {
	return []string{"--set", "executor.queueNames={batches,codeintel}", "--set", "executor.namespace=" + namespace,
		"--set", "executor.frontendUrl=http://sourcegraph-frontend:30080"}
}

// renderCharts runs helm on a tag, with default values and with each overlay.
func renderCharts(ctx context.Context, repository, ref, namespace string) (*charts, error) {
	files, err := archive(ctx, repository, ref, chartsFolder)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "berth-chart-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	for name, content := range files {
		if err := writeChanged(filepath.Join(dir, filepath.FromSlash(name)), content); err != nil {
			return nil, err
		}
	}
	template := func(release, folder string, values ...string) (map[string]any, error) {
		args := append([]string{"template", release, filepath.Join(dir, filepath.FromSlash(folder)), "--namespace", namespace}, values...)
		out, err := run(ctx, "helm", args...)
		if err != nil {
			return nil, fmt.Errorf("render %s of %s: %w", folder, ref, err)
		}
		return splitObjects(out)
	}
	c := &charts{overlays: map[string]map[string]any{}}
	if c.objects, err = template("sourcegraph", mainChart); err != nil {
		return nil, err
	}
	if c.overlays[catalogue.Jaeger], err = template("sourcegraph", mainChart, "--set", "jaeger.enabled=true"); err != nil {
		return nil, err
	}
	// Releases before 5.1 only have executors that run Docker in a privileged container, from images without digests.
	if files[executorsChart+"/Chart.yaml"] == nil {
		return c, nil
	}
	executors, err := template("executor", executorsChart, executorsValues(namespace)...)
	if err != nil {
		return nil, err
	}
	for key, object := range c.objects {
		if executors[key] != nil {
			return nil, fmt.Errorf("two charts of %s have %s", ref, key)
		}
		executors[key] = object
	}
	c.overlays[catalogue.Executors] = executors
	return c, nil
}

func splitObjects(stream []byte) (map[string]any, error) {
	loader, err := yaml.NewLoader(bytes.NewReader(stream))
	if err != nil {
		return nil, err
	}
	objects := map[string]any{}
	for {
		var object map[string]any
		if err := loader.Load(&object); errors.Is(err, io.EOF) {
			return objects, nil
		} else if err != nil {
			return nil, fmt.Errorf("read objects: %w", err)
		}
		metadata, _ := object["metadata"].(map[string]any)
		annotations, _ := metadata["annotations"].(map[string]any)
		if len(object) == 0 || annotations["helm.sh/hook"] != nil {
			continue
		}
		key := text(object["kind"]) + "/" + text(metadata["name"])
		if objects[key] != nil {
			return nil, fmt.Errorf("two objects are %s", key)
		}
		objects[key] = object
	}
}
