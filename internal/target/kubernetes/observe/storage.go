package observe

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"berth/internal/diag"
	"berth/internal/plan/objects"
	"berth/internal/target/kubernetes"
	"berth/internal/tree"
)

// Storage finds volumes that would wait forever: their storage class does not exist, or they name none and the cluster has no default.
// Existing volumes need no class any more. It finds nothing where we may not read the classes.
func Storage(ctx context.Context, c *kubernetes.Client, namespace string, bodies []map[string]any) (diag.List, error) {
	classes, err := classes(ctx, c)
	if err != nil || classes == nil {
		return nil, err
	}
	existing, err := claims(ctx, c, namespace)
	if err != nil {
		return nil, err
	}
	hasDefault, known, names := false, map[string]bool{}, []string{}
	for _, class := range classes {
		known[class.Name], hasDefault, names = true, hasDefault || class.Default, append(names, class.Name)
	}
	for _, o := range bodies {
		if ref := kubernetes.RefOf(o); ref.Kind == "StorageClass" {
			known[ref.Name] = true
		}
	}
	hint := "create one with  kubernetes: {storageClass: {name: ..., provisioner: ...}}"
	if len(names) > 0 {
		hint = fmt.Sprintf("name an existing one, such as  kubernetes: {storageClass: {name: %s}}", names[0])
	}
	var problems diag.List
	for class, volumes := range newVolumes(bodies, existing) {
		if class == "" && hasDefault || known[class] {
			continue
		}
		slices.Sort(volumes)
		summary := fmt.Sprintf("the cluster has no storage class %s", class)
		if class == "" {
			summary = "the cluster has no default storage class, and the config names none"
		}
		problems = append(problems, diag.Diagnostic{Code: "BERTH2203", Severity: diag.Error, Subject: "cluster", Summary: summary,
			Detail: []string{"volumes: " + strings.Join(volumes, ", "), "existing classes: " + strings.Join(names, ", ")}, Hint: hint})
	}
	problems.Sort()
	return problems, nil
}

// newVolumes are the volumes that the objects ask for and that do not exist, by storage class.
func newVolumes(bodies []map[string]any, existing []objects.Claim) map[string][]string {
	wanted := map[string][]string{}
	for _, o := range bodies {
		ref := kubernetes.RefOf(o)
		switch ref.Kind {
		case "PersistentVolumeClaim":
			if !slices.ContainsFunc(existing, func(c objects.Claim) bool { return c.Name == ref.Name }) {
				class := tree.Text(o, "spec", "storageClassName")
				if reserved(o) {
					continue
				}
				wanted[class] = append(wanted[class], ref.Name)
			}
		case "StatefulSet":
			for _, claim := range tree.Items(tree.Branch(o, "spec")["volumeClaimTemplates"]) {
				if reserved(claim) {
					continue
				}
				name := kubernetes.RefOf(claim).Name + "-" + ref.Name
				if !slices.ContainsFunc(existing, func(c objects.Claim) bool { return strings.HasPrefix(c.Name, name+"-") }) {
					class := tree.Text(claim, "spec", "storageClassName")
					wanted[class] = append(wanted[class], name)
				}
			}
		}
	}
	return wanted
}

// reserved reports whether a claim needs no class: "" says that a volume is there for it.
func reserved(claim map[string]any) bool {
	class, set := tree.Branch(claim, "spec")["storageClassName"]
	return set && class == ""
}
