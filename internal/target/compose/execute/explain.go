package execute

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/run"
	"berth/internal/secret"
	"berth/internal/target/compose"
)

// lastLines is how much of a log is shown.
const lastLines = 20

// cause is something that went wrong in a way that can be told from what the engine said.
type cause struct {
	words   []string // any of them, in lower case
	code    string
	summary string // OBJECT is the object
	hint    string
}

var causes = []cause{
	{[]string{"no space left on device"}, "BERTH3301", "OBJECT failed: there is no space left on the disk", "make room (docker system df shows what uses the space)"},
	{[]string{"port is already allocated", "address already in use"}, "BERTH3302", "OBJECT can't start: a port of this host is in use", "stop the program that uses the port, or set other ports:  berth explain ports"},
	{[]string{"manifest unknown", "not found: manifest", "no such image", "name unknown", "unauthorized", "access to the resource is denied", "failed to resolve reference"}, "BERTH3303", "the image of OBJECT is not available", "to see which images are missing: berth check"},
	{[]string{"range of cpus is from"}, "BERTH3304", "OBJECT has a limit of more processor cores than this host has", "set a smaller cpu limit, or size: demo"},
	{[]string{"cannot connect to the docker daemon", "failed to connect to the docker api", "connection refused", "connection reset", "eof", "no such file or directory: docker.sock", "is the docker daemon running"}, "BERTH3305", "the Docker Engine stopped answering during work on OBJECT", "start it: systemctl start docker"},
	{[]string{"operation not permitted"}, "BERTH3306", "the engine refuses the rights that OBJECT requests", "see the engine's message; a patch can remove the request:  berth explain patches"},
}

// unreached is a registry that the engine can't talk to.
var unreached = cause{[]string{"connection refused", "connection reset", "no such host", "timeout", "deadline exceeded", "network is unreachable", "x509:", "tls:", "eof"},
	"BERTH3307", "the registry of OBJECT can't be reached", "see the engine's message, and wait until the registry answers again"}

// known finds what went wrong from what the engine said. What the engine itself says is proof that it is there: who refuses the
// connection is then somebody else.
func known(verb plan.Verb, text string) (cause, bool) {
	answered := strings.Contains(text, "error response from daemon")
	for _, c := range causes {
		if containsAny(text, c.words) && !(answered && c.code == "BERTH3305") {
			return c, true
		}
	}
	return unreached, verb == plan.Pull && containsAny(text, unreached.words)
}

// Explain says why a step failed.
func (t *Target) Explain(ctx context.Context, s plan.Step, err error) diag.Diagnostic {
	d := diag.Diagnostic{Severity: diag.Error, Subject: s.Object, Hint: "fix the cause shown above"}
	var failed *compose.ComposeError
	said := []string{err.Error()}
	if errors.As(err, &failed) {
		said = failed.Output
		d.Subject = t.named(failed.Output, s.Object)
	}
	if errors.Is(err, run.ErrNotReady) {
		return t.notReady(ctx, s, d, err)
	}
	d.Code, d.Summary = "BERTH3203", fmt.Sprintf("%s %s failed", s.Verb, d.Subject)
	d.Detail = secret.Hide(t.secrets())(said)
	if c, ok := known(s.Verb, strings.ToLower(strings.Join(said, "\n"))); ok {
		d.Code, d.Summary, d.Hint = c.code, strings.ReplaceAll(c.summary, "OBJECT", d.Subject), c.hint
	}
	return d
}

// named finds which of several containers Compose's message is about.
func (t *Target) named(output []string, otherwise string) string {
	for _, u := range t.Project.Units {
		for _, line := range output {
			if strings.Contains(line, u.Container+" ") || strings.Contains(line, u.Container+":") || strings.Contains(line, `"`+u.Container+`"`) || strings.HasSuffix(line, " "+u.Container) {
				return u.Name
			}
		}
	}
	return otherwise
}

// notReady says why a service is not ready, with its last lines.
func (t *Target) notReady(ctx context.Context, s plan.Step, d diag.Diagnostic, err error) diag.Diagnostic {
	d.Code = "BERTH3204"
	d.Summary = fmt.Sprintf("%s did not become %s", s.Object, strings.TrimPrefix(err.Error(), "not "))
	name := container(s)
	if lines, logErr := t.Engine.Logs(ctx, name, lastLines); logErr == nil && len(lines) > 0 {
		d.Detail = append([]string{"its last lines:"}, indented(secret.Hide(t.secrets())(lines))...)
	}
	w, watchErr := t.Engine.Inspect(ctx, name)
	if watchErr != nil {
		return d
	}
	switch {
	case w.OOM:
		d.Code, d.Hint = "BERTH3205", fmt.Sprintf("give it more:  services: {%s: {memory: ...}}", s.Service)
		d.Detail = append(d.Detail, "the engine killed it, because it needed more memory than its limit")
	case s.Verb == plan.Execute:
		d.Code, d.Summary = "BERTH3206", fmt.Sprintf("%s ended with exit code %d", s.Object, w.Exit)
		d.Detail = append(d.Detail, "services that depend on it were not started; what ran before still runs")
	case w.Check != "":
		d.Detail = append(d.Detail, "its health check reported: "+strings.Join(secret.Hide(t.secrets())([]string{w.Check}), " "))
	}
	text := strings.ToLower(strings.Join(d.Detail, "\n"))
	if containsAny(text, causes[0].words) {
		d.Code, d.Hint = causes[0].code, causes[0].hint
	}
	d.Detail = append(d.Detail, "nothing else was changed; nothing was lost")
	return d
}

func indented(lines []string) []string {
	for i := range lines {
		lines[i] = "  | " + lines[i]
	}
	return lines
}

func containsAny(text string, words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}

func (t *Target) secrets() []string { return slices.Collect(maps.Values(t.Values)) }
