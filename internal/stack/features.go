package stack

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"berth/catalogue"
	"berth/internal/address"
	"berth/internal/config"
	"berth/internal/diag"
	"berth/internal/jsonc"
)

// The services of the features below. A release that lacks one of them does not get it.
var (
	frontends  = []string{"sourcegraph-frontend", "sourcegraph-frontend-internal"}
	gitservers = []string{"gitserver"}
)

const (
	configFolder = "/etc/berth" // in the frontends' containers
	gitHome      = "/home/sourcegraph"
)

// FileNames are the files that a config names and whose content becomes part of the stack. They don't include secrets, nor files that may
// contain some, such as Sourcegraph's own configuration files: their values never become part of it.
func FileNames(c *config.Config) []string {
	names := append([]string{c.TLS.Certificate, c.Git.KnownHosts}, c.CertificateAuthorities...)
	for _, d := range c.Databases {
		if d.External != nil {
			names = append(names, d.External.CA, d.External.ClientCertificate)
		}
	}
	for _, r := range c.Redis {
		names = append(names, r.CA)
	}
	if c.ObjectStorage != nil {
		names = append(names, c.ObjectStorage.CA)
	}
	if c.Kubernetes != nil {
		names = append(names, c.Kubernetes.Objects...)
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(n string) bool { return n == "" })
}

// each calls f for every instance of some services.
func (b *builder) each(services []string, f func(*Instance)) {
	for i := range b.stack.Instances {
		if slices.Contains(services, b.stack.Instances[i].Service) {
			f(&b.stack.Instances[i])
		}
	}
}

// part is a value of the admin's. A secret one gets that name.
func (b *builder) part(name string, v *config.Value, at diag.Range) Part {
	switch {
	case v.Secret != nil:
		return Part{Secret: b.secret(name, v.Secret, at)}
	case v.SecretKey != nil:
		return Part{Object: "Secret/" + v.SecretKey.Name, Key: v.SecretKey.Key}
	case v.PasswordOf != "":
		return b.passwordOf(v.PasswordOf)
	case v.ConfigMapKey != nil:
		return Part{Object: "ConfigMap/" + v.ConfigMapKey.Name, Key: v.ConfigMapKey.Key}
	}
	return Part{Text: v.Text}
}

// secret registers a secret that the admin keeps, and returns its name.
func (b *builder) secret(name string, ref *config.Secret, at diag.Range) string {
	b.secrets[name] = Secret{Name: name, Env: ref.Env, File: ref.File, Range: at}
	return name
}

// siteConfig gives the frontends the admin's site configuration, with what other keys of the config add to it: the external URL, the license,
// certificate authorities, the executors' token. It is one file, since Sourcegraph joins several by the names at the top only.
//
// Source: https://sourcegraph.com/docs/self-hosted/advanced-config-file
func (b *builder) siteConfig() {
	if b.Config.SiteConfig == nil {
		return
	}
	const path = configFolder + "/site-config.json"
	b.secrets["site-config"] = Secret{Name: "site-config", Parts: b.siteConfigParts()}
	b.each(frontends, func(inst *Instance) {
		inst.mount(Mount{Path: path, Secret: "site-config"})
		inst.set("SITE_CONFIG_FILE", Part{Text: path})
		inst.set("SITE_CONFIG_ALLOW_EDITS", Part{Text: strconv.FormatBool(b.Config.SiteConfig.AllowEdits)})
		inst.origin("site configuration from "+b.Config.SiteConfig.File, b.At("siteConfig"))
	})
}

// siteConfigParts is the admin's file, with berth's values where they belong. The admin's own value stays where there is one: check.Read has found those
// that contradict.
func (b *builder) siteConfigParts() []Part {
	file := b.secretFile("site-config-file", b.Config.SiteConfig.File, b.At("siteConfig.file"))
	var additions []jsonc.Addition
	var values [][]Part
	for _, w := range b.Release.Relations.SiteConfig {
		value := b.siteConfigValue(w)
		if value == nil || !w.Holds(b.Release.Version, b.Config.On) || w.Both != catalogue.Join && b.SiteConfig.At(w.Path...) != nil {
			continue
		}
		additions, values = append(additions, jsonc.Addition{Path: w.Path, Item: w.Both == catalogue.Join}), append(values, value)
	}
	pieces, _ := b.SiteConfig.Add(additions) // check.Read has found values in the way
	var parts []Part
	at := 0
	for _, p := range pieces {
		if p.Offset > at {
			parts = append(parts, Part{Secret: file, From: at, To: p.Offset})
			at = p.Offset
		}
		if p.Addition >= 0 {
			parts = append(parts, values[p.Addition]...)
		} else {
			parts = append(parts, Part{Text: p.Text})
		}
	}
	return append(parts, Part{Secret: file, From: at, To: b.SiteConfig.End})
}

// siteConfigValue is what a key of the config adds to the site configuration, as JSON; nil when it adds nothing.
func (b *builder) siteConfigValue(w catalogue.Written) []Part {
	key := w.Key
	text := func(v string) string {
		quoted, _ := json.Marshal(v) // a string always marshals
		return string(quoted)
	}
	secret := func(name string) []Part { return []Part{{Text: `"`}, {Secret: name, JSON: true}, {Text: `"`}} }
	switch {
	case key == "url" && b.stack.URL != "":
		return []Part{{Text: text(b.stack.URL)}}
	case key == "license" && b.Config.License != nil:
		return secret(b.secret("license", b.Config.License, b.At("license")))
	case w.Image != "" && b.fetches(w.Image):
		return []Part{{Text: text(inRegistry(b.Config.Images.Registry, w.Image))}}
	case key == "executors" && b.Config.Executors != nil:
		return secret(b.executorToken())
	case key == "certificateAuthorities" && len(b.Config.CertificateAuthorities) > 0:
		var all []string
		for _, name := range b.Config.CertificateAuthorities {
			all = append(all, text(string(b.Files[name])))
		}
		return []Part{{Text: strings.Join(all, ",")}}
	}
	return nil
}

// executorToken is the token that executors sign in with: the admin's, or a generated one.
func (b *builder) executorToken() string {
	if t := b.Config.Executors.Token; t != nil {
		return b.secret("executors-token", t, b.At("executors.token"))
	}
	b.secrets["executors-token"] = Secret{Name: "executors-token"}
	return "executors-token"
}

// codeHostsAndSettings gives the frontends Sourcegraph's other two configuration files.
func (b *builder) codeHostsAndSettings() {
	for _, c := range []struct {
		key, variable, name string
		file                *config.ConfigFile
	}{
		{"codeHosts", "EXTSVC_CONFIG", "code-hosts", b.Config.CodeHosts},
		{"settings", "GLOBAL_SETTINGS", "settings", b.Config.Settings},
	} {
		if c.file == nil {
			continue
		}
		file := b.secretFile(c.name+"-file", c.file.File, b.At(c.key+".file"))
		b.each(frontends, func(inst *Instance) {
			path := configFolder + "/" + c.name + ".json"
			inst.mount(Mount{Path: path, Secret: file})
			inst.set(c.variable+"_FILE", Part{Text: path})
			inst.set(c.variable+"_ALLOW_EDITS", Part{Text: strconv.FormatBool(c.file.AllowEdits)})
			inst.origin(c.key+" from "+c.file.File, b.At(c.key))
		})
	}
}

// secretFile registers a file of the admin's that may contain secrets anywhere, such as Sourcegraph's configuration, git's and a
// collector's. It is handled like a secret.
func (b *builder) secretFile(name, file string, at diag.Range) string {
	return b.secret(name, &config.Secret{File: file}, at)
}

// file adds one of the admin's files to the project. It contains no secrets.
func (b *builder) file(path, name string) { b.put(path, b.Files[name]) }

// put adds a file to the project, in place of one of the same path. It contains no secrets.
func (b *builder) put(path string, content []byte) {
	files := slices.DeleteFunc(b.stack.Settings.Files, func(f File) bool { return f.Path == path })
	b.stack.Settings.Files = append(files, File{Path: path, Content: content})
}

// git gives gitserver what it needs to reach code hosts. Files of secrets belong to root in the container, and every process in it can read
// them; ssh requires stricter rights only for a key that belongs to its own user.
func (b *builder) git() {
	g := b.Config.Git
	at := b.At("git")
	b.each(gitservers, func(inst *Instance) {
		secret := func(path, name string, ref *config.Secret) {
			inst.mount(Mount{Path: gitHome + path, Secret: b.secret(name, ref, at)})
			inst.origin("git", at)
		}
		if g.SSHKey != nil {
			secret("/.ssh/id_rsa", "git-ssh-key", g.SSHKey)
		}
		if g.Netrc != nil {
			secret("/.netrc", "git-netrc", g.Netrc)
		}
		if g.KnownHosts != "" {
			inst.mount(Mount{Path: gitHome + "/.ssh/known_hosts", File: "git/known_hosts", ReadOnly: true})
		}
		if g.Config != "" {
			secret("/.gitconfig", "git-config", &config.Secret{File: g.Config})
		}
	})
	if g.KnownHosts != "" {
		b.file("git/known_hosts", g.KnownHosts)
	}
}

// tls chooses the front proxy's settings file, of the four that the release ships, and adds what the config asks for.
func (b *builder) tls() {
	at := b.At("tls")
	file := caddyfileOf(b.Config, b.address)
	if shipped := b.stack.Settings.Caddyfiles[file]; shipped != nil {
		b.stack.Settings.Caddyfiles = maps.Clone(b.stack.Settings.Caddyfiles)
		b.stack.Settings.Caddyfiles[file] = caddyfile(shipped, b.address, b.Config.Front)
	}
	b.each([]string{address.FrontProxy}, func(inst *Instance) {
		if b.Config.Front.Set() {
			inst.origin("front", b.At("front"))
		}
		if !b.address.Ends() {
			return
		}
		inst.set("SRC_SITE_ADDRESS", Part{Text: siteAddress(b.address)})
		inst.origin("tls", at)
		if le := b.Config.TLS.LetsEncrypt; b.address.TLS == address.Automatic {
			inst.set("SRC_ACME_EMAIL", Part{Text: le.Email})
		} else {
			key := b.secret("tls-key", &config.Secret{File: b.Config.TLS.Key}, b.At("tls.key"))
			b.file("caddy/sourcegraph.pem", b.Config.TLS.Certificate)
			inst.mount(Mount{Path: "/sourcegraph.pem", File: "caddy/sourcegraph.pem", ReadOnly: true})
			inst.mount(Mount{Path: "/sourcegraph.key", Secret: key})
		}
		inst.mount(Mount{Path: caddyfilePath, File: file})
	})
}

// ports publishes the ports of the host that the config decides on, and binds all published ports to its address.
func (b *builder) ports() {
	at, bind := b.At("ports"), b.address.Bind
	wanted := b.address.Ports(b.Config)
	for i := range b.stack.Instances {
		inst := &b.stack.Instances[i]
		for _, p := range wanted {
			if p.Service == inst.Service {
				inst.publish(p.Inside, p.Host)
			}
		}
		if inst.Service == address.FrontProxy && b.address.TLS == address.Nowhere && b.address.Scheme != "" {
			inst.Probe = &catalogue.Probe{Port: 80} // it has no health check, and starts at once
		}
		if len(inst.Ports) == 0 || inst.Own {
			continue
		}
		if bind != "" {
			for k, port := range inst.Ports {
				_, published, inside := Published(port)
				inst.Ports[k] = address.Bracketed(bind) + ":" + published + ":" + inside
			}
		}
		if b.Config.Ports != (config.Ports{}) {
			inst.origin("ports", at)
		}
		if b.Config.Ports.Bind == "" && bind != "" {
			inst.origin("ports are opened on "+bind+" only, as the url is", b.At("url"))
		}
	}
}

// Published splits a published port: "0.0.0.0:8080:80" is port 80, on port 8080 of the host's address 0.0.0.0.
func Published(port string) (host, published, inside string) {
	last := strings.LastIndexByte(port, ':') // the catalogue and publish write all three
	address, inside := port[:last], port[last+1:]
	last = strings.LastIndexByte(address, ':')
	return strings.Trim(address[:last], "[]"), address[last+1:], inside
}

// publish publishes a container's port on a port of the host: nil leaves it unchanged, 0 removes it.
func (i *Instance) publish(inside string, host *int) {
	if host == nil {
		return
	}
	i.Ports = slices.DeleteFunc(i.Ports, func(p string) bool { return strings.HasSuffix(p, ":"+inside) })
	if *host > 0 {
		i.Ports = append(i.Ports, "0.0.0.0:"+strconv.Itoa(*host)+":"+inside)
	}
}

// tracing sends traces to Jaeger, or to where the admin's collector file says.
func (b *builder) tracing() {
	t := b.Config.Tracing
	if t == nil {
		return
	}
	if t.Jaeger {
		b.overlay("jaeger")
	}
	b.each([]string{"otel-collector"}, func(inst *Instance) {
		inst.origin("tracing", b.At("tracing"))
		if t.Collector != "" {
			const path = "/etc/otel-collector/config.yaml"
			inst.mount(Mount{Path: path, Secret: b.secretFile("tracing-collector", t.Collector, b.At("tracing.collector"))})
			inst.Command = []string{"--config", path}
		}
	})
}

// overlay applies one of Sourcegraph's override files to the services of the base file.
func (b *builder) overlay(name string) {
	for service, change := range b.Release.Overlays[name] {
		b.each([]string{service}, func(inst *Instance) {
			if change.Command != nil {
				inst.Command = slices.Clone(change.Command)
			}
			for variable, v := range change.Env {
				inst.set(variable, Part{Text: b.value(v, inst.Index)})
			}
		})
	}
}

// executors gives the executor Sourcegraph's address, its queues, and its token.
//
// Source: docker-compose/executors of Sourcegraph's Compose repository.
func (b *builder) executors() {
	e := b.Config.Executors
	if e == nil {
		return
	}
	b.each([]string{executor}, func(inst *Instance) {
		inst.unset("EXECUTOR_QUEUE_NAME")
		inst.set("EXECUTOR_QUEUE_NAMES", Part{Text: strings.Join(b.queues(), ",")})
		inst.set("EXECUTOR_FRONTEND_PASSWORD", Part{Secret: b.executorToken()})
		inst.origin("executors", b.At("executors"))
	})
}

// hostAddress is the variable with the address of a pod's node. It comes before those of proxies, because
// Kubernetes replaces only variables that it knows already.
const hostAddress = "NODE_IP"

// proxy sends outbound requests through the admin's proxy; addresses inside the installation are excluded. libcurl, and so git, takes http_proxy in
// lower case only.
func (b *builder) proxy() {
	p := b.Config.Proxy
	if p == nil {
		return
	}
	none := strings.Join(slices.Sorted(maps.Keys(b.unproxied())), ",")
	for service, outside := range b.Release.Relations.Outside {
		if !outside.Holds(b.Release.Version, b.Config.On) || outside.Needs != "" && b.At(outside.Needs) == (diag.Range{}) {
			continue
		}
		b.each([]string{service}, func(inst *Instance) {
			direct := []Part{{Text: none}}
			if b.stack.Cluster != nil {
				// The API server by its address, and the node, where traces go.
				inst.setField(hostAddress, "status.hostIP")
				direct = append(direct, Part{Text: ","}, Part{Variable: "KUBERNETES_SERVICE_HOST"}, Part{Text: ","}, Part{Variable: hostAddress})
			}
			for name, v := range map[string]*config.Value{"http": p.HTTP, "https": p.HTTPS} {
				if v != nil {
					address := b.part("proxy-"+name, v, b.At("proxy"))
					inst.set(strings.ToUpper(name)+"_PROXY", address)
					inst.set(name+"_proxy", address)
				}
			}
			inst.set("NO_PROXY", direct...)
			inst.set("no_proxy", direct...)
			inst.origin("proxy", b.At("proxy"))
		})
	}
}

// unproxied are the hosts that are reached directly: everything in the installation, where a cloud is asked for an identity, and what the admin names.
// A name is for those below it as well, such as gitserver-0.gitserver.
func (b *builder) unproxied() map[string]bool {
	hosts := map[string]bool{"localhost": true, "127.0.0.1": true}
	for _, inst := range b.stack.Instances {
		hosts[inst.Name] = true
		if inst.Hostname != "" {
			hosts[inst.Hostname] = true
		}
	}
	if c := b.stack.Cluster; c != nil {
		for key := range c.Objects {
			if name, ok := strings.CutPrefix(key, "Service/"); ok {
				hosts[name] = true
			}
		}
		hosts["kubernetes.default.svc"], hosts[".svc"], hosts[".cluster.local"] = true, true, true
	}
	for _, host := range slices.Concat(b.Release.Relations.Unproxied, b.Config.Proxy.None) {
		hosts[host] = true
	}
	return hosts
}
