// Package compose renders a Stack as a Docker Compose project that works with plain `docker compose`: docker-compose.yaml, the files that
// its services mount, and the names of the secrets in its .env file. Pure: the same stack gives the same bytes.
package compose

import (
	"time"

	"berth/catalogue"
	"berth/internal/stack"
)

// Labels of berth's containers, by which it finds them.
const (
	LabelInstallation = "dev.berth.installation" // the installation's name
	LabelRelease      = "dev.berth.release"
	LabelService      = "dev.berth.service" // "gitserver"
	LabelSpec         = "dev.berth.spec"    // Unit.Spec
	LabelFiles        = "dev.berth.files"   // Unit.Files
	LabelNetwork      = "dev.berth.network" // on the network: Project.Network
)

// ComposeFile is the project's main file.
const ComposeFile = "docker-compose.yaml"

// Project is a rendered Compose project.
type Project struct {
	Name    string
	Prefix  string // of every container's name; "" for the installation with the default name
	Release string
	Files   []stack.File // docker-compose.yaml and what services mount, ordered by path; everybody may read them, so they have no secrets
	Secrets []stack.Secret
	Units   []Unit // ordered by name
	Network string // hash of how the network differs from Docker's default; "": in nothing
}

// Unit is what a plan needs to know about one rendered service of the Compose file.
type Unit struct {
	Name      string   // of the service in the Compose file: "gitserver-0"
	Container string   // of the container: the same, unless the installation has another name
	Service   string   // "gitserver"
	Image     string   // reference by digest
	Spec      string   // hash of the rendered service without its limits, its labels and its files' content
	Files     string   // hash of the content of the files that it mounts and does not reload by itself; "" when there are none
	Own       bool     // a container of the admin's own: it is of no release
	Secrets   []string // names of its secrets
	CPUs      float64  // cores; 0: no limit
	Memory    int64    // bytes; 0: no limit
	OneShot   bool
	DependsOn []stack.Dependency
	Origins   []stack.Origin
	Ports     []Port            // that it publishes, with those of patches
	Env       map[string]string // values without secrets; a variable with a secret has an empty value here
	Patience  time.Duration     // how long it may take to be ready, by the release's own health check
	Data      []DataVolume      // where its data is
	Probe     *catalogue.Probe  // how berth checks readiness where the release has no health check for Compose; nil: it is ready when it runs
}

// DataVolume is a volume with the data of a unit.
type DataVolume struct {
	Path    string // in the container, without a slash at its end
	Source  string // as the engine gives it: the volume's name, or the folder of the host
	Default string // what the source would be if the config said nothing
	Holds   bool   // the admin says that the data is there
}
