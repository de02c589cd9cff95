package maintain

import (
	"fmt"
	"io/fs"
	"path"

	"berth/catalogue"
	"go.yaml.in/yaml/v4"
)

// rules is catalogue/import.yaml: how to read the repositories where names are not enough.
type rules struct {
	LeaveOut []string `yaml:"leaveOut"`
	Env      struct {
		Single   []string `yaml:"single"`
		Identity []string `yaml:"identity"`
	} `yaml:"env"`
	Workloads  map[string]string `yaml:"workloads"`
	Containers map[string]string `yaml:"containers"`
}

func readRules(fsys fs.FS) (*rules, error) {
	content, err := fs.ReadFile(fsys, catalogue.RulesFile)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", catalogue.RulesFile, err)
	}
	var r rules
	if err := yaml.Load(content, &r, yaml.WithKnownFields()); err != nil {
		return nil, fmt.Errorf("read %s: %w", catalogue.RulesFile, err)
	}
	return &r, nil
}

// leavesOut reports whether a file is left out.
func (r *rules) leavesOut(file string) bool {
	for _, pattern := range r.LeaveOut {
		whole, _ := path.Match(pattern, file)
		base, _ := path.Match(pattern, path.Base(file))
		if whole || base {
			return true
		}
	}
	return false
}

// form has the facts of one target's tag. Images are references by name.
type form struct {
	services map[string]catalogue.Service
	overlays map[string]map[string]catalogue.ComposeService
	files    catalogue.Files
	objects  map[string]any
	// objectOverlays is as in catalogue.Release.
	objectOverlays map[string]map[string]any
	images         map[string]string
}

// addImage records a reference under the image's name and returns the name.
func (f *form) addImage(reference string) (string, error) {
	repository, err := repositoryOf(reference)
	if err != nil {
		return "", err
	}
	name := path.Base(repository)
	if before, ok := f.images[name]; ok && before != reference {
		return "", fmt.Errorf("image %s stands for both %s and %s", name, before, reference)
	}
	f.images[name] = reference
	return name, nil
}
