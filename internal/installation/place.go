package installation

import (
	"cmp"

	"berth/catalogue"
	"berth/internal/config"
)

// Place is where an installation is for one command, whatever its config says. It changes the config as a value, never the admin's file, the
// history or what is rendered into other files.
type Place struct {
	Context   string // of kubectl on Kubernetes, of the docker program on Compose; "": as without
	Namespace string // on Kubernetes; "": as without
}

// put puts the installation of a config where this command wants it. Docker contexts are in no config: Getenv says them.
func (p Place) put(c *config.Config) {
	if c.On != catalogue.Kubernetes || p == (Place{}) {
		return
	}
	var k config.KubernetesOptions
	if c.Kubernetes != nil {
		k = *c.Kubernetes
	}
	k.Context, k.Namespace = cmp.Or(p.Context, k.Context), cmp.Or(p.Namespace, k.Namespace)
	c.Kubernetes = &k
}
