package observe

import (
	"fmt"
	"slices"

	"berth/internal/diag"
	"berth/internal/plan/objects"
	"berth/internal/tree"
)

// The labels that say which installation an object belongs to. Names of objects outside namespaces are the chart's unless the
// installation has a name of its own, so two installations of a cluster could share them.
const (
	labelInstallation = "dev.berth.installation"
	labelNamespace    = "dev.berth.namespace"
	helmNamespace     = "meta.helm.sh/release-namespace"
)

// Foreign finds objects outside the namespace that belong to another installation. berth does not touch them.
func Foreign(d objects.Desired, c objects.Cluster) diag.List {
	var problems diag.List
	for _, o := range d.Objects {
		live := c.Seen[o.Key].Live
		if live == nil || tree.Text(o.Body, "metadata", "namespace") != "" {
			continue
		}
		installation, namespace := tree.Text(live, "metadata", "labels", labelInstallation), tree.Text(live, "metadata", "labels", labelNamespace)
		if installation == "" {
			installation, namespace = "of Helm", tree.Text(live, "metadata", "annotations", helmNamespace)
		}
		if namespace == "" || namespace == d.Namespace && slices.Contains([]string{d.Installation, "of Helm"}, installation) {
			continue
		}
		problems = append(problems, diag.Diagnostic{Code: "BERTH2204", Severity: diag.Error, Subject: o.Key,
			Summary: fmt.Sprintf("it belongs to the installation %s in namespace %s; it is not changed", installation, namespace),
			Hint:    "give this installation a name of its own, such as  name: second   or let it use only its namespace:  kubernetes: {clusterScoped: false}"})
	}
	return problems
}
