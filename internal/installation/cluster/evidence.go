package cluster

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"berth/internal/installation"
	"berth/internal/plan/fields"
	"berth/internal/target/kubernetes"
	"berth/internal/tree"
)

// resources are the kinds of a bundle, where analysers of Kubernetes bundles look for them: cluster-resources/pods/NAMESPACE.json,
// cluster-resources/nodes.json. Secrets are not among them.
//
// Source: https://github.com/replicatedhq/troubleshoot (pkg/constants)
var resources = []struct{ path, apiVersion, kind string }{
	{"pods", "v1", "Pod"}, {"services", "v1", "Service"}, {"pvcs", "v1", "PersistentVolumeClaim"}, {"events", "v1", "Event"},
	{"configmaps", "v1", "ConfigMap"}, {"endpoints", "v1", "Endpoints"}, {"limitranges", "v1", "LimitRange"}, {"resource-quota", "v1", "ResourceQuota"},
	{"serviceaccounts", "v1", "ServiceAccount"},
	{"deployments", "apps/v1", "Deployment"}, {"statefulsets", "apps/v1", "StatefulSet"}, {"daemonsets", "apps/v1", "DaemonSet"},
	{"replicasets", "apps/v1", "ReplicaSet"}, {"jobs", "batch/v1", "Job"}, {"cronjobs", "batch/v1", "CronJob"},
	{"ingress", "networking.k8s.io/v1", "Ingress"}, {"network-policy", "networking.k8s.io/v1", "NetworkPolicy"},
	{"pod-disruption-budgets", "policy/v1", "PodDisruptionBudget"},
}

var clusterwide = []struct{ path, apiVersion, kind string }{
	{"nodes", "v1", "Node"}, {"namespaces", "v1", "Namespace"}, {"pvs", "v1", "PersistentVolume"}, {"storage-classes", "storage.k8s.io/v1", "StorageClass"},
	{"priorityclasses", "scheduling.k8s.io/v1", "PriorityClass"},
}

// Evidence is what the API server reports.
func (c *inCluster) Evidence() []installation.Evidence {
	out := []installation.Evidence{{Path: "cluster-info/cluster_version.json", Ask: func(context.Context) (any, error) { return c.client.Version(), nil }}}
	for _, r := range resources {
		out = append(out, c.listed("cluster-resources/"+r.path+"/"+c.namespace+".json", kubernetes.Query{APIVersion: r.apiVersion, Kind: r.kind, Namespace: c.namespace}))
	}
	for _, r := range clusterwide {
		out = append(out, c.listed("cluster-resources/"+r.path+".json", kubernetes.Query{APIVersion: r.apiVersion, Kind: r.kind}))
	}
	return out
}

// listed is a list of objects, without what the API server notes of who set which field: it is half of them, and says nothing about a cause. What berth
// keeps in ConfigMaps is in the bundle as history.
func (c *inCluster) listed(path string, q kubernetes.Query) installation.Evidence {
	return installation.Evidence{Path: path, Ask: func(ctx context.Context) (any, error) {
		objects, err := c.client.List(ctx, q)
		if err != nil {
			return nil, err
		}
		items := []any{}
		for _, o := range objects {
			meta := tree.Branch(o, "metadata")
			delete(meta, "managedFields")
			if annotations := tree.Branch(meta, "annotations"); annotations != nil {
				delete(annotations, fields.LastApplied)
			}
			if q.Kind == "ConfigMap" && strings.HasPrefix(tree.Text(meta, "name"), "berth-"+c.Stack.Name) {
				continue
			}
			items = append(items, o)
		}
		return map[string]any{"apiVersion": q.APIVersion, "kind": q.Kind + "List", "metadata": map[string]any{}, "items": items}, nil
	}}
}

// helmRelease is the type of Secrets in which helm keeps what it installed. Its values are in other objects.
const helmRelease = "helm.sh/release.v1"

// public are keys of Secrets that say where something is, or who somebody is: what is masked everywhere should be a secret.
var public = []string{"host", "hostname", "port", "user", "username", "database", "dbname", "namespace", "endpoint", "address", "region", "bucket", "email", "name"}

// named reports the name of a service, which is no secret wherever it stands.
func (c *inCluster) named(text string) bool {
	_, ok := c.Release.Services[strings.TrimSpace(text)]
	return ok
}

// Held are the values of the namespace's Secrets.
func (c *inCluster) Held(ctx context.Context) (out []string, err error) {
	secrets, err := c.client.List(ctx, kubernetes.Query{APIVersion: "v1", Kind: "Secret", Namespace: c.namespace})
	if err != nil {
		return nil, fmt.Errorf("read the Secrets of the namespace: %w", err)
	}
	for _, s := range secrets {
		if tree.Text(s, "type") == helmRelease {
			continue
		}
		for key, encoded := range tree.Branch(s, "data") {
			value, err := base64.StdEncoding.DecodeString(fmt.Sprint(encoded))
			if err != nil || strings.HasSuffix(key, ".crt") || slices.Contains(public, strings.ToLower(key)) || c.named(string(value)) {
				continue
			}
			out = append(out, string(value))
		}
	}
	return out, nil
}
