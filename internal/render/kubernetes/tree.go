package kubernetes

// Trees are decoded objects: maps, lists, texts, numbers. The helpers here read and change them in place.

// at goes down into a tree of maps, and makes what is missing.
func at(tree map[string]any, path ...string) map[string]any {
	for _, key := range path {
		next, ok := tree[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			tree[key] = next
		}
		tree = next
	}
	return tree
}

// items gives a list's maps.
func items(v any) []map[string]any {
	list, _ := v.([]any)
	out := make([]map[string]any, 0, len(list))
	for _, item := range list {
		if m, ok := item.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// named finds a list's map by its name.
func named(v any, name string) map[string]any {
	for _, item := range items(v) {
		if item["name"] == name {
			return item
		}
	}
	return nil
}

// put adds a map to a list in a tree, in place of one with the same name.
func put(tree map[string]any, key string, item map[string]any) {
	list, _ := tree[key].([]any)
	for i, there := range list {
		if m, ok := there.(map[string]any); ok && m["name"] == item["name"] && m["name"] != nil {
			list[i] = item
			return
		}
	}
	tree[key] = append(list, item)
}

// withoutNulls copies a tree without its nulls: they say nothing, and the API server would own them.
func withoutNulls(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			if value != nil {
				out[key] = withoutNulls(value)
			}
		}
		return out
	case []any:
		out := make([]any, 0, len(v))
		for _, value := range v {
			out = append(out, withoutNulls(value))
		}
		return out
	}
	return v
}

// texts makes a tree of a map of texts.
func texts(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

// list makes a tree of a list.
func list[T any](l []T) []any {
	out := make([]any, len(l))
	for i, v := range l {
		out[i] = v
	}
	return out
}

// clusterScoped are the kinds that have no namespace: Kubernetes' own, and those that admins bring with objects of theirs.
var clusterScoped = map[string]bool{"Namespace": true, "ClusterRole": true, "ClusterRoleBinding": true, "StorageClass": true, "PersistentVolume": true,
	"PriorityClass": true, "CustomResourceDefinition": true, "IngressClass": true, "RuntimeClass": true, "APIService": true, "CSIDriver": true,
	"ValidatingWebhookConfiguration": true, "MutatingWebhookConfiguration": true, "ValidatingAdmissionPolicy": true,
	"ValidatingAdmissionPolicyBinding": true, "VolumeSnapshotClass": true, "GatewayClass": true, "ClusterIssuer": true, "ClusterSecretStore": true,
	"SecurityContextConstraints": true, "ClusterPolicy": true}

// pods is the pod template of an object; nil when it has none.
func pods(o *Object) map[string]any {
	spec, _ := o.Body["spec"].(map[string]any)
	template, _ := spec["template"].(map[string]any)
	return template
}

// containers are all containers of a pod, those that run first included.
func containers(spec map[string]any) []map[string]any {
	return append(items(spec["initContainers"]), items(spec["containers"])...)
}
