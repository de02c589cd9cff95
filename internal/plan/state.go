package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"berth/catalogue"
)

// Desired is what should run, as far as a difference needs to know.
type Desired struct {
	Installation string
	Target       catalogue.Target
	Release      string
	Project      string  // hash of the rendered files
	Catalogue    string  // hash of the catalogue
	Network      string  // hash of how the network differs from the default; "": in nothing
	Origins      []Cause // the config's lines about the network
	Units        []Unit  // ordered by name
	// Awaited are the units that requests wait for while they are replaced.
	Awaited []string
	// Unasked are services that answer nobody. Where a page comes, they stop before it.
	Unasked []string
}

// Unit is one container that should run.
type Unit struct {
	Name      string // "gitserver-0"
	Container string // its name at the engine
	Service   string // "gitserver"
	Image     string // reference by digest
	Spec      string // hash of everything but limits and file contents
	Files     string // hash of the content of the files that it does not reload by itself
	CPUs      float64
	Memory    int64
	OneShot   bool
	Own       bool // a container of the admin's own: it is of no release
	Needs     []Need
	Env       map[string]string // values without secrets; a variable that holds one has an empty value here
	Origins   []Cause           // the config's lines that shape it
	Volumes   []Volume          // of its data
}

// Volume is where data of a unit is.
type Volume struct {
	Path   string // in the container
	Source string // as the engine gives it: a volume's name, or a folder of the host
	Holds  bool   // the admin says that the data is there
	Keeps  string // what would be lost without the data; "" for what is made again soon
}

// Need is another unit that must be in a condition first.
type Need struct {
	Name      string
	Condition catalogue.Condition
}

// State is what was observed.
type State struct {
	Containers []Container                  // of the installation, ordered by name
	Network    *Network                     // of the installation; nil: there is none
	Kept       map[string]map[string]string // where data of units without a container is, by unit and path
	Images     []string                     // references of wanted images that the engine has, ordered
	Project    string                       // hash of the rendered files that lie beside the installation; "" when there are none
}

// Network is the installation's network, as the engine has it. Made is the hash that Desired had when it was made.
type Network struct{ Name, Made string }

// Container is one that the engine knows.
type Container struct {
	ID      string
	Name    string
	Unit    string // the unit that it was made for
	Service string
	Release string
	Image   string
	Spec    string
	Files   string // what its last start saw
	CPUs    float64
	Memory  int64
	Status  Status
	Exit    int
	Env     map[string]string
	Volumes map[string]string // sources by path in the container: volumes' names and folders of the host
	// Adopted is whether somebody else made it, and Differs says in what it is not as it should be then. Such a container may have any name.
	Adopted bool
	Differs []string
}

// Status is how a container is.
type Status string

// The statuses.
const (
	Running   Status = "running" // without a health check
	Starting  Status = "starting"
	Healthy   Status = "healthy"
	Unhealthy Status = "unhealthy"
	Stopped   Status = "stopped" // exited
	Created   Status = "created" // made, but never started: whoever made it was stopped half-way
	Crashing  Status = "restarting"
	Paused    Status = "paused"
)

// Basis is what a plan for this desire and this state is made from.
func basis(d Desired, s State) Basis {
	return Basis{Config: Hash([]string{d.Project, d.Release}), Catalogue: d.Catalogue, State: s.hash()}
}

// hash is about what a difference looks at, and not about what changes by itself, such as a service that gets ready.
func (s State) hash() string {
	stable := slices.Clone(s.Containers)
	for i := range stable {
		stable[i].Env = nil
		if st := stable[i].Status; st == Starting || st == Running || st == Healthy {
			stable[i].Status = Running
		}
	}
	slices.SortFunc(stable, func(a, b Container) int { return cmp.Compare(a.ID, b.ID) })
	return Hash(struct {
		Containers []Container
		Network    *Network
		Images     []string
		Project    string
	}{stable, s.Network, s.Images, s.Project})
}

// Hash is a short hash of a value, such as a Basis has.
func Hash(v any) string {
	text, _ := json.Marshal(v) // structs of strings and numbers always marshal
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])[:16]
}

// Stale says what a saved plan was made from that is another now; nothing when it still holds.
func Stale(saved, now Basis) []string {
	var out []string
	for _, part := range []struct{ what, then, now string }{
		{"the config or a file that it names", saved.Config, now.Config},
		{"the catalogue", saved.Catalogue, now.Catalogue},
		{"what runs", saved.State, now.State},
		{"berth itself: " + saved.Program + " made the plan, but this is " + now.Program, saved.Program, now.Program},
	} {
		if part.then != part.now {
			out = append(out, part.what)
		}
	}
	return out
}

// Altered reports whether a container has another image, or another value of a variable, than it should. Its labels don't tell: they are right also
// where somebody edited the rendered files and ran docker compose. Variables that hold secrets have no value in env.
func (c Container) Altered(image string, env map[string]string) bool {
	for name, want := range env {
		if want != "" && c.Env[name] != want {
			return true
		}
	}
	return c.Image != image
}
