package observe

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"berth/internal/diag"
	"berth/internal/plan/objects"
	"berth/internal/target/kubernetes"
)

// Storage finds volumes that would wait for ever: their class is not there, or they name none and the cluster has no default. Volumes that
// exist need none any more. Who may not look at the classes is told nothing.
func Storage(ctx context.Context, c *kubernetes.Client, namespace string, bodies []map[string]any) (diag.List, error) {
	classes, err := classes(ctx, c)
	if err != nil || classes == nil {
		return nil, err
	}
	there, err := claims(ctx, c, namespace)
	if err != nil {
		return nil, err
	}
	fallback, known := false, map[string]bool{}
	for _, class := range classes {
		known[class.Name], fallback = true, fallback || class.Default
	}
	wanted := map[string][]string{} // volumes by class
	for _, o := range bodies {
		ref := kubernetes.RefOf(o)
		switch ref.Kind {
		case "StorageClass":
			known[ref.Name] = true
		case "PersistentVolumeClaim":
			if !slices.ContainsFunc(there, func(c objects.Claim) bool { return c.Name == ref.Name }) {
				class := classOf(o)
				wanted[class] = append(wanted[class], ref.Name)
			}
		case "StatefulSet":
			spec, _ := o["spec"].(map[string]any)
			templates, _ := spec["volumeClaimTemplates"].([]any)
			for _, t := range templates {
				claim, _ := t.(map[string]any)
				name := kubernetes.RefOf(claim).Name + "-" + ref.Name
				if !slices.ContainsFunc(there, func(c objects.Claim) bool { return strings.HasPrefix(c.Name, name+"-") }) {
					class := classOf(claim)
					wanted[class] = append(wanted[class], name)
				}
			}
		}
	}
	var problems diag.List
	for class, volumes := range wanted {
		if class == "" && fallback || known[class] {
			continue
		}
		slices.Sort(volumes)
		summary := fmt.Sprintf("the cluster has no storage class %s", class)
		if class == "" {
			summary = "the cluster has no default storage class, and the config names none"
		}
		names := make([]string, len(classes))
		for i, c := range classes {
			names[i] = c.Name
		}
		hint := "create one with  kubernetes: {storageClass: {name: ..., provisioner: ...}}"
		if len(names) > 0 {
			hint = fmt.Sprintf("name an existing one, such as  kubernetes: {storageClass: {name: %s}}", names[0])
		}
		problems = append(problems, diag.Diagnostic{Code: "BERTH2203", Severity: diag.Error, Subject: "cluster", Summary: summary,
			Detail: []string{"volumes: " + strings.Join(volumes, ", "), "existing classes: " + strings.Join(names, ", ")}, Hint: hint})
	}
	problems.Sort()
	return problems, nil
}

func classOf(claim map[string]any) string {
	spec, _ := claim["spec"].(map[string]any)
	class, _ := spec["storageClassName"].(string)
	return class
}
