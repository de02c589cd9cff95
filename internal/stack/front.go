package stack

import (
	"slices"
	"strings"
	"time"

	"berth/internal/address"
)

// Front is what answers people, and what runs behind it: Sourcegraph, or a page that says why it does not answer.
type Front string

// The fronts.
const (
	Open          Front = ""          // Sourcegraph answers, as the config asks for
	HoldsRequests Front = "held"      // everything runs; in a cluster the holding proxy holds requests while services with one instance restart
	BehindPage    Front = "behind"    // everything runs, but the page answers
	Answering     Front = "answering" // everything runs that answers people, but the page answers; the databases have the schema of the release already
	Closed        Front = "closed"    // the page answers, and only databases run: nothing else may write
	Ahead         Front = "ahead"     // the page answers, and beside the databases runs what never asks them: it is there when the rest starts
	DatabasesOnly Front = "bare"      // only databases run, and nothing answers: a clone for a rehearsal

	// Stopped means that the page answers, and nothing else runs: files in the databases' volumes can be moved.
	Stopped Front = "stopped"
)

// HoldingProxy is the name of the holding proxy: in a cluster, requests go through it while the front is HoldsRequests.
const HoldingProxy = "berth-door"

// LongestWait is how long a request is held at most: less than the minute that ingresses wait for an answer.
const LongestWait = 45 * time.Second

// Awaited are the services that a search or a page asks, but for the frontend.
func Awaited() []string {
	return append(Databases(), "redis-cache", "redis-store", "gitserver", "zoekt-webserver", "searcher", "symbols")
}

// Databases are the services that keep running while everything else is stopped.
func Databases() []string { return []string{"pgsql", "codeintel-db", "codeinsights-db"} }

// Aheads are the services that run before the databases have the schema of their release: none of them reads it. Those that ask the frontend where the
// databases are wait for it. What is not known here may read it.
func Aheads() []string {
	return append(observers(), "redis-cache", "redis-store", "gitserver", "searcher", "symbols", "zoekt-webserver", "zoekt-indexserver", "indexed-search", "syntect-server", "blobstore")
}

// Afterwards are the services that only work in the background: nobody waits for them, so they start when the page is gone. So does the release's own
// migrator where the databases have its schema: it finds nothing to do.
func Afterwards() []string {
	return []string{"worker", "precise-code-intel-worker", "syntactic-code-intel-worker", "migrator"}
}

// Unasked are the services that answer nobody who searches or looks at a page: before a page comes, they stop while people still work. What is not known
// here may answer somebody.
func Unasked() []string {
	return slices.Concat(Afterwards(), observers(), []string{"zoekt-indexserver"})
}

// observers are the services that watch the others.
func observers() []string {
	return []string{"prometheus", "grafana", "jaeger", "cadvisor", "node-exporter", "otel-agent", "otel-collector", "pgsql-exporter", "codeintel-db-exporter", "codeinsights-db-exporter"}
}

// PageOf is a page that people see while Sourcegraph does not answer: title and text are HTML. It asks again by itself.
func PageOf(title, text string) string {
	return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="30">` +
		`<title>` + title + `</title><style>body{font:1.1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:20vh auto;padding:0 1rem;color:#1d212f;background:#fff}` +
		`@media(prefers-color-scheme:dark){body{color:#e6ebf2;background:#14171f}}</style></head><body><main><h1>` + title + `</h1><p role="status">` + text + `</p></main></body></html>`
}

// With returns the stack with another front, and page as the text of its page. On Kubernetes the objects are changed instead: see
// render/kubernetes.
func (s *Stack) With(front Front, page string) *Stack {
	if front == Open || front == HoldsRequests || s.Cluster != nil {
		return s
	}
	out := *s
	out.Instances = nil
	out.Part = true
	serving := s.Serving(front)
	for _, inst := range s.Instances {
		if inst.Own && !serving[inst.Name] || !inst.Own && !inst.runsBehind(front) {
			continue
		}
		for _, d := range inst.DependsOn {
			// Frontends start at the same time: behind the page none has to answer for another one.
			beside := front == Answering && slices.Contains(frontends, inst.Service) && slices.Contains(frontends, s.serviceOf(d.Name))
			if inst.Service == address.FrontProxy || beside {
				inst.Skips = append(inst.Skips, d.Name)
			}
		}
		out.Instances = append(out.Instances, inst)
	}
	out.dropWaits()
	if front == DatabasesOnly {
		out.prune()
	}
	out.Settings.Caddyfiles = map[string][]string{}
	for path, lines := range s.Settings.Caddyfiles {
		out.Settings.Caddyfiles[path] = answering(lines, page)
	}
	return &out
}

// serviceOf is the service of an instance.
func (s *Stack) serviceOf(name string) string {
	for _, inst := range s.Instances {
		if inst.Name == name {
			return inst.Service
		}
	}
	return ""
}

// runsBehind reports whether an instance runs behind a front.
func (i *Instance) runsBehind(front Front) bool {
	database := slices.Contains(Databases(), i.Service)
	switch front {
	case Closed:
		return database || i.Service == address.FrontProxy
	case Ahead:
		return database || i.Service == address.FrontProxy || slices.Contains(Aheads(), i.Service)
	case Answering:
		return !slices.Contains(Afterwards(), i.Service)
	case Stopped:
		return i.Service == address.FrontProxy
	case DatabasesOnly:
		return database
	}
	return true
}

// dropWaits lets no instance wait for one that does not run.
func (s *Stack) dropWaits() {
	runs := map[string]bool{}
	for _, inst := range s.Instances {
		runs[inst.Name] = true
	}
	for i := range s.Instances {
		for _, d := range s.Instances[i].DependsOn {
			if !runs[d.Name] {
				s.Instances[i].Skips = append(s.Instances[i].Skips, d.Name)
			}
		}
	}
}

// Waits are the instances that one waits for. Behind a front they are fewer, and the instance is the same.
func (i *Instance) Waits() []Dependency {
	return slices.DeleteFunc(slices.Clone(i.DependsOn), func(d Dependency) bool { return slices.Contains(i.Skips, d.Name) })
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
	return instead(lines, func(string, []string) []string { return PageDirectives(page) })
}

// instead returns a Caddyfile with something else in place of each directive that passes requests on. made gets its first line, without the brace at
// its end, and the lines between its braces.
func instead(lines []string, made func(head string, options []string) []string) (out []string) {
	var head, indent string
	var options []string
	inside := false
	put := func() {
		for _, line := range made(head, options) {
			out = append(out, indent+line)
		}
		inside, options = false, nil
	}
	for _, line := range lines {
		text := strings.TrimLeft(line, " \t")
		switch {
		case inside && line == indent+"}":
			put()
		case inside:
			options = append(options, strings.TrimPrefix(line, indent))
		case text == "reverse_proxy" || strings.HasPrefix(text, "reverse_proxy "):
			indent = line[:len(line)-len(text)]
			if head, inside = strings.CutSuffix(text, "{"); !inside {
				put()
			}
		default:
			out = append(out, line)
		}
	}
	return out
}

// patience is how long a proxy tries to connect, as options of it: a request is sent to nobody before that succeeds. Only a request that reads (GET) is
// sent again after a connection broke.
//
// Source: https://caddyserver.com/docs/caddyfile/directives/reverse_proxy#load-balancing
func patience(d time.Duration) []string {
	return []string{"  lb_try_duration " + d.String(), "  lb_try_interval 100ms"}
}

// block is a directive with options.
func block(head string, options ...[]string) []string {
	return slices.Concat([]string{strings.TrimSpace(head) + " {"}, slices.Concat(options...), []string{"}"})
}

// untried are options without those that say for how long to try.
func untried(options []string) []string {
	return slices.DeleteFunc(slices.Clone(options), func(o string) bool { return strings.HasPrefix(strings.TrimSpace(o), "lb_try_") })
}

// passingOn returns a Caddyfile with something else in place of what passes requests on to the frontends, and whether there is any of it.
func passingOn(lines []string, made func(head string, options []string) []string) (out []string, found bool) {
	out = instead(lines, func(head string, options []string) []string {
		switch to := head + strings.Join(options, " "); {
		case strings.Contains(to, "SRC_FRONTEND_ADDRESSES"), strings.Contains(to, "sourcegraph-frontend"):
			found = true
			return made(head, options)
		case options == nil:
			return []string{head}
		}
		return block(head, options)
	})
	return out, found
}

// Trying returns a Caddyfile that lets requests wait for a frontend that can't be reached. found says whether it passes any on to frontends.
func Trying(lines []string) (out []string, found bool) {
	return passingOn(lines, func(head string, options []string) []string {
		return block(head, untried(options), patience(LongestWait))
	})
}

// whatever lets all requests be tried again, not only those that read: with no frontend, none was sent. Caddy before 2.8 has to be told; before 2.6 it
// can't be.
var whatever = []string{"  lb_retry_match {", "    path *", "  }"}

// lastTries is how long a request that was held is tried to be passed on.
const lastTries = 5 * time.Second

// Holding returns a Caddyfile that holds requests: a proxy that knows no frontend waits for one. When it has waited for the longest time, or when Caddy
// loads another file, that is an error, and the request goes to the frontends.
func Holding(lines []string) (out []string, found bool) {
	return passingOn(lines, func(head string, options []string) []string {
		words := strings.Fields(head)
		waits := words[0]
		if len(words) > 1 && strings.ContainsAny(words[1][:1], "@/*") {
			waits += " " + words[1] // which requests it is about
		}
		on := block(head, untried(options), patience(lastTries))
		return slices.Concat(block(waits, patience(LongestWait-lastTries), whatever), block("handle_errors", indented(on)))
	})
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
