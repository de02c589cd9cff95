// Package size estimates what a load needs: each service, the machine or the nodes, and what grows first. Pure.
package size

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"berth/catalogue"
)

// Load is what an installation has to carry. GB are 10^9 bytes, as Sourcegraph's estimator has them.
type Load struct {
	People            int     `json:"people"`
	Repositories      int     `json:"repositories"`
	Total             float64 `json:"totalGB"`             // of all repositories
	LargestRepository float64 `json:"largestRepositoryGB"` //
	LargestIndex      float64 `json:"largestIndexGB"`      // of precise code navigation; 0: it is not used
	Insights          bool    `json:"insights"`
}

// Estimate is what a load needs.
type Estimate struct {
	Load    Load             `json:"load"`
	Release string           `json:"release"`
	Target  catalogue.Target `json:"target"`
	Size    string           `json:"size"`     // XS to 3XL
	Cores   int              `json:"cores"`    // of the machine, or of all nodes together
	Memory  int              `json:"memoryGB"` // the same
	Disk    float64          `json:"diskGB"`   // of all volumes
	// Ephemeral is disk that is filled while services work, and can be lost.
	Ephemeral float64           `json:"ephemeralGB"`
	Services  []Service         `json:"services"`
	Machine   catalogue.Machine `json:"machine"` // one machine, or a node of the cluster
	Nodes     int               `json:"nodes"`   // of that kind
	// Beyond says that a number is larger than any that Sourcegraph has figures for: this is the largest that it has.
	Beyond  bool      `json:"beyond,omitempty"`
	Notes   []string  `json:"notes,omitempty"`
	Depends []Depends `json:"depends"` // what each number decides
	// Least is what the least load of a range needs; everything else is about the most.
	Least *Estimate `json:"least,omitempty"`
}

// Service is what a service needs. On one machine it has one instance, which is as large as all of them.
type Service struct {
	Name string `json:"name"`
	catalogue.ScalingPoint
}

// Depends is how much more is needed at the second of two values of a number than at the first. Where the number was given as a range these are its ends;
// else the second is twice the first.
type Depends struct {
	Input  string  `json:"input"`
	From   float64 `json:"from"`
	To     float64 `json:"to"`
	Cores  int     `json:"cores"`
	Memory int     `json:"memoryGB"`
	Limits float64 `json:"limitsGB"` // memory limits of all services together
	Disk   float64 `json:"diskGB"`
}

// Amount is a value of the number as people write it.
func (d Depends) Amount(value float64) string {
	text := strconv.FormatFloat(math.Round(value*100)/100, 'f', -1, 64)
	if d.Input != "users" && d.Input != "repositories" {
		text += " GB"
	}
	return text
}

// Tables are what estimates are made from.
type Tables struct {
	Sizing  *catalogue.Sizing
	Scaling *catalogue.Scaling
}

// For estimates what a load needs of a release on a target.
func (t Tables) For(l Load, r *catalogue.Release, on catalogue.Target) Estimate {
	return t.Between(l, l, r, on)
}

// inputs are the numbers of a load, by the names that berth size has for them.
var inputs = []struct {
	name string
	of   func(*Load) float64
	set  func(*Load, float64)
}{
	{"users", func(l *Load) float64 { return float64(l.People) }, func(l *Load, n float64) { l.People = int(n) }},
	{"repositories", func(l *Load) float64 { return float64(l.Repositories) }, func(l *Load, n float64) { l.Repositories = int(n) }},
	{"total", func(l *Load) float64 { return l.Total }, func(l *Load, n float64) { l.Total = n }},
	{"largest-repo", func(l *Load) float64 { return l.LargestRepository }, func(l *Load, n float64) { l.LargestRepository = n }},
	{"index", func(l *Load) float64 { return l.LargestIndex }, func(l *Load, n float64) { l.LargestIndex = n }},
}

// Between estimates what the most needs of a load that nobody knows exactly, and how much that depends on each number.
func (t Tables) Between(least, most Load, r *catalogue.Release, on catalogue.Target) Estimate {
	e := t.estimate(most, r, on)
	for _, input := range inputs {
		d := Depends{Input: input.name, From: input.of(&least), To: input.of(&most)}
		low, high, other := e, e, most
		if d.From == d.To {
			d.To *= 2
			input.set(&other, d.To)
			high = t.estimate(other, r, on)
		} else {
			input.set(&other, d.From)
			low = t.estimate(other, r, on)
		}
		d.Cores, d.Memory, d.Limits, d.Disk = high.Cores-low.Cores, high.Memory-low.Memory, high.limits()-low.limits(), high.Disk-low.Disk
		e.Depends = append(e.Depends, d)
	}
	if least != most {
		low := t.estimate(least, r, on)
		e.Least = &low
	}
	return e
}

// Named is the estimate for the most that a size by name is for, as its reference architecture has it; ok is false where there is no such size.
func (t Tables) Named(name string, r *catalogue.Release, on catalogue.Target) (e Estimate, ok bool) {
	all := slices.Concat(t.Sizing.Sizes, t.Scaling.Larger)
	i := slices.IndexFunc(all, func(s catalogue.Size) bool { return strings.EqualFold(s.Name, name) })
	if i < 0 {
		return e, false
	}
	l := Load{People: all[i].People, Repositories: all[i].Repositories, LargestRepository: 5, LargestIndex: 1, Insights: true}
	if l.People == 0 { // the largest has no limit: the double of the one before stands for it
		l.People, l.Repositories = 2*all[i-1].People, 2*all[i-1].Repositories
	}
	l.Total = float64(l.Repositories) / 30
	return t.For(l, r, on), true
}

func (t Tables) estimate(l Load, r *catalogue.Release, on catalogue.Target) Estimate {
	e := Estimate{Load: l, Release: r.Version, Target: on}
	size, beyond := t.size(l)
	e.Size, e.Cores, e.Memory, e.Beyond = size.Name, size.Cores, size.Memory, beyond
	needs, outside := t.needs(l)
	e.Beyond = e.Beyond || outside
	for _, s := range needs {
		if _, there := r.Services[s.Name]; !there {
			continue
		}
		e.Disk += s.Disk // of all instances
		e.Ephemeral += s.Ephemeral * s.Replicas
		if s.Name == "gitserver" || s.Name == "zoekt-indexserver" {
			s.Disk = math.Ceil(s.Disk / s.Replicas) // repositories are spread over all
		}
		if on == catalogue.Compose {
			s.ScalingPoint = together(s.ScalingPoint)
		}
		e.Services = append(e.Services, s)
	}
	t.machines(&e, r)
	return e
}

// size is the smallest that is enough for people and for repositories. beyond says that no size has a limit that high.
func (t Tables) size(l Load) (size catalogue.Size, beyond bool) {
	all := slices.Concat(t.Sizing.Sizes, t.Scaling.Larger)
	for _, s := range all {
		if (s.People == 0 || l.People <= s.People) && (s.Repositories == 0 || l.Repositories <= s.Repositories) {
			return s, s.People == 0
		}
	}
	return all[len(all)-1], true
}

// amount is what a table goes by.
func (l Load) amount(by string) float64 {
	return map[string]float64{"people": float64(l.People), "repositories": float64(l.Repositories), "thousands": float64(l.People+l.Repositories) / 1000,
		"total": l.Total, "largestRepository": l.LargestRepository, "largestIndex": l.LargestIndex}[by]
}

// needs are the needs of all services that have tables. outside says that one has no figures for so much.
func (t Tables) needs(l Load) (out []Service, outside bool) {
	at := map[string]int{}
	for _, table := range t.Scaling.Tables {
		need, beyond := between(table.Points, l.amount(table.By))
		outside = outside || beyond && t.Scaling.Fixes[table.Service] == ""
		i, ok := at[table.Service]
		if !ok {
			i, at[table.Service] = len(out), len(out)
			out = append(out, Service{Name: table.Service})
		}
		out[i].ScalingPoint = joined(out[i].ScalingPoint, need)
	}
	for i := range out {
		out[i].ScalingPoint = rounded(out[i].ScalingPoint)
	}
	t.overrides(l, out)
	slices.SortFunc(out, func(a, b Service) int { return cmp.Compare(a.Name, b.Name) })
	return out, outside
}

// between interpolates between the points around an amount; the disk is that of the point before. beyond says that the last point is below it.
func between(points []catalogue.ScalingPoint, amount float64) (need catalogue.ScalingPoint, beyond bool) {
	i := slices.IndexFunc(points, func(p catalogue.ScalingPoint) bool { return p.At >= amount })
	if i < 0 {
		return points[len(points)-1], true
	}
	b := points[i]
	a := points[max(i-1, 0)]
	if a.At == b.At {
		return b, false
	}
	f := (amount - a.At) / (b.At - a.At)
	mix := func(x, y float64) float64 { return x + (y-x)*f }
	return catalogue.ScalingPoint{
		Replicas:   a.Replicas + math.Round((b.Replicas-a.Replicas)*f),
		CPURequest: mix(a.CPURequest, b.CPURequest), CPU: mix(a.CPU, b.CPU),
		MemoryRequest: mix(a.MemoryRequest, b.MemoryRequest), Memory: mix(a.Memory, b.Memory),
		EphemeralRequest: mix(a.EphemeralRequest, b.EphemeralRequest), Ephemeral: mix(a.Ephemeral, b.Ephemeral),
		Disk: a.Disk,
	}, false
}

// joined fills what a table of a service does not have from another one.
func joined(a, b catalogue.ScalingPoint) catalogue.ScalingPoint {
	from := amounts(&b)
	for i, n := range amounts(&a) {
		*n = cmp.Or(*n, *from[i])
	}
	return a
}

// rounded is a need in whole numbers, below 1 in quarters.
func rounded(p catalogue.ScalingPoint) catalogue.ScalingPoint {
	for _, n := range shares(&p) {
		if *n > 1 {
			*n = math.Round(*n)
		} else {
			*n = math.Round(*n*4) / 4
		}
	}
	return p
}

// amounts are all numbers of a point.
func amounts(p *catalogue.ScalingPoint) []*float64 {
	return append([]*float64{&p.Replicas, &p.Disk}, shares(p)...)
}

// shares are what an instance takes of its machine.
func shares(p *catalogue.ScalingPoint) []*float64 {
	return []*float64{&p.CPURequest, &p.CPU, &p.MemoryRequest, &p.Memory, &p.EphemeralRequest, &p.Ephemeral}
}

// zoekt500k is the number of repositories for which zoekt's last figures are.
const zoekt500k = 500000

// overrides are what the estimator computes after its tables.
func (t Tables) overrides(l Load, needs []Service) {
	by := map[string]*Service{}
	for i := range needs {
		by[needs[i].Name] = &needs[i]
	}
	web, indexer := by["zoekt-webserver"], by["zoekt-indexserver"]
	if l.Repositories > zoekt500k {
		web.Replicas = math.Ceil(web.Replicas * float64(l.Repositories) / zoekt500k)
	}
	replicas := max(web.Replicas, indexer.Replicas) // they share a pod
	web.Replicas, indexer.Replicas = replicas, replicas
	by["gitserver"].Disk = math.Floor(l.Total * t.Sizing.Disk["gitserver"])
	indexer.Disk = math.Floor(l.Total * t.Sizing.Disk["zoekt"])
	by["blobstore"].Disk = l.LargestIndex
	searcher := by["searcher"]
	searcher.EphemeralRequest = math.Floor(max(l.LargestRepository+l.Total*0.15, l.Total*0.3) / searcher.Replicas)
	searcher.Ephemeral = math.Floor(max(l.LargestRepository+l.Total*0.3, l.Total*0.4) / searcher.Replicas)
	if !l.Insights {
		by["codeinsights-db"].Disk = 0
	}
	if l.LargestIndex == 0 {
		by["codeintel-db"].Disk = 0
	}
}

// together is the need of one instance that stands for all.
func together(p catalogue.ScalingPoint) catalogue.ScalingPoint {
	for _, n := range shares(&p) {
		*n *= p.Replicas
	}
	p.Disk, p.Replicas = p.Disk*p.Replicas, 1
	return p
}

// limits are the memory limits of all services together, in GB.
func (e Estimate) limits() (sum float64) {
	for _, s := range e.Services {
		sum += s.Memory * s.Replicas
	}
	return sum
}

// machines names the machine or the nodes that fit, and says where one machine ends.
func (t Tables) machines(e *Estimate, r *catalogue.Release) {
	if e.Target == catalogue.Kubernetes {
		e.Machine = t.Scaling.Node
		e.Nodes = int(max(math.Ceil(float64(e.Cores)/float64(e.Machine.Cores)), math.Ceil(float64(e.Memory)/float64(e.Machine.Memory))))
		for _, s := range e.Services {
			if s.Memory > float64(e.Machine.Memory) || s.CPU > float64(e.Machine.Cores) {
				e.Notes = append(e.Notes, fmt.Sprintf("%s needs a node of its own with %.0f cores and %.0f GB", s.Name, s.CPU, ownNode(s.Memory)))
			}
		}
		e.keepNodes(r)
		return
	}
	i := slices.IndexFunc(t.Scaling.Machines, func(m catalogue.Machine) bool { return m.Cores >= e.Cores && m.Memory >= e.Memory })
	if i < 0 {
		e.Machine, e.Nodes = t.Scaling.Machines[len(t.Scaling.Machines)-1], 1
		e.Notes = append(e.Notes, fmt.Sprintf("too large for one machine: Sourcegraph lists none with %d cores and %d GB. Use a cluster", e.Cores, e.Memory), t.Moving())
		return
	}
	e.Machine, e.Nodes = t.Scaling.Machines[i], 1
	for n := range e.Services {
		s, cores := &e.Services[n], float64(e.Machine.Cores)
		s.CPU, s.CPURequest = min(s.CPU, cores), min(s.CPURequest, cores) // Docker refuses a limit above what the machine has
		if s.Memory > float64(e.Machine.Memory) {
			e.Notes = append(e.Notes, fmt.Sprintf("%s alone would use %.0f GB, more than the machine has; use one with more memory, or a cluster", s.Name, s.Memory))
		}
	}
}

// Moving says what it costs to get from one machine to a cluster, as far as it was measured.
func (t Tables) Moving() string {
	var measured []string
	for _, m := range t.Scaling.Moves {
		measured = append(measured, fmt.Sprintf("%d s for databases of %g GB, or %d s with --short-downtime", m.Down, m.Databases, m.Short))
	}
	last := t.Scaling.Moves[len(t.Scaling.Moves)-1]
	return "an existing installation gets there with berth move --to FILE. Measured downtime: " + strings.Join(measured, "; ") + fmt.Sprintf(" (%s, on a machine with %s)", last.When, last.Machine) +
		". The first grows with the databases, the second with what people write meanwhile. It needs room for a dump of the databases on both sides, and repositories are cloned again. For yours: berth move --to FILE --plan"
}

// keepNodes keeps nodes for the pods that ask for more than half of one: Kubernetes spreads what starts before them over all nodes, and then none has room for
// them. Nodes have room for what is asked for, which for small sizes is more than they need: a release asks for as much as it ships.
func (e *Estimate) keepNodes(r *catalogue.Release) {
	cores, kept, rest := float64(e.Machine.Cores), 0, 0.0
	for _, s := range e.Services {
		asks, what := asked(r, s), s.Name
		switch {
		case s.Memory > float64(e.Machine.Memory) || s.CPU > cores: // it has a node of its own
			continue
		case s.Name == "zoekt-indexserver": // in the pod of the webserver
			continue
		case s.Name == "zoekt-webserver":
			i := slices.IndexFunc(e.Services, func(o Service) bool { return o.Name == "zoekt-indexserver" })
			if i >= 0 {
				asks, what = asks+asked(r, e.Services[i]), what+", with zoekt-indexserver in its pod,"
			}
		}
		if asks <= cores/2 {
			rest += asks * s.Replicas
			continue
		}
		kept += int(s.Replicas)
		e.Notes = append(e.Notes, fmt.Sprintf("%s asks for %.0f of a node's %.0f cores: keep %.0f of the nodes for it", what, asks, cores, s.Replicas))
	}
	const others = 1 // core of each node, for what runs on all nodes and for services without figures
	e.Nodes = max(e.Nodes, kept+int(math.Ceil(rest/(cores-others))))
}

// asked is how many cores an instance of a service asks for: what the release ships, or what the estimate has where that is more.
func asked(r *catalogue.Release, s Service) float64 {
	w := r.Workload(s.Name)
	if w == nil {
		return s.CPURequest
	}
	text := fmt.Sprint(catalogue.Branch(w.Container, "resources", "requests")["cpu"])
	number, milli := strings.CutSuffix(text, "m")
	shipped, err := strconv.ParseFloat(number, 64)
	if err != nil { // it asks for nothing
		return s.CPURequest
	}
	if milli {
		shipped /= 1000
	}
	return max(s.CPURequest, shipped)
}

// ownNode is the memory of a node for one instance, in GB: a config counts in GiB, and each node has some pods of its own.
func ownNode(memory float64) float64 { return math.Ceil(memory*(1<<30)/1e9) + 2 }

// Fits reports whether the machine is large enough, or the nodes together are.
func (e Estimate) Fits() bool {
	return e.Target == catalogue.Kubernetes || e.Machine.Cores >= e.Cores && e.Machine.Memory >= e.Memory
}

// First is the number that decides most about memory, by its name; "" when none does.
func (e Estimate) First() string {
	most := slices.MaxFunc(e.Depends, func(a, b Depends) int {
		return cmp.Or(cmp.Compare(a.Memory, b.Memory), cmp.Compare(a.Limits, b.Limits), cmp.Compare(a.Disk, b.Disk))
	})
	if most.Memory == 0 && most.Limits == 0 && most.Disk == 0 {
		return ""
	}
	return most.Input
}

// Needs are the services' limits in the form that configs are written from.
func (e Estimate) Needs() catalogue.Size {
	out := catalogue.Size{Name: e.Size, Cores: e.Cores, Memory: e.Memory, Services: map[string]catalogue.Need{}}
	for _, s := range e.Services {
		n := catalogue.Need{CPU: whole(s.CPU), Memory: whole(s.Memory)}
		if e.Target == catalogue.Kubernetes {
			n.Storage = int(math.Ceil(max(s.Disk, s.Ephemeral)))
			n.CPURequest, n.MemoryRequest = whole(s.CPURequest), whole(s.MemoryRequest) // so that a node has room for it
		}
		if s.Replicas > 1 {
			n.Replicas = int(s.Replicas)
		}
		out.Services[s.Name] = n
	}
	if web, indexer := out.Services["zoekt-webserver"], out.Services["zoekt-indexserver"]; indexer.Storage > 0 { // they share a pod, and the volume is the webserver's
		web.Storage, indexer.Storage = indexer.Storage, 0
		out.Services["zoekt-webserver"], out.Services["zoekt-indexserver"] = web, indexer
	}
	return out
}

// whole is an amount of cores or GB for a config. Below 1, what the release ships is enough.
func whole(n float64) int {
	if n < 1 {
		return 0
	}
	return int(math.Ceil(n))
}
