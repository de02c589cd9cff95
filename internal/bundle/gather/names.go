package gather

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"berth/docs"
	"berth/internal/bundle"
	"berth/internal/bundle/redact"
	"berth/internal/installation"
	"berth/internal/jsonc"
	"berth/internal/state"
)

// KeyName is the name of the secret from which pseudonyms follow.
const KeyName = "pseudonyms"

// Pseudonyms are the names of an installation of some kinds, and what of them could not be found out. The key makes pseudonyms of them.
func Pseudonyms(ctx context.Context, e *installation.Environment, i *installation.Installation, o Options) (*redact.Pseudonyms, []bundle.Missing) {
	k := &keeper{env: e, at: i}
	k.config()
	all, err := instances(ctx, i)
	if o.Lost == nil && err == nil {
		k.databases(ctx, all)
	}
	return k.pseudonyms(ctx, o, all)
}

// pseudonyms finds names out, of all that the keeper has read before.
func (k *keeper) pseudonyms(ctx context.Context, o Options, all []installation.Instance) (*redact.Pseudonyms, []bundle.Missing) {
	n := &names{kinds: o.Pseudonyms, services: map[string]bool{}, seen: map[redact.Name]bool{}}
	for name := range k.at.Release.Services {
		n.services[name] = true
	}
	for _, one := range all {
		n.services[one.Service], n.services[one.Name], n.services[one.Container] = true, true, true
		n.host(one.Node)
	}
	var missing []bundle.Missing
	missed := func(what string, err error) {
		missing = append(missing, bundle.Missing{What: what, Why: oneLine(err) + "; they are replaced by their form only"})
	}
	n.config(k)
	if err := n.history(ctx, k.at); err != nil {
		missed("names of who worked on the installation", err)
	}
	if o.Lost == nil {
		n.target(ctx, k.at)
		if err := n.people(ctx, k.env, k.at, all); err != nil {
			missed("names of users and repositories", err)
		}
	} else {
		missed("names that only "+targetName(k.at)+" and the database have", o.Lost)
	}
	if n.short > 0 {
		missing = append(missing, bundle.Missing{What: "pseudonyms of some names",
			Why: fmt.Sprintf("short names and words of other texts, %d in all, are replaced only after words such as user=", n.short)})
	}
	return &redact.Pseudonyms{Key: o.Key, Kinds: o.Pseudonyms, Names: n.list, Stays: n.stays}, missing
}

// names collects names, each once.
type names struct {
	kinds    []redact.Kind
	list     []redact.Name
	seen     map[redact.Name]bool
	services map[string]bool // their names stay
	short    int             // names that can't be searched for
}

func (n *names) add(name redact.Name) {
	name.Text = strings.TrimSpace(name.Text)
	small := name
	small.Text = strings.ToLower(name.Text)
	if name.Text == "" || !slices.Contains(n.kinds, name.Kind) || n.seen[small] || n.stays(name.Kind, small.Text) {
		return
	}
	n.seen[small] = true
	if len(small.Text) < redact.Least || everyday()[small.Text] || strings.Trim(small.Text, "0123456789") == "" {
		n.short++
		return
	}
	n.list = append(n.list, name)
}

// public are hosts that everybody knows, with all that are below them.
var public = []string{"github.com", "githubusercontent.com", "ghcr.io", "gitlab.com", "bitbucket.org", "dev.azure.com", "visualstudio.com", "googlesource.com", "docker.io", "docker.com",
	"quay.io", "gcr.io", "pkg.dev", "k8s.io", "kubernetes.io", "sourcegraph.com", "letsencrypt.org", "golang.org", "go.dev", "npmjs.org", "pypi.org", "crates.io", "googleapis.com",
	"prometheus.io", "opentelemetry.io", "helm.sh", "replicated.com", "localhost", "localdomain", "host.docker.internal", "svc", "cluster.local", "sigs.k8s.io", "apache.org"}

// accounts are users that many systems have.
var accounts = []string{"root", "nobody", "admin", "sg", "sourcegraph", "postgres", "codeintel", "codeinsights", "git", "system", "anonymous"}

// stays reports names that everybody has: they tell nothing about who runs the installation, and without them nobody could read a bundle.
func (n *names) stays(kind redact.Kind, name string) bool {
	name = strings.ToLower(name)
	if slices.Contains(common, name) || slices.Contains(accounts, name) || n.services[name] || alias().MatchString(name) {
		return true
	}
	switch first, _, _ := strings.Cut(name, "/"); kind {
	case redact.Hosts:
		return ofPublic(name)
	case redact.Repositories: // Sourcegraph's own are in each of its logs, and images have the form of repositories
		return first == "sourcegraph" || strings.HasPrefix(name, "github.com/sourcegraph/") || ofPublic(first) && strings.Contains(name, "/sourcegraph/")
	case redact.Users:
		return strings.HasSuffix(name, "@sourcegraph.com")
	}
	return false
}

// alias are pseudonyms themselves.
var alias = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(host|address|user|mail|repo)-[0-9a-hjkmnp-tv-z]{8}$`)
})

func ofPublic(host string) bool {
	return slices.ContainsFunc(public, func(p string) bool { return host == p || strings.HasSuffix(host, "."+p) })
}

var word = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\b[a-z]{4,}\b`) })

// everyday are words of berth's own pages. What is named like one of them can't be searched for everywhere: nobody could read the bundle.
var everyday = sync.OnceValue(func() map[string]bool {
	out := map[string]bool{}
	_ = fs.WalkDir(docs.Pages, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := docs.Pages.ReadFile(path)
		for _, w := range word().FindAllString(string(text), -1) {
			out[w] = true
		}
		return err
	}) // it is in the program
	return out
})

// host adds a host, with its domain, or an address.
func (n *names) host(text string) {
	text = strings.ToLower(strings.Trim(text, "[]. "))
	if _, err := netip.ParseAddr(text); err == nil {
		if redact.Networked(text) {
			n.add(redact.Name{Kind: redact.Addresses, Text: text})
		}
		return
	}
	labels := strings.Split(text, ".")
	if n.stays(redact.Hosts, text) || strings.ContainsFunc(text, func(r rune) bool {
		return r < 0x80 && !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789.-_", r)
	}) {
		return
	}
	n.add(redact.Name{Kind: redact.Hosts, Text: text})
	if last := len(labels) - 1; last > 0 {
		from := last - 1
		if from > 0 && len(labels[last]) == 2 && len(labels[from]) <= 3 { // co.uk
			from--
		}
		n.add(redact.Name{Kind: redact.Hosts, Text: strings.Join(labels[from:], "."), Below: true})
	}
}

var (
	inURL = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://(?:[^\s/@"']*@)?(\[[0-9a-fA-F:.]+\]|[^\s/:"'?#\]]+)`)
	})
	bySSH  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\bgit@([A-Za-z0-9._-]+):`) })
	dotted = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+)(?::\d+)?(?:/.*)?$`)
	})
	single = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([A-Za-z0-9_.-]+)(?::\d+)?$`) })
)

// places are keys whose values are hosts.
var places = []string{"host", "hostname", "hosts", "server", "endpoint", "address", "addr", "domain", "external", "registry", "mirror", "externalurl", "bucket"}

// tree adds the hosts in a document: in URLs, and after keys that have some.
func (n *names) tree(v any, key string) {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			n.tree(inner, strings.ToLower(name))
		}
	case []any:
		for _, inner := range v {
			n.tree(inner, key)
		}
	case string:
		for _, m := range append(inURL().FindAllStringSubmatch(v, -1), bySSH().FindAllStringSubmatch(v, -1)...) {
			n.host(m[1])
		}
		if !slices.Contains(places, key) {
			return
		}
		if m := dotted().FindStringSubmatch(v); m != nil {
			n.host(m[1])
		} else if m := single().FindStringSubmatch(v); m != nil {
			n.host(m[1])
		}
	}
}

// asTree is a value as what JSON makes of it.
func asTree(v any) (out any) {
	text, err := json.Marshal(v)
	if err != nil || json.Unmarshal(text, &out) != nil {
		return nil
	}
	return out
}

// config adds what the config names, and what Sourcegraph's own configuration names.
func (n *names) config(k *keeper) {
	n.tree(asTree(k.at.Doc.Config), "")
	for _, m := range inURL().FindAllStringSubmatch(string(k.at.Text), -1) {
		n.host(m[1])
	}
	for _, c := range k.told {
		v, ok := jsonc.Parse([]byte(c.text))
		if !ok {
			continue
		}
		n.tree(v.Any, "")
		if c.kind == "" {
			continue
		}
		connections := &names{kinds: []redact.Kind{redact.Hosts}, services: n.services, seen: map[redact.Name]bool{}}
		connections.tree(v.Any, "")
		for _, host := range connections.list {
			if !host.Below {
				n.add(redact.Name{Kind: redact.Repositories, Text: host.Text, Path: true})
			}
		}
	}
}

// history adds who worked on the installation, and where.
func (n *names) history(ctx context.Context, i *installation.Installation) error {
	records, err := i.Store.History(ctx)
	for _, r := range records {
		n.add(redact.Name{Kind: redact.Users, Text: r.Who.User})
		n.host(r.Who.Host)
	}
	me := state.Self("", time.Time{})
	n.add(redact.Name{Kind: redact.Users, Text: me.User})
	n.host(me.Host)
	return err
}

// target adds the machines of the target.
func (n *names) target(ctx context.Context, i *installation.Installation) {
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	for _, e := range i.Evidence() {
		if e.Path != "docker/info.json" && e.Path != "cluster-resources/nodes.json" {
			continue
		}
		v, err := e.Ask(ctx)
		if err != nil {
			continue // whoever collects the file says it
		}
		var told struct {
			Name  string // of the engine's host
			Items []struct {
				Metadata struct{ Name string }
				Status   struct{ Addresses []struct{ Address string } }
			}
		}
		text, _ := json.Marshal(v)
		if json.Unmarshal(text, &told) != nil {
			continue
		}
		n.host(told.Name)
		n.tree(asTree(v), "")
		for _, node := range told.Items {
			n.host(node.Metadata.Name)
			for _, a := range node.Status.Addresses {
				n.host(a.Address)
			}
		}
	}
}

// namesOf ask the database for names.
var namesOf = map[redact.Kind]string{
	redact.Users: `SELECT json_build_object('kind', 'users', 'text', username) FROM users;
SELECT json_build_object('kind', 'users', 'text', display_name) FROM users WHERE display_name LIKE '% %';
SELECT json_build_object('kind', 'users', 'text', email) FROM user_emails;
`,
	redact.Repositories: "SELECT json_build_object('kind', 'repositories', 'text', name) FROM repo;\n",
}

// people adds the users and the repositories that Sourcegraph has.
func (n *names) people(ctx context.Context, e *installation.Environment, i *installation.Installation, all []installation.Instance) error {
	sql := ""
	for _, kind := range n.kinds {
		sql += namesOf[kind]
	}
	if sql == "" {
		return nil
	}
	rows, err := query(ctx, e, i, all, "pgsql", sql)
	for _, row := range rows {
		var r struct{ Kind, Text string }
		if json.Unmarshal(row, &r) != nil {
			continue
		}
		n.add(redact.Name{Kind: redact.Kind(r.Kind), Text: r.Text})
		if host, path, ok := strings.Cut(r.Text, "/"); ok && r.Kind == string(redact.Repositories) && strings.Contains(host, ".") && strings.Contains(path, "/") {
			n.add(redact.Name{Kind: redact.Repositories, Text: path, Of: strings.ToLower(r.Text)})
		}
	}
	return err
}
