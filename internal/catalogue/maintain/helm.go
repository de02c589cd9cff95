package maintain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v4"
)

// chartFolder is where the chart lies in the Helm repository.
const chartFolder = "charts/sourcegraph"

// renderChart gives the objects of a tag's chart with default values, by "Kind/name", without the chart's tests.
func renderChart(ctx context.Context, repository, ref, namespace string) (map[string]any, error) {
	files, err := archive(ctx, repository, ref, chartFolder)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "berth-chart-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	for name, content := range files {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(name, content, 0o644); err != nil {
			return nil, err
		}
	}
	chart := filepath.Join(dir, filepath.FromSlash(chartFolder))
	out, err := run(ctx, "helm", "template", "sourcegraph", chart, "--namespace", namespace)
	if err != nil {
		return nil, fmt.Errorf("render chart of %s: %w", ref, err)
	}
	return splitObjects(out)
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
