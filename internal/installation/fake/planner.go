package fake

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/installation/cluster"
	"berth/internal/installation/engine"
	"berth/internal/plan"
	"berth/internal/plan/objects"
	render "berth/internal/render/kubernetes"
	"berth/internal/run"
	"berth/internal/stack"
)

// wanted is what a config asks for, rendered for its target.
type wanted struct {
	units   plan.Desired
	objects objects.Desired
}

// Render renders what the config asks for.
func (f *found) Render(generated map[string]string) (err error) {
	if f.onCluster() {
		f.objects, err = cluster.Desired(f.env, f.Want, generated)
	} else {
		f.units, err = engine.Desired(f.env, f.Want, generated)
	}
	return err
}

func (f *found) onCluster() bool { return f.target == catalogue.Kubernetes }

// Plan compares by the real difference.
func (f *found) Plan(context.Context) (*plan.Plan, error) {
	f.world.mu.Lock()
	defer f.world.mu.Unlock()
	if f.onCluster() {
		p, problems := objects.Difference(f.objects, f.cluster())
		return p, problems.Err()
	}
	return plan.Difference(f.units, f.engine()), nil
}

// engine is what runs, as an engine reports it.
func (f *found) engine() plan.State {
	s := plan.State{Project: f.place.project, Images: slices.Sorted(maps.Keys(f.images))}
	for _, name := range slices.Sorted(maps.Keys(f.runs)) {
		r := f.runs[name]
		c := plan.Container{ID: name, Name: f.container(name), Unit: name, Service: r.service, Release: r.release, Image: r.image, Spec: r.spec, Files: r.files,
			CPUs: r.cpus, Memory: r.memory, Env: r.env, Status: plan.Healthy}
		switch {
		case r.once, r.stopped:
			c.Status = plan.Stopped
		case f.world.unwell(r.service):
			c.Status = plan.Unhealthy
		}
		s.Containers = append(s.Containers, c)
	}
	return s
}

// container is the engine's name of a unit's container.
func (f *found) container(unit string) string {
	for _, u := range f.units.Units {
		if u.Name == unit {
			return u.Container
		}
	}
	return unit
}

// cluster is what is there, as a cluster reports it.
func (f *found) cluster() objects.Cluster {
	out := objects.Cluster{Namespace: f.namespace, Seen: map[string]objects.Seen{}, Runs: map[string][]string{},
		Classes: []objects.Class{{Name: "standard", Expandable: true, Default: true}}}
	want := map[string]bool{}
	for _, o := range f.objects.Objects {
		want[o.Key] = true
		seen := objects.Seen{Applied: copied[map[string]any](o.Body), Health: objects.Health{Ready: true, How: "ready"}}
		if live := f.bodies[o.Key]; live != nil {
			seen.Live = copied[map[string]any](live)
			if r := f.runs[o.Key]; r != nil && (f.world.unwell(r.service) || r.stopped) {
				seen.Health = objects.Health{How: "0 of 1 pods ready"}
			}
		}
		out.Seen[o.Key] = seen
	}
	for key, r := range f.runs {
		if !r.once && r.release != "" {
			out.Runs[r.release] = append(out.Runs[r.release], r.service)
			if out.Release == "" || r.service == "sourcegraph-frontend" {
				out.Release = r.release
			}
		}
		slices.Sort(out.Runs[r.release])
		_ = key
	}
	for key, live := range f.bodies {
		if !want[key] {
			out.Unwanted = append(out.Unwanted, objects.Unwanted{Key: key, Service: labelOf(live, render.LabelService), Live: live})
		}
	}
	slices.SortFunc(out.Unwanted, func(a, b objects.Unwanted) int { return strings.Compare(a.Key, b.Key) })
	for _, name := range slices.Sorted(maps.Keys(f.claims)) {
		out.Claims = append(out.Claims, objects.Claim{Name: name, Size: f.claims[name], Class: "standard", Phase: "Bound"})
	}
	return out
}

func labelOf(o map[string]any, name string) string {
	label, _ := catalogue.Branch(o, "metadata", "labels")[name].(string)
	return label
}

// Teardown is the plan that stops everything.
func (f *found) Teardown(_ context.Context, volumes installation.Volumes) (*plan.Plan, error) {
	f.world.mu.Lock()
	defer f.world.mu.Unlock()
	var data []string
	if volumes == installation.DeleteVolumes && f.data != nil {
		data = []string{f.name + "_pgsql"}
	}
	if !f.onCluster() {
		network := ""
		if f.network {
			network = f.name
		}
		s := f.engine()
		for _, name := range slices.Sorted(maps.Keys(f.tasks)) {
			s.Containers = append(s.Containers, plan.Container{Name: "task-" + name})
		}
		return plan.Teardown(plan.Desired{Installation: f.name, Target: f.target, Catalogue: f.env.Catalogue().Digest()}, s, network, data), nil
	}
	live := map[string]string{}
	from := ""
	for key, body := range f.bodies {
		live[key] = labelOf(body, render.LabelService)
		if r := f.runs[key]; r != nil && r.release != "" {
			from = r.release
		}
	}
	for name := range f.tasks {
		live["Job/task-"+name] = ""
	}
	return objects.Teardown(objects.Desired{Installation: f.name, Namespace: f.objects.Namespace, Catalogue: f.env.Catalogue().Digest()}, from, live, data), nil
}

// Conclude has nothing to note.
func (f *found) Conclude(context.Context, *plan.Plan) error {
	return f.world.effect(func() error { return nil })
}

// Executor does steps in memory.
func (f *found) Executor(p *plan.Plan, _ time.Duration) run.Target {
	return &executor{found: f, action: p.Action, done: map[int]bool{}}
}

// executor does the steps of one plan.
type executor struct {
	*found
	action plan.Action
	done   map[int]bool // by step: a step can be looked at while it is done
}

// Do does steps one after the other: each of them is an effect.
func (x *executor) Do(_ context.Context, verb plan.Verb, steps []plan.Step, _ func(plan.Step, int64, int64)) error {
	for _, s := range steps {
		err := x.world.effect(func() error {
			x.done[s.ID] = true
			return x.do(verb, s)
		})
		if err != nil {
			return &run.StepError{Step: s, Err: err}
		}
	}
	return nil
}

func (x *executor) do(verb plan.Verb, s plan.Step) error {
	switch verb {
	case plan.Pull:
		x.images[s.Object] = true
	case plan.Write:
		x.place.project, x.network = x.units.Project, true
	case plan.Remove:
		delete(x.runs, x.unit(s))
		delete(x.bodies, s.Object)
		delete(x.tasks, strings.TrimPrefix(strings.TrimPrefix(s.Object, "Job/"), "task-"))
	case plan.Delete:
		x.data, x.claims = nil, map[string]string{}
	case plan.RemoveNetwork:
		x.network = false
	case plan.Orphan:
		delete(x.bodies, s.Object)
	case plan.Grow:
		_, name, _ := strings.Cut(s.Object, "/")
		x.claims[name] = s.Changes[0].To
	case plan.Wait:
	case plan.Restart:
		delete(x.world.Hanging, s.Service)
		if r := x.runs[x.unit(s)]; r != nil && x.action == plan.RestartOnly {
			r.started = x.world.clock
			return nil
		}
		return x.start(verb, s)
	default:
		return x.start(verb, s)
	}
	return nil
}

// unit is the name that what a step is about runs under.
func (x *executor) unit(s plan.Step) string {
	for _, u := range x.units.Units {
		if s.Container != "" && u.Container == s.Container {
			return u.Name
		}
	}
	return s.Object
}

// start makes what runs as it is wanted.
func (x *executor) start(verb plan.Verb, s plan.Step) error {
	if x.onCluster() {
		return x.apply(s)
	}
	for _, u := range x.units.Units {
		if u.Name != s.Object {
			continue
		}
		r := &running{service: u.Service, release: map[bool]string{false: x.Stack.Release}[u.Own], image: u.Image, spec: u.Spec, files: u.Files, cpus: u.CPUs, memory: u.Memory,
			env: maps.Clone(u.Env), once: u.OneShot}
		if old := x.runs[u.Name]; verb == plan.Update && old != nil {
			old.cpus, old.memory = u.CPUs, u.Memory
			return nil
		}
		x.runs[u.Name] = r
		return x.place.started(r)
	}
	return fmt.Errorf("the config asks for no %s", s.Object)
}

// apply applies an object, and starts its pods where they change.
func (x *executor) apply(s plan.Step) error {
	if s.Object == "Namespace/"+x.objects.Namespace {
		x.namespace = true
		return nil
	}
	for _, o := range x.objects.Objects {
		if o.Key != s.Object {
			continue
		}
		before := x.bodies[o.Key]
		x.bodies[o.Key] = copied[map[string]any](o.Body)
		kind, name, _ := strings.Cut(o.Key, "/")
		if !slices.Contains([]string{"Deployment", "StatefulSet", "DaemonSet", "Job"}, kind) {
			if o.Key == "PersistentVolumeClaim/pgsql" && x.data == nil {
				x.data = &databases{}
			}
			return nil
		}
		replicas, counted := catalogue.Branch(o.Body, "spec")["replicas"]
		r := &running{service: o.Service, release: labelOf(o.Body, render.LabelRelease), image: imageOf(o.Body, name), once: kind == "Job"}
		r.stopped = counted && fmt.Sprint(replicas) == "0"
		was := x.runs[o.Key]
		x.runs[o.Key] = r
		x.claim(o.Body, name)
		same := was != nil && !was.stopped && fmt.Sprint(catalogue.Branch(before, "spec", "template")) == fmt.Sprint(catalogue.Branch(x.bodies[o.Key], "spec", "template"))
		if r.stopped || same {
			return nil
		}
		return x.place.started(r)
	}
	return fmt.Errorf("the config asks for no %s", s.Object)
}

// claim makes the claims of a StatefulSet's pods.
func (x *executor) claim(body map[string]any, name string) {
	for _, t := range catalogue.Maps(catalogue.Branch(body, "spec")["volumeClaimTemplates"]) {
		template, _ := catalogue.Branch(t, "metadata")["name"].(string)
		size, _ := catalogue.Branch(t, "spec", "resources", "requests")["storage"].(string)
		if claim := template + "-" + name + "-0"; x.claims[claim] == "" {
			x.claims[claim] = size
		}
	}
}

// imageOf is the image of a workload's container, or of its first one.
func imageOf(body map[string]any, name string) string {
	containers := catalogue.Maps(catalogue.Branch(body, "spec", "template", "spec")["containers"])
	for _, c := range containers {
		if c["name"] == name || strings.HasPrefix(name, "migrator") {
			image, _ := c["image"].(string)
			return image
		}
	}
	if len(containers) == 0 {
		return ""
	}
	image, _ := containers[0]["image"].(string)
	return image
}

// Ready reports what is unhealthy, and everything else as ready.
func (x *executor) Ready(_ context.Context, steps []plan.Step) (map[int]run.Readiness, error) {
	x.world.mu.Lock()
	defer x.world.mu.Unlock()
	out := map[int]run.Readiness{}
	for _, s := range steps {
		r := x.runs[x.unit(s)]
		switch {
		case !x.done[s.ID]:
			out[s.ID] = run.Readiness{How: "being made"}
		case s.Verb == plan.Remove || s.Verb == plan.Delete:
			out[s.ID] = run.Readiness{Ready: true, How: "gone"}
		case r == nil:
			out[s.ID] = run.Readiness{Ready: true, How: "done"}
		case x.world.unwell(r.service) && !r.stopped:
			out[s.ID] = run.Readiness{Failed: true, How: "unhealthy"}
		case x.world.Converting[r.service] > 0 && !r.stopped:
			x.world.Converting[r.service]--
			x.world.clock = x.world.clock.Add(20 * time.Minute)
			out[s.ID] = run.Readiness{How: "starting"}
		default:
			out[s.ID] = run.Readiness{Ready: true, How: "healthy"}
		}
	}
	return out, nil
}

// Explain says why a step failed.
func (x *executor) Explain(_ context.Context, s plan.Step, err error) diag.Diagnostic {
	return diag.Diagnostic{Code: "BERTH3204", Severity: diag.Error, Subject: s.Object, Summary: fmt.Sprintf("%s %s failed", s.Verb, s.Object),
		Detail: []string{err.Error()}, Hint: "fix the cause shown above"}
}

// Patience is short, but for databases that convert their data.
func (x *executor) Patience(s plan.Step) time.Duration {
	if slices.Contains(stack.Databases(), s.Service) {
		return max(time.Minute, x.Converting)
	}
	return time.Minute
}
