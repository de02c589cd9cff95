// Package contract has what each of Sourcegraph's images promises to a deployment, and what it needs from it: contract.yaml, with the source of
// each fact. The stand-ins refuse to start without the variables that they need, so that a deployment that forgets one fails here.
// Package verify holds images against all of it.
package contract

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"

	"go.yaml.in/yaml/v4"

	"berth/testbed/internal/release"
)

//go:embed contract.yaml
var text []byte

// Contract is contract.yaml.
type Contract struct {
	Sources  map[string]string // where facts are from, by the short names that are used below
	Kinds    map[string]string // the source of each kind of promise, unless the promise names another
	Services []Service
	Optional []Need // variables that have to be right when they are set
	Refusals []Refusal
}

// Releases are those from one minor up to and not including another; an empty bound is none.
type Releases struct{ From, To string }

// Service is one container of a deployment and what its image promises.
type Service struct {
	Name      string
	Role      string // what the stand-in calls it; the name, unless it is set
	Images    []Image
	Releases  `yaml:",inline"`
	After     []string // what has to be healthy, or at its end, before it starts
	Hostname  string   // of its container
	Args      []string
	Env       map[string]string // what the deployment gives it
	ImageEnv  []Variable        `yaml:"image_env"` // what the image has itself
	Files     map[string]string // files that the deployment puts into it
	Mounts    []string          // folders of the host
	Needs     []Need
	Privilege bool              `yaml:"privileged"`
	UID       string            // user and group of its processes, as numbers
	Ports     []int             // TCP ports that it listens on
	Folders   map[string]string `yaml:"directories"` // folders that the image has, and their user and group
	Health    *Health
	Log       []string          // what its log has once it is healthy
	Exit      *Exit             // how it ends, of one that does
	Stop      *int              // exit code when it is asked to end
	Sources   map[string]string `yaml:"sources"` // sources of kinds of promises, where they differ
}

// Image is the name of an image below the registry, and its tag where that is not the release.
type Image struct {
	Name, Tag string
	Releases  `yaml:",inline"`
}

// Variable is one that an image sets.
type Variable struct {
	Name, Value, Source string
	Releases            `yaml:",inline"`
}

// Need is a variable that a service does not start without.
type Need struct {
	Name     string // with | between names of which one is enough
	Form     string // what its value has to be: one of forms
	Releases `yaml:",inline"`
	// Found is true when Kubernetes has a default for it: there, services are found by the API or by fixed names.
	Found bool
}

// Names are those of which one is enough.
func (n Need) Names() []string { return strings.Split(n.Name, "|") }

// Health is how a service says that it is healthy: 200 for a request, or a command with exit code 0.
type Health struct {
	Port    int
	Path    string
	Command string
}

// Exit is the exit code of a task.
type Exit struct {
	Code   int
	Source string
}

// Refusal is a situation and what comes of it. A code of 0 means that it has to pass.
type Refusal struct {
	Name, Service string
	Releases      `yaml:",inline"`
	// SkipsFirstMinor is true for what does not hold of the first minor of a major.
	SkipsFirstMinor bool     `yaml:"skips_first_minor"`
	SQL, Undo       []string // on pgsql, before and after
	Env             map[string]string
	Args            []string // instead of the service's
	Code            int
	Says            string // what the log has
	Source          string
}

// Load gives the contract.
var Load = sync.OnceValue(func() *Contract {
	c, err := Parse(text)
	if err != nil {
		panic(err) // a test reads it
	}
	return c
})

// Parse reads a contract and refuses what it has no place for.
func Parse(text []byte) (*Contract, error) {
	c := &Contract{}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(c); err != nil {
		return nil, fmt.Errorf("contract.yaml: %w", err)
	}
	return c, nil
}

// Version names the content of contract.yaml: results of two versions are not of the same promises.
func Version() string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}

// Has says whether a release is one of them.
func (r Releases) Has(at release.Minor) bool { return at.In(r.From, r.To) }

// Image is the image of a service at a release.
func (s Service) Image(at release.Minor) (Image, bool) {
	for _, i := range s.Images {
		if i.Has(at) {
			return i, true
		}
	}
	return Image{}, false
}

// Source is where a kind of promise of a service is from.
func (c *Contract) Source(s Service, kind string) string {
	if v := s.Sources[kind]; v != "" {
		return v
	}
	return c.Kinds[kind]
}

// At are the services of a release, those that others wait for first.
func (c *Contract) At(at release.Minor) []Service {
	var out []Service
	for _, s := range c.Services {
		if s.Has(at) {
			out = append(out, s)
		}
	}
	return out
}

// needs are the variables that a role needs at a release.
func (c *Contract) needs(role string, at release.Minor) []Need {
	for _, s := range c.Services {
		if s.Role == role || s.Role == "" && s.Name == role {
			return s.NeedsAt(at)
		}
	}
	return nil
}

// NeedsAt are the variables that a service needs at a release.
func (s Service) NeedsAt(at release.Minor) []Need {
	var out []Need
	for _, n := range s.Needs {
		if n.Has(at) {
			out = append(out, n)
		}
	}
	return out
}
