package health

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"berth/internal/diag"
)

// Finding is why an object is not ready.
type Finding struct {
	diag.Diagnostic
	How    string // in a word, while it is waited for
	Failed bool   // waiting will not make it ready
	Log    *Log   // the log that says more; nil: none does
}

// Log names the log of a container.
type Log struct {
	Pod       string
	Container string
	Previous  bool // of its previous run
}

const (
	// crashes is the number of restarts from which berth reports a crash loop and stops waiting.
	crashes = 3
	// recent is how long a container must run after a crash before it counts as running.
	recent = 2 * time.Minute
	// grace is how long a Secret or ConfigMap that a pod needs may be missing: another program may be about to create it.
	grace = 20 * time.Second
)

// Diagnose says why an object is not ready, from its pods and their events. false means that nothing is known but that it is starting.
func Diagnose(o Object, e Evidence) (Finding, bool) {
	f, ok := e.find(o)
	if !ok {
		return Finding{}, false
	}
	f.Severity = diag.Error
	f.Subject = cmp.Or(f.Subject, o.Metadata.Name)
	return f, true
}

func (e Evidence) find(o Object) (Finding, bool) {
	pods := e.pods(o)
	if o.Kind == "Job" {
		if _, failed := condition(o.Status.Conditions, "Failed", "True"); failed {
			return jobFailed(o, pods), true
		}
	}
	var worst Finding
	found := false
	for _, p := range pods {
		f, ok := e.pod(o, p)
		if ok && (!found || f.Failed && !worst.Failed) {
			worst, found = f, true
		}
	}
	if !found || !worst.Failed {
		if refused := e.refusals(o, pods); len(refused) > 0 {
			return e.refused(o, refused[0]), true
		}
	}
	if !found && o.Kind == "Service" {
		return e.address(o)
	}
	return worst, found
}

// pod says why a pod is not ready.
func (e Evidence) pod(o Object, p Pod) (Finding, bool) {
	if _, ready := condition(p.Status.Conditions, "Ready", "True"); ready {
		return Finding{}, false
	}
	if c, ok := condition(p.Status.Conditions, "PodScheduled", "False"); ok && c.Reason == "Unschedulable" {
		return e.unscheduled(o, p, c.Message), true
	}
	if f, ok := e.node(o, p); ok {
		return f, true
	}
	for _, c := range p.Status.Init {
		if f, ok := e.container(o, p, c); ok {
			return f, true
		}
	}
	for _, c := range p.Status.Containers {
		if f, ok := e.container(o, p, c); ok {
			return f, true
		}
	}
	if f, ok := e.volume(o, p); ok {
		return f, true
	}
	if p.Status.Phase == "Failed" && p.Status.Reason != "" { // "Evicted", "NodeLost": it is recreated
		f := Finding{How: p.Metadata.Name + ": " + strings.ToLower(p.Status.Reason)}
		f.Code, f.Summary, f.Hint = "BERTH3431", fmt.Sprintf("the node ended %s: %s", p.Metadata.Name, p.Status.Reason), "see the node:  kubectl describe node "+p.Spec.Node
		f.Detail = lines(p.Status.Message)
		return f, true
	}
	return e.probe(p)
}

// container says what is wrong with a container; false when it only runs or starts.
func (e Evidence) container(o Object, p Pod, c ContainerStatus) (Finding, bool) {
	if w := c.State.Waiting; w != nil {
		switch w.Reason {
		case "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable", "ImageInspectError", "SignatureValidationFailed":
			return e.image(o, p, c, w.Reason, w.Message), true
		case "CreateContainerConfigError":
			return e.config(p, w.Message), true
		case "CreateContainerError", "RunContainerError", "StartError", "PostStartHookError":
			f := e.crash(o, p, c, &Ending{Exit: -1, Reason: w.Reason, Message: w.Message})
			return f, true
		case "CrashLoopBackOff":
			return e.crash(o, p, c, c.Last.Terminated), true
		}
	}
	if t := c.State.Terminated; t != nil && t.Exit != 0 {
		return e.crash(o, p, c, t), true
	}
	if t := c.Last.Terminated; c.State.Running != nil && !c.Ready && t != nil && t.Exit != 0 && e.Now.Sub(t.Finished) < recent {
		return e.crash(o, p, c, t), true
	}
	return Finding{}, false
}

// crash explains a container that ended although it should run.
func (e Evidence) crash(o Object, p Pod, c ContainerStatus, t *Ending) Finding {
	if t == nil {
		t = &Ending{Exit: -1}
	}
	f := Finding{Failed: c.Restarts >= crashes, Log: &Log{Pod: p.Metadata.Name, Container: c.Name, Previous: c.State.Terminated == nil}}
	where := p.Metadata.Name + containerName(o, c.Name)
	f.How = fmt.Sprintf("%s crashed %s, %s", where, times(max(c.Restarts, 1)), ending(*t))
	switch {
	case t.Reason == "OOMKilled":
		f.How = where + " ran out of memory"
		f.Code, f.Summary = "BERTH3424", where+" ran out of memory"
		f.Hint = fmt.Sprintf("give it more:  services: {%s: {memory: ...}}", o.service())
		f.Detail = []string{"the node killed it, because it needed more memory than its limit", "it was restarted " + times(c.Restarts)}
	case t.Exit == -1:
		f.Code, f.Summary = "BERTH3423", fmt.Sprintf("%s can't be started: %s", where, sentence(t.Reason))
		f.Hint, f.Detail, f.Log = "fix the cause that the node reports", lines(t.Message), nil
	default:
		f.Code, f.Summary = "BERTH3423", fmt.Sprintf("%s crashed %s, %s", where, times(max(c.Restarts, 1)), ending(*t))
		f.Hint, f.Detail = "fix the cause that its last lines show", lines(t.Message)
	}
	return f
}

// ending says what an exit code means.
func ending(t Ending) string {
	switch t.Exit {
	case -1:
		return sentence(t.Reason)
	case 0:
		return "ended though it should run"
	case 126, 127, 128:
		return fmt.Sprintf("exit code %d: its program can't be run", t.Exit)
	case 137:
		return "exit code 137: it was killed"
	case 143:
		return "exit code 143: it was terminated"
	}
	return fmt.Sprintf("exit code %d", t.Exit)
}

func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}

// containerName names a container where its pod's name does not.
func containerName(o Object, container string) string {
	if container == o.Metadata.Name || container == o.service() {
		return ""
	}
	return " (" + container + ")"
}

// service is the service of Sourcegraph that an object belongs to.
func (o Object) service() string {
	return cmp.Or(o.Metadata.Labels["dev.berth.service"], o.Metadata.Name)
}

// config explains a container that lacks a Secret, a ConfigMap or another part of its configuration.
func (e Evidence) config(p Pod, message string) Finding {
	f := Finding{Failed: e.Now.Sub(p.Metadata.Created) > grace, How: "its configuration is missing: " + message}
	f.Code, f.Summary, f.Detail = "BERTH3425", fmt.Sprintf("%s can't be started: a part of its configuration is missing", p.Metadata.Name), []string{message}
	f.Hint = "create what is missing"
	switch text := strings.ToLower(message); {
	case strings.Contains(text, "runasnonroot"), strings.Contains(text, "non-numeric user"):
		f.Summary = p.Metadata.Name + " may not run as its user"
		f.Hint = "set its user:  kubernetes: {runAs: {user: ...}}"
	case strings.Contains(text, "secret") && strings.Contains(text, "not found"):
		f.Hint = "create the Secret (kubernetes.existingSecrets names yours)"
	}
	return f
}

// probe explains a pod whose containers run, but fail their probes.
func (e Evidence) probe(p Pod) (Finding, bool) {
	events := e.ofPod(p, "Unhealthy")
	if len(events) == 0 || e.Now.Sub(events[0].at()) > recent {
		return Finding{}, false
	}
	f := Finding{How: "starting: " + firstLine(events[0].Message)}
	f.Code, f.Summary = "BERTH3429", p.Metadata.Name+" runs, but its probe fails"
	f.Detail, f.Hint = lines(events[0].Message), "see its last lines; --timeout allows more time"
	for _, c := range p.Status.Containers {
		if !c.Ready {
			f.Log = &Log{Pod: p.Metadata.Name, Container: c.Name}
			break
		}
	}
	return f, true
}

// jobFailed explains a failed Job.
func jobFailed(o Object, pods []Pod) Finding {
	c, _ := condition(o.Status.Conditions, "Failed", "True")
	f := Finding{Failed: true, How: "failed: " + sentence(c.Message, c.Reason)}
	f.Code, f.Summary, f.Hint = "BERTH3430", o.Metadata.Name+" failed", "fix the cause shown above"
	f.Detail = lines(c.Message)
	for _, p := range pods {
		for _, s := range append(p.Status.Init, p.Status.Containers...) {
			if t := s.State.Terminated; t != nil && t.Exit != 0 {
				f.Summary = fmt.Sprintf("%s failed: %s", o.Metadata.Name, ending(*t))
				f.Log = &Log{Pod: p.Metadata.Name, Container: s.Name}
				return f
			}
		}
	}
	return f
}

// address explains a Service that waits for a load balancer.
func (e Evidence) address(o Object) (Finding, bool) {
	if o.Spec.Type != "LoadBalancer" {
		return Finding{}, false
	}
	f := Finding{How: "waiting for an address of the load balancer"}
	f.Code, f.Summary = "BERTH3432", "the Service "+o.Metadata.Name+" gets no address from a load balancer"
	f.Hint = "check that the cluster has a controller for load balancers, or use an Ingress:  berth explain kubernetes.service"
	for _, v := range e.about("Service", o.Metadata.Name) {
		f.Detail = append(f.Detail, v.Message)
		break
	}
	return f, true
}

func lines(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
