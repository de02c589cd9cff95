package kubernetes

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"berth/internal/diag"
	"berth/internal/stack"
	"berth/internal/tree"
)

// Labels of everything that berth creates. They are on objects only, never in selectors or pod templates. The last two are Helm's: berth
// sets itself in the one, and removes the other.
const (
	LabelInstallation = "dev.berth.installation"
	LabelRelease      = "dev.berth.release"
	LabelService      = "dev.berth.service"
	LabelNamespace    = "dev.berth.namespace" // of the installation, on objects outside of it
	LabelManager      = "app.kubernetes.io/managed-by"
	LabelChart        = "helm.sh/chart"
)

// AnnotationConfig is a hash of what the config changes and a pod reads at its start, so that a change replaces the pod.
const AnnotationConfig = "dev.berth/config"

// Render renders the objects of a stack. fingerprints are short hashes of the secrets that the admin keeps, by name, so that a changed
// password replaces the pod. A patch that changes nothing is a problem.
func Render(s *stack.Stack, fingerprints map[string]string) (*Set, diag.List) {
	r := &renderer{stack: s, cluster: s.Cluster, options: &s.Cluster.Options, fingerprints: fingerprints, objects: map[string]*Object{}}
	for key := range s.Cluster.Objects {
		r.take(key)
	}
	for _, key := range s.Cluster.Changed {
		r.touch(key)
	}
	for _, off := range s.Cluster.Dropped {
		r.drop(off)
	}
	for _, inst := range s.Instances {
		r.instance(inst)
	}
	for _, change := range changes {
		change(r)
	}
	r.patches()
	for _, o := range r.objects {
		r.label(o)
	}
	r.checksums()
	r.migrator()
	set := r.finish()
	return set, r.problems
}

// changes are the parts of the config that change objects, each by itself. The order matters where one removes what another would change.
var changes = []func(*renderer){
	(*renderer).settings,
	(*renderer).sidecars,
	(*renderer).storage,
	(*renderer).ownVolumes,
	(*renderer).storageClass,
	(*renderer).ingress,
	(*renderer).frontService,
	(*renderer).existingSecrets,
	(*renderer).pullSecrets,
	(*renderer).serviceAccounts,
	(*renderer).security,
	(*renderer).ownUsers,
	(*renderer).scope,
	(*renderer).mesh,
	(*renderer).budgets,
	(*renderer).policies,
	(*renderer).extra,
}

type renderer struct {
	stack        *stack.Stack
	cluster      *stack.Cluster
	options      *options
	fingerprints map[string]string
	objects      map[string]*Object
	touched      map[string]bool // ConfigMaps and Secrets that the config changes or adds
	problems     diag.List
}

// take adds an object of the release. A Secret's data may contain berth's secrets.
func (r *renderer) take(key string) {
	o := &Object{Body: r.cluster.Object(key), Service: r.cluster.Owners[key]}
	if o.Namespace() == "" && !clusterScoped[o.Kind()] {
		tree.At(o.Body, "metadata")["namespace"] = r.cluster.Namespace
	}
	r.objects[key] = o
	if o.Kind() != "Secret" {
		return
	}
	o.Values = map[string][]stack.Part{}
	for name, encoded := range tree.At(o.Body, "data") {
		text, _ := encoded.(string)
		plain, _ := base64.StdEncoding.DecodeString(text) // as the catalogue encoded it
		o.Values[name] = []stack.Part{{Text: string(plain)}}
	}
	delete(o.Body, "data")
	for name, value := range r.cluster.Secrets[o.Name()] {
		o.Values[name] = value
		if _, runs := r.cluster.Settings[o.Service]; !runs {
			r.touch(key) // it says where the admin's own store is
		}
	}
}

// add adds an object that the release does not have.
func (r *renderer) add(service string, body map[string]any) *Object {
	o := &Object{Body: body, Service: service, Own: r.owns(service)}
	if !clusterScoped[o.Kind()] && o.Namespace() == "" {
		tree.At(body, "metadata")["namespace"] = r.cluster.Namespace
	}
	r.objects[o.Key()] = o
	return o
}

func (r *renderer) problem(code string, where diag.Range, summary, hint string) {
	d := diag.Diagnostic{Code: code, Severity: diag.Error, Summary: summary, Hint: hint, Range: where}
	if !slices.ContainsFunc(r.problems, func(o diag.Diagnostic) bool { return o.Code == code && o.Range == where && o.Summary == summary }) {
		r.problems = append(r.problems, d) // once: a patch of several objects may have the same problem in each
	}
}

// owns reports whether a service is a container of the admin's own.
func (r *renderer) owns(service string) bool {
	return slices.ContainsFunc(r.stack.Instances, func(i stack.Instance) bool { return i.Own && i.Name == service })
}

// touch records that the config changes what pods read at their start.
func (r *renderer) touch(key string) {
	if r.touched == nil {
		r.touched = map[string]bool{}
	}
	r.touched[key] = true
}

// label sets the labels of an object's owner. The chart's own manager label would be wrong.
func (r *renderer) label(o *Object) {
	labels := tree.At(o.Body, "metadata", "labels")
	delete(labels, LabelChart)
	if labels[LabelManager] != nil {
		labels[LabelManager] = "berth"
	}
	labels[LabelInstallation] = r.stack.Name
	if !o.Own {
		labels[LabelRelease] = r.stack.Release
	}
	if o.Namespace() == "" {
		labels[LabelNamespace] = r.cluster.Namespace
	}
	if o.Service != "" {
		labels[LabelService] = o.Service
	}
}

// checksums gives pods a hash of the ConfigMaps and Secrets that they read at their start, where the config changes one of them. With the
// default config, pods are exactly the chart's.
func (r *renderer) checksums() {
	if len(r.touched) == 0 {
		return
	}
	for _, o := range r.objects {
		template := tree.Pods(o.Body)
		if template == nil {
			continue
		}
		keys := slices.DeleteFunc(reads(template), func(key string) bool { return r.objects[key] == nil })
		if !slices.ContainsFunc(keys, func(key string) bool { return r.touched[key] }) {
			continue
		}
		sum := sha256.New()
		for _, key := range keys {
			text, _ := json.Marshal([]any{key, r.objects[key].Body["data"], r.valuesOf(r.objects[key])}) // maps of texts always marshal
			sum.Write(text)
		}
		tree.At(template, "metadata", "annotations")[AnnotationConfig] = hex.EncodeToString(sum.Sum(nil))[:16]
	}
}

// valuesOf is a Secret's data with fingerprints for its secrets; generated ones never change.
func (r *renderer) valuesOf(o *Object) map[string]string {
	out := map[string]string{}
	for key, parts := range o.Values {
		for _, p := range parts {
			out[key] += p.Text
			if p.Secret != "" {
				out[key] += "{" + p.Secret + " " + r.fingerprints[p.Secret] + "}"
			}
		}
	}
	return out
}

// reads lists the ConfigMaps and Secrets that pods read at their start.
func reads(template map[string]any) []string {
	var keys []string
	spec := tree.At(template, "spec")
	for _, v := range tree.Items(spec["volumes"]) {
		if name := tree.Text(v, "configMap", "name"); name != "" {
			keys = append(keys, "ConfigMap/"+name)
		}
		if name := tree.Text(v, "secret", "secretName"); name != "" {
			keys = append(keys, "Secret/"+name)
		}
	}
	for _, c := range tree.Containers(spec) {
		for _, e := range tree.Items(c["env"]) {
			if name := tree.Text(e, "valueFrom", "secretKeyRef", "name"); name != "" {
				keys = append(keys, "Secret/"+name)
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// rank is the order of kinds: what others need comes first.
var rank = map[string]int{"Namespace": 0, "CustomResourceDefinition": 0, "PriorityClass": 1, "StorageClass": 1, "ServiceAccount": 2, "ClusterRole": 3,
	"ClusterRoleBinding": 4, "Role": 3,
	"RoleBinding": 4, "ConfigMap": 5, "Secret": 5, "PersistentVolumeClaim": 6, "Service": 7, "NetworkPolicy": 7, "PodDisruptionBudget": 8,
	"DaemonSet": 9, "StatefulSet": 10, "Deployment": 11, "Job": 12, "Ingress": 13, "Route": 13}

// stores are the services that all others need.
var stores = []string{"pgsql", "codeintel-db", "codeinsights-db", "redis-cache", "redis-store", "blobstore"}

// helpers are the services that need no schema: they start with the stores.
var helpers = []string{"cadvisor", "node-exporter", "otel-agent", "otel-collector", "prometheus", "grafana", "syntect-server", "jaeger"}

// asksFrontend reports whether pods ask the frontend where the databases are. In Sourcegraph's chart only the frontend and the migrator have the
// variables with the addresses.
func asksFrontend(template map[string]any) bool {
	return !slices.ContainsFunc(tree.Containers(tree.At(template, "spec")), func(c map[string]any) bool {
		return slices.ContainsFunc(tree.Items(c["env"]), func(e map[string]any) bool { return strings.HasSuffix(tree.Text(e, "name"), "PGHOST") })
	})
}

// finish orders the objects, and sets what must be ready before what: the databases before the migrator, and that before everything that
// reads the schema, the frontend first.
func (r *renderer) finish() *Set {
	set := &Set{Name: r.stack.Name, Namespace: r.cluster.Namespace, Release: r.stack.Release}
	var databases, migrators []string
	for key, o := range r.objects {
		if o.OneShot {
			migrators = append(migrators, key)
		}
		if tree.Pods(o.Body) != nil && slices.Contains(stores[:3], o.Service) {
			databases = append(databases, key)
		}
	}
	slices.Sort(databases)
	type place struct {
		order int
		key   string
	}
	places := make([]place, 0, len(r.objects))
	for key, o := range r.objects {
		switch {
		case o.Own:
		case o.OneShot:
			o.Needs = databases
		case tree.Pods(o.Body) != nil && !slices.Contains(stores, o.Service) && !slices.Contains(helpers, o.Service):
			o.Needs, o.Patient = migrators, asksFrontend(tree.Pods(o.Body))
		}
		places = append(places, place{o.Order(), key})
	}
	r.order()
	waits := map[string][]string{}
	for key, o := range r.objects {
		waits[key] = o.Needs
	}
	r.problems = append(r.problems, r.stack.Circles(waits, func(name string) string { return "Deployment/" + name })...)
	slices.SortFunc(places, func(a, b place) int { return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.key, b.key)) })
	for _, p := range places {
		set.Objects = append(set.Objects, *r.objects[p.key])
	}
	return set
}

// Order is the object's place in the order in which objects are written and applied: what others need comes first. Several objects may have
// the same.
func (o *Object) Order() int {
	n, known := rank[o.Kind()]
	if !known {
		n = 5 // pods may need it: many an operator's object makes a Secret
	}
	switch {
	case tree.Pods(o.Body) == nil:
	case o.Own:
		n = 10
	case slices.Contains(stores, o.Service), slices.Contains(helpers, o.Service):
		n = 9
	case o.Service == frontend && !o.OneShot:
		n = 15
	default:
		n += 10
	}
	if o.OneShot {
		n = 14
	}
	return n
}

// shortHash is short enough for a name.
func shortHash(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])[:8]
}
