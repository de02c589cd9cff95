package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"berth/catalogue"
	"berth/internal/config"
	"berth/internal/installation"
	"berth/internal/render/kubernetes"
	"berth/internal/render/kubernetes/forms"
	"berth/internal/upgrade"
	"berth/internal/upgrade/survey"
)

// renderedNamespace is the namespace of rendered files where the config names none: a cluster is never asked.
const renderedNamespace = "sourcegraph"

// clusterForms are the forms for Kubernetes, with what to do next.
var clusterForms = map[string]string{
	"manifests":   "apply it as DIR/README.md says",
	"kustomize":   "apply it as DIR/README.md says",
	"helm":        "helm upgrade --install sourcegraph DIR --namespace sourcegraph",
	"helm-values": "helm upgrade --install sourcegraph sourcegraph/sourcegraph --values DIR/values.yaml",
}

// renderCluster writes a config's Kubernetes objects in one of their forms.
func (e *Env) renderCluster(ctx context.Context, l *installation.Want, r renderFlags) error {
	if r.as == "helm" {
		// The namespace is the release's, whatever the config says.
		options := config.KubernetesOptions{}
		if l.Doc.Config.Kubernetes != nil {
			options = *l.Doc.Config.Kubernetes
		}
		options.Namespace = forms.ChartNamespace
		l.Doc.Config.Kubernetes = &options
	}
	// A kube context's namespace does not count: the same file gives the same files everywhere.
	if r.as == "helm" || l.Stack.Cluster.Namespace != cmp.Or(l.Stack.Cluster.Options.Namespace, renderedNamespace) {
		if err := l.Resolve(renderedNamespace); err != nil {
			return err
		}
	}
	// Hashes of passwords don't belong into a repository, so a changed password is no new pod here.
	set, problems := kubernetes.Render(l.Stack, nil)
	if problems.Failed() {
		return problems
	}
	in := &forms.Input{Set: set, Release: l.Release, Sources: l.Stack.Secrets, Guard: &forms.Guard{Image: l.Image("pgsql")}}
	for _, span := range upgrade.Origins(e.Catalogue(), l.Release.Version, catalogue.Kubernetes, survey.Facts(l, nil)) {
		in.Guard.After = append(in.Guard.After, span.String())
	}
	if r.out == standardOutput {
		return e.renderStream(in, r.as)
	}
	return e.renderFolder(ctx, l, in, r)
}

// renderFolder writes objects into a folder.
func (e *Env) renderFolder(ctx context.Context, l *installation.Want, in *forms.Input, r renderFlags) error {
	f := &folder{path: e.Abs(r.out), name: r.out, marker: "README.md"}
	if err := f.foreign(); err != nil {
		return err
	}
	e.follows(l, f)
	if r.secrets == "age" {
		seal, err := e.sealer(ctx, l, f, r.recipients)
		if err != nil {
			return err
		}
		in.Seal = seal
	}
	files, once, err := forms.Render(r.as, in)
	if err != nil {
		return err
	}
	if err := f.replace(files, once); err != nil {
		return err
	}
	e.out.result = filesWritten(r.out, files)
	fmt.Fprintf(e.Stdout, "wrote %d files to %s\n", len(files), r.out)
	if n := len(in.Expected()); n > 0 && r.as != "helm" {
		fmt.Fprintf(e.Stdout, "%d Secrets are left out; %s/README.md says how to create them\n", n, r.out)
	}
	fmt.Fprintln(e.raw(), "next: "+strings.ReplaceAll(clusterForms[r.as], "DIR", r.out))
	return nil
}

// renderStream writes objects to the standard output: manifests as one stream, and the values of Sourcegraph's own chart.
func (e *Env) renderStream(in *forms.Input, as string) error {
	text, err := forms.One(as, in)
	if err != nil {
		return err
	}
	if n := len(in.Expected()); n > 0 {
		fmt.Fprintf(e.Stderr, "%d Secrets are left out; berth render --as %s --out DIR writes into DIR/README.md how to create them\n", n, as)
	}
	return e.standardOutput(text)
}

// checkSecrets refuses flags that contradict each other.
func (r renderFlags) checkSecrets() error {
	switch {
	case r.out == standardOutput && (r.as == "helm" || r.as == "kustomize"):
		return notOneFile("--as " + r.as + " is a folder: a chart or a base has files that refer to each other")
	case r.out == standardOutput && r.secrets == "age":
		return notOneFile("--secrets age keeps what is encrypted already, and reads it from the folder")
	case r.secrets != "reference" && r.secrets != "age":
		return usageError("--secrets", fmt.Sprintf("%q is no way to write Secrets", r.secrets), "it can be reference or age")
	case r.secrets == "age" && r.as != "manifests" && r.as != "kustomize":
		return usageError("--secrets", "only --as manifests and --as kustomize contain Secrets", "leave --secrets out, or change --as")
	case r.secrets == "age" && len(r.recipients) == 0:
		return usageError("--secrets", "encrypted Secrets need somebody who can read them", "add --recipient with their age public key")
	case r.secrets != "age" && len(r.recipients) > 0:
		return usageError("--recipient", "Secrets are encrypted only with --secrets age", "add --secrets age, or leave --recipient out")
	}
	return nil
}
