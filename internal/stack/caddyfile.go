package stack

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"berth/internal/address"
	"berth/internal/config"
)

// The settings files that Sourcegraph ships for the front proxy, and where it reads the one in use.
const (
	caddyfilePath   = "/etc/caddy/Caddyfile"
	caddyPlain      = "caddy/builtins/http.Caddyfile"
	caddyOwn        = "caddy/builtins/https.custom-cert.Caddyfile"
	caddyAutomatic  = "caddy/builtins/https.lets-encrypt-prod.Caddyfile"
	caddyRehearsing = "caddy/builtins/https.lets-encrypt-staging.Caddyfile"
)

// caddyfileOf is the release's settings file for an address.
func caddyfileOf(c *config.Config, a address.Address) string {
	switch {
	case a.TLS == address.Files:
		return caddyOwn
	case a.TLS == address.Automatic && c.TLS.LetsEncrypt.Staging:
		return caddyRehearsing
	case a.TLS == address.Automatic:
		return caddyAutomatic
	}
	return caddyPlain
}

// siteAddress is the release's variable for the names that the front proxy answers for.
func siteAddress(a address.Address) string {
	var names []string
	for _, name := range a.Names() {
		names = append(names, address.Bracketed(name))
	}
	return strings.Join(names, ", ")
}

// caddyfile is one of the release's settings files with what the config adds to it. Without additions it stays as the release ships it.
//
// Source of the directives: https://caddyserver.com/docs/caddyfile/options#default-sni and https://caddyserver.com/docs/caddyfile/matchers#remote-ip
func caddyfile(shipped []string, a address.Address, front config.Front) []string {
	global, site, directives := sections(shipped)
	own := additions(front)
	var others []string
	if a.Ends() && a.IP.IsValid() {
		// A client sends no name of the server when it asks for an address.
		global = append(global, "default_sni "+a.Host)
	}
	if a.Ends() && (a.Port != 443 || a.IP.IsValid()) {
		// The redirects that Caddy adds by itself lead to the port that it listens on, not to the one that people use.
		others = redirects(a)
	}
	if own == nil && others == nil {
		return shipped
	}
	var out []string
	if len(global) > 0 {
		out = append(out, "{")
		out = append(out, indented(global)...)
		out = append(out, "}")
	}
	out = append(out, site+" {")
	out = append(out, indented(slices.Concat(own, directives))...)
	return slices.Concat(out, []string{"}"}, others)
}

// sections splits a settings file with one site and no braces around it, as the release ships them.
func sections(lines []string) (global []string, site string, directives []string) {
	if lines[0] == "{" {
		end := slices.Index(lines, "}")
		for _, line := range lines[1:end] {
			global = append(global, strings.TrimSpace(line))
		}
		lines = lines[end+1:]
	}
	return global, lines[0], lines[1:]
}

// additions are the directives for the admin's own headers and for the addresses that may reach Sourcegraph. Everybody may ask whether it is
// healthy: berth does, from the host, whose address in the engine's network is not known before.
func additions(front config.Front) []string {
	var out []string
	if len(front.Allow) > 0 {
		out = append(out, "@elsewhere {", "  not remote_ip "+strings.Join(front.Allow, " "), "  not path /healthz", "}",
			`respond @elsewhere "This address may not reach Sourcegraph." 403`)
	}
	for _, name := range slices.Sorted(maps.Keys(front.Headers)) {
		out = append(out, "header "+name+" `"+front.Headers[name]+"`")
	}
	return out
}

// redirects are sites that lead plain HTTP to where people use Sourcegraph.
func redirects(a address.Address) []string {
	var out []string
	for _, name := range a.Names() {
		to := address.Bracketed(name)
		if a.Port != 443 {
			to = to + ":" + strconv.Itoa(a.Port)
		}
		out = append(out, "http://"+address.Bracketed(name)+" {", "  redir https://"+to+"{uri} 308", "}")
	}
	return out
}

func indented(lines []string) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = "  " + line
	}
	return out
}
