package doctor

import (
	"fmt"
	"slices"
	"time"

	"berth/catalogue"
	"berth/internal/diag"
)

// shown is how many of an instance's last lines a finding has.
const shown = 3

// Starts is how long an instance may take after its start before it counts as broken.
const Starts = 2 * time.Minute

// serviceChecks look at containers and pods.
var serviceChecks = []*Check{
	{Code: "BERTH5001", Looks: "the health of every service", Needs: []Source{FromServices}, Symptoms: []string{"a service is not ready"}, find: unready},
	{Code: "BERTH5002", Looks: "whether every service runs", Needs: []Source{FromServices}, Symptoms: []string{"a service does not run"}, find: stopped},
	{Code: "BERTH5003", Looks: "whether every service of the config is there", Needs: []Source{FromServices}, find: missing},
	{Code: "BERTH5004", Looks: "the containers of your own", Needs: []Source{FromServices}, find: ownContainers},
	{Code: "BERTH5005", Looks: "whether the kernel killed a process because memory ran out", Needs: []Source{FromInstances}, Symptoms: []string{"a service restarts repeatedly", "out of memory"}, find: outOfMemory},
	{Code: "BERTH5006", Looks: "how often instances restarted", Needs: []Source{FromInstances}, Limit: &Limit{Warn: 3, Fail: 10, Unit: "restarts, the last one within an hour"}, Symptoms: []string{"a service restarts repeatedly"}, find: restarts},
	{Code: "BERTH5007", Looks: "memory in use against limits", Needs: []Source{FromInstances, FromMemory}, Limit: &Limit{Warn: 92, Fail: 98, Unit: "% of the limit"}, Symptoms: []string{"out of memory"}, find: memoryUse, blind: unmeasured},
	{Code: "BERTH5008", Looks: "why pods do not start: nodes, volumes, images, quotas, admission, probes", Needs: []Source{FromServices}, Target: catalogue.Kubernetes, Passes: "BERTH34*", Symptoms: []string{"a pod is pending", "an image can't be pulled", "a volume is not bound"},
		find: explained},
}

// Statuses that mean that a service does not run: those of a container, and that of a workload of which somebody took all pods.
var notRunning = []string{"stopped", "created", "paused", "scaled to 0"}

func unready(e *Evidence, c *Check) (out []*Finding) {
	for _, s := range e.Services {
		if s.Ready || s.Own || slices.Contains(notRunning, s.Status) || e.ended(s) || e.explains(s.Service) {
			continue
		}
		severity, summary, hint := diag.Error, fmt.Sprintf("it is not ready: %s", s.Status), "fix what its log says: berth logs "+s.Service+"   to start it again: berth restart "+s.Service
		if i := e.instance(s.Name); s.Status == "starting" && i != nil && e.Taken.Sub(i.Started) < Starts {
			severity, summary, hint = diag.Warning, "it is starting", "wait for it, then look again: berth doctor"
		}
		f := c.found(s.Service, severity, summary, hint, e.last(s.Name)...)
		f.Problem.Subject = s.Name
		if severity == diag.Error {
			f.by(e.hung())
		}
		out = append(out, f)
	}
	return out
}

// explained passes on what the cluster says of pods. Where somebody changed the same service's objects by hand, that is put back first.
func explained(e *Evidence, c *Check) []*Finding {
	out := c.passed(e, e.Explained)
	for _, f := range out {
		for _, d := range e.Altered {
			if d.Service == f.Service {
				f.Problem.Detail = append(slices.Clone(f.Problem.Detail), d.Object+": "+d.Said)
				f.Problem.Hint = putBack
			}
		}
	}
	return out
}

// hung is what helps a service that runs and is not ready. On an engine, berth up restarts it; a cluster's objects are as they should be.
func (e *Evidence) hung() Remedy {
	if e.Target == catalogue.Kubernetes {
		return Restart
	}
	return Deploy
}

// explains reports whether the cluster says why a service is not ready.
func (e *Evidence) explains(service string) bool {
	return slices.ContainsFunc(e.Explained, func(d diag.Diagnostic) bool { return e.service(d.Subject) == service })
}

// ended reports whether an instance ended that should run, or that should have ended well.
func (e *Evidence) ended(s Service) bool {
	i := e.instance(s.Name)
	return i != nil && slices.Contains(notRunning, i.State)
}

// last are the last lines of an instance, for a finding.
func (e *Evidence) last(instance string) []string {
	lines := e.log(instance)
	if len(lines) == 0 {
		return nil
	}
	out := []string{"its last lines:"}
	for _, l := range lines[max(0, len(lines)-shown):] {
		out = append(out, "  "+around(l, 0))
	}
	return out
}

func stopped(e *Evidence, c *Check) (out []*Finding) {
	for _, s := range e.Services {
		if s.Ready || s.Own || !slices.Contains(notRunning, s.Status) && !e.ended(s) {
			continue
		}
		summary := "it does not run: " + s.Status
		if i := e.instance(s.Name); i != nil && i.Exit != 0 {
			summary = fmt.Sprintf("it ended with exit code %d, and does not run", i.Exit)
		}
		f := c.found(s.Service, diag.Error, summary, "start it: berth up", e.last(s.Name)...).by(Deploy)
		f.Problem.Subject = s.Name
		out = append(out, f)
	}
	return out
}

func missing(e *Evidence, c *Check) (out []*Finding) {
	for _, name := range e.Missing {
		f := c.found(e.service(name), diag.Error, "the config asks for it, but it is not there", "create it: berth up").by(Deploy)
		f.Problem.Subject = name
		out = append(out, f)
	}
	return out
}

func ownContainers(e *Evidence, c *Check) (out []*Finding) {
	for _, s := range e.Services {
		if s.Own && !s.Ready {
			out = append(out, c.found(s.Name, diag.Warning, "your container is not ready: "+s.Status, "fix what its log says, then: berth up", e.last(s.Name)...))
		}
	}
	for _, name := range e.OwnAbsent {
		out = append(out, c.found(name, diag.Warning, "your container is not there", "create it: berth up").by(Deploy))
	}
	return out
}

func outOfMemory(e *Evidence, c *Check) (out []*Finding) {
	for _, i := range e.Instances {
		if !i.OOMKilled || e.outlived(i) {
			continue
		}
		limit := "it has no memory limit, so the host ran out of memory"
		hint := "use a host with more memory, or run less on it"
		if i.Memory > 0 {
			limit = "its limit is " + bytes(i.Memory)
			hint = fmt.Sprintf("raise  services.%s.memory  in the config, then: berth up", i.Service)
		}
		f := c.found(i.Service, diag.Error, "the kernel killed it because memory ran out", hint, limit)
		f.Problem.Subject = i.Name
		out = append(out, f)
	}
	return out
}

// outlived reports whether an instance runs although the kernel ended it once: for an hour, or since somebody did something about it. Engines and clusters
// keep saying it of an instance for as long as that exists.
func (e *Evidence) outlived(i Instance) bool {
	since := e.LastRun != nil && e.LastRun.Well && e.LastRun.Started.After(i.Started)
	return !slices.Contains(notRunning, i.State) && (since || e.Taken.Sub(i.Started) > time.Hour)
}

func restarts(e *Evidence, c *Check) (out []*Finding) {
	for _, i := range e.Instances {
		severity := c.Limit.severity(float64(i.Restarts))
		if severity == "" || e.Taken.Sub(i.Started) > time.Hour || slices.Contains(notRunning, i.State) {
			continue
		}
		f := c.found(i.Service, severity, fmt.Sprintf("it restarted %d times, the last time %s ago", i.Restarts, e.Taken.Sub(i.Started).Round(time.Second)),
			"fix what its last lines say", e.crashed(i.Name)...)
		f.Problem.Subject = i.Name
		out = append(out, f)
	}
	return out
}

// crashed are the last lines of the run before a restart, or of the instance where they were not read.
func (e *Evidence) crashed(instance string) []string {
	for _, l := range e.Logs {
		if l.Instance == instance && l.Previous && len(l.Lines) > 0 {
			out := []string{"the last lines before the restart:"}
			for _, line := range l.Lines[max(0, len(l.Lines)-shown):] {
				out = append(out, "  "+around(line, 0))
			}
			return out
		}
	}
	return e.last(instance)
}

// unmeasured: memory is measured with the volumes, so what fails there as a whole fails here.
func unmeasured(e *Evidence) string {
	if u, unseen := e.Unseen[FromVolumes]; unseen {
		return u.said()
	}
	return ""
}

func memoryUse(e *Evidence, c *Check) (out []*Finding) {
	for _, i := range e.Instances {
		used := share(i.MemoryUsed, i.Memory)
		severity := c.Limit.severity(used)
		if severity == "" {
			continue
		}
		f := c.found(i.Service, severity, fmt.Sprintf("it uses %.0f %% of its memory: %s of %s", used, bytes(i.MemoryUsed), bytes(i.Memory)),
			fmt.Sprintf("raise  services.%s.memory  in the config, then: berth up", i.Service))
		f.Problem.Subject = i.Name
		out = append(out, f)
	}
	return out
}

// bytes is an amount for people.
func bytes(n int64) string {
	switch gib := float64(n) / (1 << 30); {
	case gib >= 10:
		return fmt.Sprintf("%.0f GiB", gib)
	case gib >= 1:
		return fmt.Sprintf("%.1f GiB", gib)
	}
	if n < 10<<20 {
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}
