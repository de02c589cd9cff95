package gather

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"berth/internal/bundle"
	"berth/internal/bundle/redact"
	"berth/internal/diag"
	"berth/internal/doctor"
	"berth/internal/installation"
	"berth/internal/status"
)

// Options are what somebody wants of a bundle.
type Options struct {
	Program   string // the version of berth
	Since     time.Duration
	Most      int64    // bytes of one log
	Variables []string // of berth's own environment, "NAME=value"
	Open      installation.Open
	// Look collects what the doctor's checks look at; nil: nobody looks.
	Look func(context.Context) *doctor.Evidence
	// Exceptions are those beside the config, each in a line.
	Exceptions []string
	// Pseudonyms are the kinds of names that pseudonyms replace; Key makes them.
	Pseudonyms []redact.Kind
	Key        []byte
	// Lost says why the target can't be asked; nil: it can.
	Lost error
}

// Of is the bundle of an installation. Only its config and its state are asked where the target can't be. What a bundle of it must not contain is
// found out first; that some of it could not be is noted.
func Of(ctx context.Context, e *installation.Environment, i *installation.Installation, o Options) bundle.Request {
	k := &keeper{env: e, at: i}
	k.config()
	k.environment(o.Variables)
	r := bundle.Request{Now: e.Now, MostBytes: o.Most, Summary: Summary,
		Manifest: bundle.Manifest{Program: o.Program, Installation: i.Stack.Name, Target: string(i.Stack.Target), Release: i.Stack.Release, Since: e.Now().Add(-o.Since).UTC(), Exceptions: o.Exceptions}}
	r.Collectors = berths(e, i, o)
	var all []installation.Instance
	if o.Lost != nil {
		r.Manifest.Missing = append(r.Manifest.Missing, bundle.Missing{What: "everything that " + targetName(i) + " tells", Why: oneLine(o.Lost)})
		k.missed("secrets that "+targetName(i)+" holds", o.Lost)
	} else {
		var err error
		if all, err = instances(ctx, i); err != nil {
			r.Manifest.Missing = append(r.Manifest.Missing, bundle.Missing{What: "the logs of all services", Why: oneLine(err)})
		}
		r.Manifest.Unwell = unwell(all)
		k.target(ctx)
		k.databases(ctx, all)
		r.Collectors = append(r.Collectors, reported(e, i, all, r.Manifest.Since)...)
	}
	for _, what := range k.words {
		k.missed(what, errors.New("it is a common word, which masking would remove everywhere"))
	}
	r.Known, r.Unknown = k.values, k.missing
	if len(o.Pseudonyms) > 0 {
		var missing []bundle.Missing
		r.Pseudonyms, missing = k.pseudonyms(ctx, o, all)
		r.Unknown = append(r.Unknown, missing...)
	}
	if o.Look != nil {
		evidence := o.Look(ctx)
		report := doctor.Examine(evidence, doctor.Request{})
		r.Manifest.Findings = findings(report)
		r.Collectors = append(r.Collectors, bundle.Collector{Name: "doctor", Collect: func(_ context.Context, out *bundle.Out) error {
			out.JSON(bundle.EvidenceFile, evidence)
			out.JSON("berth/doctor.json", report)
			return nil
		}})
	}
	return r
}

// findings are what the doctor found, causes before what follows from them.
func findings(r *doctor.Report) (out diag.List) {
	for _, f := range r.All() {
		if f.Muted == nil {
			out = append(out, f.Problem)
		}
	}
	return out
}

// targetName is what an installation runs on, in a word or two.
func targetName(i *installation.Installation) string {
	return map[bool]string{true: "the cluster", false: "the Docker Engine"}[i.Stack.Target == "kubernetes"]
}

// oneLine is an error as a part of a sentence.
func oneLine(err error) string {
	var list diag.List
	if errors.As(err, &list) && len(list) > 0 {
		return list[0].Summary
	}
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}

// asking is how long the target may take for what everything else needs first.
const asking = 20 * time.Second

func instances(ctx context.Context, i *installation.Installation) ([]installation.Instance, error) {
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	return i.Instances(ctx)
}

// unwell are the containers that are not as they should be.
func unwell(all []installation.Instance) (out []bundle.Instance) {
	for _, one := range all {
		how := bundle.Instance{Name: one.Name, State: string(one.State), Reason: one.Reason, Restarts: one.Restarts, Exit: one.Exit, OOMKilled: one.OOMKilled}
		if !how.Well() {
			out = append(out, how)
		}
	}
	return out
}

// berths is what berth knows by itself.
func berths(e *installation.Environment, i *installation.Installation, o Options) []bundle.Collector {
	out := []bundle.Collector{
		{Name: "config", Collect: func(_ context.Context, out *bundle.Out) error {
			out.File("berth/sourcegraph.yaml", strings.NewReader(string(i.Text)))
			return nil
		}},
		{Name: "history", Collect: func(ctx context.Context, out *bundle.Out) error {
			records, err := i.Store.History(ctx)
			if err == nil {
				out.JSON("berth/history.json", records)
			}
			return err
		}},
	}
	if o.Lost != nil {
		return out
	}
	return append(out,
		bundle.Collector{Name: "status", Collect: func(ctx context.Context, out *bundle.Out) error {
			s, err := status.Of(ctx, e, i, o.Open)
			if err == nil {
				out.JSON("berth/status.json", s)
			}
			return err
		}},
		bundle.Collector{Name: "plan", Collect: func(ctx context.Context, out *bundle.Out) error {
			p, err := i.Plan(ctx)
			if p != nil {
				out.JSON("berth/plan.json", p)
			}
			return err
		}})
}

// reported is what the target and the instances tell.
func reported(e *installation.Environment, i *installation.Installation, all []installation.Instance, since time.Time) (out []bundle.Collector) {
	for _, evidence := range i.Evidence() {
		out = append(out, bundle.Collector{Name: evidence.Path, Collect: func(ctx context.Context, out *bundle.Out) error {
			v, err := evidence.Ask(ctx)
			if err != nil {
				return err
			}
			if text, ok := v.(string); ok {
				out.File(evidence.Path, strings.NewReader(text+"\n"))
				return nil
			}
			out.JSON(evidence.Path, v)
			return nil
		}})
	}
	out = append(out, bundle.Collector{Name: "instances", Collect: func(ctx context.Context, out *bundle.Out) error {
		out.JSON(bundle.InstancesFile, all)
		usage, err := i.Usage(ctx, all)
		if err == nil {
			out.JSON("berth/usage.json", usage)
		}
		return err
	}})
	for _, one := range all {
		out = append(out, logsOf(i, one, since))
	}
	return append(append(out, databases(e, i, all)...), metrics(i, all, since)...)
}

// logsOf collects the logs of an instance: since a time, and the whole of the run before.
func logsOf(i *installation.Installation, one installation.Instance, since time.Time) bundle.Collector {
	path := LogPath(i, one)
	return bundle.Collector{Name: "log of " + one.Name, Patience: 5 * time.Minute, Collect: func(ctx context.Context, out *bundle.Out) error {
		out.Stream(path+".log", lines(ctx, i, one, installation.LogQuery{Since: since}))
		if one.Restarts > 0 {
			previous := "-previous.log" // as analysers of Kubernetes bundles expect it
			out.Stream(path+previous, lines(ctx, i, one, installation.LogQuery{Previous: true, Tail: previousLines}))
		}
		return nil
	}}
}

// previousLines is how much of the log of an instance's run before this one is collected.
const previousLines = 10_000

// LogPath is where the log of an instance is, without its suffix.
func LogPath(i *installation.Installation, one installation.Instance) string {
	if one.Pod != "" {
		return "cluster-resources/pods/logs/" + i.Stack.Cluster.Namespace + "/" + one.Pod + "/" + one.Container
	}
	return "logs/" + cmp.Or(one.Service, one.Name) + "/" + one.Name
}

// lines writes a log, each line with its time.
func lines(ctx context.Context, i *installation.Installation, one installation.Instance, q installation.LogQuery) func(io.Writer) error {
	return func(w io.Writer) error {
		b := &sticky{w: w}
		err := i.Log(ctx, one, q, func(l installation.LogLine) {
			if !l.Time.IsZero() {
				b.line = append(l.Time.UTC().AppendFormat(b.line, "2006-01-02T15:04:05.000000Z07:00"), ' ')
			}
			b.line = append(append(b.line, l.Text...), '\n')
			if len(b.line) > 64<<10 {
				b.flush()
			}
		})
		b.flush()
		return cmp.Or(err, b.err)
	}
}

// sticky writes until it can't.
type sticky struct {
	w    io.Writer
	line []byte
	err  error
}

func (s *sticky) flush() {
	if s.err == nil {
		_, s.err = s.w.Write(s.line)
	}
	s.line = s.line[:0]
}

// keeper finds out what a bundle must not contain.
type keeper struct {
	list
	env     *installation.Environment
	at      *installation.Installation
	missing []bundle.Missing
	told    []told // what it read of Sourcegraph's own configuration
}

// told is a text of Sourcegraph's own configuration: a connection to a code host of a kind, or of no kind a site configuration.
type told struct{ kind, text string }

func (k *keeper) missed(what string, err error) {
	k.missing = append(k.missing, bundle.Missing{What: what, Why: oneLine(err) + "; they are masked by their form and name only"})
}

// config adds the secrets that berth made, and those that the config names.
func (k *keeper) config() {
	generated, err := k.at.Store.Generated(context.Background())
	if err != nil {
		k.missed("secrets that berth made", err)
	}
	for _, name := range slices.Sorted(maps.Keys(generated)) {
		k.add("the secret "+name+" of berth", generated[name])
	}
	values, err := k.env.Secrets(k.at.Want, generated)
	if err != nil {
		k.missed("secrets that the config names", err)
	}
	known := k.env.Catalogue().Configuration()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch text, what := values[name], "the secret "+name+" of the config"; name {
		case "site-config":
			k.told = append(k.told, told{"", text})
			if k.siteConfig(known, text) {
				continue
			}
			k.text(what, text)
		case "code-hosts":
			k.told = append(k.told, told{"any", text})
			if k.codeHosts(known, text) {
				continue
			}
			k.text(what, text)
		default:
			k.text(what, text)
		}
	}
	if login, err := k.env.Login(k.at.Want); err == nil {
		k.add("the password of the registry", login.Password)
	}
}

// environment adds what looks like a secret in berth's own environment.
func (k *keeper) environment(variables []string) {
	for _, v := range variables {
		if name, value, _ := strings.Cut(v, "="); looks(name, value) {
			k.text("the variable "+name, value)
		}
	}
}

// target adds what the target holds.
func (k *keeper) target(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	held, err := k.at.Held(ctx)
	if err != nil {
		k.missed("secrets that "+targetName(k.at)+" holds", err)
	}
	for _, text := range held {
		k.text("a secret that "+targetName(k.at)+" holds", text)
	}
}

// Known is what a bundle of an installation must not contain: secrets, and the names that pseudonyms replace.
func Known(ctx context.Context, e *installation.Environment, i *installation.Installation, o Options) ([]redact.Value, *redact.Pseudonyms) {
	r := Of(ctx, e, i, o)
	return r.Known, r.Pseudonyms
}

// running finds the instance of a service that can be asked.
func running(all []installation.Instance, service string) (installation.Instance, error) {
	for _, one := range all {
		if one.Service == service && one.Up() && !one.Init {
			return one, nil
		}
	}
	return installation.Instance{}, fmt.Errorf("%s does not run here", service)
}
