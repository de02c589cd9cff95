// Package runbook writes what people need to know who run one installation: its facts and commands with its own names, and the pages of the
// documentation that matter for it. It knows the config and what follows from it, so it needs no target, and it can't have a secret: of those the
// config has only where they are. Pure.
package runbook

import (
	_ "embed"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"text/template"

	"berth/catalogue"
	"berth/internal/address"
	"berth/internal/config"
	"berth/internal/stack"
)

// Input is what a runbook is made of.
type Input struct {
	Config    *config.Config
	Stack     *stack.Stack
	File      string   // the config's name
	Folder    string   // where it is
	Variables []string // of the environment that hold secrets
	Files     []string // that hold secrets
	Berth     string   // the version that writes it
}

// fact is a line of the first table.
type fact struct{ What, Value string }

// form is the part of a runbook that is about the installation alone.
//
//go:embed runbook.md
var form string

// view is what the form knows.
type view struct {
	Input
	Name, URL, Target, Context, Namespace string
	Kubernetes                            bool
	C                                     string // the flag that names the config, where it has another name
	Kubectl                               string // kubectl for this namespace
	Services                              []string
	Facts                                 []fact
	Databases                             []fact
	Special                               []string
	Backup                                *config.Backup
	Upgrades                              *config.Upgrades
	Chapters                              []chapter
}

// Of is the runbook of an installation, as Markdown. page gives the text of a page of the documentation.
func Of(in Input, page func(file string) string) string {
	v := &view{Input: in, Name: in.Stack.Name, URL: in.Stack.Address.URL(), Target: string(in.Stack.Target), Kubernetes: in.Stack.Target == catalogue.Kubernetes,
		Backup: in.Config.Backup, Upgrades: in.Config.Upgrades}
	if in.File != "sourcegraph.yaml" {
		v.C = " -c " + in.File
	}
	if c := in.Stack.Cluster; c != nil {
		v.Namespace = c.Namespace
	}
	v.Kubectl = "kubectl"
	if k := in.Config.Kubernetes; k != nil && k.Context != "" {
		v.Context = k.Context
		v.Kubectl += " --context " + k.Context
	}
	if v.Namespace != "" {
		v.Kubectl += " -n " + v.Namespace
	}
	v.Services = services(in.Stack)
	v.Facts, v.Databases, v.Special = v.facts(), v.databases(), v.special()
	for _, c := range chapters {
		if c.when(in) {
			c.Title = title(page(c.file))
			v.Chapters = append(v.Chapters, c)
		}
	}
	var b strings.Builder
	if err := template.Must(template.New("runbook").Parse(form)).Execute(&b, v); err != nil {
		panic(err) // the form is in the program
	}
	for _, c := range v.Chapters {
		b.WriteString("\n" + v.adapted(page(c.file)))
	}
	return b.String()
}

// services are the names of Sourcegraph's services and the admin's containers, each once.
func services(s *stack.Stack) []string {
	seen := map[string]bool{}
	for _, i := range s.Instances {
		seen[i.Service] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

// certificates say who has the certificate.
var certificates = map[address.TLS]string{
	address.Nowhere:   "none: plain HTTP",
	address.InFront:   "of the proxy in front of Sourcegraph",
	address.Files:     "the files that `tls` names",
	address.Automatic: "of Let's Encrypt, renewed automatically",
	address.Cluster:   "in the cluster",
}

// facts are the lines of the first table, without those that the config leaves open.
func (v *view) facts() []fact {
	c := v.Config
	all := []fact{
		{"address", v.URL},
		{"further names", strings.Join(c.Front.Hosts, ", ")},
		{"who may reach it", strings.Join(c.Front.Allow, ", ")},
		{"certificate", certificates[v.Stack.Address.TLS]},
		{"Sourcegraph", v.Stack.Release},
		{"target", v.Target},
		{"kube context", v.Context},
		{"namespace", v.Namespace},
		{"name", v.Name},
		{"config", path.Join(v.Folder, v.File)},
		{"images from", c.Images.Registry},
		{"HTTP proxy", proxy(c.Proxy)},
	}
	return slices.DeleteFunc(all, func(f fact) bool { return f.Value == "" })
}

// proxy says that there is one: its address may have a password.
func proxy(p *config.Proxy) string {
	if p == nil {
		return ""
	}
	return "yes, see `proxy` in the config"
}

// databases are where the data is, the databases first.
func (v *view) databases() []fact {
	var out []fact
	for _, name := range v.Stack.Databases {
		where := "bundled, service " + name
		if e := v.Config.Databases[name].External; e != nil {
			where = fmt.Sprintf("external, database %s of %s, as %s", e.Database, e.Host, e.User)
		}
		out = append(out, fact{name, where})
	}
	for _, name := range slices.Sorted(maps.Keys(v.Config.Redis)) {
		if v.Config.Redis[name].External != nil {
			out = append(out, fact{name, "external"})
		}
	}
	out = append(out, fact{"repositories", "service gitserver, in volumes; cloned again if they are lost"})
	if o := v.Config.ObjectStorage; o != nil {
		out = append(out, fact{"uploads", fmt.Sprintf("bucket %s (%s)", o.Bucket, o.Backend)})
	} else {
		out = append(out, fact{"uploads", "service blobstore, in a volume"})
	}
	if !v.Kubernetes {
		out = append(out, fact{"passwords, history", path.Join(v.Folder, ".berth")})
	}
	return out
}

// special is what differs from an installation that somebody else has.
func (v *view) special() []string {
	c := v.Config
	var out []string
	for _, name := range slices.Sorted(maps.Keys(c.Containers)) {
		out = append(out, fmt.Sprintf("A container of ours: `%s`, image `%s`.", name, c.Containers[name].Image))
	}
	for _, p := range c.Patches {
		out = append(out, fmt.Sprintf("A patch of `%s`: %s.", p.Service, strings.TrimSuffix(p.Reason, ".")))
	}
	if c.Doctor != nil {
		for _, m := range c.Doctor.Mute {
			out = append(out, fmt.Sprintf("The doctor does not count %s until %s: %s.", m.Code, m.Until, strings.TrimSuffix(m.Reason, ".")))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Services)) {
		if n := c.Services[name].Replicas; n != nil {
			out = append(out, fmt.Sprintf("`%s` has %d instances.", name, *n))
		}
	}
	return out
}
