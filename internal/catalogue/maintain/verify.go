package maintain

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"slices"
	"strings"

	"berth/catalogue"

	"go.yaml.in/yaml/v4"
	"golang.org/x/sync/errgroup"
)

// Renders are the functions that render what berth runs of a release for the default config.
type Renders struct {
	// Compose renders the Compose file, and the other files by path beside it.
	Compose func(release *catalogue.Release) (composeFile []byte, files map[string][]byte, err error)
	// Kubernetes renders the objects by "Kind/name", as berth applies them to a namespace, for a config with an overlay, or for the default
	// config (""). In the data of Secrets {NAME} stands for a generated value.
	Kubernetes func(release *catalogue.Release, overlay, namespace string) (map[string]any, error)
}

// Report is the result of Verify.
type Report struct {
	Compose     int          `json:"compose"`    // releases compared
	Kubernetes  int          `json:"kubernetes"` // releases compared
	Stale       []string     `json:"stale"`      // catalogue files that a new import would change
	Differences []Difference `json:"differences"`
	Unused      []Intended   `json:"unused"` // intended differences that no release has
	// Strays are images that are not of the release that ships them; relations.yaml explains or corrects them.
	Strays []catalogue.Stray `json:"strays"`
}

// Unexplained are the differences that no entry of intended.yaml explains.
func (r *Report) Unexplained() []Difference {
	return slices.DeleteFunc(slices.Clone(r.Differences), func(d Difference) bool { return d.Reason != "" })
}

// Clean reports whether the catalogue is proved right: nothing is stale or unexplained, and every intended difference exists.
func (r *Report) Clean() bool {
	return len(r.Stale)+len(r.Unexplained())+len(r.Unused) == 0 &&
		!slices.ContainsFunc(r.Strays, func(s catalogue.Stray) bool { return s.Reason == "" })
}

// Verify checks a catalogue against Sourcegraph's repositories: a new import gives the same files, and berth renders each release as its
// Compose file and its chart do.
func Verify(ctx context.Context, from Repositories, c *catalogue.Catalogue, render Renders, progress func(string)) (*Report, error) {
	rules, err := readRules(c.Files())
	if err != nil {
		return nil, err
	}
	intended, err := readIntended(c.Files())
	if err != nil {
		return nil, err
	}
	v := &verifier{Report: &Report{}, ctx: ctx, from: from, catalogue: c, rules: rules, render: render}
	progress("importing again")
	if err := v.reimport(progress); err != nil {
		return nil, err
	}
	progress("comparing charts")
	if err := v.each(catalogue.Kubernetes, from.Helm, v.chart, &v.Kubernetes); err != nil {
		return nil, err
	}
	progress("comparing Compose projects")
	if err := v.each(catalogue.Compose, from.Compose, v.project, &v.Compose); err != nil {
		return nil, err
	}
	v.Unused = explain(v.Differences, intended)
	v.Strays, err = c.Strays()
	return v.Report, err
}

type verifier struct {
	*Report
	ctx       context.Context
	from      Repositories
	catalogue *catalogue.Catalogue
	rules     *rules
	render    Renders
}

func (v *verifier) reimport(progress func(string)) error {
	files, err := build(v.ctx, v.from, v.rules, progress)
	if err != nil {
		return err
	}
	for _, name := range sortedKeys(files) {
		content, err := fs.ReadFile(v.catalogue.Files(), name)
		if err != nil || !bytes.Equal(content, files[name]) {
			v.Stale = append(v.Stale, name)
		}
	}
	return nil
}

// each compares all tags of one target, two in parallel, in order of release.
func (v *verifier) each(target catalogue.Target, repository string, compare func(context.Context, tag) ([]Difference, error), count *int) error {
	list, err := tags(v.ctx, repository)
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b tag) int { return catalogue.CompareVersions(b.version, a.version) })
	found := make([][]Difference, len(list))
	group, ctx := errgroup.WithContext(v.ctx)
	group.SetLimit(2)
	for i, t := range list {
		group.Go(func() error {
			differences, err := compare(ctx, t)
			if err != nil {
				return fmt.Errorf("verify %s for %s: %w", t.version, target, err)
			}
			for j := range differences {
				differences[j].Release, differences[j].Target = t.version, target
			}
			found[i] = differences
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	*count = len(list)
	v.Differences = append(v.Differences, slices.Concat(found...)...)
	return nil
}

// chart compares the objects of one tag's charts.
func (v *verifier) chart(ctx context.Context, t tag) ([]Difference, error) {
	shipped, err := renderCharts(ctx, v.from.Helm, t.ref, "default")
	if err != nil {
		return nil, err
	}
	release, err := v.catalogue.Release(t.version, catalogue.Kubernetes)
	if err != nil {
		return nil, err
	}
	rendered, err := v.render.Kubernetes(release, "", "default")
	if err != nil {
		return nil, err
	}
	all := compareObjects(shipped.objects, rendered)
	for _, overlay := range sortedKeys(shipped.overlays) {
		with, err := v.render.Kubernetes(release, overlay, "default")
		if err != nil {
			return nil, err
		}
		for key, object := range shipped.overlays[overlay] {
			if reflect.DeepEqual(object, shipped.objects[key]) && reflect.DeepEqual(with[key], rendered[key]) {
				delete(shipped.overlays[overlay], key) // compared above
				delete(with, key)
			}
		}
		for key, object := range with {
			if shipped.overlays[overlay][key] == nil && reflect.DeepEqual(object, rendered[key]) {
				delete(with, key)
			}
		}
		all = append(all, compareObjects(shipped.overlays[overlay], with)...)
	}
	return all, nil
}

// compareObjects lists what differs between two sets of objects.
func compareObjects(shipped, rendered map[string]any) []Difference {
	var all []Difference
	for _, key := range sortedKeys(union(shipped, rendered)) {
		switch {
		case shipped[key] == nil:
			all = append(all, Difference{Part: key, Shipped: nothing, Rendered: "an object"})
		case rendered[key] == nil:
			all = append(all, Difference{Part: key, Shipped: "an object", Rendered: nothing})
		default:
			all = append(all, compareTrees(key, "", normalObject(shipped[key]), normalObject(rendered[key]))...)
		}
	}
	return all
}

// normalObject parses the texts in ConfigMaps, so that layout and comments make no difference, and decodes Secrets.
func normalObject(object any) any {
	whole, _ := object.(map[string]any)
	data, ok := whole["data"].(map[string]any)
	if !ok || whole["kind"] != "ConfigMap" && whole["kind"] != "Secret" {
		return object
	}
	normal := make(map[string]any, len(data))
	for name, value := range data {
		if whole["kind"] == "ConfigMap" {
			normal[name] = normalFile(name, []byte(text(value)))
			continue
		}
		normal[name] = value
		if plain, err := base64.StdEncoding.DecodeString(text(value)); err == nil {
			normal[name] = string(plain)
		}
	}
	copied := make(map[string]any, len(whole))
	for key, value := range whole {
		copied[key] = value
	}
	copied["data"] = normal
	return copied
}

// normalFile parses a settings file.
func normalFile(name string, content []byte) any {
	switch path.Ext(name) {
	case ".conf":
		all := map[string]any{}
		for setting, value := range catalogue.ReadPostgresConf(content) {
			all[setting] = value
		}
		return all
	case ".Caddyfile":
		lines := directives(content)
		for i, line := range lines {
			lines[i] = strings.TrimSpace(line)
		}
		return anys(lines)
	case ".yaml", ".yml":
		var tree any
		if yaml.Load(content, &tree) == nil {
			return tree
		}
	}
	return string(content)
}

// project compares one tag's Compose file and the files it mounts.
func (v *verifier) project(ctx context.Context, t tag) ([]Difference, error) {
	tree, err := archive(ctx, v.from.Compose, t.ref)
	if err != nil {
		return nil, err
	}
	release, err := v.catalogue.Release(t.version, catalogue.Compose)
	if err != nil {
		return nil, err
	}
	composeFile, files, err := v.render.Compose(release)
	if err != nil {
		return nil, err
	}
	var shipped, rendered map[string]any
	err = cmp.Or(yaml.Load(tree[path.Join(composeFolder, "docker-compose.yaml")], &shipped), yaml.Load(composeFile, &rendered))
	if err != nil {
		return nil, err
	}
	form, err := composeForm(tree, v.rules)
	if err != nil {
		return nil, err
	}
	wanted := map[string]any{}
	for _, name := range mountedFiles(tree, form, &rules{}) {
		wanted[name] = normalFile(name, tree[name])
	}
	got := map[string]any{}
	for name, content := range files {
		got[name] = normalFile(name, content)
	}
	all := CompareCompose(shipped, rendered)
	for _, name := range sortedKeys(union(wanted, got)) {
		switch {
		case wanted[name] == nil:
			all = append(all, Difference{Part: name, Shipped: nothing, Rendered: "a file"})
		case got[name] == nil:
			all = append(all, Difference{Part: name, Shipped: "a file", Rendered: nothing})
		default:
			all = append(all, compareTrees(name, "", wanted[name], got[name])...)
		}
	}
	return all, nil
}
