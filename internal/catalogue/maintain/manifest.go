package maintain

import (
	"fmt"
	"slices"

	"berth/catalogue"
	"go.yaml.in/yaml/v4"
)

// patch is one version with the forms of its targets.
type patch struct {
	version string
	tags    map[catalogue.Target]catalogue.Tag
	forms   map[catalogue.Target]*form
}

// manifest makes the manifest of a minor release from its patches, oldest first.
func manifest(minor string, patches []*patch) (*catalogue.Manifest, error) {
	m := &catalogue.Manifest{Minor: minor, Releases: map[string]map[catalogue.Target]catalogue.Tag{}, Images: images(patches)}
	newest := map[catalogue.Target]*form{}
	for _, p := range patches {
		m.Releases[p.version] = p.tags
		for target, form := range p.forms {
			newest[target] = form
		}
	}
	fillManifest(m, newest)
	base, err := patchable(m)
	if err != nil {
		return nil, err
	}
	for _, p := range patches {
		forms := map[catalogue.Target]*form{}
		for target, form := range newest {
			forms[target] = form
			if own := p.forms[target]; own != nil {
				forms[target] = own
			}
		}
		var older catalogue.Manifest
		fillManifest(&older, forms)
		tree, err := patchable(&older)
		if err != nil {
			return nil, err
		}
		if difference := mergePatch(base, tree); difference != nil {
			m.Older = with(m.Older, p.version, difference)
		}
	}
	return m, nil
}

// fillManifest combines the forms of both targets.
func fillManifest(m *catalogue.Manifest, forms map[catalogue.Target]*form) {
	m.Services = map[string]catalogue.Service{}
	if f := forms[catalogue.Compose]; f != nil {
		m.Files, m.Overlays = f.files, f.overlays
		for name, service := range f.services {
			m.Services[name] = service
		}
	}
	if f := forms[catalogue.Kubernetes]; f != nil {
		m.Objects, m.ObjectOverlays = f.objects, f.objectOverlays
		for name, service := range f.services {
			m.Services[name] = catalogue.Service{Compose: m.Services[name].Compose, Kubernetes: service.Kubernetes}
		}
	}
	fillProbes(m.Services)
}

// patchable is the part of a manifest in which older patches differ.
func patchable(m *catalogue.Manifest) (map[string]any, error) {
	content, err := encode(map[string]any{"services": m.Services, "overlays": m.Overlays, "files": m.Files, "objects": m.Objects,
		"objectOverlays": m.ObjectOverlays})
	if err != nil {
		return nil, err
	}
	var tree map[string]any
	return tree, yaml.Load(content, &tree)
}

// images collects the references of all patches. An image's repository is the one that most patches use, and of several the newest.
func images(patches []*patch) map[string]catalogue.Image {
	all := map[string]catalogue.Image{}
	for name, repository := range repositories(patches) {
		image := catalogue.Image{Repository: repository, Digests: map[string]string{}}
		for _, p := range patches {
			for _, target := range []catalogue.Target{catalogue.Compose, catalogue.Kubernetes} {
				form := p.forms[target]
				if form == nil || form.images[name] == "" {
					continue
				}
				pin := image.Pin(form.images[name], p.version)
				switch before := image.Digests[p.version]; before {
				case "":
					image.Digests[p.version] = pin
				case pin:
				default:
					if image.Kubernetes == nil {
						image.Kubernetes = map[string]string{}
					}
					image.Kubernetes[p.version] = pin
				}
			}
		}
		all[name] = image
	}
	return all
}

func repositories(patches []*patch) map[string]string {
	count := map[string]map[string]int{}
	chosen := map[string]string{}
	for _, p := range patches {
		for _, target := range []catalogue.Target{catalogue.Kubernetes, catalogue.Compose} {
			if p.forms[target] == nil {
				continue
			}
			for name, reference := range p.forms[target].images {
				repository, _ := repositoryOf(reference)
				if count[name] == nil {
					count[name] = map[string]int{}
				}
				count[name][repository]++
				if count[name][repository] >= count[name][chosen[name]] {
					chosen[name] = repository
				}
			}
		}
	}
	return chosen
}

// encode writes YAML as catalogue's filter expects it.
func encode(value any) ([]byte, error) {
	return yaml.Dump(value, yaml.WithV4Defaults(), yaml.WithLineWidth(-1))
}

// index lists all releases.
func index(minors map[string][]*patch, digests map[string]string) []byte {
	names := sortedKeys(minors)
	slices.SortFunc(names, func(a, b string) int { return catalogue.CompareVersions(b, a) })
	out := []byte(header + "manifests:\n")
	for _, minor := range names {
		out = fmt.Appendf(out, "  %q: %q\n", minor, digests[minor])
	}
	out = append(out, "releases:\n"...)
	for _, minor := range names {
		for _, p := range slices.Backward(minors[minor]) {
			out = fmt.Appendf(out, "  %s: {", p.version)
			for i, target := range sortedKeys(stringKeys(p.tags)) {
				if i > 0 {
					out = append(out, ", "...)
				}
				out = fmt.Appendf(out, "%s: %q", target, p.tags[catalogue.Target(target)].Date)
			}
			out = append(out, "}\n"...)
		}
	}
	return out
}

func stringKeys[K ~string, V any](m map[K]V) map[string]V {
	all := make(map[string]V, len(m))
	for key, value := range m {
		all[string(key)] = value
	}
	return all
}
