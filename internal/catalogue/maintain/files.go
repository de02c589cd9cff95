package maintain

import (
	"fmt"
	"path"
	"strings"

	"berth/catalogue"

	"go.yaml.in/yaml/v4"
)

// readFiles reads the files that services mount, and the alternatives beside them: the Caddyfile that the default Compose file mounts is in
// a folder of several.
func readFiles(tree map[string][]byte, f *form, rules *rules) error {
	for _, name := range mountedFiles(tree, f, rules) {
		if err := readFile(name, tree[name], f); err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
	return nil
}

// mountedFiles lists the files that services use, ordered.
func mountedFiles(tree map[string][]byte, f *form, rules *rules) []string {
	folders := map[string]bool{}
	for _, service := range f.services {
		for _, mount := range service.Compose.Volumes {
			if _, isFile := tree[mount.File]; isFile {
				folders[path.Dir(mount.File)] = true
			} else if mount.File != "" {
				folders[mount.File] = true
			}
		}
	}
	var names []string
	for _, name := range sortedKeys(tree) {
		for folder := path.Dir(name); folder != "."; folder = path.Dir(folder) {
			if folders[folder] {
				if !rules.leavesOut(name) {
					names = append(names, name)
				}
				break
			}
		}
	}
	return names
}

func readFile(name string, content []byte, f *form) error {
	switch {
	case name == catalogue.PrometheusTargetsFile:
		return readTargets(content, f)
	case path.Ext(name) == ".conf":
		if f.files.Postgres == nil {
			f.files.Postgres = map[string]map[string]string{}
		}
		service, _, _ := strings.Cut(name, "/")
		f.files.Postgres[service] = catalogue.ReadPostgresConf(content)
	case path.Ext(name) == ".Caddyfile":
		if f.files.Caddyfiles == nil {
			f.files.Caddyfiles = map[string][]string{}
		}
		f.files.Caddyfiles[name] = directives(content)
	case path.Ext(name) == ".yaml" || path.Ext(name) == ".yml":
		var value any
		if err := yaml.Load(content, &value); err != nil {
			return err
		}
		if f.files.YAML == nil {
			f.files.YAML = map[string]any{}
		}
		f.files.YAML[name] = value
	default:
		return fmt.Errorf("its format is not known; catalogue/%s can leave it out", catalogue.RulesFile)
	}
	return nil
}

func readTargets(content []byte, f *form) error {
	var groups []struct {
		Labels  map[string]string
		Targets []string
	}
	if err := yaml.Load(content, &groups, yaml.WithKnownFields()); err != nil {
		return err
	}
	reader := composeReader{}
	for name, service := range f.services {
		if service.Compose.Scalable() {
			reader.shards = append(reader.shards, name)
		}
	}
	for _, group := range groups {
		job := catalogue.ScrapeJob{Job: group.Labels["job"]}
		delete(group.Labels, "job")
		if len(group.Labels) > 0 {
			job.Labels = group.Labels
		}
		for _, target := range group.Targets {
			job.Targets = append(job.Targets, reader.item(target))
		}
		f.files.PrometheusTargets = append(f.files.PrometheusTargets, job)
	}
	return nil
}

// directives removes comments, blank lines and tabs at the beginnings of lines from a Caddyfile.
func directives(content []byte) []string {
	var lines []string
	for line := range strings.Lines(string(content)) {
		line = strings.TrimRight(line, " \t\r\n")
		trimmed := strings.TrimLeft(line, " \t")
		if comment := strings.Index(trimmed, " #"); comment > 0 {
			trimmed = strings.TrimRight(trimmed[:comment], " \t")
		}
		if trimmed == "" || trimmed[0] == '#' {
			continue
		}
		depth := strings.Count(line[:strings.Index(line, trimmed)], "\t")
		lines = append(lines, strings.Repeat("  ", depth)+trimmed)
	}
	return lines
}
