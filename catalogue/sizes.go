package catalogue

import "slices"

// Sizing says how large Sourcegraph has to be, as sizes.yaml has it.
type Sizing struct {
	Trial struct {
		People       int `yaml:"people"`
		Repositories int `yaml:"repositories"`
	} `yaml:"trial"`
	Source string             `yaml:"source"`
	Disk   map[string]float64 `yaml:"disk"` // of each GB of repositories, by service
	Sizes  []Size             `yaml:"sizes"`
}

// Size is one of Sourcegraph's instance sizes.
type Size struct {
	Name         string          `yaml:"name"`
	People       int             `yaml:"people"`       // up to how many it is for
	Repositories int             `yaml:"repositories"` // the same
	Cores        int             `yaml:"cores"`        // of the machine, or of all nodes together
	Memory       int             `yaml:"memory"`       // GB, of the same
	Services     map[string]Need `yaml:"services"`
}

// Need is what an instance of a service needs, and how many instances there are in a cluster; 0: it follows from something else.
type Need struct {
	CPU      int `yaml:"cpu"`    // cores
	Memory   int `yaml:"memory"` // GiB
	Replicas int `yaml:"replicas"`
	Storage  int `yaml:"storage"` // GiB, of its volume; on one machine the disk of all is what counts
	// What a node has to have free for an instance, in cores and GiB: only a cluster asks. Sizes by name say nothing of it, estimates do.
	CPURequest    int `yaml:"-"`
	MemoryRequest int `yaml:"-"`
}

// sizesFile is the catalogue's file with the sizes.
const sizesFile = "sizes.yaml"

// Sizing is what is known of sizes.
func (c *Catalogue) Sizing() *Sizing { return must(read[Sizing](c.fsys, sizesFile)) }

// For is the size for so many people and repositories: the smallest that is enough for both. beyond says that none is, and gives the largest.
func (s *Sizing) For(people, repositories int) (size Size, beyond bool) {
	i := slices.IndexFunc(s.Sizes, func(z Size) bool { return people <= z.People && repositories <= z.Repositories })
	if i < 0 {
		return s.Sizes[len(s.Sizes)-1], true
	}
	return s.Sizes[i], false
}

// IsTrial reports whether so many people and repositories need no limits.
func (s *Sizing) IsTrial(people, repositories int) bool {
	return people <= s.Trial.People && repositories <= s.Trial.Repositories
}

// On is a need on a target. One machine has one instance of a service, which is as large as all of them.
func (n Need) On(t Target) Need {
	if t == Kubernetes || n.Replicas < 2 {
		return n
	}
	return Need{CPU: n.CPU * n.Replicas, Memory: n.Memory * n.Replicas}
}
