package registry

import (
	"bytes"
	"fmt"

	"go.yaml.in/yaml/v4"
)

// LockName is the file beside the config that records what an admin's own registry holds.
const LockName = "sourcegraph.lock"

// Lock records which images an admin's registry holds for a release. It is meant to be reviewed and committed with the config.
type Lock struct {
	Registry string                       `yaml:"registry"`
	Releases map[string]map[string]string `yaml:"releases"` // digests by release and image name: "7.5.4453", "frontend"
}

// Bytes is the file's text.
func (l Lock) Bytes() []byte {
	var b bytes.Buffer
	b.WriteString("# Written by berth lock: these images are run, although they are not byte for byte those that Sourcegraph published.\n")
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	_ = enc.Encode(l) // strings encode, and a buffer takes everything
	_ = enc.Close()
	return b.Bytes()
}

// ParseLock reads the file's text.
func ParseLock(text []byte) (Lock, error) {
	var l Lock
	if err := yaml.Unmarshal(text, &l); err != nil {
		return Lock{}, fmt.Errorf("read %s: %w", LockName, err)
	}
	return l, nil
}

// For gives the recorded digests when the lock is about this registry and release; another registry or release is not trusted by it.
func (l Lock) For(registry, release string) map[string]string {
	if l.Registry != registry {
		return nil
	}
	return l.Releases[release]
}
