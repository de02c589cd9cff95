package compose

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"berth/internal/diag"
	"berth/internal/render/compose/spec"
	"berth/internal/stack"
)

// proof looks at the whole file once all patches are in it: whether they had an effect, whether Compose reads it, and whether instances that
// have their own data still have it. Without patches there is nothing to prove.
func (r *renderer) proof(file []byte) {
	if len(r.stack.Patches) == 0 {
		return
	}
	for i, p := range r.stack.Patches {
		if changed, met := r.effects[i]; changed || r.stack.Part {
			continue
		} else if !met && p.Service != "" {
			r.problem("BERTH1191", p.At(), fmt.Sprintf("patch of %s matches nothing in release %s: it does not run here", p.Service, r.stack.Release), r.instances(p.Service))
			continue
		}
		r.problem("BERTH1191", p.At(), fmt.Sprintf("patch of %s changes nothing in release %s", cmp.Or(p.Service, "the project"), r.stack.Release),
			"remove it, or compare it with: berth render --as compose")
	}
	if r.problems.Failed() {
		return // Compose would say the same
	}
	mounts, err := spec.Load(ComposeFile, file)
	if err != nil {
		r.refused(err.Error())
		return
	}
	r.mountsOnce(mounts)
}

// instances is a hint that names the instances of a service.
func (r *renderer) instances(name string) string {
	var names []string
	bare := strings.TrimRight(name, "0123456789")
	for _, inst := range r.stack.Instances {
		if inst.Service == strings.TrimSuffix(bare, "-") {
			names = append(names, inst.Name)
		}
	}
	if len(names) == 0 {
		return "remove it, or compare it with: berth render --as compose"
	}
	return "its instances are " + diag.Listed(names, "and")
}

// refused reports why Compose refuses the file, at the patch of the service that it names.
func (r *renderer) refused(why string) {
	at := r.stack.Patches[0].At()
	for _, inst := range r.stack.Instances {
		for _, p := range r.stack.Patches {
			if strings.Contains(why, strconv.Quote(inst.Name)) && p.Names(inst.Service, inst.Name) {
				at = p.At()
			}
		}
	}
	hint := "correct the patch, or compare it with: berth render --as compose"
	for kind, key := range map[string]string{"undefined network": "networks", "undefined volume": "volumes"} {
		if _, name, found := strings.Cut(why, kind+" "); found {
			hint = fmt.Sprintf("define it with  patches: [{add: true, project: {%s: {%s: {external: true}}}}]", key, strings.Fields(name)[0])
		}
	}
	r.problem("BERTH1198", at, "with your patches, Compose refuses the file: "+why, hint)
}

// mountsOnce: instances of one service never write into one folder or volume. Each of them believes that it is alone there.
func (r *renderer) mountsOnce(mounts map[string][]spec.Mount) {
	owners := map[[2]string]stack.Instance{}
	for _, inst := range r.stack.Instances {
		for _, m := range mounts[inst.Name] {
			key := [2]string{inst.Service, m.Source}
			other, taken := owners[key]
			owners[key] = inst
			if at := r.patchOf("volumes", inst.Name, other.Name); taken && !m.ReadOnly && other.Name != inst.Name && at.Line > 0 {
				r.problem("BERTH1670", at, fmt.Sprintf("with your patch, %s and %s both write into %s", other.Name, inst.Name, m.Source),
					"write {i} into the name, for the instance's number; or patch one with  service: "+inst.Name+" ; or mount it with :ro")
			}
		}
	}
}

// patchOf is the place of the last patch that has a key of one of two services; of the first patch where none has.
func (r *renderer) patchOf(key string, names ...string) diag.Range {
	for _, p := range slices.Backward(r.stack.Patches) {
		for _, inst := range r.stack.Instances {
			if slices.Contains(names, inst.Name) && p.Names(inst.Service, inst.Name) && p.Change[key] != nil {
				return p.At(key)
			}
		}
	}
	return diag.Range{}
}
