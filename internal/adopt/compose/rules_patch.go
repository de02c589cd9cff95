package compose

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"berth/internal/adopt"
	"berth/internal/secret"
)

// image: an image that is not of the release.
func (k known) image(d adopt.Difference, _ *adopt.Situation) *adopt.Answer {
	if _, _, found := k.place(d.Object); !found || len(d.Path) != 1 || d.Path[0] != "image" {
		return nil
	}
	return &adopt.Answer{Fate: adopt.Lost, Why: "berth runs the images of the release " + k.release.Version + "; for an image of your own, use images.registry and berth lock"}
}

// name: containers are called in another way than berth would. Each is known by its service, so it keeps its name until it is made again.
func (k known) name(d adopt.Difference, _ *adopt.Situation) *adopt.Answer {
	if _, _, found := k.place(d.Object); !found || len(d.Path) != 1 || d.Path[0] != "container_name" {
		return nil
	}
	if d.Theirs == nil {
		return &adopt.Answer{Fate: adopt.Default, Why: fmt.Sprintf("docker compose named the container by itself; it keeps that name until berth next creates it, as %v", d.Ours)}
	}
	return &adopt.Answer{Fate: adopt.Lost, Why: fmt.Sprintf("the container keeps this name until berth next creates it, as %v", d.Ours)}
}

// reason is what a patch says until the admin says it better.
const reason = "as it was before berth; why?"

// unpatched are keys that a patch can't set.
var unpatched = []string{"image", "container_name", "cpus", "mem_limit", "deploy", "labels", "scale"}

// patch: the rest, as Compose says it.
func (k known) patch(d adopt.Difference, s *adopt.Situation) *adopt.Answer {
	name, found := strings.CutPrefix(d.Object, service)
	if _, _, ours := k.place(d.Object); !found || !ours || len(d.Path) == 0 || slices.Contains(unpatched, d.Path[0]) {
		return nil
	}
	first := d.Path[0]
	theirs := s.Theirs[d.Object][first]
	var change any
	switch {
	case first == "environment" && len(d.Path) == 2 && d.Theirs == nil:
		change = map[string]any{d.Path[1]: nil}
	case first == "ports" && d.Theirs != nil:
		change = []any{strings.TrimSuffix(d.Path[1], "/tcp")}
	case first == "ports":
		var list []any
		for _, port := range sorted(mapOf(theirs)) {
			list = append(list, strings.TrimSuffix(port, "/tcp"))
		}
		change = map[string]any{"!override": list}
	case theirs == nil:
		change = nil
	case slices.Contains([]string{"expose", "devices", "cap_add", "cap_drop", "security_opt", "group_add", "tmpfs"}, first):
		change = map[string]any{"!override": listOf(theirs)}
	case first == "environment" && len(d.Path) == 2:
		if _, is := secret.Looks(d.Path[1], fmt.Sprint(d.Theirs)); is {
			return nil
		}
		change = map[string]any{d.Path[1]: d.Theirs}
	case first == "volumes" && mapOf(theirs)[d.Path[1]] != nil:
		change = []any{k.short(d.Path[1], mapsIn(theirs)[d.Path[1]], nil)}
	case first == "volumes":
		var list []any
		for at, m := range mapsIn(theirs) {
			list = append(list, k.short(at, m, mapOf(s.Ours[d.Object]["volumes"])[at]))
		}
		change = map[string]any{"!override": list}
	default:
		change = map[string]any{"!override": theirs}
	}
	return &adopt.Answer{Fate: adopt.Patch, Edits: []adopt.Edit{patchOf(name, first, change)}}
}

// short is a mount in Compose's short form. One that is ours, too, stays in the rendered project.
func (k known) short(at string, m map[string]any, ours any) any {
	source := fmt.Sprint(m["source"])
	if volume, named := strings.CutPrefix(source, volumePrefix); named {
		_, source, _ = strings.Cut(volume, "_")
	} else if rest, ok := strings.CutPrefix(source, file); ok && fmt.Sprint(mapOf(ours)["source"]) == source {
		source = "./" + rest
	} else {
		source = k.host(source)
	}
	if m["read_only"] == true {
		at += ":ro"
	}
	return source + ":" + at
}

// patchOf is the edit that patches one key of a service.
func patchOf(name, key string, change any) adopt.Edit {
	return adopt.Edit{Path: []string{"patches"}, Add: true,
		Value: map[string]any{"service": name, "reason": reason, "add": true, "compose": map[string]any{key: change}}}
}

// projectPatch: options of networks and volumes.
func (k known) projectPatch(d adopt.Difference, s *adopt.Situation) *adopt.Answer {
	name, isNetwork := strings.CutPrefix(d.Object, network)
	if !isNetwork || s.Ours[d.Object] == nil || len(d.Path) == 0 {
		return nil
	}
	_, short, _ := strings.Cut(name, "_")
	p := map[string]any{"reason": reason, "add": true, "project": map[string]any{"networks": map[string]any{short: s.Theirs[d.Object]}}}
	return &adopt.Answer{Fate: adopt.Patch, Edits: []adopt.Edit{{Path: []string{"patches"}, Value: p, Add: true}}}
}

// size is bytes as the config writes them.
func size(v any) string {
	n, err := strconv.ParseInt(fmt.Sprint(v), 10, 64)
	if err != nil {
		return fmt.Sprint(v)
	}
	for _, unit := range []struct {
		size int64
		name string
	}{{1 << 30, "Gi"}, {1 << 20, "Mi"}, {1 << 10, "Ki"}} {
		if n%unit.size == 0 {
			return strconv.FormatInt(n/unit.size, 10) + unit.name
		}
	}
	return strconv.FormatInt(n, 10)
}
