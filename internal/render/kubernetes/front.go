package kubernetes

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"berth/internal/stack"
	"berth/internal/tree"
)

// pageName is the name of the maintenance page's objects.
const pageName = "berth-maintenance"

// With returns the set with another front. Caddy serves the page, since it is the front proxy of Sourcegraph's Compose file: no image of
// the chart is a web server that needs nothing else.
func (s *Set) With(front stack.Front, page, caddy string) *Set {
	switch front {
	case stack.Open:
		return s
	case stack.DatabasesOnly:
		return s.databasesOnly()
	case stack.HoldsRequests:
		return s.held(caddy)
	}
	out := *s
	out.Objects = nil
	starts := front == stack.BehindPage || front == stack.Answering // the release, and not only what it needs
	for _, o := range s.Objects {
		switch {
		case o.OneShot && (!starts || front == stack.Answering && slices.Contains(stack.Afterwards(), o.Service)):
			continue
		case slices.Contains(o.Behind, front):
		case o.Stops(front):
			o.Body = withSpec(o.Body, "replicas", int64(0))
			o.Needs = nil
		case o.Kind() == "HorizontalPodAutoscaler" && !starts:
			continue // it would start again what was stopped
		case o.Key() == "Service/"+frontend:
			o.Body = withSpec(o.Body, "selector", map[string]any{"app": pageName})
			o.Needs = []string{"Deployment/" + pageName} // the Service points to the page only when the page answers
		}
		out.Objects = append(out.Objects, o)
	}
	out.Objects = append(out.Objects, s.page(page, caddy)...)
	return &out
}

// databasesOnly is the set of databases alone, with what their pods and those of tasks need: accounts, and logins to registries.
func (s *Set) databasesOnly() *Set {
	out := *s
	out.Objects = nil
	for _, o := range s.Objects {
		database := slices.Contains(stack.Databases(), o.Service) && o.Namespace() != "" || slices.Contains(o.Behind, stack.DatabasesOnly)
		if database || o.Kind() == "ServiceAccount" || tree.Text(o.Body, "type") == "kubernetes.io/dockerconfigjson" {
			out.Objects = append(out.Objects, o)
		}
	}
	return &out
}

// Stops reports whether an object's pods must not run behind a front: those that may write to the databases, or the databases as well.
// DaemonSets observe nodes, and don't use the databases.
func (o *Object) Stops(front stack.Front) bool {
	workload := o.Kind() == "Deployment" || o.Kind() == "StatefulSet"
	switch front {
	case stack.Stopped:
		return workload
	case stack.Closed:
		return workload && !slices.Contains(stack.Databases(), o.Service)
	case stack.Answering:
		return workload && slices.Contains(stack.Afterwards(), o.Service)
	case stack.Ahead:
		return workload && !slices.Contains(stack.Databases(), o.Service) && !slices.Contains(stack.Aheads(), o.Service)
	}
	return false
}

// page are the objects of the page.
func (s *Set) page(page, caddy string) []Object {
	lines := append([]string{"{", "  admin off", "}", ":3080"}, stack.PageDirectives(page)...)
	return s.web(pageName, strings.Join(lines, "\n")+"\n", caddy, 1, 3, limits{"10m", "32Mi", "100m", "128Mi"})
}

// limits are the requests and limits of a web server's container.
type limits struct{ cpu, memory, mostCPU, mostMemory string }

// web are the objects of a Caddy in place of the frontend. Its pods serve for some seconds after they were asked to stop: nodes still send
// requests to them for a moment.
func (s *Set) web(name, caddyfile, caddy string, replicas, seconds int64, l limits) []Object {
	labels := map[string]any{"app": name}
	// In Caddy's own image the program has the capability to open ports below 1024, and the kernel does not start such a program where that
	// capability is not available.
	locked := map[string]any{"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "runAsNonRoot": true,
		"capabilities": map[string]any{"drop": []any{"ALL"}, "add": []any{"NET_BIND_SERVICE"}}, "seccompProfile": map[string]any{"type": "RuntimeDefault"}}
	container := map[string]any{
		"name": "caddy", "image": caddy, "securityContext": locked,
		"command":        []any{"caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"},
		"env":            []any{map[string]any{"name": "XDG_DATA_HOME", "value": "/tmp"}, map[string]any{"name": "XDG_CONFIG_HOME", "value": "/tmp"}},
		"ports":          []any{map[string]any{"name": "http", "containerPort": int64(3080)}},
		"readinessProbe": map[string]any{"tcpSocket": map[string]any{"port": "http"}, "periodSeconds": int64(1)},
		"lifecycle":      map[string]any{"preStop": map[string]any{"exec": map[string]any{"command": []any{"sleep", strconv.FormatInt(seconds, 10)}}}},
		"resources": map[string]any{"limits": map[string]any{"cpu": l.mostCPU, "memory": l.mostMemory},
			"requests": map[string]any{"cpu": l.cpu, "memory": l.memory}},
		"volumeMounts": []any{map[string]any{"name": "config", "mountPath": "/etc/caddy", "readOnly": true},
			map[string]any{"name": "tmp", "mountPath": "/tmp"}},
	}
	pod := map[string]any{
		"automountServiceAccountToken": false, "containers": []any{container},
		"volumes": []any{map[string]any{"name": "config", "configMap": map[string]any{"name": name}},
			map[string]any{"name": "tmp", "emptyDir": map[string]any{}}},
	}
	if like := s.Find("Deployment/" + frontend); like != nil {
		// It has the frontend's nodes, pull secrets and user.
		theirs := tree.At(like.Body, "spec", "template", "spec")
		for _, key := range []string{"nodeSelector", "tolerations", "imagePullSecrets", "priorityClassName", "securityContext"} {
			if v, ok := theirs[key]; ok {
				pod[key] = v
			}
		}
		who, _ := tree.Named(theirs["containers"], "frontend")["securityContext"].(map[string]any)
		for _, key := range []string{"runAsUser", "runAsGroup"} {
			if v, ok := who[key]; ok {
				locked[key] = v
			}
		}
	}
	template := map[string]any{"metadata": map[string]any{"labels": labels, "annotations": map[string]any{AnnotationConfig: shortHash([]byte(caddyfile))}}, "spec": pod}
	return []Object{
		{Service: name, Body: map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": s.metadata(name), "data": map[string]any{"Caddyfile": caddyfile}}},
		{Service: name, Needs: []string{"ConfigMap/" + name}, Body: map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": s.metadata(name),
			"spec": map[string]any{"replicas": replicas, "selector": map[string]any{"matchLabels": labels}, "template": template}}},
	}
}

// metadata is that of an object that berth puts in front of Sourcegraph.
func (s *Set) metadata(name string) map[string]any {
	return map[string]any{"name": name, "namespace": s.Namespace,
		"labels": map[string]any{LabelInstallation: s.Name, LabelRelease: s.Release, LabelService: name, "app": name}}
}

// withSpec copies an object with another value in its spec.
func withSpec(body map[string]any, key string, value any) map[string]any {
	out := maps.Clone(body)
	spec := maps.Clone(tree.At(body, "spec"))
	spec[key], out["spec"] = value, spec
	return out
}

// Find finds an object by its key; nil when there is none.
func (s *Set) Find(key string) *Object {
	for i := range s.Objects {
		if s.Objects[i].Key() == key {
			return &s.Objects[i]
		}
	}
	return nil
}
