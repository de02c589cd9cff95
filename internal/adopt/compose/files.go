package compose

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"berth/catalogue"
	"berth/internal/adopt"
	"berth/internal/tree"

	"go.yaml.in/yaml/v4"
)

// dashboard is Sourcegraph's own work, which berth does not carry: it writes one of its own.
const dashboard = "grafana/dashboards/containers.json"

// readFiles adds the files that services mount to objects, each as a tree in which comments and order mean nothing where they mean nothing to its
// reader. What can't be read is a file without content. Texts for people are left out.
func readFiles(objects adopt.Objects, below func(name string) (map[string][]byte, error)) {
	for name, s := range objects {
		if !strings.HasPrefix(name, service) {
			continue
		}
		for _, m := range mapsIn(s["volumes"]) {
			mounted, ok := strings.CutPrefix(fmt.Sprint(m["source"]), file)
			if !ok {
				continue
			}
			contents, err := below(mounted)
			if err != nil || len(contents) == 0 {
				objects[file+mounted] = map[string]any{"missing": true}
				continue
			}
			for name, content := range contents {
				if path.Ext(name) != ".md" && name != dashboard {
					objects[file+name] = parsed(name, content)
				}
			}
		}
	}
}

// parsed is a file's content in the form in which it is compared.
func parsed(name string, content []byte) map[string]any {
	switch path.Ext(name) {
	case ".conf":
		return map[string]any{"settings": tree.OfTexts(catalogue.ReadPostgresConf(content))}
	case ".yaml", ".yml", ".json":
		var v any
		if err := yaml.Load(content, &v); err != nil {
			break
		}
		text, err := json.Marshal(v)
		if err != nil {
			break
		}
		return map[string]any{"content": string(text)}
	case ".Caddyfile", "":
		if path.Ext(name) == ".Caddyfile" || path.Base(name) == "Caddyfile" {
			return map[string]any{"content": directives(content)}
		}
	}
	return map[string]any{"content": string(content)}
}

// directives are the lines of a Caddyfile without comments and indentation.
func directives(content []byte) string {
	var lines []string
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSpace(line)
		if i := strings.Index(line, " #"); i > 0 {
			line = strings.TrimSpace(line[:i])
		}
		if line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// Contents reads files below a folder: one file, or all of a folder.
func Contents(root string) func(name string) (map[string][]byte, error) {
	return func(name string) (map[string][]byte, error) {
		out := map[string][]byte{}
		err := filepath.WalkDir(filepath.Join(root, name), func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			content, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(root, p)
			out[filepath.ToSlash(rel)] = content
			return err
		})
		return out, err
	}
}
