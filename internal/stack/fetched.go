package stack

import (
	"encoding/json"
	"slices"
	"strings"

	"berth/catalogue"
)

// fetches reports whether executors fetch an image from the admin's registry by themselves.
func (b *builder) fetches(image string) bool {
	return slices.ContainsFunc(b.fetched(), func(f catalogue.Fetched) bool { return f.Image == image })
}

// fetched are the images that executors fetch from the admin's registry by themselves.
func (b *builder) fetched() []catalogue.Fetched {
	if b.Config.Images.Registry == "" || b.Config.Executors == nil {
		return nil
	}
	queues := b.queues()
	return slices.DeleteFunc(slices.Clone(b.Release.Relations.Fetched), func(f catalogue.Fetched) bool {
		return f.Queue != "" && !slices.Contains(queues, f.Queue)
	})
}

// inRegistry is an image's name in the admin's registry.
func inRegistry(registry, image string) string {
	return strings.TrimSuffix(registry, "/") + "/" + image
}

// addFetched adds to the stack what executors fetch by themselves, and lets their jobs sign in to the registry.
func (b *builder) addFetched() {
	for _, f := range b.fetched() {
		reference := inRegistry(b.Config.Images.Registry, f.Image)
		if f.Tag != "" {
			reference += ":" + strings.ReplaceAll(f.Tag, catalogue.ReleaseVersion, b.Release.Version)
		}
		b.stack.Fetched = append(b.stack.Fetched, reference)
	}
	c := b.stack.Cluster
	if b.Config.Executors == nil {
		return
	}
	if c == nil {
		b.jobsLogin()
		return
	}
	if names := c.PullSecrets(); len(names) > 0 {
		b.each([]string{executor}, func(inst *Instance) {
			inst.set("KUBERNETES_IMAGE_PULL_SECRETS", Part{Text: strings.Join(names, ",")})
			inst.origin("images", b.At("images"))
		})
	}
}

// jobsLogin lets the jobs of executors on an engine sign in to the admin's registry. The executor reads the one form that has the name and the
// password together.
//
// Source: https://sourcegraph.com/docs/self-hosted/executors/private-registries
func (b *builder) jobsLogin() {
	l, host := b.Config.Images.Login, b.registryHost()
	if l == nil || l.Password == nil || host == "" {
		return
	}
	const name = "executors-registry-login"
	head, _ := json.Marshal(host) // a text always marshals
	b.secrets[name] = Secret{Name: name, Parts: []Part{{Text: `{"auths":{` + string(head) + `:{"auth":"`},
		{Secret: b.secret("registry-password", l.Password, b.At("images.login.password")), Basic: l.Username}, {Text: `"}}}`}}}
	b.each([]string{executor}, func(inst *Instance) {
		inst.set("EXECUTOR_DOCKER_AUTH_CONFIG", Part{Secret: name})
		inst.origin("images", b.At("images"))
	})
}

// registryHost is the host of the admin's own registry; "" without one.
func (b *builder) registryHost() string {
	host, _, _ := strings.Cut(b.Config.Images.Registry, "/")
	return host
}

// RegistrySecret is the Secret with the login to the admin's registry.
const RegistrySecret = "berth-registry"

// PullSecrets are the Secrets with logins to registries.
func (c *Cluster) PullSecrets() []string {
	if c.RegistryLogin == nil {
		return c.Options.ImagePullSecrets
	}
	return append([]string{RegistrySecret}, c.Options.ImagePullSecrets...)
}

// Tagged are those of Fetched whose tag is known.
func (s *Stack) Tagged() []string {
	return slices.DeleteFunc(slices.Clone(s.Fetched), func(ref string) bool { return !hasTag(ref) })
}

// Untagged are those of Fetched whose tag Sourcegraph decides.
func (s *Stack) Untagged() []string { return slices.DeleteFunc(slices.Clone(s.Fetched), hasTag) }

func hasTag(reference string) bool {
	return strings.Contains(reference[strings.LastIndexByte(reference, '/'):], ":")
}
