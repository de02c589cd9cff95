package stack

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/diag"
)

// The services of the features below. A release that lacks one of them does not get it.
var (
	frontends  = []string{"sourcegraph-frontend", "sourcegraph-frontend-internal"}
	proxyUsers = []string{"sourcegraph-frontend", "sourcegraph-frontend-internal", "gitserver", "migrator", "worker", "repo-updater", "executor"} // docs: self-hosted/private-network
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
	if v.Secret != nil {
		return Part{Secret: b.secret(name, v.Secret, at)}
	}
	return Part{Text: v.Text}
}

// secret registers a secret that the admin keeps, and returns its name.
func (b *builder) secret(name string, ref *config.Secret, at diag.Range) string {
	b.secrets[name] = Secret{Name: name, Env: ref.Env, File: ref.File, Range: at}
	return name
}

// siteConfig gives the frontends the admin's site configuration, and a second file with what other keys of the config add to it: the
// external URL, the license, certificate authorities, the executors' token. Sourcegraph merges the two files.
//
// Source: https://sourcegraph.com/docs/self-hosted/advanced-config-file
func (b *builder) siteConfig() {
	if b.Config.SiteConfig == nil {
		return
	}
	at := b.At("siteConfig")
	own := configFolder + "/site-config/berth.json"
	admin := configFolder + "/site-config/admin.json"
	b.secrets["site-config"] = Secret{Name: "site-config", Parts: b.siteConfigParts()}
	file := b.secretFile("site-config-file", b.Config.SiteConfig.File, b.At("siteConfig.file"))
	b.each(frontends, func(inst *Instance) {
		inst.mount(Mount{Path: own, Secret: "site-config"})
		inst.mount(Mount{Path: admin, Secret: file})
		inst.set("SITE_CONFIG_FILE", Part{Text: admin + ":" + own})
		inst.set("SITE_CONFIG_ALLOW_EDITS", Part{Text: strconv.FormatBool(b.Config.SiteConfig.AllowEdits)})
		inst.origin("site configuration from "+b.Config.SiteConfig.File, at)
	})
}

// siteConfigParts is berth's part of the site configuration, as JSON with secrets in it.
func (b *builder) siteConfigParts() []Part {
	fields := map[string]any{}
	if b.Config.URL != "" {
		fields["externalURL"] = b.Config.URL
	}
	var certificates []string
	for _, file := range b.Config.CertificateAuthorities {
		certificates = append(certificates, string(b.Files[file]))
	}
	if certificates != nil {
		// A setting of its own since 6.8 (docs, 2025-08-15), an experimental feature before. A release ignores the one that it doesn't
		// know.
		external := map[string]any{"certificates": certificates}
		fields["tls.external"] = external
		fields["experimentalFeatures"] = map[string]any{"tls.external": external}
	}
	text, _ := json.Marshal(fields) // maps of strings always marshal
	parts := []Part{{Text: strings.TrimSuffix(string(text), "}")}}
	secret := func(key, name string) {
		sep := ","
		if parts[len(parts)-1].Text == "{" {
			sep = ""
		}
		parts = append(parts, Part{Text: sep + `"` + key + `":"`}, Part{Secret: name, JSON: true}, Part{Text: `"`})
	}
	if l := b.Config.License; l != nil {
		secret("licenseKey", b.secret("license", l, b.At("license")))
	}
	if b.Config.Executors != nil {
		secret("executors.accessToken", b.executorToken())
	}
	return append(parts, Part{Text: "}"})
}

func (b *builder) executorToken() string {
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
func (b *builder) file(path, name string) {
	b.stack.Settings.Files = append(b.stack.Settings.Files, File{Path: path, Content: b.Files[name]})
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

// The front proxy, and the settings files that Sourcegraph ships for it.
const (
	frontProxy      = "caddy"
	caddyfilePath   = "/etc/caddy/Caddyfile"
	caddyOwn        = "caddy/builtins/https.custom-cert.Caddyfile"
	caddyAutomatic  = "caddy/builtins/https.lets-encrypt-prod.Caddyfile"
	caddyRehearsing = "caddy/builtins/https.lets-encrypt-staging.Caddyfile"
)

// tls chooses the front proxy's settings file, of the four that the release ships.
func (b *builder) tls() {
	t := b.Config.TLS
	if t.Certificate == "" && t.LetsEncrypt == nil {
		return
	}
	at := b.At("tls")
	address := ""
	if u, err := url.Parse(b.Config.URL); err == nil {
		address = u.Hostname()
	}
	b.each([]string{frontProxy}, func(inst *Instance) {
		inst.set("SRC_SITE_ADDRESS", Part{Text: address})
		inst.origin("tls", at)
		file := caddyOwn
		if le := t.LetsEncrypt; le != nil {
			inst.set("SRC_ACME_EMAIL", Part{Text: le.Email})
			file = caddyAutomatic
			if le.Staging {
				file = caddyRehearsing
			}
		} else {
			key := b.secret("tls-key", &config.Secret{File: t.Key}, b.At("tls.key"))
			b.file("caddy/sourcegraph.pem", t.Certificate)
			inst.mount(Mount{Path: "/sourcegraph.pem", File: "caddy/sourcegraph.pem", ReadOnly: true})
			inst.mount(Mount{Path: "/sourcegraph.key", Secret: key})
		}
		inst.mount(Mount{Path: caddyfilePath, File: file})
	})
}

// ports publishes other ports of the host than the release does.
func (b *builder) ports() {
	p := b.Config.Ports
	http, https := b.webPorts()
	at, bind := b.At("ports"), b.bind()
	for i := range b.stack.Instances {
		inst := &b.stack.Instances[i]
		switch inst.Service {
		case frontProxy:
			inst.publish("80", http)
			inst.publish("443", https)
			if strings.HasPrefix(b.Config.URL, "http://") {
				inst.Probe = &catalogue.Probe{Port: 80} // it has no health check, and starts at once
			}
		case "prometheus":
			inst.publish("9090", p.Prometheus)
		case "grafana":
			inst.publish("3370", p.Grafana)
		}
		if len(inst.Ports) == 0 {
			continue
		}
		if bind != "" {
			for k, port := range inst.Ports {
				_, published, inside := Published(port)
				inst.Ports[k] = bracketed(bind) + ":" + published + ":" + inside
			}
		}
		if p != (config.Ports{}) {
			inst.origin("ports", at)
		}
		if p.Bind == "" && bind != "" {
			inst.origin("ports are opened on "+bind+" only, as the url is", b.At("url"))
		}
	}
}

// bind is the host's address on which ports are published; "" for the release's own, which is every address. The first person to reach a
// new Sourcegraph becomes its admin, and Prometheus has no password. So an installation with a URL of this machine is reachable only from
// this machine.
func (b *builder) bind() string {
	if own := b.Config.Ports.Bind; own != "" {
		return own
	}
	u, err := url.Parse(b.Config.URL)
	if err != nil {
		return ""
	}
	host := u.Hostname()
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsLoopback() {
		return host
	}
	if host == "localhost" {
		return "127.0.0.1"
	}
	return ""
}

// bracketed is an address in the form that is written before a port.
func bracketed(address string) string {
	if strings.Contains(address, ":") {
		return "[" + address + "]"
	}
	return address
}

// Published splits a published port: "0.0.0.0:8080:80" is port 80, on port 8080 of the host's address 0.0.0.0.
func Published(port string) (host, published, inside string) {
	last := strings.LastIndexByte(port, ':') // the catalogue and publish write all three
	address, inside := port[:last], port[last+1:]
	last = strings.LastIndexByte(address, ':')
	return strings.Trim(address[:last], "[]"), address[last+1:], inside
}

// webPorts are the host's ports for HTTP and HTTPS: those of the config, else the one in the URL.
func (b *builder) webPorts() (http, https *int) {
	http, https = b.Config.Ports.HTTP, b.Config.Ports.HTTPS
	u, err := url.Parse(b.Config.URL)
	if err != nil {
		return http, https
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		return http, https
	}
	if u.Scheme == "https" && (b.Config.TLS.Certificate != "" || b.Config.TLS.LetsEncrypt != nil) {
		return http, cmp.Or(https, &port)
	}
	if u.Scheme == "http" {
		return cmp.Or(http, &port), https
	}
	return http, https
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

// proxy sends outbound requests through the admin's proxy; addresses inside the installation are excluded.
func (b *builder) proxy() {
	p := b.Config.Proxy
	if p == nil {
		return
	}
	inside := map[string]bool{"localhost": true, "127.0.0.1": true}
	for _, inst := range b.stack.Instances {
		inside[inst.Name] = true
	}
	if c := b.stack.Cluster; c != nil {
		for key := range c.Objects {
			if name, ok := strings.CutPrefix(key, "Service/"); ok {
				inside[name] = true
			}
		}
		inside["kubernetes.default.svc"], inside[".svc"], inside[".cluster.local"] = true, true, true
	}
	for _, host := range p.None {
		inside[host] = true
	}
	none := strings.Join(slices.Sorted(maps.Keys(inside)), ",")
	b.each(proxyUsers, func(inst *Instance) {
		for name, v := range map[string]*config.Value{"HTTP_PROXY": p.HTTP, "HTTPS_PROXY": p.HTTPS, "NO_PROXY": {Text: none}} {
			if v != nil {
				inst.set(name, b.part("proxy-"+strings.ToLower(strings.TrimSuffix(name, "_PROXY")), v, b.At("proxy")))
			}
		}
		inst.origin("proxy", b.At("proxy"))
	})
}
