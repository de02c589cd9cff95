package kubernetes

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"k8s.io/client-go/rest"
)

// Resource is where the API server has the objects of a kind.
type Resource struct {
	APIVersion string // "apps/v1"
	Kind       string // "StatefulSet"
	Plural     string // "statefulsets"
	Namespaced bool
}

// known are the kinds that Sourcegraph needs, so that nobody has to ask for them.
func known(apiVersion, kind string) (Resource, bool) {
	plural, cluster := "", false
	switch apiVersion + " " + kind {
	case "v1 Namespace", "v1 Node", "v1 PersistentVolume", "rbac.authorization.k8s.io/v1 ClusterRole", "rbac.authorization.k8s.io/v1 ClusterRoleBinding":
		plural, cluster = strings.ToLower(kind)+"s", true
	case "storage.k8s.io/v1 StorageClass", "scheduling.k8s.io/v1 PriorityClass":
		plural, cluster = strings.ToLower(kind)+"es", true
	case "networking.k8s.io/v1 Ingress":
		plural = "ingresses"
	case "networking.k8s.io/v1 NetworkPolicy":
		plural = "networkpolicies"
	case "v1 ConfigMap", "v1 Secret", "v1 Service", "v1 ServiceAccount", "v1 PersistentVolumeClaim", "v1 Pod", "v1 Event",
		"apps/v1 Deployment", "apps/v1 StatefulSet", "apps/v1 DaemonSet", "apps/v1 ReplicaSet", "batch/v1 Job", "batch/v1 CronJob",
		"rbac.authorization.k8s.io/v1 Role", "rbac.authorization.k8s.io/v1 RoleBinding", "policy/v1 PodDisruptionBudget",
		"autoscaling/v2 HorizontalPodAutoscaler", "coordination.k8s.io/v1 Lease":
		plural = strings.ToLower(kind) + "s"
	default:
		return Resource{}, false
	}
	return Resource{APIVersion: apiVersion, Kind: kind, Plural: plural, Namespaced: !cluster}, true
}

// Resource finds where the objects of a kind are; kinds that berth does not know are asked for, once. NotFound reports one that the
// cluster does not have.
func (c *Client) Resource(ctx context.Context, apiVersion, kind string) (Resource, error) {
	if r, ok := known(apiVersion, kind); ok {
		return r, nil
	}
	c.mu.Lock()
	r, ok := c.found[apiVersion][kind]
	c.mu.Unlock()
	if ok {
		return r, nil
	}
	kinds, err := c.discover(ctx, apiVersion)
	if err != nil {
		return Resource{}, fmt.Errorf("find the kind %s of %s: %w", kind, apiVersion, err)
	}
	c.mu.Lock()
	c.found[apiVersion] = kinds
	c.mu.Unlock()
	if r, ok = kinds[kind]; !ok {
		// Not remembered: whoever makes the kind may be about to.
		return Resource{}, &Refusal{Status: http.StatusNotFound, Reason: "NotFound", Message: fmt.Sprintf("the cluster has no kind %s in %s", kind, apiVersion)}
	}
	return r, nil
}

// discover asks for all kinds of an API version.
func (c *Client) discover(ctx context.Context, apiVersion string) (map[string]Resource, error) {
	var list struct {
		Resources []struct {
			Name       string `json:"name"`
			Namespaced bool   `json:"namespaced"`
			Kind       string `json:"kind"`
		} `json:"resources"`
	}
	if err := segments(strings.Split(apiVersion, "/")...); err != nil {
		return nil, err
	}
	if err := c.call(ctx, request{method: http.MethodGet, path: root(apiVersion)}, &list); err != nil {
		return nil, err
	}
	kinds := map[string]Resource{}
	for _, r := range list.Resources {
		if !strings.Contains(r.Name, "/") { // not one of a kind's parts, such as its status
			kinds[r.Kind] = Resource{APIVersion: apiVersion, Kind: r.Kind, Plural: r.Name, Namespaced: r.Namespaced}
		}
	}
	return kinds, nil
}

// root is the path of an API version. The oldest kinds have one of their own.
func root(apiVersion string) string {
	if !strings.Contains(apiVersion, "/") {
		return "/api/" + apiVersion
	}
	return "/apis/" + apiVersion
}

// segments checks that names are no more than one part of a path each: "..", for one, would lead to other objects.
func segments(names ...string) error {
	for _, n := range names {
		if wrong := rest.IsValidPathSegmentName(n); wrong != nil {
			return fmt.Errorf("the name %q %s", n, strings.Join(wrong, ", "))
		}
	}
	return nil
}

// path is where objects of the kind are; "" as the namespace is all of them, "" as the name all objects there.
func (r Resource) path(namespace, name string) (string, error) {
	p := root(r.APIVersion)
	if r.Namespaced && namespace != "" {
		p += "/namespaces/" + namespace
	}
	p += "/" + r.Plural
	if name != "" {
		p += "/" + name
	}
	return p, segments(namespace, name)
}

// at is the path of one object.
func (c *Client) at(ctx context.Context, ref Ref) (string, error) {
	r, err := c.Resource(ctx, ref.APIVersion, ref.Kind)
	switch {
	case err != nil:
		return "", err
	case ref.Name == "":
		return "", fmt.Errorf("an object of kind %s has no name", ref.Kind)
	case r.Namespaced && ref.Namespace == "":
		return "", fmt.Errorf("%s has no namespace", ref)
	}
	return r.path(ref.Namespace, ref.Name)
}
