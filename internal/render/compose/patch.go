package compose

import (
	"fmt"
	"maps"
	"slices"

	"berth/internal/diag"
	"berth/internal/render/yaml"
	"berth/internal/stack"
)

// reserved are keys of a Compose service that a patch must not set, each with what to write instead.
var reserved = map[string]string{
	"cpus":           "set services.%s.cpu",
	"mem_limit":      "set services.%s.memory",
	"deploy":         "set services.%s.cpu and memory",
	"labels":         "berth stores its own data in labels; use Compose's override file for others",
	"container_name": "set name for a second installation",
	"image":          "set images.registry, or record another digest with berth lock",
}

// patch merges the admin's change into a rendered service: maps merge, other values replace, null removes.
func (r *renderer) patch(inst stack.Instance, body mapping, p stack.Patch) mapping {
	for _, key := range slices.Sorted(maps.Keys(p.Compose)) {
		if instead, ok := reserved[key]; ok {
			r.problem("BERTH1190", p, fmt.Sprintf("patch of %s can't set %q", inst.Service, key), fmt.Sprintf(instead, inst.Service))
			return body
		}
	}
	out, changed := merge(body, p.Compose)
	if !changed && inst.Index == 0 {
		r.problem("BERTH1191", p, fmt.Sprintf("patch of %s changes nothing in release %s", inst.Service, r.stack.Release),
			"remove it, or compare it with: berth render --as compose")
	}
	return out
}

func (r *renderer) problem(code string, p stack.Patch, summary, hint string) {
	r.problems = append(r.problems, diag.Diagnostic{Code: code, Severity: diag.Error, Summary: summary, Hint: hint, Range: p.Range})
}

// merge returns m with the patch merged in, and whether that changed anything.
func merge(m mapping, patch map[string]any) (mapping, bool) {
	out := slices.Clone(m)
	changed := false
	for _, key := range slices.Sorted(maps.Keys(patch)) {
		i := slices.IndexFunc(out, func(f field) bool { return f.key == key })
		value := patch[key]
		switch sub, isMap := value.(map[string]any); {
		case value == nil && i >= 0:
			out = slices.Delete(out, i, i+1)
			changed = true
		case value == nil:
		case i < 0:
			out = append(out, field{key, ordered(value)})
			changed = true
		case isMap && isMapping(out[i].value):
			merged, c := merge(out[i].value.(mapping), sub)
			out[i].value = merged
			changed = changed || c
		default:
			changed = changed || fmt.Sprint(yaml.Plain(out[i].value)) != fmt.Sprint(value)
			out[i].value = ordered(value)
		}
	}
	return out, changed
}

func isMapping(v any) bool {
	_, ok := v.(mapping)
	return ok
}

// ordered converts decoded YAML to the rendered form.
func ordered(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := mapping{}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			m = append(m, field{k, ordered(v[k])})
		}
		return m
	case []any:
		var l []any
		for _, item := range v {
			l = append(l, ordered(item))
		}
		return l
	case string:
		return literal(v)
	}
	return v
}
