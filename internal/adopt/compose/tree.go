// Package compose reads Compose projects for package adopt: those that somebody else wrote, and those that berth renders. Both become the same
// objects, by Compose's own code.
//
// One package because both sides, and the rules between them, share one form of a service; a container that runs has it, too.
package compose

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"berth/internal/adopt"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/sirupsen/logrus"
)

// Kinds of objects, which begin their names.
const (
	service = "service "
	volume  = "volume "
	network = "network "
	file    = "file "
	project = "project"
)

// Source is a Compose project of theirs.
type Source struct {
	Dir   string   // of the Compose files, absolute; "" where containers don't say it
	Root  string   // of the fork: the folder above, where the Compose file mounts ../prometheus and the like
	Files []string // the Compose files, absolute, in order
	Name  string   // of the project

	Objects adopt.Objects
	Images  map[string]string // by service
	Tagged  []string          // services whose image is named without its digest
	Guessed bool              // nothing of theirs says the address that people use
	Notes   []string          // for the report
	Gone    []Gone            // what containers mount and the host has no more

	seen *Seen // where it was read from; nil: from files
}

// Options say which project is read.
type Options struct {
	Dir      string            // where docker compose runs
	Files    []string          // as given with -f; none: as Compose finds them
	Profiles []string          // as given with --profile
	Name     string            // as given with --project-name
	Env      map[string]string // of the shell
	EnvFiles []string          // as given with --env-file
}

// Open reads a project as docker compose does: override files, .env, profiles, extends and includes.
func Open(ctx context.Context, o Options) (*Source, error) {
	var env []string
	for name, value := range o.Env {
		env = append(env, name+"="+value)
	}
	options, err := cli.NewProjectOptions(o.Files,
		cli.WithWorkingDirectory(o.Dir), cli.WithEnv(env), cli.WithEnvFiles(o.EnvFiles...), cli.WithDotEnv, cli.WithConfigFileEnv, cli.WithDefaultConfigPath,
		cli.WithEnvFiles(o.EnvFiles...), cli.WithDotEnv, cli.WithDefaultProfiles(o.Profiles...), cli.WithName(o.Name), cli.WithResolvedPaths(true))
	if err != nil {
		return nil, err
	}
	logrus.SetOutput(io.Discard) // Compose's code writes its warnings there by itself
	p, err := options.LoadProject(ctx)
	if err != nil {
		return nil, err
	}
	s := &Source{Dir: p.WorkingDir, Root: filepath.Dir(p.WorkingDir), Files: p.ComposeFiles, Name: p.Name, Images: map[string]string{}}
	if _, err := os.Stat(filepath.Join(p.WorkingDir, "prometheus")); err == nil {
		s.Root = p.WorkingDir // the files were moved beside the Compose file
	}
	for name, from := range p.Services {
		s.Images[name] = from.Image
	}
	s.Objects, _, err = objects(p, s.Root)
	return s, err
}

// ofRendered reads a project that berth rendered. values are those of its .env file; forked are the files that it mounts from the fork.
func ofRendered(name string, text []byte, values map[string]string, root string) (out adopt.Objects, forked map[string]bool, err error) {
	p, err := loader.LoadWithContext(context.Background(), types.ConfigDetails{WorkingDir: berthFolder, Environment: values,
		ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(berthFolder, "docker-compose.yaml"), Content: text}}},
		func(o *loader.Options) {
			o.SkipValidation, o.SkipInclude, o.SkipExtends = true, true, true // package spec has looked at it
			o.SetProjectName(name, true)
		})
	if err != nil {
		return nil, nil, err
	}
	return objects(p, root)
}

// berthFolder stands for the folder of a project that is only rendered.
const berthFolder = "/berth-project"

// objects are a project as objects. Paths below root, and below the rendered project's folder, are relative.
func objects(p *types.Project, root string) (adopt.Objects, map[string]bool, error) {
	text, err := p.MarshalJSON()
	if err != nil {
		return nil, nil, err
	}
	var all struct {
		Services map[string]map[string]any
		Networks map[string]map[string]any
		Volumes  map[string]map[string]any
		Secrets  map[string]map[string]any
		Configs  map[string]map[string]any
	}
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, nil, err
	}
	out := adopt.Objects{}
	r := reader{root: root, volumes: map[string]string{}, networks: map[string]string{}, forked: map[string]bool{}}
	for key, v := range all.Volumes {
		r.volumes[key] = engineName(p.Name, key, v)
	}
	for key, v := range all.Networks {
		r.networks[key] = engineName(p.Name, key, v)
	}
	used := map[string]bool{}
	for name, keys := range all.Services {
		s := r.service(name, keys)
		out[service+name] = s
		for _, m := range mapsIn(s["volumes"]) {
			if from, ok := strings.CutPrefix(fmt.Sprint(m["source"]), volumePrefix); ok {
				used[from] = true
			}
		}
	}
	for key, v := range all.Volumes {
		if used[r.volumes[key]] {
			out[volume+r.volumes[key]] = without(v, "name", "external")
		}
	}
	for key, v := range all.Networks {
		out[network+r.networks[key]] = without(v, "name", "external", "labels", "ipam", "enable_ipv4")
		if ipam, _ := v["ipam"].(map[string]any); len(ipam) > 0 {
			out[network+r.networks[key]]["ipam"] = ipam
		}
	}
	for kind, named := range map[string]map[string]map[string]any{"secret ": all.Secrets, "config ": all.Configs} {
		for key, v := range named {
			if v["environment"] == nil {
				out[kind+key] = without(v, "name")
			}
		}
	}
	out[project] = map[string]any{"name": p.Name}
	return out, r.forked, nil
}

func without(m map[string]any, keys ...string) map[string]any {
	out := map[string]any{}
	for key, value := range m {
		if !slices.Contains(keys, key) && value != nil {
			out[key] = value
		}
	}
	return out
}

// engineName is what the engine calls a volume or a network.
func engineName(project, key string, v map[string]any) string {
	if name, ok := v["name"].(string); ok && name != "" {
		return name
	}
	return project + "_" + key
}

func mapsIn(v any) map[string]map[string]any {
	out := map[string]map[string]any{}
	all, _ := v.(map[string]any)
	for key, value := range all {
		if m, ok := value.(map[string]any); ok {
			out[key] = m
		}
	}
	return out
}

// reader brings services into one form.
type reader struct {
	root              string
	volumes, networks map[string]string // the engine's names by the project's
	forked            map[string]bool   // paths that are mounted from the fork, and not from the rendered project
}

const volumePrefix = "volume:"

// ignored are keys of a service that say nothing of its container, and berth's own labels.
var ignored = []string{"build", "pull_policy", "profiles", "platform", "annotations_file"}

func (r *reader) service(name string, keys map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range keys {
		switch {
		case value == nil || slices.Contains(ignored, key):
			continue
		}
		switch key {
		case "container_name", "user", "hostname", "restart", "pid", "stop_grace_period":
			out[key] = value
		case "image":
			out[key] = reference(fmt.Sprint(value))
		case "volumes":
			out[key] = r.mounts(value)
		case "ports":
			out[key] = ports(value)
		case "expose", "devices", "cap_add", "cap_drop", "dns", "dns_search", "security_opt", "group_add", "tmpfs":
			out[key] = set(value)
		case "networks":
			out[key] = r.joined(value)
		case "secrets", "configs":
			out[key] = byTarget(value)
		case "labels":
			labels, _ := value.(map[string]any)
			mine := map[string]any{}
			for label, v := range labels {
				if !strings.HasPrefix(label, "dev.berth.") {
					mine[label] = v
				}
			}
			out[key] = mine
		case "deploy":
			r.deploy(out, value)
		case "mem_limit", "memswap_limit", "mem_reservation", "shm_size":
			out[key] = fmt.Sprint(value)
		case "cpus":
			out[key] = fmt.Sprint(value)
		case "depends_on":
			out[key] = dependencies(value)
		case "extra_hosts":
			out[key] = hosts(value)
		case "environment":
			out[key] = variables(value)
		case "ulimits":
			out[key] = ulimits(value)
		default:
			out[key] = value
		}
	}
	return out
}

// reference is an image without the name of Docker's own registry, which may be left out.
func reference(image string) string {
	for _, own := range []string{"index.docker.io/", "docker.io/", "registry-1.docker.io/"} {
		image = strings.TrimPrefix(image, own)
	}
	return strings.TrimPrefix(image, "library/")
}

// deploy are limits that the newer form of Compose files writes elsewhere.
func (r *reader) deploy(out map[string]any, value any) {
	d, _ := value.(map[string]any)
	resources, _ := d["resources"].(map[string]any)
	limits, _ := resources["limits"].(map[string]any)
	if v, ok := limits["cpus"]; ok {
		out["cpus"] = fmt.Sprint(v)
	}
	if v, ok := limits["memory"]; ok {
		out["mem_limit"] = fmt.Sprint(v)
	}
	rest := without(d, "resources", "placement")
	if others := without(resources, "limits"); len(others) > 0 {
		rest["resources"] = others
	}
	if len(rest) > 0 {
		out["deploy"] = rest
	}
}

func (r *reader) mounts(value any) map[string]any {
	out := map[string]any{}
	list, _ := value.([]any)
	for _, item := range list {
		m, _ := item.(map[string]any)
		target := filepath.Clean(fmt.Sprint(m["target"]))
		mount := without(m, "target", "source", "type", "bind", "volume")
		switch m["type"] {
		case "volume":
			if source, _ := m["source"].(string); source != "" {
				mount["source"] = volumePrefix + r.volumes[source]
			} else {
				mount["source"] = "anonymous"
			}
		default:
			mount["source"] = r.path(fmt.Sprint(m["source"]))
			if m["type"] != "bind" {
				mount["type"] = m["type"]
			}
		}
		if bind, _ := m["bind"].(map[string]any); bind != nil {
			for key, v := range without(bind, "create_host_path") {
				mount[key] = v
			}
		}
		out[target] = mount
	}
	return out
}

// path is a path of the host. One in the fork or in berth's own folder is relative to it.
func (r *reader) path(source string) string {
	source = filepath.Clean(source)
	if rest, ok := strings.CutPrefix(source, berthFolder+"/"); ok {
		r.forked[rest] = false
		return file + rest
	}
	if rest, ok := strings.CutPrefix(source, r.root+"/"); ok && r.root != "" {
		if _, known := r.forked[rest]; !known {
			r.forked[rest] = true
		}
		return file + rest
	}
	return source
}

func ports(value any) map[string]any {
	out := map[string]any{}
	list, _ := value.([]any)
	for _, item := range list {
		m, _ := item.(map[string]any)
		text := func(key string) string {
			if m[key] == nil {
				return ""
			}
			return fmt.Sprint(m[key])
		}
		host, protocol := text("host_ip"), text("protocol")
		if host == "" {
			host = "0.0.0.0"
		}
		if protocol == "" {
			protocol = "tcp"
		}
		out[host+":"+text("published")+":"+text("target")+"/"+protocol] = true
	}
	return out
}

func set(value any) map[string]any {
	out := map[string]any{}
	if text, ok := value.(string); ok {
		return map[string]any{text: true}
	}
	list, _ := value.([]any)
	for _, item := range list {
		switch v := item.(type) {
		case map[string]any:
			if v["source"] != nil {
				out[fmt.Sprint(v["source"])+":"+fmt.Sprint(v["target"])] = true
				continue
			}
			text, _ := json.Marshal(v)
			out[string(text)] = true
		default:
			out[fmt.Sprint(v)] = true
		}
	}
	return out
}

func (r *reader) joined(value any) map[string]any {
	out := map[string]any{}
	all, _ := value.(map[string]any)
	for key, options := range all {
		name := r.networks[key]
		if name == "" {
			name = key
		}
		if options == nil {
			options = true
		}
		out[name] = options
	}
	return out
}

func byTarget(value any) map[string]any {
	out := map[string]any{}
	list, _ := value.([]any)
	for _, item := range list {
		m, _ := item.(map[string]any)
		target := m["target"]
		if target == nil {
			target = m["source"]
		}
		out[fmt.Sprint(target)] = without(m, "target")
	}
	return out
}

func dependencies(value any) map[string]any {
	out := map[string]any{}
	all, _ := value.(map[string]any)
	for name, v := range all {
		m, _ := v.(map[string]any)
		d := without(m, "required", "restart")
		if m["required"] == false {
			d["required"] = false
		}
		if m["restart"] == true {
			d["restart"] = true
		}
		out[name] = d
	}
	return out
}

func hosts(value any) map[string]any {
	out := map[string]any{}
	if list, ok := value.([]any); ok {
		for _, item := range list {
			name, address, found := strings.Cut(fmt.Sprint(item), "=")
			if !found {
				name, address, _ = strings.Cut(fmt.Sprint(item), ":")
			}
			out[name] = address
		}
		return out
	}
	all, _ := value.(map[string]any)
	for name, v := range all {
		switch v := v.(type) {
		case []any:
			if len(v) == 1 {
				out[name] = fmt.Sprint(v[0])
				continue
			}
			out[name] = fmt.Sprint(v)
		default:
			out[name] = fmt.Sprint(v)
		}
	}
	return out
}

func sorted[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for key := range m {
		out = append(out, key)
	}
	slices.Sort(out)
	return out
}

// variables are those of a service. JSON in them is in one form: how it is spaced means nothing to its reader.
func variables(value any) map[string]any {
	out := map[string]any{}
	all, _ := value.(map[string]any)
	for name, v := range all {
		text := ""
		if v != nil {
			text = fmt.Sprint(v)
		}
		out[name] = compact(text)
	}
	return out
}

// compact is a variable's value; JSON without spaces.
func compact(text string) string {
	plain := strings.TrimSpace(text)
	if !strings.HasPrefix(plain, "[") && !strings.HasPrefix(plain, "{") {
		return text
	}
	var v any
	if json.Unmarshal([]byte(plain), &v) != nil {
		return text
	}
	compact, err := json.Marshal(v)
	if err != nil {
		return text
	}
	return string(compact)
}
