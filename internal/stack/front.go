package stack

import (
	"slices"
	"strings"
	"time"
)

// Front is what stands behind the front door: Sourcegraph, or a page that says why it does not answer.
type Front string

// The fronts.
const (
	Open   Front = ""       // Sourcegraph answers, as the config asks for
	Held   Front = "held"   // everything runs; in a cluster requests wait at a door while what exists once is replaced
	Behind Front = "behind" // everything runs, and the page answers: what was just changed is proved before people come
	Closed Front = "closed" // the page answers, and only databases run: nothing else may write
	Bare   Front = "bare"   // only databases run, and nothing answers: a clone to try things on

	// Stopped is that the page answers, and nothing else runs: what lies in the databases' volumes can be moved.
	Stopped Front = "stopped"
)

// Door is the name of what requests go through in a cluster while the front is Held.
const Door = "berth-door"

// LongestWait is how long a request waits at the door before it is let past, and so how long the door stays closed at most: less than the minute that
// ingresses wait for an answer.
const LongestWait = 45 * time.Second

// Databases are the services that stay while everything else is stopped.
func Databases() []string { return []string{"pgsql", "codeintel-db", "codeinsights-db"} }

// With gives the stack with another front, and page as the text of its page. On Kubernetes the objects are changed instead: see
// render/kubernetes.
func (s *Stack) With(front Front, page string) *Stack {
	if front == Open || front == Held || s.Cluster != nil {
		return s
	}
	out := *s
	out.Instances = nil
	for _, inst := range s.Instances {
		if !inst.stays(front) {
			continue
		}
		if inst.Service == frontDoor {
			inst.DependsOn = nil
		}
		out.Instances = append(out.Instances, inst)
	}
	if front == Bare {
		out.prune()
	}
	out.Settings.Caddyfiles = map[string][]string{}
	for path, lines := range s.Settings.Caddyfiles {
		out.Settings.Caddyfiles[path] = answering(lines, page)
	}
	return &out
}

// stays reports whether an instance runs behind a front.
func (i *Instance) stays(front Front) bool {
	database := slices.Contains(Databases(), i.Service)
	switch front {
	case Closed:
		return database || i.Service == frontDoor
	case Stopped:
		return i.Service == frontDoor
	case Bare:
		return database
	}
	return true
}

// prune takes away the volumes and secrets that no instance has.
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

// answering gives a Caddyfile that answers everything with a page, where it asked Sourcegraph. Addresses and certificates stay.
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

// PageDirectives are the lines of a Caddyfile that answer everything with a page. The answer's status is 503: machines wait and ask again,
// and no cache keeps it.
func PageDirectives(page string) []string {
	page = strings.ReplaceAll(page, "`", "'") // which ends a text of a Caddyfile
	return []string{
		"header Retry-After 30",
		"header Cache-Control no-store",
		`header Content-Type "text/html; charset=utf-8"`,
		"respond `" + page + "` 503",
	}
}
