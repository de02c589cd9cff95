package kubernetes

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"berth/internal/diag"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// access is how one cluster is reached, and who we are to it.
type access struct {
	config    *rest.Config
	context   string // "" in a pod
	namespace string // that the context names, or "default"

	user, file string // for messages: who, and the kubeconfig that says so
}

// find finds the cluster of a context as kubectl does; "" is the current one, or the own cluster of a pod without a kubeconfig. Nothing is
// sent yet. The error is a diag.List.
func find(getenv func(string) string, context string) (*access, error) {
	files := kubeconfigs(getenv)
	rules := &clientcmd.ClientConfigLoadingRules{Precedence: files}
	all, err := rules.Load()
	if err != nil {
		return nil, problem("BERTH3402", "kubeconfig", "the kubeconfig can't be read", "fix the file, or name another:  export KUBECONFIG=FILE", err.Error())
	}
	a := &access{context: cmp.Or(context, all.CurrentContext)}
	empty := len(all.Contexts) == 0 && len(all.Clusters) == 0
	switch {
	case empty && context == "":
		a.user, a.file = "the pod's service account", "its service account"
	case empty:
		return nil, absentConfig(files)
	default:
		if err := a.chosen(all, files); err != nil {
			return nil, err
		}
	}
	found := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: context})
	if a.config, err = found.ClientConfig(); err == nil {
		a.namespace, _, err = found.Namespace()
	}
	switch {
	case clientcmd.IsEmptyConfig(err):
		return nil, absentConfig(files)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return nil, a.in(problem("BERTH3406", a.subject(), "a file that the kubeconfig names can't be read", "fix its path or the file, or get a new kubeconfig", err.Error()))
	case err != nil:
		return nil, a.in(problem("BERTH3402", a.subject(), "the kubeconfig has something that kubectl does not accept", "fix it, or get a new kubeconfig from the cluster", err.Error()))
	}
	return a, nil
}

// kubeconfigs are the files that kubectl reads.
func kubeconfigs(getenv func(string) string) []string {
	files := slices.DeleteFunc(filepath.SplitList(getenv("KUBECONFIG")), func(p string) bool { return p == "" })
	if len(files) == 0 {
		files = []string{filepath.Join(getenv("HOME"), ".kube", "config")}
	}
	return files
}

// Context is a kube context.
type Context struct {
	Name      string
	Namespace string // that it names; "" for none
	Current   bool
}

// Contexts are the kube contexts that there are, by name. A kubeconfig that can't be read has none: Connect says what is wrong with it.
func Contexts(getenv func(string) string) (out []Context) {
	all, err := (&clientcmd.ClientConfigLoadingRules{Precedence: kubeconfigs(getenv)}).Load()
	if err != nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(all.Contexts)) {
		out = append(out, Context{Name: name, Namespace: all.Contexts[name].Namespace, Current: name == all.CurrentContext})
	}
	return out
}

func absentConfig(files []string) diag.List {
	return problem("BERTH3401", "kubeconfig", "no cluster is configured", "copy the cluster's kubeconfig to ~/.kube/config, or name it:  export KUBECONFIG=FILE",
		"looked for "+strings.Join(files, ", "))
}

// chosen checks that a context is there with its cluster and its user, and that berth can sign in the user's way.
func (a *access) chosen(all *api.Config, files []string) error {
	var offer []string
	if names := slices.Sorted(maps.Keys(all.Contexts)); len(names) > 0 {
		offer = []string{"there are: " + strings.Join(names, ", ")}
	}
	if a.context == "" {
		return problem("BERTH3403", "kubeconfig", "no context is chosen", "set  kubernetes: {context: NAME}  in sourcegraph.yaml, or:  kubectl config use-context NAME", offer...)
	}
	c := all.Contexts[a.context]
	if c == nil {
		return problem("BERTH3403", "context "+a.context, fmt.Sprintf("there is no context %s in %s", a.context, strings.Join(files, ", ")),
			"name one that exists, by --context or  kubernetes: {context: NAME}  in sourcegraph.yaml, or point KUBECONFIG at the file that has it", offer...)
	}
	a.file = c.LocationOfOrigin
	if cluster := all.Clusters[c.Cluster]; cluster == nil || cluster.Server == "" {
		return a.in(problem("BERTH3403", a.subject(), fmt.Sprintf("context %s refers to cluster %q, which has no address", a.context, c.Cluster),
			"add the cluster with its server to "+a.file+", or choose another context"))
	}
	user := all.AuthInfos[c.AuthInfo]
	if user == nil {
		return a.in(problem("BERTH3403", a.subject(), fmt.Sprintf("context %s refers to user %q, which does not exist", a.context, c.AuthInfo),
			"add the user to "+a.file+", or choose another context"))
	}
	a.user, a.file = c.AuthInfo, user.LocationOfOrigin
	if p := user.AuthProvider; p != nil {
		return a.in(problem("BERTH3404", "user "+a.user, fmt.Sprintf("the auth-provider %q is no longer supported by kubectl or berth", p.Name),
			cmp.Or(successors[p.Name], "use the exec plugin of your provider, or a service account's token")))
	}
	return nil
}

// successors are what to use in place of the auth-providers that kubectl gave up with version 1.26.
var successors = map[string]string{
	"gcp":   "install gke-gcloud-auth-plugin, then:  gcloud container clusters get-credentials CLUSTER",
	"azure": "install kubelogin, then:  kubelogin convert-kubeconfig",
	"oidc":  "use an exec plugin such as kubectl oidc-login (github.com/int128/kubelogin)",
}

// unusable says what is wrong with a config that no client can be made of.
func (a *access) unusable(err error) diag.List {
	if a.config.ExecProvider != nil && strings.Contains(err.Error(), "exec plugin") {
		return a.in(problem("BERTH3402", a.subject(), "the kubeconfig's exec plugin can't be used",
			"create a new kubeconfig with the newest version of "+a.config.ExecProvider.Command, err.Error()))
	}
	return a.in(problem("BERTH3406", a.subject(), "a certificate or key of the kubeconfig can't be used",
		"fix certificate-authority, client-certificate and client-key, or get a new kubeconfig", err.Error()))
}

// gettingCredentials is how client-go begins what it says of an exec plugin that gives no credentials.
const gettingCredentials = "getting credentials: "

// notSignedIn says what is wrong with the program that signs in, if an error is about that. What the program itself says, it says to people
// on standard error.
func (a *access) notSignedIn(err error) (diag.List, bool) {
	_, why, ok := strings.Cut(err.Error(), gettingCredentials)
	if !ok || a.config.ExecProvider == nil {
		return nil, false
	}
	plugin := a.config.ExecProvider
	why, _, _ = strings.Cut(why, "\n") // what follows is about exec plugins in general
	d := problem("BERTH3405", "user "+a.user, "the program that signs in to the cluster failed: "+plugin.Command,
		"run it by hand to see why; perhaps you have to sign in again", why)
	if _, err := exec.LookPath(plugin.Command); err != nil {
		d[0].Summary = "the program that signs in to the cluster does not exist: " + plugin.Command
		d[0].Hint = cmp.Or(strings.Join(strings.Fields(plugin.InstallHint), " "), "install "+plugin.Command+", or choose another user for the context")
	} else if plugin.InteractiveMode == api.AlwaysExecInteractiveMode && strings.Contains(why, "interactive mode") {
		d[0].Hint = "run berth in a terminal, or use a user that needs none"
	}
	return a.in(d), true
}

// who names the user for messages.
func (a *access) who() string {
	if a.context == "" {
		return a.user
	}
	return "user " + a.user + " of " + a.file
}

func (a *access) subject() string {
	if a.context == "" {
		return "kubeconfig"
	}
	return "context " + a.context
}

// in says which file a problem is in.
func (a *access) in(list diag.List) diag.List {
	for i := range list {
		list[i].Range.File = a.file
	}
	return list
}

func problem(code, subject, summary, hint string, detail ...string) diag.List {
	return diag.List{{Code: code, Severity: diag.Error, Subject: subject, Summary: summary, Detail: detail, Hint: hint}}
}
