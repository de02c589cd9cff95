// Package objects is the difference for Kubernetes: the plan that leads a cluster from the objects that were seen in it to those that are
// wanted. It decides between changing, replacing and taking over, keeps what holds data, and asks the admin where others set a field. It has no
// effects; what fields are, and who holds them, is in package fields.
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
	Secrets      string   // hash of the values that the admin keeps
	Catalogue    string   // hash of the catalogue
	Objects      []Object // in the order in which they are written
	Rules        []Rule   // what the admin decided about fields that others want otherwise
}

// Object is one that should be there.
type Object struct {
	Key     string         // "StatefulSet/gitserver"
	Service string         // "gitserver"; "" when it belongs to none
	Body    map[string]any // as it is applied; a Secret's with its data
	Needs   []string       // keys of objects that must be ready first
	Patient bool           // its pods wait for these by themselves, where nothing else runs that needs the same
	OneShot bool           // a Job that runs to its end
	Secret  []string       // names of variables whose value is never shown
	Origins []plan.Cause   // the config's lines that shape it
}

// Rule is what the admin decided about fields. A * in a pattern stands for anything.
type Rule struct {
	Object string // "Deployment/*"
	Field  string // "spec.replicas"
	Choice plan.Choice
}

// Cluster is what was seen.
type Cluster struct {
	Release   string              // that runs now; "" when nothing does
	Runs      map[string][]string // services by the release of their workloads
	Namespace bool                // it exists
	Seen      map[string]Seen     // of each wanted object, by key
	Unwanted  []Unwanted          // live objects that we applied, or began to, and that are wanted no longer
	Claims    []Claim             // those that StatefulSets made
	Classes   []Class             // storage classes; nil when they could not be listed
}

// Seen is what the API server said about one wanted object.
type Seen struct {
	Live      map[string]any // nil: it does not exist
	Applied   map[string]any // what it would be, by a dry run with force; nil when that was refused or could not be asked
	Soon      bool           // its namespace or its kind does not exist yet, so nothing could be asked
	Conflicts []Owner        // fields that a dry run without force was refused for
	Refused   *Refusal       // why Applied is nil
	Health    Health
}

// Owner is who else sets a field that we set to another value, as the API server writes both.
type Owner struct {
	Field   string // ".spec.replicas"
	Manager string // "kubectl-edit"
}

// Refusal is why the API server would not take an object.
type Refusal struct {
	Status  int    // 422
	Reason  string // "Invalid"
	Message string
	Causes  []RefusalCause
}

// RefusalCause is one field that it is about.
type RefusalCause struct{ Field, Reason, Message string }

// Health is how far an object is.
type Health struct {
	Ready  bool
	Failed bool   // it will not get ready by waiting
	How    string // in a few words: "1 of 2 pods ready"
}

// Unwanted is a live object that nothing asks for any more.
type Unwanted struct {
	Key     string
	Service string
	Live    map[string]any
}

// Claim is a PersistentVolumeClaim that a StatefulSet made.
type Claim struct {
	Name  string // "repos-gitserver-0"
	Size  string // requested: "200Gi"
	Class string // "" when it has none
	Phase string // "Bound"
}

// Class is a storage class.
type Class struct {
	Name       string
	Expandable bool // claims of it can grow
	Default    bool
}

func (d *Desired) basis(c *Cluster, conflicts []plan.Conflict) plan.Basis {
	return plan.Basis{Config: plan.Hash([]string{d.Project, d.Secrets, d.Release}), Catalogue: d.Catalogue, State: c.hash(d, conflicts)}
}

func (d *Desired) empty(c *Cluster, conflicts []plan.Conflict) *plan.Plan {
	return &plan.Plan{Format: plan.Format, Action: plan.Up, Installation: d.Installation, Target: catalogue.Kubernetes, Release: d.Release, From: c.Release, Runs: c.Runs,
		Basis: d.basis(c, conflicts), Steps: []plan.Step{}, Unchanged: []string{}, Conflicts: conflicts}
}
