// Package proposal makes, of a list of requirements and the support record's answers to it, a config that meets what can be met, and the page for the
// customer. What nobody said is proposed and named as an open point; nothing is guessed in silence. Pure.
package proposal

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"berth/catalogue"
	"berth/internal/size"
	"berth/internal/support"
)

// Input is what a proposal is made of.
type Input struct {
	Name     string // of the list
	Answers  []support.Answer
	Releases func(catalogue.Target) (*catalogue.Release, error)
	Tables   size.Tables
	Read     string // the day on which the sources of the record were read
	Berth    string // the version that writes it
}

// Proposal is a config with what led to it.
type Proposal struct {
	Config   []byte            `json:"-"`
	Target   catalogue.Target  `json:"target"`
	Why      string            `json:"why"` // the target
	Release  string            `json:"release"`
	Estimate size.Estimate     `json:"estimate"`
	Assumed  []string          `json:"assumed,omitempty"` // numbers of the load that no line says
	Open     []string          `json:"open"`              // what somebody has to say or to provide
	Needs    []support.Finding `json:"exceptions"`        // what an exception is needed for
	Refused  []support.Finding `json:"refused,omitempty"` // what lines ask for and the config does not do, because it is not supported

	in Input
}

// Of makes a proposal.
func Of(in Input) (*Proposal, error) {
	p := &Proposal{in: in, Open: []string{}, Needs: []support.Finding{}}
	load := p.load()
	p.Target, p.Why = p.target(load)
	r, err := in.Releases(p.Target)
	if err != nil {
		return nil, err
	}
	p.Release = r.Version
	p.Estimate = in.Tables.For(load, r, p.Target)
	p.judge()
	p.named()
	p.Config = p.config(r)
	return p, nil
}

// The load that is assumed where no line says a number: the estimator's own defaults.
const (
	people, repositories = 300, 3000
	perRepository        = 1.0 / 30 // GB
	largest, index       = 5, 1     // GB
)

// quantities of code as people write them: "900 GB in all", "largest 60 GB", "9 TB".
var quantity = regexp.MustCompile(`(?i)([\w-]+ )?([\w-]+:? )?(\d[\d.,]*) ?(TB|GB)( in all| in total| together| all together)?`)

// load is what the lines say about it. The largest number of a kind counts.
func (p *Proposal) load() size.Load {
	l := size.Load{LargestIndex: index, Insights: true}
	for _, a := range p.in.Answers {
		l.People, l.Repositories = max(l.People, a.People), max(l.Repositories, a.Repositories)
		for _, m := range quantity.FindAllStringSubmatch(a.Question, -1) {
			n, err := strconv.ParseFloat(strings.ReplaceAll(m[3], ",", ""), 64)
			if err != nil {
				continue
			}
			if strings.EqualFold(m[4], "TB") {
				n *= 1000
			}
			switch before := strings.ToLower(m[1] + m[2]); {
			case m[5] != "", strings.HasPrefix(before, "total"):
				l.Total = max(l.Total, n)
			case strings.Contains(before, "largest"), strings.HasPrefix(before, "one of "):
				l.LargestRepository = max(l.LargestRepository, n)
			}
		}
	}
	assume := func(what string, said bool) bool {
		if !said {
			p.Assumed = append(p.Assumed, what)
		}
		return !said
	}
	if assume("people", l.People > 0) {
		l.People = people
	}
	if assume("repositories", l.Repositories > 0) {
		l.Repositories = repositories
	}
	if assume("the largest repository", l.LargestRepository > 0) {
		l.LargestRepository = largest
	}
	if assume("all repositories together", l.Total > 0) {
		l.Total = max(float64(l.Repositories)*perRepository, l.LargestRepository)
	}
	p.Assumed = append(p.Assumed, "the largest index of precise code navigation")
	return l
}

// Subjects that name a target.
var (
	ofClusters = []string{"helm", "kustomize", "manifests", "kubernetes", "eks", "gke", "autopilot", "aks", "openshift", "clusterless", "pod-security", "gitops", "mesh", "network-policies"}
	ofMachines = []string{"compose", "single-container", "pure-docker", "machine-images", "docker", "linux", "rhel", "centos7"}
	wants      = regexp.MustCompile(`(?i)\bwants?\b`)
	// The record has these under subjects that are about both.
	clusterWords = regexp.MustCompile(`(?i)\b(k3s|rke2?|rancher|microk8s)\b`)
	machineWords = regexp.MustCompile(`(?i)\bone \S+( \d+)? machine\b`)
)

// target is what the lines ask for: a cluster where any line names one, or where one machine ends. Of several lines the one that wants it is the reason,
// and where executors run is none.
func (p *Proposal) target(l size.Load) (catalogue.Target, string) {
	names := func(subjects []string, words *regexp.Regexp) (line string) {
		for _, a := range p.in.Answers {
			named := slices.ContainsFunc(a.Findings, func(f support.Finding) bool { return slices.Contains(subjects, f.Subject) })
			if (named || words.MatchString(a.Question)) && !has(a, "executors") && (line == "" || wants.MatchString(a.Question)) {
				line = a.Question
			}
		}
		return line
	}
	cluster, machine := names(ofClusters, clusterWords), names(ofMachines, machineWords)
	refused := slices.ContainsFunc(p.in.Answers, func(a support.Answer) bool {
		return strings.Contains(strings.ToLower(a.Question), "docker is not allowed") || has(a, "podman")
	})
	switch {
	case cluster != "":
		return catalogue.Kubernetes, "a line asks for it: " + cluster
	case refused:
		return catalogue.Kubernetes, "Docker Compose needs a Docker Engine, which a line rules out"
	}
	if r, err := p.in.Releases(catalogue.Compose); err == nil && !p.in.Tables.For(l, r, catalogue.Compose).Fits() {
		return catalogue.Kubernetes, "no machine that Sourcegraph names is large enough"
	}
	if machine != "" {
		return catalogue.Compose, "a line asks for it: " + machine
	}
	return catalogue.Compose, "no line asks for a cluster, and one machine is enough"
}

// has reports whether an answer is about a subject.
func has(a support.Answer, subject string) bool {
	return slices.ContainsFunc(a.Findings, func(f support.Finding) bool { return f.Subject == subject })
}

// judge collects what an exception is needed for, and what stays open because the record says no, or does not know.
func (p *Proposal) judge() {
	seen := map[string]bool{}
	for _, a := range p.in.Answers {
		for _, f := range a.Findings {
			key := f.Subject + " " + f.Version
			if f.Exception != "" || seen[key] {
				continue
			}
			seen[key] = true
			switch f.Status {
			case catalogue.Exception:
				p.Needs = append(p.Needs, f)
			case catalogue.Unsupported:
				p.Refused = append(p.Refused, f)
				p.open("%q can't be met as it stands: %s", a.Question, f.Says)
			case catalogue.Unknown:
				p.open("The support record does not know about %q; ask Sourcegraph: %s", a.Question, f.Says)
			}
		}
		if len(a.Findings) == 0 && a.People+a.Repositories == 0 {
			p.open("The record does not understand %q, so it is not answered.", a.Question)
		} else if len(a.Ignored) > 0 {
			p.open("Of %q it does not understand: %s.", a.Question, strings.Join(a.Ignored, ", "))
		}
	}
	if len(p.Assumed) > 0 {
		p.open("No line has these numbers, so they are assumed: %s. The table of the size shows how much depends on them.", strings.Join(p.Assumed, ", "))
	}
}

// machine is one that a line names: "one Debian 12 machine with 32 cores and 128 GB".
var machine = regexp.MustCompile(`(?i)(\d+) (?:cores|cpus|vcpus)(?: and|,)? (\d+) ?GB`)

// named says when a machine that a line names is smaller than what the load asks for.
func (p *Proposal) named() {
	for _, a := range p.in.Answers {
		m := machine.FindStringSubmatch(a.Question)
		if m == nil || p.Target != catalogue.Compose {
			continue
		}
		cores, _ := strconv.Atoi(m[1]) // digits, as the expression says
		memory, _ := strconv.Atoi(m[2])
		if cores < p.Estimate.Cores || memory < p.Estimate.Memory {
			p.open("%q is smaller than the load needs: size %s has %d cores and %d GB of memory. Measure with `berth size --measured` once it runs, or use a larger machine.",
				a.Question, p.Estimate.Size, p.Estimate.Cores, p.Estimate.Memory)
		}
	}
}
