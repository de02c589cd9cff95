package maintain

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"berth/catalogue"
	"golang.org/x/sync/errgroup"
)

const header = "# Made by `berth-catalogue import` from Sourcegraph's public deployment repositories. Don't edit: import again.\n"

// Repositories are Sourcegraph's two public deployment repositories, as checkouts or bare git directories.
type Repositories struct {
	Compose string // deploy-sourcegraph-docker
	Helm    string // deploy-sourcegraph-helm
}

// Import writes the manifests and the index of all releases into a catalogue's folder, and removes manifests that have no tag. The folder's
// import.yaml says how to read the repositories.
func Import(ctx context.Context, from Repositories, out string, progress func(string)) error {
	rules, err := readRules(os.DirFS(out))
	if err != nil {
		return err
	}
	files, err := build(ctx, from, rules, progress)
	if err != nil {
		return err
	}
	if err := writeAll(out, "releases", files); err != nil {
		return err
	}
	// The fast form is made from the folder's current files, including those written by hand.
	fast, err := catalogue.Fast(os.DirFS(out))
	if err != nil {
		return err
	}
	if err := writeAll(out, catalogue.FastDir, fast); err != nil {
		return err
	}
	progress(fmt.Sprintf("wrote %d files", len(files)+len(fast)))
	return nil
}

// writeAll writes files, and removes all others from a folder.
func writeAll(out, folder string, files map[string][]byte) error {
	err := filepath.WalkDir(filepath.Join(out, folder), func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if inside, err := filepath.Rel(out, name); err != nil || files[filepath.ToSlash(inside)] != nil {
			return err
		}
		return os.Remove(name)
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, name := range sortedKeys(files) {
		if err := writeChanged(filepath.Join(out, filepath.FromSlash(name)), files[name]); err != nil {
			return err
		}
	}
	return nil
}

func writeChanged(name string, content []byte) error {
	if before, err := os.ReadFile(name); err == nil && bytes.Equal(before, content) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, content, 0o644)
}

// build makes the catalogue's generated files, by name.
func build(ctx context.Context, from Repositories, rules *rules, progress func(string)) (map[string][]byte, error) {
	patches, err := readPatches(ctx, from, rules, progress)
	if err != nil {
		return nil, err
	}
	minors := map[string][]*patch{}
	for _, p := range patches {
		minor := catalogue.Minor(p.version)
		minors[minor] = append(minors[minor], p)
	}
	files := map[string][]byte{}
	digests := map[string]string{}
	for _, minor := range sortedKeys(minors) {
		m, err := manifest(minor, minors[minor])
		if err != nil {
			return nil, fmt.Errorf("make manifest of %s: %w", minor, err)
		}
		content, err := encode(m)
		if err != nil {
			return nil, fmt.Errorf("write manifest of %s: %w", minor, err)
		}
		content = append([]byte(header), content...)
		sum := sha256.Sum256(content)
		digests[minor] = hex.EncodeToString(sum[:])
		files[catalogue.ManifestFile(minor)] = content
	}
	files[catalogue.IndexFile] = index(minors, digests)
	return files, nil
}

// readPatches reads all tags of both repositories, oldest first. Two run in parallel: each runs helm, which keeps about one core busy.
func readPatches(ctx context.Context, from Repositories, rules *rules, progress func(string)) ([]*patch, error) {
	compose, err := tags(ctx, from.Compose)
	if err != nil {
		return nil, err
	}
	helm, err := tags(ctx, from.Helm)
	if err != nil {
		return nil, err
	}
	progress(fmt.Sprintf("%d Compose releases, %d Helm releases", len(compose), len(helm)))
	composeForms := make([]*form, len(compose))
	helmForms := make([]*form, len(helm))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	for i, t := range helm {
		group.Go(func() (err error) {
			helmForms[i], err = readChart(ctx, from.Helm, t, rules)
			return err
		})
	}
	for i, t := range compose {
		group.Go(func() (err error) {
			composeForms[i], err = readCompose(ctx, from.Compose, t, rules)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	all := map[string]*patch{}
	join(all, catalogue.Compose, compose, composeForms)
	join(all, catalogue.Kubernetes, helm, helmForms)
	versions := sortedKeys(all)
	slices.SortFunc(versions, catalogue.CompareVersions)
	patches := make([]*patch, len(versions))
	for i, version := range versions {
		patches[i] = all[version]
	}
	return patches, nil
}

func join(all map[string]*patch, target catalogue.Target, tags []tag, forms []*form) {
	for i, t := range tags {
		p := all[t.version]
		if p == nil {
			p = &patch{version: t.version, tags: map[catalogue.Target]catalogue.Tag{}, forms: map[catalogue.Target]*form{}}
			all[t.version] = p
		}
		p.tags[target], p.forms[target] = t.tag, forms[i]
	}
}

func readCompose(ctx context.Context, repository string, t tag, rules *rules) (*form, error) {
	tree, err := archive(ctx, repository, t.ref)
	if err != nil {
		return nil, err
	}
	f, err := composeForm(tree, rules)
	if err != nil {
		return nil, fmt.Errorf("import %s for Compose: %w", t.version, err)
	}
	return f, nil
}

func readChart(ctx context.Context, repository string, t tag, rules *rules) (*form, error) {
	charts, err := renderCharts(ctx, repository, t.ref, namespaceToken)
	if err != nil {
		return nil, err
	}
	f, err := kubernetesForm(charts, t.version, rules)
	if err != nil {
		return nil, fmt.Errorf("import %s for Kubernetes: %w", t.version, err)
	}
	return f, nil
}
