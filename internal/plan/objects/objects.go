// Package objects is the difference for Kubernetes: the plan that turns a cluster's observed objects into the desired ones. It decides
// between changing, replacing and taking over, keeps what holds data, and asks the admin where others set a field. It has no effects.
// Package fields knows what fields are and who owns them.
//
// One package because every rule of the difference (storage, conflicts, effects, order) works on one step list of one differ; each has its
// file.
package objects

import (
	"berth/catalogue"
	"berth/internal/plan"
)

// Desired is what a cluster should have, as far as a difference needs to know.
type Desired struct {
	Installation string
	Namespace    string
	Release      string
	Project      string   // hash of the rendered objects
	Catalogue    string   // hash of the catalogue
	Objects      []Object // in the order in which they are written
	Rules        []Rule   // the admin's decisions about fields that others set to other values
}

// Object is an object that should exist.
type Object struct {
	Key     string         // "StatefulSet/gitserver"
	Service string         // "gitserver"; "" when it belongs to none
	Body    map[string]any // as it is applied; a Secret's with its data
	Needs   []string       // keys of objects that must be ready first
	Patient bool           // its pods wait for these by themselves, unless something runs that they must not reach first
	OneShot bool           // a Job that runs to its end
	Secret  []string       // names of variables whose value is never shown
	Origins []plan.Cause   // the config's lines that change it
	Keeps   string         // what would be lost without its data, unless the config says that the data is where it is put
}

// Rule is a decision of the admin about fields. A * in a pattern matches anything.
type Rule struct {
	Object string // "Deployment/*"
	Field  string // "spec.replicas"
	Choice plan.Choice
}

// Cluster is what was observed.
type Cluster struct {
	Release   string              // that runs now; "" when nothing runs
	Runs      map[string][]string // services by the release of their workloads
	Namespace bool                // it exists
	Seen      map[string]Seen     // of each wanted object, by key
	Unwanted  []Unwanted          // live objects that we applied, or began to apply, and that are no longer wanted
	Claims    []Claim             // claims that StatefulSets created
	Classes   []Class             // storage classes; nil when they could not be listed
}

// Seen is the API server's answer about one wanted object.
type Seen struct {
	Live      map[string]any // nil: it does not exist
	Applied   map[string]any // its future state, by a dry run with force; nil when the dry run was refused or impossible
	Soon      bool           // its namespace or its kind does not exist yet, so no dry run was possible
	Conflicts []Owner        // fields for which a dry run without force was refused
	Refused   *Refusal       // why Applied is nil
	Rival     map[string]any // of a workload that does not exist: a live one of its name and another kind, which has its place
	Health    Health
}

// Owner is another manager of a field that we set to another value, as the API server writes both.
type Owner struct {
	Field   string // ".spec.replicas"
	Manager string // "kubectl-edit"
}

// Refusal is why the API server refused an object.
type Refusal struct {
	Status  int    // 422
	Reason  string // "Invalid"
	Message string
	Causes  []RefusalCause
}

// RefusalCause is one field of a refusal.
type RefusalCause struct{ Field, Reason, Message string }

// Health says how ready an object is.
type Health struct {
	Ready  bool
	Failed bool   // waiting will not make it ready
	How    string // in a few words: "1 of 2 pods ready"
}

// Unwanted is a live object that is no longer desired.
type Unwanted struct {
	Key     string
	Service string
	Live    map[string]any
}

// Claim is a PersistentVolumeClaim that a StatefulSet created.
type Claim struct {
	Name  string // "repos-gitserver-0"
	Size  string // requested: "200Gi"
	Class string // "" when it has none
	Phase string // "Bound"

	Volume string // that it is bound to
}

// Class is a storage class.
type Class struct {
	Name       string
	Expandable bool // claims of it can grow
	Default    bool
}

func (d *Desired) basis(c *Cluster, conflicts []plan.Conflict) plan.Basis {
	return plan.Basis{Config: plan.Hash([]string{d.Project, d.Release}), Catalogue: d.Catalogue, State: c.hash(d, conflicts)}
}

func (d *Desired) empty(c *Cluster, conflicts []plan.Conflict) *plan.Plan {
	return &plan.Plan{Format: plan.Format, Action: plan.Up, Installation: d.Installation, Target: catalogue.Kubernetes, Release: d.Release, From: c.Release, Runs: c.Runs,
		Basis: d.basis(c, conflicts), Steps: []plan.Step{}, Unchanged: []string{}, Conflicts: conflicts}
}
