package kubernetes

import (
	"maps"
	"slices"
	"strings"

	"berth/internal/render/kubernetes/tree"
	"berth/internal/stack"
)

// pageName is the name of the objects that answer while Sourcegraph doesn't.
const pageName = "berth-maintenance"

// With gives the set with another front. The page is answered by Caddy, which Sourcegraph's Compose file has as its front door: no image of
// the chart is a web server that needs nothing else.
func (s *Set) With(front stack.Front, page, caddy string) *Set {
	if front == stack.Open {
		return s
	}
	if front == stack.Bare {
		return s.bare()
	}
	out := *s
	out.Objects = nil
	for _, o := range s.Objects {
		switch {
		case front != stack.Behind && o.OneShot:
			continue
		case o.Stops(front):
			o.Body = withSpec(o.Body, "replicas", int64(0))
			o.Needs = nil
		case o.Kind() == "HorizontalPodAutoscaler" && front != stack.Behind:
			continue // it would start again what was stopped
		case o.Key() == "Service/"+frontend:
			o.Body = withSpec(o.Body, "selector", map[string]any{"app": pageName})
			o.Needs = []string{"Deployment/" + pageName} // people are sent there when it answers
		}
		out.Objects = append(out.Objects, o)
	}
	out.Objects = append(out.Objects, s.page(page, caddy)...)
	return &out
}

// bare is the set of databases alone, with what lets their pods, and those of tasks, be made: accounts, and sign-ins for registries.
func (s *Set) bare() *Set {
	out := *s
	out.Objects = nil
	for _, o := range s.Objects {
		database := slices.Contains(stack.Databases(), o.Service) && o.Namespace() != ""
		if database || o.Kind() == "ServiceAccount" || tree.Text(o.Body, "type") == "kubernetes.io/dockerconfigjson" {
			out.Objects = append(out.Objects, o)
		}
	}
	return &out
}

// Stops reports whether an object's pods must not run behind a front: those that may write to the databases, or the databases as well.
// DaemonSets watch nodes, and know nothing of them.
func (o *Object) Stops(front stack.Front) bool {
	workload := o.Kind() == "Deployment" || o.Kind() == "StatefulSet"
	return workload && (front == stack.Stopped || front == stack.Closed && !slices.Contains(stack.Databases(), o.Service))
}

// page are the objects of the page.
func (s *Set) page(page, caddy string) []Object {
	labels := map[string]any{LabelInstallation: s.Name, LabelRelease: s.Release, LabelService: pageName, "app": pageName}
	metadata := func() map[string]any {
		return map[string]any{"name": pageName, "namespace": s.Namespace, "labels": labels}
	}
	caddyfile := append([]string{"{", "  admin off", "}", ":3080"}, stack.PageDirectives(page)...)
	locked := map[string]any{"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "runAsNonRoot": true, "runAsUser": int64(100),
		"runAsGroup": int64(101), "capabilities": map[string]any{"drop": []any{"ALL"}}, "seccompProfile": map[string]any{"type": "RuntimeDefault"}}
	container := map[string]any{
		"name": "caddy", "image": caddy, "securityContext": locked,
		"command":        []any{"caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"},
		"env":            []any{map[string]any{"name": "XDG_DATA_HOME", "value": "/tmp"}, map[string]any{"name": "XDG_CONFIG_HOME", "value": "/tmp"}},
		"ports":          []any{map[string]any{"name": "http", "containerPort": int64(3080)}},
		"readinessProbe": map[string]any{"tcpSocket": map[string]any{"port": "http"}, "periodSeconds": int64(1)},
		// Nodes send people here for a moment after the pod was told to end.
		"lifecycle": map[string]any{"preStop": map[string]any{"exec": map[string]any{"command": []any{"sleep", "3"}}}},
		"resources": map[string]any{"limits": map[string]any{"cpu": "100m", "memory": "128Mi"},
			"requests": map[string]any{"cpu": "10m", "memory": "32Mi"}},
		"volumeMounts": []any{map[string]any{"name": "page", "mountPath": "/etc/caddy", "readOnly": true},
			map[string]any{"name": "tmp", "mountPath": "/tmp"}},
	}
	pod := map[string]any{
		"automountServiceAccountToken": false, "containers": []any{container},
		"volumes": []any{map[string]any{"name": "page", "configMap": map[string]any{"name": pageName}},
			map[string]any{"name": "tmp", "emptyDir": map[string]any{}}},
	}
	if like := s.find("Deployment/" + frontend); like != nil {
		// Where the frontend may run and pull its image from, the page may too.
		theirs := tree.At(like.Body, "spec", "template", "spec")
		for _, key := range []string{"nodeSelector", "tolerations", "imagePullSecrets", "priorityClassName"} {
			if v, ok := theirs[key]; ok {
				pod[key] = v
			}
		}
	}
	template := map[string]any{"metadata": map[string]any{"labels": map[string]any{"app": pageName},
		"annotations": map[string]any{annotationConfig: shortHash([]byte(strings.Join(caddyfile, "\n")))}}, "spec": pod}
	return []Object{
		{Service: pageName, Body: map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(),
			"data": map[string]any{"Caddyfile": strings.Join(caddyfile, "\n") + "\n"}}},
		{Service: pageName, Needs: []string{"ConfigMap/" + pageName}, Body: map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata(),
			"spec": map[string]any{"replicas": int64(1), "selector": map[string]any{"matchLabels": map[string]any{"app": pageName}}, "template": template}}},
	}
}

// withSpec gives an object with another value in its spec.
func withSpec(body map[string]any, key string, value any) map[string]any {
	out := maps.Clone(body)
	spec := maps.Clone(tree.At(body, "spec"))
	spec[key], out["spec"] = value, spec
	return out
}

func (s *Set) find(key string) *Object {
	for i := range s.Objects {
		if s.Objects[i].Key() == key {
			return &s.Objects[i]
		}
	}
	return nil
}
