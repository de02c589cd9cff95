package wanted

import (
	"fmt"
	"slices"
	"strings"

	"berth/internal/plan/fields"
	"berth/internal/tree"
)

// controllers are the managers of fields that nobody wants: those of Kubernetes itself.
var controllers = []string{"kube-controller-manager", "kube-scheduler", "kube-apiserver", "kubelet", "cloud-controller-manager"}

// Recorded is what is wanted of a live object by what was deployed, with its values as they are now, and with what others than the deployers set since: people by
// hand, and programs. scaled is who else sets the number of pods; "": nobody. deployers are names in managedFields.
func Recorded(manifest, live map[string]any, deployers []string) (body map[string]any, scaled string) {
	d := &deployed{deployers: deployers, managers: fields.Managers(live)}
	body, _ = d.value(nil, fields.Encoded(manifest), live).(map[string]any)
	return body, d.scaled
}

// deployed reads what is wanted of one live object.
type deployed struct {
	deployers []string
	managers  []fields.Manager
	scaled    string
}

// others reports whether somebody else than the deployer and Kubernetes itself set a field.
func (d *deployed) others(path fields.Path) bool { return d.who(path) != "" }

func (d *deployed) who(path fields.Path) string {
	for _, name := range fields.Owners(d.managers, path) {
		deploys := slices.ContainsFunc(d.deployers, func(deployer string) bool { return strings.HasPrefix(name, deployer) })
		if !deploys && !slices.Contains(controllers, name) {
			return name
		}
	}
	return ""
}

func (d *deployed) value(path fields.Path, manifest, live any) any {
	switch m := manifest.(type) {
	case map[string]any:
		l, ok := live.(map[string]any)
		if !ok {
			return live
		}
		return d.branch(path, m, l)
	case []any:
		l, ok := live.([]any)
		if !ok {
			return live
		}
		return d.list(path, m, l)
	}
	if fields.SameScalar(manifest, live) || fields.SameQuantity(manifest, live) || fmt.Sprint(manifest) == fmt.Sprint(live) {
		return manifest
	}
	if who := d.who(path); path.String() == "spec.replicas" && who != "" {
		d.scaled = who
		return manifest
	}
	return live
}

func (d *deployed) branch(path fields.Path, manifest, live map[string]any) map[string]any {
	out := map[string]any{}
	for _, name := range tree.Keys(live) {
		at := append(slices.Clone(path), fields.Segment{Name: name})
		if m, ok := manifest[name]; ok {
			out[name] = d.value(at, m, live[name])
		} else if len(path) == 0 && name == "status" || len(path) == 1 && path[0].Name == "metadata" && fields.Kept(name) {
			continue
		} else if d.others(at) {
			out[name] = live[name]
		}
	}
	return out
}

func (d *deployed) list(path fields.Path, manifest, live []any) []any {
	name := path[len(path)-1].Name
	keys := fields.Keys(name, manifest, live)
	var out []any
	for i, item := range live {
		if keys == nil {
			if len(manifest) != len(live) {
				return live // somebody else's list
			}
			out = append(out, d.value(append(slices.Clone(path), fields.Segment{Index: i}), manifest[i], item))
			continue
		}
		at := append(slices.Clone(path), fields.Segment{Item: item.(map[string]any), Keys: keys})
		if m := itemLike(manifest, item, keys); m != nil {
			out = append(out, d.value(at, m, item))
		} else if d.others(at) {
			out = append(out, item)
		}
	}
	return out
}

// itemLike is the item of a list that has the keys of another list's item; nil where there is none.
func itemLike(list []any, item any, keys []string) any {
	for _, other := range list {
		if fields.SameKeys(other.(map[string]any), item.(map[string]any), keys) {
			return other
		}
	}
	return nil
}
