package contents

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/diag"
	"berth/internal/jsonc"
)

// document is one of Sourcegraph's own configuration files, read.
type document struct {
	found
	known *catalogue.Configuration
	root  jsonc.Value
}

// read reads a file; it is not ok where it is no JSON, which is another rule's to report, or no object.
func read(file File, known *catalogue.Configuration, example string) (*document, bool) {
	d := &document{found: found{File: file}, known: known}
	root, ok := jsonc.Parse(file.Data)
	if !ok {
		return d, false
	}
	d.root = root
	if kind(&root) != "object" {
		d.at(root.Start, "BERTH1518", "write  "+example, "Sourcegraph expects an object here, but the file has %s", a(kind(&root)))
		return d, false
	}
	return d, true
}

// at reports a problem at an offset. The excerpt is masked: any part of the file may be a secret.
func (d *document) at(offset int, code, hint, format string, args ...any) {
	d.problems = append(d.problems, diag.Diagnostic{Code: code, Severity: diag.Error, Range: config.PlaceInJSON(d.Name, d.Data, offset), Hint: hint,
		Summary: fmt.Sprintf(format, args...), Detail: []string{d.Key + " names this file"}})
}

// kind is the type of a value, in the words of JSON.
func kind(v *jsonc.Value) string {
	switch v.Any.(type) {
	case map[string]any:
		return "object"
	case []any:
		return "array"
	case string:
		return "string"
	case float64:
		return "number"
	case bool:
		return "boolean"
	}
	return "null"
}

// a is a type with its article.
func a(kind string) string {
	switch kind {
	case "null":
		return "null"
	case "object", "array":
		return "an " + kind
	case "boolean":
		return "true or false"
	}
	return "a " + kind
}

// SiteConfig checks a site configuration.
func SiteConfig(file File, known *catalogue.Configuration) diag.List {
	d, ok := read(file, known, `{"auth.providers": [{"type": "builtin"}]}`)
	if !ok {
		return d.problems
	}
	d.members(&d.root, "", known.SiteConfig)
	for _, m := range d.root.Members {
		if why := known.Deprecated[m.Name]; why != "" {
			d.at(m.Start, "BERTH1521", "remove it", "%s: %s", m.Name, why)
			d.warning()
		}
		if kind(&m.Value) == "object" {
			d.required(&m.Value, m.Name, known.Required[m.Name])
		}
	}
	d.authProviders()
	d.redacted(&d.root, "")
	return d.problems
}

// GlobalSettings checks global settings.
func GlobalSettings(file File, known *catalogue.Configuration) diag.List {
	d, ok := read(file, known, `{"search.defaultCaseSensitive": false}`)
	if ok {
		d.members(&d.root, "", known.Settings)
		d.redacted(&d.root, "")
	}
	return d.problems
}

// members checks the names and the types of an object's members, and that none is there twice. No types: they are not known.
func (d *document) members(v *jsonc.Value, path string, types map[string]string) {
	seen := map[string]bool{}
	for i := range v.Members {
		m := &v.Members[i]
		name := strings.TrimPrefix(path+"."+m.Name, ".")
		if seen[m.Name] {
			d.at(m.Start, "BERTH1519", "keep one", "%s appears twice, and only the last one counts", name)
		}
		seen[m.Name] = true
		want, known := types[m.Name]
		switch got := kind(&m.Value); {
		case types == nil, known && (want == "any" || want == got || got == "null"):
		case !known:
			hint := "check the name in Sourcegraph's documentation: its releases differ"
			if guess := diag.Closest(m.Name, slices.Collect(maps.Keys(types))); guess != "" {
				hint = "did you mean " + guess + "?"
			}
			d.at(m.Start, "BERTH1520", hint, "Sourcegraph's documentation does not have %s", name)
			d.warning()
		default:
			d.at(m.Value.Start, "BERTH1519", "", "%s must be %s, but is %s", name, a(want), a(got))
		}
	}
}

// required checks that an object has what it must have.
func (d *document) required(v *jsonc.Value, path string, names []string) {
	var lacks []string
	for _, name := range names {
		if there := v.At(name); there == nil || there.Any == nil || there.Any == "" {
			lacks = append(lacks, name)
		}
	}
	if len(lacks) > 0 {
		d.at(v.Start, "BERTH1519", "add it", "%s lacks %s", path, diag.Listed(lacks, "and"))
	}
}

// authProviders checks how people sign in.
func (d *document) authProviders() {
	providers := d.root.At("auth.providers")
	if providers == nil {
		return
	}
	types := slices.Sorted(maps.Keys(d.known.AuthProviders))
	for i := range providers.Items {
		p := &providers.Items[i]
		path := fmt.Sprintf("auth.providers[%d]", i)
		if kind(p) != "object" {
			d.at(p.Start, "BERTH1519", `write  {"type": "builtin"}`, "%s must be an object, but is %s", path, a(kind(p)))
			continue
		}
		name, _ := text(p.At("type"))
		required, known := d.known.AuthProviders[name]
		switch {
		case name == "":
			d.at(p.Start, "BERTH1519", "types are "+diag.Listed(types, "and"), "%s lacks type", path)
		case !known:
			hint := "types are " + diag.Listed(types, "and")
			if guess := diag.Closest(name, types); guess != "" {
				hint = "did you mean " + guess + "?"
			}
			d.at(p.At("type").Start, "BERTH1519", hint, "%s: Sourcegraph has no sign-in of this type", path)
		default:
			d.required(p, path, required)
		}
	}
}

// redacted finds texts that Sourcegraph's pages show in place of secrets: whoever copies such a page copies no secret.
func (d *document) redacted(v *jsonc.Value, path string) {
	for i := range v.Members {
		d.redacted(&v.Members[i].Value, strings.TrimPrefix(path+"."+v.Members[i].Name, "."))
	}
	for i := range v.Items {
		d.redacted(&v.Items[i], fmt.Sprintf("%s[%d]", path, i))
	}
	text, ok := v.Any.(string)
	if !ok {
		return
	}
	for _, mark := range d.known.Redacted {
		if text == mark || strings.HasSuffix(mark, "-") && strings.HasPrefix(text, mark) {
			d.at(v.Start, "BERTH1522", "write the secret itself, because berth handles the file as a secret", "%s is %s, which Sourcegraph's pages show in place of a secret", path, mark)
			return
		}
	}
}

// CodeHosts checks the connections to code hosts.
func CodeHosts(file File, known *catalogue.Configuration) diag.List {
	d, ok := read(file, known, `{"GITHUB": [{"url": "https://github.com", "token": "..."}]}`)
	if !ok {
		return d.problems
	}
	kinds := slices.Sorted(maps.Keys(known.CodeHosts))
	seen := map[string]bool{}
	for i := range d.root.Members {
		m := &d.root.Members[i]
		host, is := known.CodeHosts[m.Name]
		switch {
		case !is:
			d.at(m.Start, "BERTH1518", kindMeant(m.Name, &d.root, kinds), "Sourcegraph has no kind of code host %s", m.Name)
			continue
		case seen[m.Name]:
			d.at(m.Start, "BERTH1519", "put all connections of a kind into one list", "%s appears twice, and only the last one counts", m.Name)
		case kind(&m.Value) != "array":
			d.at(m.Value.Start, "BERTH1518", fmt.Sprintf(`write  "%s": [ ... ]  with square brackets`, m.Name), "%s must be a list of connections, but is %s", m.Name, a(kind(&m.Value)))
			continue
		}
		seen[m.Name] = true
		for k := range m.Value.Items {
			d.connection(&m.Value.Items[k], fmt.Sprintf("%s[%d]", m.Name, k), host)
		}
	}
	d.redacted(&d.root, "")
	return d.problems
}

// kindMeant says which kind was most likely meant: another spelling, or none, where the file is a connection itself.
func kindMeant(name string, root *jsonc.Value, kinds []string) string {
	upper := strings.ToUpper(strings.NewReplacer("_", "", "-", "", " ", "").Replace(name))
	if slices.Contains(kinds, upper) {
		return "write " + upper
	}
	if root.At("url") != nil || root.At("token") != nil {
		return `put the connection into a list of its kind:  {"GITHUB": [{ ... }]}`
	}
	if guess := diag.Closest(upper, kinds); guess != "" {
		return "did you mean " + guess + "?"
	}
	return "kinds are " + diag.Listed(kinds, "and")
}

// connection checks one connection.
func (d *document) connection(v *jsonc.Value, path string, host catalogue.CodeHost) {
	if kind(v) != "object" {
		d.at(v.Start, "BERTH1519", "write the object that Sourcegraph's page of the connection shows", "%s must be an object, but is %s", path, a(kind(v)))
		return
	}
	var types map[string]string
	if len(host.Keys) > 0 {
		types = host.Keys
	}
	d.members(v, path, types)
	d.required(v, path, host.Required)
	if len(host.OneOf) > 0 && !slices.ContainsFunc(host.OneOf, func(name string) bool { return v.At(name) != nil }) {
		d.at(v.Start, "BERTH1519", "add one of them", "%s has none of %s, so it has no access", path, diag.Listed(host.OneOf, "and"))
		d.warning()
	}
	if address, ok := text(v.At("url")); ok && host.Keys["url"] == "string" {
		if u, err := url.Parse(address); err != nil || u.Scheme == "" || u.Host == "" {
			d.at(v.At("url").Start, "BERTH1519", "write it as  https://git.example.com", "%s.url must be a URL with https:// and a host", path)
		}
	}
}

// text is a value's text.
func text(v *jsonc.Value) (string, bool) {
	if v == nil {
		return "", false
	}
	s, ok := v.Any.(string)
	return s, ok
}

// SSHHosts are the hosts that the connections of a code hosts file clone from by SSH.
func SSHHosts(file File, known *catalogue.Configuration) (hosts []Host) {
	root, ok := jsonc.Parse(file.Data)
	if !ok {
		return nil
	}
	for _, m := range root.Members {
		host, is := known.CodeHosts[m.Name]
		if !is || host.SSH.Host == "" {
			continue
		}
		for i := range m.Value.Items {
			v := &m.Value.Items[i]
			from := fmt.Sprintf("%s: %s[%d]", file.Name, m.Name, i)
			if host.SSH.When != "" {
				if by, _ := text(v.At(host.SSH.When)); by != "ssh" {
					continue
				}
			}
			if v.At("gitSSHCredential") != nil {
				continue // which is a key of its own
			}
			addresses := []*jsonc.Value{v.At(host.SSH.Host)}
			if repos := v.At("repos"); host.SSH.When == "" && repos != nil {
				for k := range repos.Items {
					addresses = append(addresses, &repos.Items[k])
				}
			}
			for _, a := range addresses {
				address, _ := text(a)
				if h, ok := sshHost(address, host.SSH.When != ""); ok {
					if other := host.SSH.Names[h.Name]; other != "" {
						h.Name = other
					}
					h.From = from
					hosts = append(hosts, h)
				}
			}
		}
	}
	return hosts
}

// sshHost reads an address: ssh://git@host:2222, git@host:path, git@host. byKey says that another key chose SSH, so that the address is that of
// the pages, and only the code host knows its port of SSH.
func sshHost(address string, byKey bool) (Host, bool) {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		switch {
		case byKey:
			return Host{Name: u.Hostname()}, true
		case u.Scheme == "ssh":
			return Host{Name: u.Hostname(), Port: orDefault(u.Port())}, true
		}
		return Host{}, false
	}
	_, rest, at := strings.Cut(address, "@")
	if !at {
		return Host{}, false
	}
	name, _, _ := strings.Cut(rest, ":")
	return Host{Name: name, Port: "22"}, name != ""
}

func orDefault(port string) string {
	if port == "" {
		return "22"
	}
	return port
}
