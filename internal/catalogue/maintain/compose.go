package maintain

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"berth/catalogue"
	"go.yaml.in/yaml/v4"
)

// composeFolder is the folder of the Compose file; it names other files relative to itself.
const composeFolder = "docker-compose"

// composeForm reduces the files of a tag of the Compose repository.
func composeForm(tree map[string][]byte, rules *rules) (*form, error) {
	main := path.Join(composeFolder, "docker-compose.yaml")
	file, err := parseComposeFile(tree, main)
	if err != nil {
		return nil, err
	}
	f := &form{services: map[string]catalogue.Service{}, images: map[string]string{}}
	reader := composeReader{form: f, rules: rules, shards: shards(file.Services)}
	for _, name := range sortedKeys(file.Services) {
		service, err := reader.service(name, file.Services[name])
		if err != nil {
			return nil, fmt.Errorf("%s: service %s: %w", main, name, err)
		}
		f.services[serviceName(name)] = catalogue.Service{Compose: service}
	}
	if err := readFiles(tree, f, rules); err != nil {
		return nil, err
	}
	return f, reader.readOverlays(tree)
}

type composeFile struct {
	Services map[string]map[string]any
	Volumes  map[string]any
}

func parseComposeFile(tree map[string][]byte, name string) (*composeFile, error) {
	var file composeFile
	if err := yaml.Load(tree[name], &file); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	for volume, options := range file.Volumes {
		if options != nil {
			return nil, fmt.Errorf("%s: volume %s has options, which the catalogue has no place for", name, volume)
		}
	}
	return &file, nil
}

// readOverlays reads the override files, docker-compose/FOLDER/*docker-compose.yaml: further services, and changes to others. The
// developers' folder is independent of them and no part of a release.
func (r *composeReader) readOverlays(tree map[string][]byte) error {
	for _, name := range sortedKeys(tree) {
		folder := path.Base(path.Dir(name))
		if path.Dir(path.Dir(name)) != composeFolder || !strings.HasSuffix(name, "docker-compose.yaml") || folder == "dev" {
			continue
		}
		file, err := parseComposeFile(tree, name)
		if err != nil {
			return err
		}
		for _, service := range sortedKeys(file.Services) {
			read, err := r.service(service, file.Services[service])
			if err != nil {
				return fmt.Errorf("%s: service %s: %w", name, service, err)
			}
			r.addOverlay(folder, serviceName(service), read)
		}
	}
	return nil
}

func (r *composeReader) addOverlay(overlay, service string, read *catalogue.ComposeService) {
	if read.Image != "" {
		read.Overlay = overlay
		r.form.services[service] = catalogue.Service{Compose: read}
		return
	}
	if r.form.overlays == nil {
		r.form.overlays = map[string]map[string]catalogue.ComposeService{}
	}
	if r.form.overlays[overlay] == nil {
		r.form.overlays[overlay] = map[string]catalogue.ComposeService{}
	}
	r.form.overlays[overlay][service] = *read
}

// composeReader reads services of a Compose file into a form.
type composeReader struct {
	form   *form
	rules  *rules
	shards []string // names of scalable services, without number
}

// serviceName is a Compose service's name without its shard number.
func serviceName(name string) string { return strings.TrimSuffix(name, "-0") }

func shards(services map[string]map[string]any) []string {
	var names []string
	for _, name := range sortedKeys(services) {
		if strings.HasSuffix(name, "-0") {
			names = append(names, serviceName(name))
		}
	}
	return names
}

// shardNumber matches the number in names that belong to a scalable service: gitserver-0, zoekt-0-shared.
func shardNumber() *regexp.Regexp { return regexp.MustCompile(`-0(-|:|\.|$)`) }

// numbered replaces the shard's number by "{i}", in texts of scalable services.
func numbered(text string, scalable bool) string {
	if !scalable {
		return text
	}
	return shardNumber().ReplaceAllString(text, "-"+catalogue.Shard+"$1")
}

func (r *composeReader) service(name string, keys map[string]any) (*catalogue.ComposeService, error) {
	scalable := strings.HasSuffix(name, "-0")
	s := &catalogue.ComposeService{}
	for _, key := range sortedKeys(keys) {
		value := unescape(keys[key])
		var err error
		switch key {
		case "image":
			s.Image, err = r.form.addImage(text(value))
		case "container_name":
			s.Container = numbered(text(value), scalable)
		case "hostname":
			s.Hostname = numbered(text(value), scalable)
		case "command":
			s.Command, err = texts(value)
		case "cpus":
			s.CPUs = text(value)
		case "mem_limit":
			s.Memory = text(value)
		case "environment":
			s.Env, err = r.env(value, scalable)
		case "ports":
			s.Ports, err = texts(value)
		case "expose":
			s.Expose, err = texts(value)
		case "volumes":
			s.Volumes, err = mounts(value, scalable)
		case "healthcheck":
			s.Health, err = health(value)
		case "depends_on":
			s.DependsOn, err = dependencies(value)
		case "restart":
			s.Restart = text(value)
		case "stop_grace_period":
			s.StopGrace = text(value)
		case "shm_size":
			s.ShmSize = text(value)
		case "pid":
			s.Pid = text(value)
		case "privileged":
			s.Privileged, _ = value.(bool)
		case "devices":
			s.Devices, err = texts(value)
		case "user":
			s.User = text(value)
		case "networks":
			if list, _ := texts(value); !slices.Equal(list, []string{"sourcegraph"}) {
				s.Other = with(s.Other, key, value)
			}
		default:
			s.Other = with(s.Other, key, value)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
	}
	return s, nil
}

func (r *composeReader) env(value any, scalable bool) (map[string]catalogue.Value, error) {
	env := map[string]catalogue.Value{}
	if pairs, ok := value.(map[string]any); ok {
		for name, value := range pairs {
			env[name] = r.value(name, text(value), scalable)
		}
		return env, nil
	}
	pairs, err := texts(value)
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = r.value(name, value, scalable)
	}
	return env, err
}

// value finds out whether a variable lists shards of other services.
func (r *composeReader) value(name, value string, scalable bool) catalogue.Value {
	if slices.Contains(r.rules.Env.Identity, name) {
		return catalogue.Value{Text: numbered(value, scalable)}
	}
	if slices.Contains(r.rules.Env.Single, name) {
		return catalogue.Value{Text: value}
	}
	var objects []json.RawMessage
	if json.Unmarshal([]byte(value), &objects) == nil && len(objects) > 0 {
		list := catalogue.Value{Join: "json"}
		for _, object := range objects {
			list.Items = append(list.Items, r.item(compact(object)))
		}
		return list
	}
	if len(r.item(value).Each) == 0 {
		return catalogue.Value{Text: value}
	}
	list := catalogue.Value{Join: " "}
	for address := range strings.FieldsSeq(value) {
		list.Items = append(list.Items, r.item(address))
	}
	return list
}

// item finds the shard that a text names, if it names one.
func (r *composeReader) item(value string) catalogue.Item {
	for _, service := range r.shards {
		name := regexp.MustCompile(`(^|[/"@ ])` + regexp.QuoteMeta(service) + `-0([:"/ ]|$)`)
		if name.MatchString(value) {
			// A JSON object may have a second name of the shard: {"Name":"frontend-0","Host":"sourcegraph-frontend-0:6060"}.
			number := regexp.MustCompile(`-0([:"/ ]|$)`)
			return catalogue.Item{Each: service, Text: number.ReplaceAllString(value, "-"+catalogue.Shard+"$1")}
		}
	}
	return catalogue.Item{Text: value}
}

func mounts(value any, scalable bool) (map[string]catalogue.Mount, error) {
	list, err := texts(value)
	if err != nil {
		return nil, err
	}
	all := map[string]catalogue.Mount{}
	for _, entry := range list {
		parts := strings.Split(entry, ":")
		if len(parts) < 2 || len(parts) > 3 || len(parts) == 3 && parts[2] != "ro" && parts[2] != "rw" {
			return nil, fmt.Errorf("%s is no SOURCE:PATH[:ro]", entry)
		}
		mount := catalogue.Mount{ReadOnly: len(parts) == 3 && parts[2] == "ro"}
		switch source := parts[0]; {
		case strings.HasPrefix(source, "/"):
			mount.Host = source
		case strings.HasPrefix(source, "."):
			mount.File = path.Join(composeFolder, source)
		default:
			mount.Volume = numbered(source, scalable)
		}
		all[parts[1]] = mount
	}
	return all, nil
}

func health(value any) (*catalogue.Health, error) {
	keys, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("is no map")
	}
	h := &catalogue.Health{}
	for key, value := range keys {
		switch key {
		case "test":
			h.Shell, h.Exec = healthTest(value)
		case "interval":
			h.Interval = text(value)
		case "timeout":
			h.Timeout = text(value)
		case "start_period":
			h.StartPeriod = text(value)
		case "retries":
			h.Retries, _ = strconv.Atoi(text(value))
		default:
			return nil, fmt.Errorf("has key %s, which the catalogue has no place for", key)
		}
	}
	return h, nil
}

func healthTest(value any) (shell string, exec []string) {
	list, ok := value.([]any)
	if !ok {
		return text(value), nil
	}
	words, _ := texts(list)
	if len(words) == 2 && words[0] == "CMD-SHELL" {
		return words[1], nil
	}
	return "", words[1:]
}

func dependencies(value any) (map[string]catalogue.Condition, error) {
	all := map[string]catalogue.Condition{}
	if list, ok := value.([]any); ok {
		for _, name := range list {
			all[serviceName(text(name))] = catalogue.Started
		}
		return all, nil
	}
	keys, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("is neither list nor map")
	}
	for name, how := range keys {
		how, _ := how.(map[string]any)
		all[serviceName(name)] = catalogue.Condition(text(how["condition"]))
	}
	return all, nil
}
