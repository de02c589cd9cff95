package kubernetes

import (
	"bytes"
	"fmt"
	"io"

	"berth/internal/diag"
	"berth/internal/tree"
	"go.yaml.in/yaml/v4"
)

// ownNamespace restricts a Prometheus configuration to one namespace: jobs about nodes and the API server are removed, the others look only
// there.
func ownNamespace(config, namespace string) string {
	var parsed map[string]any
	if yaml.Unmarshal([]byte(config), &parsed) != nil {
		return config // the catalogue's test reads it
	}
	var jobs []any
	for _, job := range tree.Items(parsed["scrape_configs"]) {
		keep := true
		for _, sd := range tree.Items(job["kubernetes_sd_configs"]) {
			if sd["role"] == "node" || job["job_name"] == "kubernetes-apiservers" {
				keep = false
			}
			sd["namespaces"] = map[string]any{"names": []any{namespace}}
		}
		if keep {
			jobs = append(jobs, job)
		}
	}
	parsed["scrape_configs"] = jobs
	out, err := yaml.Marshal(parsed)
	if err != nil {
		return config
	}
	return string(out)
}

// mesh puts pods into a service mesh. gitserver's answers end with trailers, which Istio drops unless it is configured not to.
//
// Source: charts/sourcegraph/examples/envoy of Sourcegraph's Helm repository.
func (r *renderer) mesh() {
	label, annotation := "", ""
	switch r.options.Mesh {
	case "istio":
		label = "sidecar.istio.io/inject"
		r.trailers()
	case "linkerd":
		annotation = "linkerd.io/inject"
	default:
		return
	}
	for _, o := range r.objects {
		template := tree.Pods(o.Body)
		if template == nil || o.Kind() == "DaemonSet" {
			continue
		}
		if label != "" {
			tree.At(template, "metadata", "labels")[label] = "true"
		} else {
			tree.At(template, "metadata", "annotations")[annotation] = "enabled"
		}
	}
}

func (r *renderer) trailers() {
	const protocols = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
	r.add("gitserver", map[string]any{"apiVersion": "networking.istio.io/v1alpha3", "kind": "EnvoyFilter",
		"metadata": map[string]any{"name": "enable-trailers", "labels": map[string]any{"deploy": "sourcegraph"}},
		"spec": map[string]any{"workloadSelector": map[string]any{"labels": map[string]any{"app": "gitserver"}}, "configPatches": []any{
			map[string]any{"applyTo": "NETWORK_FILTER",
				"match": map[string]any{"listener": map[string]any{"filterChain": map[string]any{"filter": map[string]any{"name": "envoy.filters.network.http_connection_manager"}}}},
				"patch": map[string]any{"operation": "MERGE", "value": map[string]any{"name": "envoy.filters.network.http_connection_manager",
					"typed_config": map[string]any{"@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
						"http_protocol_options": map[string]any{"enable_trailers": true}}}}},
			map[string]any{"applyTo": "CLUSTER", "patch": map[string]any{"operation": "MERGE", "value": map[string]any{"typed_extension_protocol_options": map[string]any{
				protocols: map[string]any{"@type": "type.googleapis.com/" + protocols,
					"explicit_http_config": map[string]any{"http_protocol_options": map[string]any{"enable_trailers": true}}}}}}}}}})
}

// budgets let a node's drain evict one instance of a service at a time.
func (r *renderer) budgets() {
	if !r.options.DisruptionBudgets {
		return
	}
	for _, key := range tree.Keys(r.objects) {
		o := r.objects[key]
		if tree.Pods(o.Body) == nil || o.Kind() == "DaemonSet" {
			continue
		}
		r.add(o.Service, map[string]any{"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
			"metadata": map[string]any{"name": o.Name(), "labels": map[string]any{"deploy": "sourcegraph"}},
			"spec":     map[string]any{"maxUnavailable": 1, "selector": tree.WithoutNulls(tree.At(o.Body, "spec", "selector"))}})
	}
}

// policies let pods of this installation reach each other, and everybody reach the frontend's port for people.
func (r *renderer) policies() {
	if !r.options.NetworkPolicy {
		return
	}
	ours := map[string]any{"matchLabels": map[string]any{"deploy": "sourcegraph"}}
	metadata := func(name string) map[string]any {
		return map[string]any{"name": name, "labels": map[string]any{"deploy": "sourcegraph"}}
	}
	r.add("", map[string]any{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata("sourcegraph"),
		"spec": map[string]any{"podSelector": ours, "policyTypes": []any{"Ingress"},
			"ingress": []any{map[string]any{"from": []any{map[string]any{"podSelector": ours}}}}}})
	r.add(frontend, map[string]any{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata(frontend),
		"spec": map[string]any{"podSelector": map[string]any{"matchLabels": map[string]any{"app": frontend}}, "policyTypes": []any{"Ingress"},
			"ingress": []any{map[string]any{"ports": []any{map[string]any{"port": "http", "protocol": "TCP"}}}}}})
}

// extra adds the admin's own objects.
func (r *renderer) extra() {
	for _, f := range r.cluster.Extra {
		where := diag.Range{File: f.Path, Line: 1, Column: 1}
		decoder := yaml.NewDecoder(bytes.NewReader(f.Content))
		for n := 1; ; n++ {
			var body map[string]any
			err := decoder.Decode(&body)
			if err == io.EOF {
				break
			}
			o := Object{Body: body}
			switch {
			case err != nil:
				r.problem("BERTH1192", where, fmt.Sprintf("the objects in %s can't be read: %v", f.Path, err), "write Kubernetes objects as YAML, with --- between them")
				return
			case body == nil:
				continue
			case o.Kind() == "" || o.Name() == "" || body["apiVersion"] == nil:
				r.problem("BERTH1192", where, fmt.Sprintf("object %d of %s has no apiVersion, kind or metadata.name", n, f.Path), "add what is missing")
			case r.objects[o.Key()] != nil:
				r.problem("BERTH1193", where, fmt.Sprintf("%s of %s is one of Sourcegraph's own", o.Key(), f.Path), "change it with a patch:  berth explain patches")
			case o.Kind() == "Secret":
				r.problem("BERTH1194", where, fmt.Sprintf("%s contains a Secret", f.Path), "create it in the cluster separately; files beside the config must not contain secrets")
			default:
				r.add("", body)
			}
		}
	}
}
