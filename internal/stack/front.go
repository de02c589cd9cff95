package stack

import (
	"slices"
	"strings"
	"time"
)

// Front is what answers people, and what runs behind it: Sourcegraph, or a page that says why it does not answer.
type Front string

// The fronts.
const (
	Open          Front = ""       // Sourcegraph answers, as the config asks for
	HoldsRequests Front = "held"   // everything runs; in a cluster the holding proxy holds requests while services with one instance restart
	BehindPage    Front = "behind" // everything runs, but the page answers: an upgrade is checked before people use it
	Closed        Front = "closed" // the page answers, and only databases run: nothing else may write
	DatabasesOnly Front = "bare"   // only databases run, and nothing answers: a clone for a rehearsal

	// Stopped means that the page answers, and nothing else runs: files in the databases' volumes can be moved.
	Stopped Front = "stopped"
)

// HoldingProxy is the name of the holding proxy: in a cluster, requests go through it while the front is HoldsRequests.
const HoldingProxy = "berth-door"

// LongestWait is how long the holding proxy holds a request at most: less than the minute that ingresses wait for an answer.
const LongestWait = 45 * time.Second

// Databases are the services that keep running while everything else is stopped.
func Databases() []string { return []string{"pgsql", "codeintel-db", "codeinsights-db"} }

// With returns the stack with another front, and page as the text of its page. On Kubernetes the objects are changed instead: see
// render/kubernetes.
func (s *Stack) With(front Front, page string) *Stack {
	if front == Open || front == HoldsRequests || s.Cluster != nil {
		return s
	}
	out := *s
	out.Instances = nil
	for _, inst := range s.Instances {
		if !inst.runsBehind(front) {
			continue
		}
		if inst.Service == frontProxy {
			inst.DependsOn = nil
		}
		out.Instances = append(out.Instances, inst)
	}
	if front == DatabasesOnly {
		out.prune()
	}
	out.Settings.Caddyfiles = map[string][]string{}
	for path, lines := range s.Settings.Caddyfiles {
		out.Settings.Caddyfiles[path] = answering(lines, page)
	}
	return &out
}

// runsBehind reports whether an instance runs behind a front.
func (i *Instance) runsBehind(front Front) bool {
	database := slices.Contains(Databases(), i.Service)
	switch front {
	case Closed:
		return database || i.Service == frontProxy
	case Stopped:
		return i.Service == frontProxy
	case DatabasesOnly:
		return database
	}
	return true
}

// prune removes the volumes and secrets that no instance has.
func (s *Stack) prune() {
	volumes, secrets := map[string]bool{}, map[string]bool{}
	for i := range s.Instances {
		for _, m := range s.Instances[i].Mounts {
			volumes[m.Volume], secrets[m.Secret] = true, true
		}
		for _, e := range s.Instances[i].Env {
			for _, p := range e.Value {
				secrets[p.Secret] = true
			}
		}
	}
	s.Volumes = slices.DeleteFunc(slices.Clone(s.Volumes), func(name string) bool { return !volumes[name] })
	s.Secrets = slices.DeleteFunc(slices.Clone(s.Secrets), func(secret Secret) bool { return !secrets[secret.Name] })
}

// answering returns a Caddyfile that answers every request with a page, in place of Sourcegraph. Addresses and certificates stay.
func answering(lines []string, page string) []string {
	var out []string
	inside := false
	for _, line := range lines {
		switch {
		case strings.HasPrefix(line, "reverse_proxy"):
			inside = strings.HasSuffix(line, "{")
			out = append(out, PageDirectives(page)...)
		case !inside:
			out = append(out, line)
		case line == "}":
			inside = false
		}
	}
	return out
}

// PageDirectives are the lines of a Caddyfile that answer every request with a page. The status is 503: programs retry, and no cache keeps
// it.
func PageDirectives(page string) []string {
	page = strings.ReplaceAll(page, "`", "'") // which ends a text of a Caddyfile
	return []string{
		"header Retry-After 30",
		"header Cache-Control no-store",
		`header Content-Type "text/html; charset=utf-8"`,
		"respond `" + page + "` 503",
	}
}
