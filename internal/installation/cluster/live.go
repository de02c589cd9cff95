package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	theirs "berth/internal/adopt/kubernetes"
	wishes "berth/internal/adopt/kubernetes/wanted"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/plan/fields"
	"berth/internal/target/kubernetes"
	"berth/internal/tree"
	"golang.org/x/sync/errgroup"
)

// installed are the kinds of objects that people install in a namespace. Those that a controller made have an owner, and are no one's wish.
var installed = []kubernetes.Query{
	{APIVersion: "apps/v1", Kind: "Deployment"}, {APIVersion: "apps/v1", Kind: "StatefulSet"}, {APIVersion: "apps/v1", Kind: "DaemonSet"},
	{APIVersion: "batch/v1", Kind: "Job"}, {APIVersion: "batch/v1", Kind: "CronJob"},
	{APIVersion: "v1", Kind: "Service"}, {APIVersion: "networking.k8s.io/v1", Kind: "Ingress"}, {APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"},
	{APIVersion: "v1", Kind: "ConfigMap"}, {APIVersion: "v1", Kind: "Secret"}, {APIVersion: "v1", Kind: "PersistentVolumeClaim"}, {APIVersion: "v1", Kind: "ServiceAccount"},
	{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "Role"}, {APIVersion: "rbac.authorization.k8s.io/v1", Kind: "RoleBinding"},
	{APIVersion: "autoscaling/v2", Kind: "HorizontalPodAutoscaler"}, {APIVersion: "policy/v1", Kind: "PodDisruptionBudget"},
}

// TheirObjects reads what runs in a namespace, of which nobody has files. Of each object it asks the API server which fields it would write by itself; it changes
// nothing.
func TheirObjects(ctx context.Context, e *installation.Environment, at installation.Place) (*theirs.Source, error) {
	client, err := kubernetes.Connect(ctx, e.Getenv, at.Context)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	namespace := cmp.Or(at.Namespace, client.Namespace())
	origin := theirs.OfNamespace(namespace)
	live, err := everything(ctx, client, namespace)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(live, func(body map[string]any) bool { return kubernetes.RefOf(body).String() == frontendPods }) {
		return nil, diag.List{{Code: "BERTH4318", Severity: diag.Error, Subject: origin.Name, Summary: fmt.Sprintf("it has %d objects, and %s is none of them; nothing was changed", len(live), frontendPods),
			Hint: "name the cluster and the namespace in which it runs: --context NAME --namespace NAMESPACE"}}
	}
	recorded, err := releases(ctx, client, namespace)
	if err != nil {
		return nil, err
	}
	for _, body := range live {
		release := tree.Text(body, "metadata", "annotations", "meta.helm.sh/release-name")
		if fields.Ours(body) || slices.Contains(recorded, release) { // without Helm's record, its annotation says nothing any more
			return nil, deployedOtherwise(origin.Name, kubernetes.RefOf(body).String(), body)
		}
	}
	all, err := asked(ctx, client, namespace, live)
	if err != nil {
		return nil, err
	}
	return theirs.ReadLive(origin, all, at.Context, namespace), nil
}

// releases are the names of the Helm releases that have a record in a namespace.
func releases(ctx context.Context, client *kubernetes.Client, namespace string) ([]string, error) {
	all, err := client.List(ctx, kubernetes.Query{APIVersion: "v1", Kind: "Secret", Namespace: namespace, Labels: helmSecrets, Metadata: true})
	if err != nil {
		return nil, fmt.Errorf("look for Helm's records: %w", err)
	}
	var names []string
	for _, secret := range all {
		names = append(names, tree.Text(secret, "metadata", "labels", "name"))
	}
	return names, nil
}

// everything is what people installed in a namespace, and what of the whole cluster belongs to it.
func everything(ctx context.Context, client *kubernetes.Client, namespace string) ([]map[string]any, error) {
	lists := make([][]map[string]any, len(installed))
	g, groupCtx := errgroup.WithContext(ctx)
	for i, q := range installed {
		q.Namespace = namespace
		g.Go(func() (err error) {
			lists[i], err = client.List(groupCtx, q)
			switch {
			case kubernetes.NotFound(err):
				return nil // a kind that this cluster does not have
			case kubernetes.Forbidden(err):
				return unread(q.Kind, namespace, err)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	all := slices.Concat(lists...)
	made := func(body map[string]any) bool { return madeByItself(body, all) }
	more, err := outside(ctx, client, namespace, all)
	return append(slices.DeleteFunc(slices.Clone(all), made), more...), err
}

// madeByItself reports whether an object is of a controller, of the cluster, or of a tool's books.
func madeByItself(body map[string]any, all []map[string]any) bool {
	name, kind := tree.Text(body, "metadata", "name"), tree.Text(body, "kind")
	if len(tree.List(tree.Branch(body, "metadata")["ownerReferences"])) > 0 {
		return true
	}
	switch kind {
	case "ConfigMap":
		return name == "kube-root-ca.crt"
	case "ServiceAccount":
		return name == "default"
	case "Secret":
		return slices.Contains([]string{"kubernetes.io/service-account-token", "helm.sh/release.v1"}, tree.Text(body, "type"))
	case "PersistentVolumeClaim":
		return slices.ContainsFunc(all, func(set map[string]any) bool { return claims(set, name) })
	}
	return false
}

// outside are the objects of the whole cluster that belong to a namespace: what gives its service accounts rights, and the classes of its claims that are
// Sourcegraph's own. Who may not read these has none.
func outside(ctx context.Context, client *kubernetes.Client, namespace string, all []map[string]any) (out []map[string]any, err error) {
	const rbac = "rbac.authorization.k8s.io/v1"
	bindings, err := client.List(ctx, kubernetes.Query{APIVersion: rbac, Kind: "ClusterRoleBinding"})
	if err != nil && !kubernetes.Forbidden(err) {
		return nil, err
	}
	var refs []kubernetes.Ref
	for _, binding := range bindings {
		subjects := tree.Items(binding["subjects"])
		if len(subjects) == 0 || slices.ContainsFunc(subjects, func(s map[string]any) bool { return tree.Text(s, "namespace") != namespace }) {
			continue
		}
		out = append(out, binding)
		refs = append(refs, kubernetes.Ref{APIVersion: rbac, Kind: "ClusterRole", Name: tree.Text(binding, "roleRef", "name")})
	}
	for _, body := range all {
		if name := tree.Text(body, "spec", "storageClassName"); tree.Text(body, "kind") == "PersistentVolumeClaim" && name != "" {
			refs = append(refs, kubernetes.Ref{APIVersion: "storage.k8s.io/v1", Kind: "StorageClass", Name: name})
		}
	}
	slices.SortFunc(refs, func(a, b kubernetes.Ref) int { return strings.Compare(a.String(), b.String()) })
	for _, ref := range slices.Compact(refs) {
		body, err := client.Get(ctx, ref)
		switch {
		case kubernetes.NotFound(err) || kubernetes.Forbidden(err):
		case err != nil:
			return nil, err
		case ref.Kind == "StorageClass" && !strings.HasPrefix(tree.Text(body, "metadata", "labels", "deploy"), "sourcegraph"): // the chart says sourcegraph-storage
		case tree.Text(body, "metadata", "labels", "kubernetes.io/bootstrapping") != "":
		default:
			out = append(out, body)
		}
	}
	return out, nil
}

// asked asks of each object what of it is wanted.
func asked(ctx context.Context, client *kubernetes.Client, namespace string, live []map[string]any) ([]wishes.Object, error) {
	out := make([]wishes.Object, len(live))
	var mu sync.Mutex
	var lacks error
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i, body := range live {
		g.Go(func() (err error) {
			out[i], err = wishes.Of(body, func(body map[string]any) (map[string]any, []string, bool, error) { return ask(ctx, client, body) })
			if kubernetes.Forbidden(err) {
				mu.Lock()
				lacks = unread(kubernetes.RefOf(body).String(), namespace, err)
				mu.Unlock()
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, cmp.Or(lacks, err)
	}
	return out, nil
}

// ask is a wishes.Write.
func ask(ctx context.Context, client *kubernetes.Client, body map[string]any) (made map[string]any, fields []string, ok bool, err error) {
	made, err = client.Rehearsed(ctx, body, plan.Manager)
	var refusal *kubernetes.Refusal
	switch {
	case err == nil:
		return made, nil, true, nil
	case errors.As(err, &refusal) && refusal.Invalid():
		for _, cause := range refusal.Causes {
			fields = append(fields, cause.Field)
		}
		return nil, fields, false, nil
	}
	return nil, nil, false, err
}
