// Package kubeconfig knows how a cluster is reached and who we are to it: from the files that kubectl reads, in the way that kubectl reads
// them, or from the pod that berth runs in. What is wrong with them is a diag.List with the file, the context and what to do next.
package kubeconfig

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"berth/internal/diag"
	"go.yaml.in/yaml/v4"
)

// Outside is what loading needs from outside.
type Outside struct {
	Getenv func(string) string
	Now    func() time.Time
	// Ask is where programs that sign in may ask the admin; nil: nobody is there to be asked.
	Ask io.Reader
	// Tell is where such programs tell the admin what to do; nil: nowhere.
	Tell io.Writer

	pod string // the folder with a pod's own credentials; "" is where Kubernetes puts it
}

// file is a kubeconfig file, as much of it as berth uses.
type file struct {
	Current  string         `yaml:"current-context"`
	Clusters []namedCluster `yaml:"clusters"`
	Contexts []namedContext `yaml:"contexts"`
	Users    []namedUser    `yaml:"users"`
}

type namedCluster struct {
	Name    string  `yaml:"name"`
	Cluster cluster `yaml:"cluster"`
	from    string
}

type namedContext struct {
	Name    string   `yaml:"name"`
	Context selected `yaml:"context"`
	from    string
}

type namedUser struct {
	Name string `yaml:"name"`
	User user   `yaml:"user"`
	from string
}

// selected is what a context selects.
type selected struct {
	Cluster   string `yaml:"cluster"`
	User      string `yaml:"user"`
	Namespace string `yaml:"namespace"`
}

// cluster is where the API server is and how it proves that it is the one.
type cluster struct {
	Server        string      `yaml:"server"`
	Authority     string      `yaml:"certificate-authority"`
	AuthorityData string      `yaml:"certificate-authority-data"`
	Insecure      bool        `yaml:"insecure-skip-tls-verify"`
	ServerName    string      `yaml:"tls-server-name"`
	Proxy         string      `yaml:"proxy-url"`
	Extensions    []extension `yaml:"extensions"`
}

// extension is a setting of some other program's.
type extension struct {
	Name  string `yaml:"name"`
	Value any    `yaml:"extension"`
}

// user is how we prove who we are.
type user struct {
	Certificate     string              `yaml:"client-certificate"`
	CertificateData string              `yaml:"client-certificate-data"`
	Key             string              `yaml:"client-key"`
	KeyData         string              `yaml:"client-key-data"`
	Token           string              `yaml:"token"`
	TokenFile       string              `yaml:"tokenFile"`
	Username        string              `yaml:"username"`
	Password        string              `yaml:"password"`
	As              string              `yaml:"as"`
	AsUID           string              `yaml:"as-uid"`
	AsGroups        []string            `yaml:"as-groups"`
	AsExtra         map[string][]string `yaml:"as-user-extra"`
	Exec            *plugin             `yaml:"exec"`
	Provider        *struct {
		Name string `yaml:"name"`
	} `yaml:"auth-provider"`
}

// Load finds the cluster of a context, "" being the current one. Nothing is sent yet.
func Load(out Outside, context string) (*Access, error) {
	all, paths, err := read(out.Getenv)
	if err != nil {
		return nil, err
	}
	if all.empty() && context == "" {
		if a, err := out.inPod(); a != nil || err != nil {
			return a, err
		}
	}
	if all.empty() {
		return nil, problem("BERTH3401", "kubeconfig", "no cluster is configured", "copy the cluster's kubeconfig to ~/.kube/config, or name it:  export KUBECONFIG=FILE",
			"looked for "+strings.Join(paths, ", "))
	}
	name := cmp.Or(context, all.Current)
	if name == "" {
		return nil, problem("BERTH3403", "kubeconfig", "no context is chosen", "set  kubernetes: {context: NAME}  in sourcegraph.yaml, or:  kubectl config use-context NAME", all.offer()...)
	}
	i := slices.IndexFunc(all.Contexts, func(c namedContext) bool { return c.Name == name })
	if i < 0 {
		return nil, problem("BERTH3403", "context "+name, fmt.Sprintf("there is no context %s in %s", name, strings.Join(paths, ", ")),
			"set  kubernetes: {context: NAME}  in sourcegraph.yaml to one that exists, or point KUBECONFIG at the file that has it", all.offer()...)
	}
	return all.access(out, all.Contexts[i])
}

// access puts together what a context selects.
func (f *file) access(out Outside, c namedContext) (*Access, error) {
	subject := "context " + c.Name
	i := slices.IndexFunc(f.Clusters, func(n namedCluster) bool { return n.Name == c.Context.Cluster })
	if i < 0 || f.Clusters[i].Cluster.Server == "" {
		return nil, problem("BERTH3403", subject, fmt.Sprintf("context %s refers to cluster %q, which has no address", c.Name, c.Context.Cluster),
			"add the cluster with its server to "+c.from+", or choose another context")
	}
	var u user
	from := c.from
	if c.Context.User != "" {
		j := slices.IndexFunc(f.Users, func(n namedUser) bool { return n.Name == c.Context.User })
		if j < 0 {
			return nil, problem("BERTH3403", subject, fmt.Sprintf("context %s refers to user %q, which does not exist", c.Name, c.Context.User),
				"add the user to "+c.from+", or choose another context")
		}
		u, from = f.Users[j].User, f.Users[j].from
	}
	a := &Access{Context: c.Name, Namespace: cmp.Or(c.Context.Namespace, "default"), out: out, user: c.Context.User, from: from}
	if err := a.reach(f.Clusters[i]); err != nil {
		return nil, err
	}
	return a, a.prove(u, f.Clusters[i].Cluster)
}

func (f *file) empty() bool { return len(f.Contexts) == 0 && len(f.Clusters) == 0 }

// offer tells which contexts there are.
func (f *file) offer() []string {
	var names []string
	for _, c := range f.Contexts {
		names = append(names, c.Name)
	}
	slices.Sort(names)
	if len(names) == 0 {
		return nil
	}
	return []string{"there are: " + strings.Join(names, ", ")}
}

// read merges the files of KUBECONFIG, or reads ~/.kube/config. Of things with one name, the one in the first file counts. Files that do not
// exist are left out, as kubectl does.
func read(getenv func(string) string) (*file, []string, error) {
	paths := slices.DeleteFunc(filepath.SplitList(getenv("KUBECONFIG")), func(p string) bool { return p == "" })
	if len(paths) == 0 {
		paths = []string{filepath.Join(getenv("HOME"), ".kube", "config")}
	}
	all := &file{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			continue
		}
		var f file
		if err == nil {
			err = yaml.Load(text, &f)
		}
		if err != nil && len(strings.TrimSpace(string(text))) > 0 || err != nil && text == nil {
			list := problem("BERTH3402", "kubeconfig", "the kubeconfig can't be read", "fix the file, or name another:  export KUBECONFIG=FILE", err.Error())
			list[0].Range.File = path
			return nil, paths, list
		}
		all.merge(f, path)
	}
	return all, paths, nil
}

// merge adds what is not there yet. Names of files count from the folder of the kubeconfig that has them.
func (f *file) merge(more file, path string) {
	dir := filepath.Dir(path)
	f.Current = cmp.Or(f.Current, more.Current)
	for _, c := range more.Clusters {
		if !slices.ContainsFunc(f.Clusters, func(n namedCluster) bool { return n.Name == c.Name }) {
			c.from, c.Cluster.Authority = path, from(dir, c.Cluster.Authority)
			f.Clusters = append(f.Clusters, c)
		}
	}
	for _, c := range more.Contexts {
		if !slices.ContainsFunc(f.Contexts, func(n namedContext) bool { return n.Name == c.Name }) {
			c.from = path
			f.Contexts = append(f.Contexts, c)
		}
	}
	for _, u := range more.Users {
		if !slices.ContainsFunc(f.Users, func(n namedUser) bool { return n.Name == u.Name }) {
			u.from = path
			u.User.Certificate, u.User.Key, u.User.TokenFile = from(dir, u.User.Certificate), from(dir, u.User.Key), from(dir, u.User.TokenFile)
			if e := u.User.Exec; e != nil && strings.ContainsRune(e.Command, filepath.Separator) {
				e.Command = from(dir, e.Command)
			}
			f.Users = append(f.Users, u)
		}
	}
}

func from(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

func problem(code, subject, summary, hint string, detail ...string) diag.List {
	return diag.List{{Code: code, Severity: diag.Error, Subject: subject, Summary: summary, Detail: detail, Hint: hint}}
}
