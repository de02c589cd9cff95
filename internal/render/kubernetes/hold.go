package kubernetes

import (
	"fmt"
	"slices"

	"berth/internal/stack"
	"berth/internal/tree"
)

const (
	// HoldingProxy is the Service that points from the holding proxy to the frontends, or to nothing: then requests are held.
	HoldingProxy = "Service/" + stack.HoldingProxy
	// past is the name of the Service for requests that were held for the longest time: it always points to the frontends.
	past = stack.HoldingProxy + "-past"
)

// holdingCaddyfile configures the holding proxy: it tries to connect until it can. It keeps no connections, since an open one would ignore that the
// Service points to nothing. It passes on the forwarding headers of proxies in front, as the front proxy of Sourcegraph's Compose file
// does. It only uses directives of Caddy 2.5, which 5.0 and 5.1 have.
var holdingCaddyfile = `{
	admin off
}
:3080
reverse_proxy ` + stack.HoldingProxy + `:80 {
	trusted_proxies 0.0.0.0/0 ::/0
	lb_try_duration ` + stack.LongestWait.String() + `
	lb_try_interval 100ms
	flush_interval -1
	transport http {
		keepalive off
		dial_timeout 2s
	}
}
handle_errors {
	reverse_proxy ` + past + `:80 {
		trusted_proxies 0.0.0.0/0 ::/0
		flush_interval -1
		transport http {
			keepalive off
		}
	}
}
`

// held is the set with the holding proxy in front of the frontends.
func (s *Set) held(caddy string) *Set {
	out := *s
	out.Objects = slices.Clone(s.Objects)
	front := out.Find("Service/" + frontend)
	if front == nil {
		return s
	}
	out.awaitedFirst()
	selector := tree.At(front.Body, "spec")["selector"]
	front.Body = withSpec(front.Body, "selector", map[string]any{"app": stack.HoldingProxy})
	front.Needs = []string{"Deployment/" + stack.HoldingProxy} // the Service points to the proxy only when the proxy answers
	for _, name := range []string{stack.HoldingProxy, past} {
		out.Objects = append(out.Objects, Object{Service: stack.HoldingProxy, Body: map[string]any{"apiVersion": "v1", "kind": "Service", "metadata": s.metadata(name),
			"spec": map[string]any{"type": "ClusterIP", "selector": selector,
				"ports": []any{map[string]any{"name": "http", "port": int64(80), "targetPort": "http"}}}}})
	}
	out.Objects = append(out.Objects, s.web(stack.HoldingProxy, holdingCaddyfile, caddy, 2, 5, limits{"100m", "64Mi", "2", "512Mi"})...)
	return &out
}

// awaitedFirst makes everything else wait for the awaited workloads: they then have the machines for themselves, and people wait less.
func (s *Set) awaitedFirst() {
	awaited := s.Awaited()
	var stores, others []string // the databases and what needs no schema, and what needs the schema
	own := map[string]bool{}
	for i := range s.Objects {
		own[s.Objects[i].Key()] = s.Objects[i].Own
	}
	split := func(needs []string) (rest, owns []string) {
		for _, key := range needs {
			if own[key] {
				owns = append(owns, key)
			} else {
				rest = append(rest, key)
			}
		}
		return rest, owns
	}
	for i := range s.Objects {
		o := &s.Objects[i]
		switch needs, _ := split(o.Needs); {
		case !awaited[o.Key()]:
		case len(needs) == 0:
			stores = append(stores, o.Key())
		default:
			others = append(others, o.Key())
		}
	}
	for i := range s.Objects {
		o := &s.Objects[i]
		switch needs, owns := split(o.Needs); {
		case tree.Pods(o.Body) == nil || awaited[o.Key()] || o.Own: // what the admin's own containers wait for is the admin's to say
		case len(needs) == 0 || o.OneShot:
			o.Needs = slices.Concat(stores, owns)
		default:
			o.Needs = slices.Concat(o.Needs, others)
		}
	}
}

// PointsToNothing is a Service that points to nothing.
func PointsToNothing(service map[string]any) map[string]any {
	return withSpec(service, "selector", map[string]any{"app": "nobody"})
}

// Awaited are the workloads that requests wait for while they are replaced, by key: those that a search or a page asks, and that have one
// instance. Of several instances each has a part of the data, and waiting for one after the other would hold requests for the other parts.
func (s *Set) Awaited() map[string]bool {
	asked := stack.Awaited()
	awaited := map[string]bool{}
	for i := range s.Objects {
		o := &s.Objects[i]
		if tree.Pods(o.Body) == nil || !slices.Contains(asked, o.Service) {
			continue
		}
		if replicas := tree.At(o.Body, "spec")["replicas"]; replicas == nil || fmt.Sprint(replicas) == "1" {
			awaited[o.Key()] = true
		}
	}
	return awaited
}
