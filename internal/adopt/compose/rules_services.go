package compose

import (
	"fmt"
	"slices"
	"strconv"

	"berth/catalogue"
	"berth/internal/adopt"
)

// missing: a service of the release that they don't run.
func (k known) missing(d adopt.Difference, _ *adopt.Situation) *adopt.Answer {
	name, _, found := k.place(d.Object)
	if !found || len(d.Path) > 0 || d.Theirs != nil {
		return nil
	}
	return key(adopt.Key, false, "services", name, "enabled")
}

// further: one more instance of a service.
func (k known) further(d adopt.Difference, s *adopt.Situation) *adopt.Answer {
	name, _, found := k.place(d.Object)
	if !found || len(d.Path) > 0 || d.Ours != nil {
		return nil
	}
	n := 0
	for object := range s.Theirs {
		if other, index, ok := k.place(object); ok && other == name {
			n = max(n, index+1)
		}
	}
	if n < 2 {
		return nil
	}
	return key(adopt.Key, n, "services", name, "replicas")
}

// overlay: a service of one of Sourcegraph's own override files.
func (k known) overlay(d adopt.Difference, s *adopt.Situation) *adopt.Answer {
	name, _, found := k.place(d.Object)
	if !found || len(d.Path) > 0 || d.Ours != nil {
		return nil
	}
	switch k.release.Services[name].Compose.Overlay {
	case catalogue.Jaeger:
		return key(adopt.Key, true, "tracing", "jaeger")
	case catalogue.Executors:
		return key(adopt.Key, map[string]any{}, "executors")
	}
	return nil
}

// size: most services have no limit of a kind. Those of the other kind are keys then.
func (k known) size(d adopt.Difference, s *adopt.Situation) *adopt.Answer {
	if len(d.Path) != 1 || d.Theirs != nil || d.Path[0] != "cpus" && d.Path[0] != "mem_limit" {
		return nil
	}
	services, unlimited := 0, 0
	for object, keys := range s.Theirs {
		if _, _, found := k.place(object); found {
			services++
			if keys[d.Path[0]] == nil {
				unlimited++
			}
		}
	}
	if unlimited*2 < services {
		return nil
	}
	return key(adopt.Key, "demo", "size")
}

// entries are maps of a Compose service that have the same entries in ours.
var entries = map[string]string{"environment": "env", "labels": "labels", "extra_hosts": "extraHosts", "sysctls": "sysctls"}

// said is the key of ours below a service, and its value, for a difference in a service; nil where there is none.
func (k known) said(home string, d adopt.Difference) (path []string, value any, files map[string][]byte) {
	if len(d.Path) == 0 || d.Theirs == nil {
		return nil, nil, nil
	}
	first := d.Path[0]
	switch {
	case first == "environment" && len(d.Path) == 2 && d.Path[1] == "TZ":
		return []string{"timezone"}, d.Theirs, nil
	case first == "environment" && len(d.Path) == 2:
		value, files = variable(home, d.Path[1], fmt.Sprint(d.Theirs))
		return []string{"env", d.Path[1]}, value, files
	case entries[first] != "" && len(d.Path) == 2:
		return []string{entries[first], d.Path[1]}, fmt.Sprint(d.Theirs), nil
	case first == "mem_limit":
		return []string{"memory"}, size(d.Theirs), nil
	case first == "cpus":
		return []string{"cpu"}, fmt.Sprint(d.Theirs), nil
	}
	return nil, nil, nil
}

// whole is said for keys of a service whose value is one: the difference may be deeper, and what counts is all of theirs.
func (k known) whole(d adopt.Difference, s *adopt.Situation) (path []string, value any) {
	if len(d.Path) == 0 {
		return nil, nil
	}
	theirs := s.Theirs[d.Object]
	switch d.Path[0] {
	case "logging":
		l, _ := theirs["logging"].(map[string]any)
		if l == nil {
			return nil, nil
		}
		return []string{"logging"}, without(l)
	case "dns", "dns_search", "dns_opt":
		dns := map[string]any{}
		for from, to := range map[string]string{"dns": "servers", "dns_search": "search", "dns_opt": "options"} {
			if list := listOf(theirs[from]); len(list) > 0 {
				dns[to] = list
			}
		}
		if len(dns) > 0 {
			return []string{"dns"}, dns
		}
	case "ulimits":
		if limit := mapOf(mapOf(theirs["ulimits"])[d.Path[min(1, len(d.Path)-1)]]); limit != nil {
			return []string{"ulimits", d.Path[1]}, without(limit)
		}
	case "networks":
		if len(d.Path) == 2 && d.Theirs == true {
			return []string{"networks"}, d.Path[1]
		}
	}
	return nil, nil
}

func listOf(v any) []any {
	var out []any
	switch v := v.(type) {
	case map[string]any:
		for _, name := range sorted(v) {
			out = append(out, name)
		}
	case []any:
		out = v
	}
	return out
}

// answer is the answer at a place of the config.
func (k known) answer(d adopt.Difference, s *adopt.Situation, home string, at ...string) *adopt.Answer {
	if path, value := k.whole(d, s); path != nil {
		e := adopt.Edit{Path: append(slices.Clone(at), path...), Value: value, Add: path[0] == "networks"}
		return &adopt.Answer{Fate: adopt.Key, Edits: []adopt.Edit{e}}
	}
	path, value, files := k.said(home, d)
	if path == nil {
		return nil
	}
	fate := adopt.Key
	if files != nil {
		fate = adopt.Secret
	}
	return &adopt.Answer{Fate: fate, Edits: []adopt.Edit{{Path: append(slices.Clone(at), path...), Value: value, File: files}}}
}

// all: the same difference in every service of the release that they run, and no limit.
func (k known) all(d adopt.Difference, s *adopt.Situation) *adopt.Answer {
	if _, _, found := k.place(d.Object); !found || len(d.Path) == 0 || d.Path[0] == "cpus" || d.Path[0] == "mem_limit" || d.Theirs == nil {
		return nil
	}
	services := 0
	for object := range s.Theirs {
		if _, _, ours := k.place(object); ours {
			services++
		}
	}
	same := 0
	for _, other := range s.Differences {
		if _, _, ours := k.place(other.Object); ours && slices.Equal(other.Path, d.Path) && fmt.Sprint(other.Theirs) == fmt.Sprint(d.Theirs) {
			same++
		}
	}
	if same < services || services < 3 {
		return nil
	}
	return k.answer(d, s, "all", "allServices")
}

// ofService: what a key of the service says.
func (k known) ofService(d adopt.Difference, s *adopt.Situation) *adopt.Answer {
	name, _, found := k.place(d.Object)
	if !found {
		return nil
	}
	return k.answer(d, s, name, "services", name)
}

// ofInstance: what a key of one instance says.
func (k known) ofInstance(d adopt.Difference, s *adopt.Situation) *adopt.Answer {
	name, index, found := k.place(d.Object)
	if !found {
		return nil
	}
	number := strconv.Itoa(index)
	return k.answer(d, s, name+"-"+number, "services", name, "instances", number)
}
