package cli

import (
	"fmt"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/installation/cluster"
	render "berth/internal/render/kubernetes"
	"berth/internal/render/yaml"
	"berth/internal/target/kubernetes/rbac"
)

// explainRights prints the rights that berth needs for a config.
func (e *Env) explainRights(file string) error {
	l, err := e.usable(e.LoadReferring(file))
	if err != nil {
		return err
	}
	if l.Stack.Target != catalogue.Kubernetes {
		return diag.List{{Code: "BERTH2202", Severity: diag.Error, Subject: file, Range: l.Doc.At("target"), Summary: "this config needs no rights in a cluster",
			Hint: "on a Docker host, berth needs the same rights as docker: root, or the group docker"}}
	}
	set, problems := render.Render(l.Stack, nil)
	if problems.Failed() {
		return problems
	}
	out := e.raw() // kubectl reads it
	for i, o := range rbac.Objects(cluster.Rights(set), set.Namespace, set.Name) {
		comment := "What berth does in the cluster for this config. Bind it to the account that runs berth."
		if i > 0 {
			fmt.Fprintln(out, "---")
			comment = "Rights outside the namespace. Without them:  kubernetes: {clusterScoped: false}"
		}
		if _, err := out.Write(yaml.Encode(comment, o)); err != nil {
			return err
		}
	}
	return nil
}
