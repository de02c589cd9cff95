package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Difference is the work that leads from a state to what is desired.
func Difference(d Desired, s State) *Plan {
	b := &differ{desired: d, state: s, plan: &Plan{
		Format: Format, Action: Up, Installation: d.Installation, Target: d.Target, Release: d.Release,
		From: release(s), Runs: runs(d, s), Basis: basis(d, s), Steps: []Step{}, Unchanged: []string{},
	}, byUnit: map[string]int{}}
	b.network()
	b.strays()
	for _, u := range d.Units {
		b.unit(u)
	}
	b.write()
	b.pulls()
	b.unwanted()
	b.order()
	for _, s := range b.plan.Steps {
		if s.Effect != None && s.Verb != Remove && slices.Contains(d.Awaited, s.Object) {
			b.plan.Awaited = append(b.plan.Awaited, s.Object)
		}
	}
	return b.plan
}

// release is the one that runs: that of most containers, so that a half-done change tells what it started from.
func release(s State) string {
	n := map[string]int{}
	best := ""
	for _, c := range s.Containers {
		if c.Release == "" {
			continue // one of the admin's own
		}
		n[c.Release]++
		if n[c.Release] > n[best] || n[c.Release] == n[best] && c.Release < best {
			best = c.Release
		}
	}
	return best
}

// runs are the services by the release of their containers, but for those that ran once to their end.
func runs(d Desired, s State) map[string][]string {
	out := map[string][]string{}
	for _, c := range s.Containers {
		once := slices.ContainsFunc(d.Units, func(u Unit) bool { return u.Name == c.Unit && u.OneShot })
		if !once && c.Release != "" {
			out[c.Release] = append(out[c.Release], c.Service)
		}
	}
	return out
}

type differ struct {
	desired Desired
	state   State
	plan    *Plan
	byUnit  map[string]int // index of a unit's step, by unit name
	image   map[string]int
	writes  int // index of the write step, or -1
	first   []int
	torn    []int // removals of all containers and of the network, which is made another way
}

func (b *differ) add(s Step) int {
	if s.Why == nil {
		s.Why = []Cause{}
	}
	b.plan.Steps = append(b.plan.Steps, s)
	return len(b.plan.Steps) - 1
}

// strays removes what a killed run left half-done: containers of ours that bear another name than their unit's.
func (b *differ) strays() {
	wanted := map[string]string{}
	for _, u := range b.desired.Units {
		wanted[u.Name] = u.Container
	}
	for _, c := range b.state.Containers {
		if name, ok := wanted[c.Unit]; ok && c.Name != name && !c.Adopted && b.torn == nil {
			b.first = append(b.first, b.add(Step{Verb: Remove, Object: c.Name, Service: c.Service, Container: c.Name, Effect: None,
				Why: []Cause{{Text: "left incomplete by a run that was killed"}}}))
		}
	}
}

func (b *differ) container(u Unit) (Container, bool) {
	i := slices.IndexFunc(b.state.Containers, u.is)
	if i < 0 {
		return Container{}, false
	}
	return b.state.Containers[i], true
}

// is reports whether a container is the unit's.
func (u Unit) is(c Container) bool { return c.Name == u.Container || c.Adopted && c.Unit == u.Name }

// unit decides what is done for one unit.
func (b *differ) unit(u Unit) {
	c, exists := b.container(u)
	verb, why := b.decide(u, c, exists)
	if verb == "" {
		b.plan.Unchanged = append(b.plan.Unchanged, u.Name)
		return
	}
	name := u.Container
	if exists && verb != Create && verb != Recreate && verb != Execute {
		name = c.Name
	}
	b.byUnit[u.Name] = b.add(Step{Verb: verb, Object: u.Name, Service: u.Service, Container: name, Why: why, Effect: b.effect(u, verb, c)})
}

// decide is the heart: verb and reasons for one unit, or "" when it is as it should be.
func (b *differ) decide(u Unit, c Container, exists bool) (Verb, []Cause) {
	switch {
	case b.torn != nil && u.OneShot:
		return Execute, []Cause{{Text: "its network is replaced"}}
	case b.torn != nil:
		return Create, []Cause{{Text: "its network is replaced"}}
	case !exists && u.OneShot:
		return Execute, []Cause{{Text: "has not run for this release"}}
	case !exists && b.plan.From != "":
		return Create, append(b.stays(u), orElse(u.Origins, "is not there")...)
	case !exists:
		return Create, append(b.stays(u), u.Origins...)
	case c.Spec != u.Spec && u.OneShot:
		return Execute, b.changes(u, c)
	case c.Spec != u.Spec:
		return Recreate, b.changes(u, c)
	case u.OneShot:
		return again(c)
	case c.Altered(u.Image, u.Env):
		return Recreate, byHand(b.changes(u, c))
	case c.Status == Created:
		// It may lack what Docker Compose gives a container between making and starting it, such as files with secrets.
		return Recreate, []Cause{{Text: "was created, but never started"}}
	case limitTakenAway(u, c):
		return Recreate, limits(u, c)
	case c.Files != u.Files:
		return Restart, append(limits(u, c), orElse(u.Origins, "its settings files changed")...)
	case c.Status == Stopped, c.Status == Paused:
		return Start, append(limits(u, c), Cause{Text: "does not run"})
	case c.Status == Unhealthy, c.Status == Crashing:
		return Restart, append(limits(u, c), Cause{Text: words[c.Status]})
	case c.Memory != u.Memory || c.CPUs != u.CPUs:
		return Update, limits(u, c)
	case c.Status == Starting:
		return Wait, []Cause{{Text: "is starting"}}
	}
	return "", nil
}

// byHand are the changes that somebody made to a container beside berth, which its replacement takes back.
func byHand(changes []Cause) []Cause {
	var said []string
	for _, c := range changes {
		said = append(said, c.Text)
	}
	const what = "was changed by hand"
	return append(changes, Cause{Text: what, Reverts: what + ": " + strings.Join(said, ", ")})
}

// words say why a container that runs is restarted. One that crashes would come back by itself, but only after ever longer pauses.
var words = map[Status]string{Unhealthy: "is unhealthy", Crashing: "keeps crashing"}

// again decides about a one-shot container of the right spec.
func again(c Container) (Verb, []Cause) {
	switch c.Status {
	case Stopped:
		if c.Exit == 0 {
			return "", nil
		}
		return Execute, []Cause{{Text: fmt.Sprintf("ended with exit code %d", c.Exit)}}
	case Starting, Running, Healthy:
		return Wait, []Cause{{Text: "runs"}}
	}
	return Execute, []Cause{{Text: "did not finish"}}
}

// limitTakenAway reports whether a limit must go that the container has: the engine can change limits in place, but not take them away.
func limitTakenAway(u Unit, c Container) bool {
	return u.Memory == 0 && c.Memory != 0 || u.CPUs == 0 && c.CPUs != 0
}

func limits(u Unit, c Container) []Cause {
	var out []Cause
	if c.Memory != u.Memory {
		out = append(out, Cause{Text: "memory " + size(c.Memory) + " -> " + size(u.Memory)})
	}
	if c.CPUs != u.CPUs {
		out = append(out, Cause{Text: "cpu " + number(c.CPUs) + " -> " + number(u.CPUs)})
	}
	return located(out, u.Origins)
}

// located gives causes the place of the config's line that says the same.
func located(causes, origins []Cause) []Cause {
	for i := range causes {
		word, _, _ := strings.Cut(causes[i].Text, " ")
		for _, o := range origins {
			if strings.HasPrefix(o.Text, word+" ") {
				causes[i].Range = o.Range
			}
		}
	}
	return causes
}

// changes says what differs between a unit and its container: the image, variables by name, and the config's lines.
func (b *differ) changes(u Unit, c Container) []Cause {
	var out []Cause
	if c.Image != u.Image {
		out = append(out, AnotherImage(c.Image, u.Image))
	}
	out = append(out, b.variables(u, c)...)
	out = append(out, b.stays(u)...)
	if c.Memory != u.Memory || c.CPUs != u.CPUs {
		out = append(out, limits(u, c)...)
	}
	if len(out) == 0 && len(c.Differs) > 0 {
		return []Cause{{Text: "differs in " + strings.Join(c.Differs, ", ")}}
	}
	if len(out) == 0 {
		return orElse(u.Origins, "its settings changed")
	}
	return out
}

// variables names the variables that changed. Values are shown only for lists of addresses, which say what joined or left.
func (b *differ) variables(u Unit, c Container) []Cause {
	var out []Cause
	for _, name := range slices.Sorted(maps.Keys(u.Env)) {
		was, had := c.Env[name]
		now := u.Env[name]
		switch {
		case !had:
			out = append(out, located([]Cause{{Text: "env " + name + " is new"}}, envOrigins(u, name))...)
		case now != "" && was != now:
			out = append(out, located([]Cause{{Text: "env " + name + b.difference(was, now)}}, envOrigins(u, name))...)
		}
	}
	return out
}

// envOrigins are the config's lines about one variable.
func envOrigins(u Unit, name string) []Cause {
	return slices.DeleteFunc(slices.Clone(u.Origins), func(o Cause) bool { return o.Text != "env "+name })
}

// difference says what joined or left a list of addresses; of other values only that they changed.
func (b *differ) difference(was, now string) string {
	before, after := strings.Fields(was), strings.Fields(now)
	if !b.addresses(before) || !b.addresses(after) {
		return " changed"
	}
	var joined, left []string
	for _, a := range after {
		if !slices.Contains(before, a) {
			joined = append(joined, a)
		}
	}
	for _, a := range before {
		if !slices.Contains(after, a) {
			left = append(left, a)
		}
	}
	out := ""
	if len(joined) > 0 {
		out += " now lists " + strings.Join(joined, ", ")
	}
	if len(left) > 0 {
		out += " no longer lists " + strings.Join(left, ", ")
	}
	return cmp.Or(out, " changed")
}

// addresses reports whether all words are addresses of our own services, "gitserver-0:3178". Anything else might be a secret.
func (b *differ) addresses(words []string) bool {
	return len(words) > 0 && !slices.ContainsFunc(words, func(w string) bool {
		host, port, ok := strings.Cut(strings.TrimPrefix(w, "http://"), ":")
		shard := strings.LastIndexByte(host, '-')
		ours := slices.ContainsFunc(b.desired.Units, func(u Unit) bool {
			return u.Service == host || shard > 0 && u.Service == host[:shard] && digits(host[shard+1:])
		})
		return !ok || !ours || !digits(port)
	})
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

func orElse(causes []Cause, text string) []Cause {
	if len(causes) > 0 {
		return causes
	}
	return []Cause{{Text: text}}
}

// vital are services without which Sourcegraph does not answer.
var vital = []string{"caddy", "sourcegraph-frontend", "sourcegraph-frontend-internal", "pgsql", "codeintel-db", "codeinsights-db", "redis-store", "redis-cache"}

// Vital reports whether Sourcegraph does not answer without a service.
func Vital(service string) bool { return slices.Contains(vital, service) }

// effect is what people notice of a verb on a unit.
func (b *differ) effect(u Unit, verb Verb, c Container) Effect {
	switch {
	case b.plan.From == "" || verb == Create || verb == Update || verb == Wait || verb == Execute || verb == Start:
		return None
	case c.Status == Stopped || c.Status == Crashing || c.Status == Created:
		return None
	case u.Service == frontProxy && verb == Restart && c.Files != u.Files:
		return None // it reads them again
	case !Vital(u.Service):
		return Brief
	}
	alone := 0
	for _, o := range b.desired.Units {
		if o.Service == u.Service {
			alone++
		}
	}
	if alone > 1 {
		return Brief
	}
	return Downtime
}

// write adds the step that writes the rendered files, when they differ from those that lie there or anything else is to be done.
func (b *differ) write() {
	b.writes = -1
	changed := b.desired.Project != b.state.Project
	if !changed {
		return
	}
	why := []Cause{{Text: "made from the config"}}
	if b.state.Project != "" {
		why = []Cause{{Text: "the rendered files changed"}}
	}
	b.writes = b.add(Step{Verb: Write, Object: "project files", Why: why, Effect: None})
}

// pulls adds a step for every image that the engine lacks and that a step needs.
func (b *differ) pulls() {
	b.image = map[string]int{}
	for _, u := range b.desired.Units {
		i, ok := b.byUnit[u.Name]
		if !ok || slices.Contains(b.state.Images, u.Image) {
			continue
		}
		if v := b.plan.Steps[i].Verb; v != Create && v != Recreate && v != Execute {
			continue
		}
		if _, ok := b.image[u.Image]; !ok {
			b.image[u.Image] = b.add(Step{Verb: Pull, Object: u.Image, Effect: None, Why: []Cause{{Text: "is not on this host yet"}}})
		}
	}
}

// unwanted removes containers that nothing asks for any more, after all the rest is done.
func (b *differ) unwanted() {
	wanted := map[string]bool{}
	for _, u := range b.desired.Units {
		wanted[u.Name] = true
	}
	for _, c := range b.state.Containers {
		if !wanted[c.Unit] && b.torn == nil {
			b.byUnit[c.Unit] = b.add(Step{Verb: Remove, Object: cmp.Or(c.Unit, c.Name), Service: c.Service, Container: c.Name, Effect: Brief,
				Why: []Cause{{Text: "the config no longer asks for it; its volumes are kept"}}})
		}
	}
}

// Teardown is the work that stops an installation; data names the volumes whose data is deleted for good, nothing to keep all.
func Teardown(d Desired, s State, network string, volumes []string) *Plan {
	p := &Plan{Format: Format, Action: Down, Installation: d.Installation, Target: d.Target, Release: release(s), From: release(s),
		Basis: basis(d, s), Steps: []Step{}, Unchanged: []string{}}
	add := func(step Step, why string) {
		step.ID, step.Why = len(p.Steps)+1, []Cause{{Text: why}}
		p.Steps = append(p.Steps, step)
	}
	for _, c := range s.Containers {
		add(Step{Verb: Remove, Object: cmp.Or(c.Unit, c.Name), Service: c.Service, Container: c.Name, Effect: Downtime}, "stopped; its volumes are kept")
	}
	containers := len(p.Steps)
	after := make([]int, containers)
	for i := range after {
		after[i] = i + 1
	}
	if network != "" {
		add(Step{Verb: RemoveNetwork, Object: network, Effect: None}, "the network of the containers")
	}
	for _, v := range volumes {
		add(Step{Verb: Delete, Object: v, Effect: Data}, "its data is deleted for good")
	}
	for i := containers; i < len(p.Steps); i++ {
		p.Steps[i].After = after
	}
	return p
}

// tag is the readable part of an image reference.
func tag(ref string) string {
	name, _, _ := strings.Cut(ref, "@")
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		return name[i+1:]
	}
	return name
}

// program is what an image reference names, without its registry, folder, tag and digest.
func program(ref string) string {
	name, _, _ := strings.Cut(ref, "@")
	name, _, _ = strings.Cut(name[strings.LastIndexByte(name, '/')+1:], ":")
	return name
}

// AnotherImage is the reason that an image is another one. Under the same tag it was pushed again, or the lock file has another digest.
func AnotherImage(from, to string) Cause {
	if program(from) != program(to) { // one of the admin's own
		return Cause{Text: "image " + from + " -> " + to}
	}
	if tag(from) == tag(to) {
		return Cause{Text: "the tag " + tag(to) + " has another image now"}
	}
	return Cause{Text: "image " + tag(from) + " -> " + tag(to)}
}

func size(n int64) string {
	switch {
	case n == 0:
		return "no limit"
	case n%(1<<30) == 0:
		return fmt.Sprintf("%d GiB", n>>30)
	case n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}

func number(n float64) string {
	if n == 0 {
		return "no limit"
	}
	return strconv.FormatFloat(n, 'f', -1, 64)
}
