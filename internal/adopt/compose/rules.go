package compose

import (
	"strconv"
	"strings"

	"berth/catalogue"
	"berth/internal/adopt"
)

// Rules are the rules for Compose projects of a release, the most telling first: what a key says for all services, for one, for one instance, and
// at last a patch. fork is where files of theirs are.
func Rules(release *catalogue.Release, fork string) []adopt.Rule {
	k := known{release: release, fork: fork}
	return []adopt.Rule{
		{Name: "no container", Answer: k.missing},
		{Name: "further instance", Answer: k.further},
		{Name: "overlay", Answer: k.overlay},
		{Name: "own container", Answer: k.own},
		{Name: "not managed", Answer: k.alone},
		{Name: "size", Answer: k.size},
		{Name: "all services", Answer: k.all},
		{Name: "password", Answer: k.password},
		{Name: "port", Answer: k.port},
		{Name: "own database", Answer: k.database},
		{Name: "own bucket", Answer: k.bucket},
		{Name: "service", Answer: k.ofService},
		{Name: "instance", Answer: k.ofInstance},
		{Name: "volume", Answer: k.volume},
		{Name: "mount", Answer: k.mount},
		{Name: "file", Answer: k.file},
		{Name: "image", Answer: k.image},
		{Name: "name", Answer: k.name},
		{Name: "patch", Last: true, Answer: k.patch},
		{Name: "patch of the project", Last: true, Answer: k.projectPatch},
	}
}

// known is what the rules know.
type known struct {
	release *catalogue.Release
	fork    string
}

// place is the service and the number of a service of the Compose file.
func (k known) place(object string) (name string, index int, found bool) {
	instance, ok := strings.CutPrefix(object, service)
	if !ok {
		return "", 0, false
	}
	if s := k.release.Services[instance]; s.Compose != nil {
		return instance, 0, true
	}
	i := strings.LastIndexByte(instance, '-')
	if i < 0 {
		return "", 0, false
	}
	n, err := strconv.Atoi(instance[i+1:])
	if s := k.release.Services[instance[:i]]; err != nil || s.Compose == nil || !s.Compose.Scalable() {
		return "", 0, false
	}
	return instance[:i], n, true
}

func key(fate adopt.Fate, value any, path ...string) *adopt.Answer {
	return &adopt.Answer{Fate: fate, Edits: []adopt.Edit{{Path: path, Value: value}}}
}
