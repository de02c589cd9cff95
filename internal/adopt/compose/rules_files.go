package compose

import (
	"fmt"
	"strconv"
	"strings"

	"berth/internal/adopt"
)

// volume: the data of a service is elsewhere.
func (k known) volume(d adopt.Difference, s *adopt.Situation) *adopt.Answer {
	name, index, found := k.place(d.Object)
	if !found || len(d.Path) < 2 || d.Path[0] != "volumes" || d.Path[len(d.Path)-1] != "source" && len(d.Path) != 2 {
		return nil
	}
	data := false
	for at, m := range k.release.Services[name].Compose.Volumes {
		data = data || strings.TrimSuffix(at, "/") == d.Path[1] && m.Volume != ""
	}
	theirs := mapOf(mapOf(s.Theirs[d.Object]["volumes"])[d.Path[1]])
	source, _ := theirs["source"].(string)
	if !data || source == "" {
		return nil
	}
	at := []string{"services", name, "volume"}
	if k.release.Services[name].Compose.Scalable() {
		at = []string{"services", name, "instances", strconv.Itoa(index), "volume"}
	}
	v := map[string]any{"holdsData": true}
	if volume, named := strings.CutPrefix(source, volumePrefix); named {
		v["name"] = volume
	} else {
		v["path"] = k.host(source)
	}
	return &adopt.Answer{Fate: adopt.Key, Edits: []adopt.Edit{{Path: at, Value: v}}}
}

// host is a path of the host again.
func (k known) host(source string) string {
	if rest, ok := strings.CutPrefix(source, file); ok {
		return k.fork + "/" + rest
	}
	return source
}

// mount: a further file, folder or volume in a container.
func (k known) mount(d adopt.Difference, s *adopt.Situation) *adopt.Answer {
	name, index, found := k.place(d.Object)
	if !found || len(d.Path) < 2 || d.Path[0] != "volumes" {
		return nil
	}
	theirs := mapOf(mapOf(s.Theirs[d.Object]["volumes"])[d.Path[1]])
	source, _ := theirs["source"].(string)
	if source == "" || source == "anonymous" || theirs["type"] != nil {
		return nil
	}
	m := map[string]any{"at": d.Path[1]}
	if volume, named := strings.CutPrefix(source, volumePrefix); named {
		m["volume"] = volume
	} else {
		m["path"] = k.host(source)
	}
	if theirs["read_only"] == true {
		m["readOnly"] = true
	}
	if label := theirs["selinux"]; label != nil {
		m["selinux"] = label
	}
	at := []string{"services", name, "mounts"}
	if k.release.Services[name].Compose.Scalable() && instances(s.Theirs, k, name) > 1 {
		at = []string{"services", name, "instances", strconv.Itoa(index), "mounts"}
	}
	return &adopt.Answer{Fate: adopt.Key, Edits: []adopt.Edit{{Path: at, Value: m, Add: true}}}
}

func instances(o adopt.Objects, k known, name string) int {
	n := 0
	for object := range o {
		if other, _, ok := k.place(object); ok && other == name {
			n++
		}
	}
	return n
}

// file: a settings file that they changed.
func (k known) file(d adopt.Difference, s *adopt.Situation) *adopt.Answer {
	name, isFile := strings.CutPrefix(d.Object, file)
	if !isFile {
		return nil
	}
	if db, rest, ok := strings.Cut(name, "/conf/"); ok && rest == "postgresql.conf" && len(d.Path) == 2 && d.Path[0] == "settings" && d.Theirs != nil {
		return key(adopt.Key, fmt.Sprint(d.Theirs), "databases", db, "settings", d.Path[1])
	}
	// Whatever mounts it goes on mounting theirs.
	a := &adopt.Answer{Fate: adopt.Patch, Why: "the file stays in use where it is"}
	for object, theirs := range s.Theirs {
		if _, _, found := k.place(object); !found {
			continue
		}
		for at, m := range mapsIn(theirs["volumes"]) {
			mounted, ok := strings.CutPrefix(fmt.Sprint(m["source"]), file)
			if !ok || mounted != name && !strings.HasPrefix(name, mounted+"/") {
				continue
			}
			text := k.fork + "/" + mounted + ":" + at
			if m["read_only"] == true {
				text += ":ro"
			}
			a.Edits = append(a.Edits, patchOf(strings.TrimPrefix(object, service), "volumes", []any{text}))
		}
	}
	if len(a.Edits) == 0 {
		return nil
	}
	return a
}
