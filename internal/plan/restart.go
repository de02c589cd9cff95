package plan

import (
	"fmt"
	"slices"
	"time"

	"berth/catalogue"
)

// Restarted is something that is to stop and start again as it is.
type Restarted struct {
	Object    string // "gitserver-0"; "StatefulSet/gitserver" in a cluster
	Service   string
	Container string  // of an engine
	Alone     bool    // nothing else of the service answers meanwhile
	Keeps     bool    // it has data of its own, which nothing else answers for
	Usual     float64 // seconds that it took before; 0: not known
}

// Services are the services that steps are about, each once, in their order.
func (p *Plan) Services() (names []string) {
	for _, s := range p.Steps {
		if s.Service != "" && !slices.Contains(names, s.Service) {
			names = append(names, s.Service)
		}
	}
	return names
}

// Restarts is the plan that restarts some things and changes nothing else. Of one service, one waits for the other.
func Restarts(installation string, target catalogue.Target, release string, all []Restarted) *Plan {
	p := &Plan{Format: Format, Action: RestartOnly, Installation: installation, Target: target, Release: release, From: release, Steps: []Step{}, Unchanged: []string{}}
	last := map[string]int{}
	for i, r := range all {
		s := Step{ID: i + 1, Verb: Restart, Object: r.Object, Service: r.Service, Container: r.Container, Effect: Brief}
		if r.Alone && Vital(r.Service) {
			s.Effect = Downtime
		}
		why := "asked for"
		if r.Keeps || r.Alone {
			why += "; it does not answer meanwhile"
			if r.Usual > 0 {
				why += fmt.Sprintf(", usually for %s", time.Duration(r.Usual*float64(time.Second)).Round(time.Second))
			}
		}
		s.Why = []Cause{{Text: why}}
		if before := last[r.Service]; before != 0 {
			s.After = []int{before}
		}
		last[r.Service] = s.ID
		p.Steps = append(p.Steps, s)
	}
	p.Basis.Steps = Hash(p.Steps)
	return p
}
