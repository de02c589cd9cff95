// Package kubernetes renders a Stack as Kubernetes objects: those that Sourcegraph's own Helm chart makes with default values, with what the
// config changes in them. Pure.
package kubernetes

import (
	"berth/internal/stack"
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
	// Body is the object as it is applied: apiVersion, kind, metadata and the rest. Its metadata has a namespace, but for cluster-scoped
	// kinds. A Secret's body has no data: see Values.
	Body    map[string]any
	Service string // that it belongs to, such as "gitserver"; "" when it belongs to none
	// Values is the data of a Secret: by key, texts and secrets of the stack.
	Values map[string][]stack.Part
	// Needs are the keys of objects that must be ready before this one is applied.
	Needs []string
	// Patient pods wait by themselves for what the object needs: they learn from the frontend where the databases are.
	Patient bool
	// OneShot marks a Job that runs to its end: the migrator.
	OneShot bool
	// Origins are the config's lines that made this object differ from the release.
	Origins []stack.Origin
}

// Kind is the object's kind, such as "StatefulSet".
func (o *Object) Kind() string { return text(o.Body, "kind") }

// Name is the object's name in its namespace.
func (o *Object) Name() string { return text(o.Body, "metadata", "name") }

// Namespace is the object's namespace; "" for cluster-scoped kinds.
func (o *Object) Namespace() string { return text(o.Body, "metadata", "namespace") }

// Key names the object within the installation: "StatefulSet/gitserver".
func (o *Object) Key() string { return o.Kind() + "/" + o.Name() }

// text is a text inside a tree, or "".
func text(tree map[string]any, path ...string) string {
	for i, key := range path {
		if i == len(path)-1 {
			s, _ := tree[key].(string)
			return s
		}
		tree, _ = tree[key].(map[string]any)
	}
	return ""
}
