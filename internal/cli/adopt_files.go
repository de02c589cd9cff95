package cli

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	compose "berth/internal/adopt/compose"
	theirs "berth/internal/adopt/kubernetes"
	"berth/internal/diag"
	"berth/internal/installation/cluster"
	"berth/internal/stack"
	"berth/internal/tree"
)

// applied reads what kubectl applied from a folder, and finds the config for it. Nothing is written.
func (e *Env) applied(ctx context.Context, dir, next string, objects []map[string]any, f *adoptFlags) (taking, error) {
	s, err := cluster.TheirFiles(ctx, &e.Environment, f.at, dir, next, objects)
	if err != nil {
		return taking{}, err
	}
	return e.inCluster(s, f)
}

// officialChart is Sourcegraph's chart, as Sourcegraph's documentation has it.
const officialChart = "sourcegraph/sourcegraph"

// chart is a chart, with files of values for it.
type chart struct {
	name, version string
	values        []string
}

// valued reads what a chart with values made, and finds the config for it. Nothing is written.
func (e *Env) valued(ctx context.Context, f *adoptFlags) (taking, error) {
	args := []string{"helm", "template", stack.DefaultName, f.chart.name, "--no-hooks"}
	if f.chart.version != "" {
		args = append(args, "--version", f.chart.version)
	}
	for _, file := range f.chart.values {
		args = append(args, "--values", e.Abs(file))
	}
	if f.at.Namespace != "" {
		args = append(args, "--namespace", f.at.Namespace)
	}
	text, err := made(ctx, strings.Join(f.chart.values, ", "), args...)
	if err != nil {
		return taking{}, err
	}
	objects, err := theirs.Manifest(text)
	if err != nil {
		return taking{}, fmt.Errorf("read what helm template makes: %w", err)
	}
	return e.applied(ctx, strings.Join(f.chart.values, ", "), "", objects, f)
}

// made is what a program makes of an admin's files.
func made(ctx context.Context, subject string, args ...string) ([]byte, error) {
	var out, problems bytes.Buffer
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		hint := "try it: " + strings.Join(args, " ")
		if strings.Contains(problems.String(), "repo sourcegraph not found") {
			hint = "helm knows Sourcegraph's charts after: helm repo add sourcegraph https://helm.sourcegraph.com/release"
		}
		return nil, diag.List{{Code: "BERTH4335", Severity: diag.Error, Subject: subject, Summary: fmt.Sprintf("%s: %v", strings.Join(args[:2], " "), err),
			Detail: strings.Split(strings.TrimSpace(problems.String()), "\n"), Hint: hint}}
	}
	return out.Bytes(), nil
}

// objects are those that a folder has files of: an overlay of Kustomize, or manifests; nil where it has none, or files for docker compose.
func (e *Env) objects(ctx context.Context, dir string, f *adoptFlags) ([]map[string]any, error) {
	look := compose.Options{Dir: e.Abs(dir), Files: f.read.Files}
	if !compose.Look(&look).Failed() {
		return nil, nil
	}
	for _, name := range kustomizations {
		if _, err := os.Stat(filepath.Join(e.Abs(dir), name)); err != nil {
			continue
		}
		objects, err := e.kustomized(ctx, e.Abs(dir))
		if err == nil && len(objects) == 0 {
			err = diag.List{{Code: "BERTH4303", Severity: diag.Error, Subject: dir, Summary: "the overlay makes no object", Hint: "name the folder that you give kubectl apply -k"}}
		}
		return objects, err
	}
	return e.manifests(dir)
}

// reapply is the command by which kubectl applies a folder.
func (e *Env) reapply(dir string) string {
	for _, name := range kustomizations {
		if _, err := os.Stat(filepath.Join(e.Abs(dir), name)); err == nil {
			return "kubectl apply -k " + dir
		}
	}
	return "kubectl apply --recursive -f " + dir
}

// kustomizations are the names that Kustomize's file may have.
var kustomizations = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

// manifests are the objects in the files of a folder, its own folders included; nil where no file has a Deployment.
func (e *Env) manifests(dir string) (objects []map[string]any, err error) {
	deploys := false
	var problems diag.List
	err = filepath.WalkDir(e.Abs(dir), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(path)) {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		found, err := theirs.Manifest(text)
		if err != nil {
			problems = append(problems, diag.Diagnostic{Code: "BERTH4301", Severity: diag.Error, Subject: path, Summary: oneLine(err.Error()), Hint: "correct it, until kubectl apply --dry-run=client accepts it"})
			return nil
		}
		for _, body := range found {
			if tree.Text(body, "apiVersion") == "" || tree.Text(body, "kind") == "" {
				continue // another program's file, such as the values of a chart
			}
			deploys = deploys || tree.Text(body, "kind") == "Deployment"
			objects = append(objects, body)
		}
		return nil
	})
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("read %s: %w", dir, err)
	}
	if !deploys {
		return nil, nil // what is wrong with it is said by who looks for Compose files
	}
	if twice := twice(objects); len(twice) > 0 {
		problems = append(problems, diag.Diagnostic{Code: "BERTH4301", Severity: diag.Error, Subject: dir, Summary: "it has more than one " + strings.Join(twice, ", "),
			Hint: "name the folder that you give kubectl apply; of an overlay of Kustomize the one with its kustomization.yaml"})
	}
	return objects, problems.Err()
}

// twice are the objects that are there more than once.
func twice(objects []map[string]any) (out []string) {
	seen := map[string]bool{}
	for _, body := range objects {
		key := tree.Text(body, "metadata", "namespace") + " " + tree.Text(body, "kind") + "/" + tree.Text(body, "metadata", "name")
		if key = strings.TrimSpace(key); seen[key] && !slices.Contains(out, key) {
			out = append(out, key)
		}
		seen[key] = true
	}
	return out
}
