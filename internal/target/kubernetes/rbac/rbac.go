// Package rbac says which rights berth needs for an installation, and finds those that are missing.
package rbac

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"berth/internal/diag"
	"berth/internal/target/kubernetes"
	"berth/internal/tree"
	"golang.org/x/sync/errgroup"
)

// Rule is a set of verbs on some kinds of objects that berth needs.
type Rule struct {
	Group     string
	Resources []string // "pods", "pods/log"
	Verbs     []string
	URLs      []string // of the API server itself, such as "/metrics"
	Cluster   bool     // outside the namespace
}

// parallel is how many requests run at once.
const parallel = 8

var (
	work  = []string{"get", "list", "create", "patch", "delete"}
	state = []string{"get", "list", "create", "update", "patch", "delete"}
)

// Needed are the rights for some objects: to apply and remove them, to observe their pods, and to keep the installation's state beside
// them.
func Needed(objects []map[string]any) []Rule {
	var granted []Rule // nobody can grant rights that they don't have
	byGroup := map[string]map[string]bool{}
	cluster := map[string]map[string]bool{}
	add := func(to map[string]map[string]bool, group, plural string) {
		if to[group] == nil {
			to[group] = map[string]bool{}
		}
		to[group][plural] = true
	}
	for _, o := range objects {
		ref := kubernetes.RefOf(o)
		r := kubernetes.Guess(ref.APIVersion, ref.Kind)
		group, _, ok := strings.Cut(ref.APIVersion, "/")
		if !ok {
			group = ""
		}
		if r.Namespaced {
			add(byGroup, group, r.Plural)
		} else {
			add(cluster, group, r.Plural)
		}
		granted = append(granted, grants(o, r.Namespaced)...)
	}
	delete(byGroup[""], "configmaps") // among those for the state
	delete(byGroup[""], "secrets")
	var rules []Rule
	collect := func(from map[string]map[string]bool, wide bool) {
		for _, group := range slices.Sorted(maps.Keys(from)) {
			if len(from[group]) > 0 {
				rules = append(rules, Rule{Group: group, Resources: slices.Sorted(maps.Keys(from[group])), Verbs: work, Cluster: wide})
			}
		}
	}
	rules = append(rules,
		Rule{Resources: []string{"configmaps", "secrets"}, Verbs: state},
		Rule{Group: "coordination.k8s.io", Resources: []string{"leases"}, Verbs: state},
		Rule{Resources: []string{"events", "pods"}, Verbs: []string{"get", "list"}},
		Rule{Resources: []string{"pods/log"}, Verbs: []string{"get"}})
	collect(byGroup, false)
	collect(cluster, true)
	return append(rules, granted...)
}

// grants are the rights that a Role grants.
func grants(o map[string]any, namespaced bool) []Rule {
	var rules []Rule
	for _, rule := range tree.Items(o["rules"]) {
		for _, group := range texts(rule["apiGroups"]) {
			rules = append(rules, Rule{Group: group, Resources: texts(rule["resources"]), Verbs: texts(rule["verbs"]), Cluster: !namespaced})
		}
		if urls := texts(rule["nonResourceURLs"]); len(urls) > 0 {
			rules = append(rules, Rule{URLs: urls, Verbs: texts(rule["verbs"]), Cluster: true})
		}
	}
	return rules
}

func texts(v any) []string {
	var out []string
	for _, item := range tree.List(v) {
		if s, ok := item.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// Check finds the rights that are missing in a namespace, in parallel.
func Check(ctx context.Context, c *kubernetes.Client, namespace string, rules []Rule) (diag.List, error) {
	rights, err := c.Rights(ctx, namespace)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var missing []string
	var g errgroup.Group
	g.SetLimit(parallel)
	for _, rule := range rules {
		for _, resource := range rule.Resources {
			for _, verb := range rule.Verbs {
				name, part, _ := strings.Cut(resource, "/")
				want := kubernetes.Right{Verb: verb, Group: rule.Group, Resource: name, Subresource: part, Namespace: namespace}
				if rule.Cluster {
					want.Namespace = ""
				}
				if !rule.Cluster && rights.Has(want) {
					continue
				}
				g.Go(func() error {
					allowed, _, err := c.May(ctx, want)
					if err == nil && !allowed {
						mu.Lock()
						defer mu.Unlock()
						missing = append(missing, describe(want, resource))
					}
					return err
				})
			}
		}
	}
	if err := g.Wait(); err != nil || len(missing) == 0 {
		return nil, err
	}
	slices.Sort(missing)
	return diag.List{{Code: "BERTH2201", Severity: diag.Error, Subject: "cluster", Summary: fmt.Sprintf("you lack %d rights that this installation needs", len(missing)),
		Detail: missing, Hint: "give an administrator of the cluster the output of: berth explain rbac; or leave out what is outside the namespace:  kubernetes: {clusterScoped: false}"}}, nil
}

func describe(r kubernetes.Right, resource string) string {
	where := "in namespace " + r.Namespace
	if r.Namespace == "" {
		where = "in the whole cluster"
	}
	if r.Group != "" {
		resource += "." + r.Group
	}
	return r.Verb + " " + resource + " " + where
}

// Objects are the Role, and where it is needed the ClusterRole, that grant the rights.
func Objects(rules []Rule, namespace, installation string) []map[string]any {
	role := func(kind, name string, wide bool) map[string]any {
		var list []any
		for _, r := range rules {
			if r.Cluster == wide {
				rule := map[string]any{"apiGroups": []any{r.Group}, "resources": anys(r.Resources), "verbs": anys(r.Verbs)}
				if r.URLs != nil {
					rule = map[string]any{"nonResourceURLs": anys(r.URLs), "verbs": anys(r.Verbs)}
				}
				list = append(list, rule)
			}
		}
		metadata := map[string]any{"name": name}
		if !wide {
			metadata["namespace"] = namespace
		}
		return map[string]any{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": metadata, "rules": list}
	}
	out := []map[string]any{role("Role", "berth-"+installation, false)}
	if slices.ContainsFunc(rules, func(r Rule) bool { return r.Cluster }) {
		out = append(out, role("ClusterRole", "berth-"+namespace+"-"+installation, true))
	}
	return out
}

func anys(texts []string) []any {
	out := make([]any, len(texts))
	for i, t := range texts {
		out[i] = t
	}
	return out
}
