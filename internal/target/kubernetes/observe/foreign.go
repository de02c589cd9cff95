package observe

import (
	"fmt"
	"slices"

	"berth/internal/diag"
	"berth/internal/plan/objects"
)

// The labels that say which installation an object belongs to. Names of objects outside namespaces are the chart's, so two installations of
// a cluster would share them.
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
		if live == nil || field(o.Body, "namespace") != "" {
			continue
		}
		installation, namespace := label(live, labelInstallation), label(live, labelNamespace)
		if installation == "" {
			installation, namespace = "of Helm", annotation(live, helmNamespace)
		}
		if namespace == "" || namespace == d.Namespace && slices.Contains([]string{d.Installation, "of Helm"}, installation) {
			continue
		}
		problems = append(problems, diag.Diagnostic{Code: "BERTH2204", Severity: diag.Error, Subject: o.Key,
			Summary: fmt.Sprintf("it belongs to the installation %s in namespace %s; it is not touched", installation, namespace),
			Hint:    "a second installation in a cluster must use only its namespace:  kubernetes: {clusterScoped: false}"})
	}
	return problems
}

func field(object map[string]any, name string) string {
	metadata, _ := object["metadata"].(map[string]any)
	value, _ := metadata[name].(string)
	return value
}

func annotation(object map[string]any, name string) string {
	metadata, _ := object["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	value, _ := annotations[name].(string)
	return value
}
