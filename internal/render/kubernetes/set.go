// Package kubernetes renders a Stack as Kubernetes objects: those that Sourcegraph's own Helm chart makes with default values, with the
// config's changes. Pure.
//
// One package because every part of the config changes one set of objects, and the parts share the renderer. The forms for other tools are
// in package forms.
package kubernetes

import (
	"encoding/base64"
	"strings"

	"berth/internal/stack"
	"berth/internal/tree"
)

// Set is everything that an installation has in a cluster.
type Set struct {
	Name      string // of the installation
	Namespace string
	Release   string
	Objects   []Object // in the order in which they are written and applied
}

// Object is one Kubernetes object.
type Object struct {
	// Body is the object as it is applied: apiVersion, kind, metadata and the rest. Its metadata has a namespace, except for cluster-scoped
	// kinds. A Secret's body has no data: see Values.
	Body    map[string]any
	Service string // the service that it belongs to, such as "gitserver"; "" when it belongs to none
	// Values is the data of a Secret: by key, texts and secrets of the stack.
	Values map[string][]stack.Part
	// Needs are the keys of objects that must be ready before this one is applied.
	Needs []string
	// Patient pods wait by themselves for what the object needs: they ask the frontend where the databases are.
	Patient bool
	// Own marks what belongs to a container of the admin's own; Behind are the fronts behind which it runs on.
	Own    bool
	Behind []stack.Front
	// OneShot marks a Job that runs to its end: the migrator.
	OneShot bool
	// Origins are the lines of the config that changed this object.
	Origins []stack.Origin
}

// Kind is the object's kind, such as "StatefulSet".
func (o *Object) Kind() string { return tree.Text(o.Body, "kind") }

// Name is the object's name in its namespace.
func (o *Object) Name() string { return tree.Text(o.Body, "metadata", "name") }

// Namespace is the object's namespace; "" for cluster-scoped kinds.
func (o *Object) Namespace() string { return tree.Text(o.Body, "metadata", "namespace") }

// Key names the object within the installation: "StatefulSet/gitserver".
func (o *Object) Key() string { return o.Kind() + "/" + o.Name() }

// Secret reports whether an object has secret values.
func (o *Object) Secret() bool {
	for _, parts := range o.Values {
		for _, p := range parts {
			if p.Secret != "" {
				return true
			}
		}
	}
	return false
}

// Whole is the object as the API accepts it, with a Secret's data.
func (o *Object) Whole(value func(secret stack.Part) string) map[string]any {
	if o.Values == nil {
		return o.Body
	}
	body := make(map[string]any, len(o.Body)+1)
	for k, v := range o.Body {
		body[k] = v
	}
	data := make(map[string]any, len(o.Values))
	for key, parts := range o.Values {
		var text strings.Builder
		for _, p := range parts {
			if p.Secret != "" {
				text.WriteString(value(p))
			} else {
				text.WriteString(p.Text)
			}
		}
		data[key] = base64.StdEncoding.EncodeToString([]byte(text.String()))
	}
	body["data"] = data
	return body
}

// Referring are the variables of an object's containers that refer to a key of a Secret, by name.
func Referring(object map[string]any, secret, key string) (names []string) {
	for _, c := range tree.Containers(tree.Branch(tree.Pods(object), "spec")) {
		for _, variable := range tree.Items(c["env"]) {
			if ref := tree.Branch(variable, "valueFrom", "secretKeyRef"); tree.Text(ref, "name") == secret && tree.Text(ref, "key") == key {
				names = append(names, tree.Text(variable, "name"))
			}
		}
	}
	return names
}

// Plain is the first value that an object's containers have as it is in one of some variables; "" when they have none. An object that is not there is nil.
func Plain(object map[string]any, variables []string) string {
	for _, name := range variables {
		for _, c := range tree.Containers(tree.Branch(tree.Pods(object), "spec")) {
			if value := tree.Text(tree.Named(c["env"], name), "value"); value != "" {
				return value
			}
		}
	}
	return ""
}

// clusterScoped are the kinds without a namespace: Kubernetes' own, and those of operators whose objects admins add.
var clusterScoped = map[string]bool{"Namespace": true, "ClusterRole": true, "ClusterRoleBinding": true, "StorageClass": true, "PersistentVolume": true,
	"PriorityClass": true, "CustomResourceDefinition": true, "IngressClass": true, "RuntimeClass": true, "APIService": true, "CSIDriver": true,
	"ValidatingWebhookConfiguration": true, "MutatingWebhookConfiguration": true, "ValidatingAdmissionPolicy": true,
	"ValidatingAdmissionPolicyBinding": true, "VolumeSnapshotClass": true, "GatewayClass": true, "ClusterIssuer": true, "ClusterSecretStore": true,
	"SecurityContextConstraints": true, "ClusterPolicy": true}
