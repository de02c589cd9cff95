package stack

import (
	"strconv"
	"strings"

	"berth/catalogue"
	"berth/internal/diag"
)

// patches are the config's patches for its target.
func (b *builder) patches() []Patch {
	var out []Patch
	for i, p := range b.Config.Patches {
		path := "patches." + strconv.Itoa(i)
		add := func(service, key string, change map[string]any) {
			if len(change) > 0 {
				out = append(out, Patch{Service: service, Kind: p.Kind, Change: change, Add: p.Add, Reason: p.Reason, At: b.within(path, path+"."+key)})
			}
		}
		if b.Config.On == catalogue.Kubernetes {
			add(p.Service, "kubernetes", p.Kubernetes)
			continue
		}
		add(p.Service, "compose", p.Compose)
		add("", "project", p.Project)
	}
	return out
}

// within finds places below one key of a patch.
func (b *builder) within(patch, key string) func(keys ...string) diag.Range {
	return func(keys ...string) diag.Range {
		for n := len(keys); n > 0; n-- {
			if at := b.At(key + "." + strings.Join(keys[:n], ".")); at.Line > 0 {
				return at
			}
		}
		return b.At(patch)
	}
}
