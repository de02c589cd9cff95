package compose

import (
	"fmt"
	"slices"
	"strings"

	"berth/internal/adopt"
	"berth/internal/secret"
)

// ownKeys are the keys of a Compose service that containers.NAME says.
var ownKeys = []string{"image", "command", "entrypoint", "environment", "volumes", "ports", "expose", "healthcheck", "cpus", "mem_limit", "user", "labels", "depends_on",
	"container_name", "networks", "restart"}

// own: a container of their own, as far as containers.NAME says all of it.
func (k known) own(d adopt.Difference, s *adopt.Situation) *adopt.Answer {
	name, isService := strings.CutPrefix(d.Object, service)
	theirs, _ := d.Theirs.(map[string]any)
	if !isService || len(d.Path) > 0 || theirs == nil || d.Ours != nil {
		return nil
	}
	c := map[string]any{"image": theirs["image"]}
	for key, v := range theirs {
		if !slices.Contains(ownKeys, key) {
			return nil
		}
		switch key {
		case "command", "entrypoint":
			c[key] = v
		case "user":
			c[key] = v
		case "labels":
			c[key] = v
		case "cpus":
			c["cpu"] = v
		case "mem_limit":
			c["memory"] = size(v)
		case "ports", "volumes", "healthcheck", "depends_on":
			if m, ok := v.(map[string]any); !ok || len(m) > 0 {
				return nil // not in this form: left alone
			}
		case "restart":
			if v != "always" {
				return nil
			}
		}
	}
	a := &adopt.Answer{Fate: adopt.Key}
	env, files := values("containers-"+name, theirs["environment"])
	if len(env) > 0 {
		c["env"] = env
	}
	a.Edits = []adopt.Edit{{Path: []string{"containers", name}, Value: c, File: files}}
	return a
}

// values are variables as a config writes them: those that look like secrets in files.
func values(home string, environment any) (map[string]any, map[string][]byte) {
	out, files := map[string]any{}, map[string][]byte{}
	all, _ := environment.(map[string]any)
	for name, v := range all {
		value, more := variable(home, name, fmt.Sprint(v))
		out[name] = value
		for path, content := range more {
			files[path] = content
		}
	}
	return out, files
}

// variable is the value of a variable as a config writes it, and the file with it where it is a secret.
func variable(home, name, value string) (any, map[string][]byte) {
	if _, is := secret.Looks(name, value); !is {
		return value, nil
	}
	file := "secrets/" + home + "-" + strings.ToLower(strings.ReplaceAll(name, "_", "-"))
	return map[string]any{"file": file}, map[string][]byte{file: []byte(value + "\n")}
}

// alone: a container of their own, or a network or a volume that only such containers use. berth does not touch it.
func (k known) alone(d adopt.Difference, s *adopt.Situation) *adopt.Answer {
	if len(d.Path) > 0 || d.Ours != nil || d.Theirs == nil {
		return nil
	}
	if strings.HasPrefix(d.Object, service) {
		return &adopt.Answer{Fate: adopt.Alone, Whole: true, Why: "no service of the release; it keeps running, and your own Compose file still starts it"}
	}
	return nil
}
