package look

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/doctor"
	"berth/internal/installation"
	"berth/internal/plan"
	"berth/internal/secret"
	"berth/internal/size"
	"berth/internal/size/measure"
	"berth/internal/state"
	"berth/internal/upgrade/stages"
	"berth/internal/upgrade/survey"
)

// serviceStates reports how the services are and, in a cluster, why some are not ready.
func (s *sight) serviceStates(ctx context.Context) (take, error) {
	services, err := s.services(ctx)
	if err != nil {
		return nil, err
	}
	var out []doctor.Service
	for _, v := range services.All {
		out = append(out, doctor.Service{Name: v.Name, Service: s.serviceOf(v), Own: v.Own, Ready: v.Ready, Status: v.Status})
	}
	known := s.Env.Catalogue()
	seen := func(e *doctor.Evidence) {
		if services.Release != "" {
			e.Notices, e.Support, e.Postgres = known.Notices(services.Release, s.Stack.Target), known.Support(services.Release).Status, known.Upgrades().BundledPostgres(services.Release)
		}
		e.Services, e.Missing, e.OwnAbsent, e.Release = out, services.Missing, services.Lacking, services.Release
	}
	if s.Explain == nil || len(services.Unready()) == 0 {
		return seen, nil
	}
	why, err := s.Explain(ctx)
	for i := range why {
		why[i] = why[i].Shown()
	}
	return func(e *doctor.Evidence) { seen(e); e.Explained = why }, err
}

// serviceOf is the service that something a target reports belongs to: an instance, or a workload of one or several.
func (s *sight) serviceOf(v installation.Service) string {
	if v.Own {
		return v.Name
	}
	if s.Stack.Cluster == nil {
		for _, inst := range s.Stack.Instances {
			if inst.Name == v.Name {
				return inst.Service
			}
		}
		return v.Name
	}
	if _, is := s.Stack.Cluster.Containers[v.Name]; is {
		return v.Name
	}
	of := ""
	for _, service := range slices.Sorted(maps.Keys(s.Stack.Cluster.Containers)) {
		if _, name, _ := strings.Cut(s.Stack.Cluster.Containers[service].Object, "/"); name == v.Name {
			of = service
		}
	}
	return cmp.Or(of, v.Name)
}

// place asks host or cluster as berth check does, and for the room on the disk of all volumes.
func (s *sight) place(ctx context.Context) (take, error) {
	problems := s.Survey(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	space, err := s.Space(ctx)
	return func(e *doctor.Evidence) { e.Place, e.FreeBytes = problems, max(space.Free, 0) }, err
}

// release compares releases and plan.
func (s *sight) release(ctx context.Context) (take, error) {
	services, err := s.services(ctx)
	if err != nil {
		return nil, err
	}
	records, err := s.Store.History(ctx)
	if err != nil {
		return nil, err
	}
	known, err := survey.Compare(ctx, s.Env.Catalogue(), s.Installation, records, services.Runs(), survey.IfQuick)
	if err != nil {
		return nil, err
	}
	var pending []string
	var altered []doctor.Altered
	unplanned := ""
	p, err := s.Plan(ctx)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		unplanned = secret.Mask(oneLine(err.Error()))
	case stages.Last(records).Open():
		unplanned = "an upgrade is not finished"
	default:
		pending, altered = differences(p)
	}
	return func(e *doctor.Evidence) {
		if e.Stands, e.Pending, e.Altered = known.Problems, pending, altered; unplanned != "" {
			e.Unseen[doctor.FromPlan] = doctor.Unseen{Why: unplanned}
		}
	}, nil
}

// differences are the steps that a config asks for, and what other steps would put back. What is only missing or not ready has findings of its own.
func differences(p *plan.Plan) (pending []string, altered []doctor.Altered) {
	for _, step := range p.Changes() {
		if by := step.Reverts(); by != "" {
			altered = append(altered, doctor.Altered{Object: step.Object, Service: step.Service, Said: secret.Mask(cut(by))})
			continue
		}
		pending = append(pending, string(step.Verb)+" "+step.Object)
	}
	for _, step := range p.Steps {
		kind, _, object := strings.Cut(step.Object, "/")
		if step.Verb == plan.Create && p.From != "" && object && !slices.Contains(workloads, kind) {
			altered = append(altered, doctor.Altered{Object: step.Object, Service: step.Service, Said: "it is not there"})
		}
	}
	return pending, altered
}

// workloads are the kinds of objects that are services: one that is not there has a finding of its own.
var workloads = []string{"Deployment", "StatefulSet", "DaemonSet", "Job"}

// history reports berth's last run.
func (s *sight) history(ctx context.Context) (take, error) {
	records, err := s.Store.History(ctx)
	if err != nil || len(records) == 0 {
		return nil, err
	}
	last := records[len(records)-1]
	run := &doctor.LastRun{What: last.What(), Result: last.Result, Started: last.Started, Well: last.Result == "done", Next: last.GoesOn()}
	if u := stages.Last(records); u.Open() {
		run.Upgrade, run.Next = true, "upgrade"
		if u.Status == stages.Returning {
			run.Next = "rollback"
		}
	}
	return func(e *doctor.Evidence) { e.LastRun, e.Backups = run, s.backups(records) }, nil
}

// backups says when the last backup was made; nil where the config does not say where they go.
func (s *sight) backups(records []state.Record) *doctor.Backups {
	b := s.Doc.Config.Backup
	if b == nil || b.To == "" {
		return nil
	}
	out := &doctor.Backups{To: b.To, Since: records[0].Started}
	for _, r := range records {
		if r.Action == plan.Backup && r.Result == state.Done {
			out.Last = r.Started
		}
	}
	return out
}

// instanceStates reports containers or pods one by one.
func (s *sight) instanceStates(ctx context.Context) (take, error) {
	all, err := s.instances(ctx)
	var out []doctor.Instance
	for _, i := range all {
		out = append(out, doctor.Instance{Chown: s.chown(i), Name: i.Name, Service: i.Service, State: string(i.State), Exit: i.Exit, Restarts: i.Restarts, OOMKilled: i.OOMKilled && (!i.Up() || i.Restarts > 0),
			Started: i.Started, Memory: i.Memory, Node: i.Node})
	}
	return func(e *doctor.Evidence) { e.Instances = out }, err
}

// chown is the command that gives the data of a container to the user that it runs as. A cluster does that by itself, by the fsGroup of pods.
func (s *sight) chown(i installation.Instance) string {
	user := s.Env.Catalogue().Describe()[i.Service].User
	if s.Stack.Target != catalogue.Compose || user == "" || i.Own || len(i.Mounts) == 0 {
		return ""
	}
	command := fmt.Sprintf("docker run --rm --user 0 --volumes-from %s --entrypoint chown %s -R %s", i.Container, i.Image, user)
	for _, m := range i.Mounts {
		command += " " + m.Path
	}
	return command + " && berth restart " + i.Service // it counts its restarts until then, and waits longer after each
}

const (
	tail    = 100              // lines of a log
	longest = 500              // characters of a line
	recent  = 15 * time.Minute // what an instance that runs wrote before counts as over
)

// logs reads the last lines of all instances.
func (s *sight) logs(ctx context.Context) (take, error) {
	all, err := s.instances(ctx)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var logs []doctor.Log
	why := map[doctor.Source]doctor.Unseen{}
	read := func(i installation.Instance, previous bool) {
		l := doctor.Log{Instance: i.Name, Service: i.Service, Previous: previous}
		q := installation.LogQuery{Tail: tail, Previous: previous}
		if i.Up() && !previous {
			// An engine has one log for all runs of a container: what was written before the last start no longer counts, too.
			if q.Since = s.Env.Now().Add(-recent); i.Started.After(q.Since) {
				q.Since = i.Started
			}
		}
		err := s.Log(ctx, i, q, func(line installation.LogLine) {
			l.Lines = append(l.Lines, secret.Mask(cut(line.Text)))
			if !previous && line.Time.Sub(i.Started) < doctor.Starts {
				l.Starting = len(l.Lines)
			}
		})
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			why[doctor.FromLogs.Of(i.Name)] = doctor.Unseen{Why: secret.Mask(oneLine(err.Error()))}
			return
		}
		if len(l.Lines) > 0 {
			logs = append(logs, l)
		}
	}
	var reading sync.WaitGroup
	for _, i := range all {
		reading.Go(func() { read(i, false) })
		if i.Restarts > 0 {
			reading.Go(func() { read(i, true) })
		}
	}
	reading.Wait()
	slices.SortFunc(logs, func(a, b doctor.Log) int {
		return cmp.Or(cmp.Compare(a.Instance, b.Instance), compareBool(a.Previous, b.Previous))
	})
	return func(e *doctor.Evidence) {
		e.Logs = logs
		maps.Copy(e.Unseen, why)
	}, nil
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// cut makes a long line shorter.
func cut(line string) string {
	if len(line) > longest {
		return strings.ToValidUTF8(line[:longest], "") + "..."
	}
	return line
}

// usage measures memory and disks.
func (s *sight) usage(ctx context.Context) (take, error) {
	all, err := s.instances(ctx)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(slices.Clone(all), func(i installation.Instance) bool { return !i.Up() })
	inodes := make([]map[string][2]int64, len(all))
	var asking sync.WaitGroup
	few := make(chan struct{}, 4) // an engine does not run all commands at the same time
	for n, i := range all {
		if len(i.Mounts) > 0 {
			asking.Go(func() {
				few <- struct{}{}
				inodes[n] = s.inodes(ctx, i)
				<-few
			})
		}
	}
	used, err := s.Usage(ctx, all)
	asking.Wait()
	if err != nil {
		return nil, err
	}
	return func(e *doctor.Evidence) {
		var unmeasured, uncounted []string // instances
		for n, u := range used {
			if u.Memory < 0 && all[n].Memory > 0 {
				unmeasured = append(unmeasured, all[n].Name)
			}
			if len(inodes[n]) < len(all[n].Mounts) {
				uncounted = append(uncounted, all[n].Name)
			}
			for m := range e.Instances {
				if e.Instances[m].Name == u.Instance {
					e.Instances[m].MemoryUsed = max(u.Memory, 0)
				}
			}
			for _, d := range u.Disks {
				v := doctor.Volume{Instance: all[n].Name, Service: all[n].Service, Path: d.Path, Size: d.Size, Free: d.Free}
				v.Inodes, v.InodesFree = inodes[n][d.Path][0], inodes[n][d.Path][1]
				e.Volumes = append(e.Volumes, v)
			}
			if len(u.Disks) < len(all[n].Mounts) && u.Problem != "" {
				e.Unseen[doctor.FromVolumes.Of(all[n].Name)] = doctor.Unseen{Why: secret.Mask(oneLine(u.Problem))}
			}
		}
		untold(e, doctor.FromMemory, unmeasured)
		untold(e, doctor.FromInodes, uncounted)
	}, nil
}

// pace asks Prometheus by how much disks fill. It is taken after the volumes, which it is about.
func (s *sight) pace(ctx context.Context) (take, error) {
	all, err := s.instances(ctx)
	if err != nil {
		return nil, err
	}
	past, err := measure.Filled(ctx, s.Installation, all, s.Env.Now())
	if err != nil {
		return nil, err
	}
	return func(e *doctor.Evidence) {
		for n := range e.Volumes {
			v := &e.Volumes[n]
			d := past.Filling(size.Disk{Size: v.Size, Free: v.Free})
			if days, fills := d.Full(); fills {
				v.PerDay, v.Full = d.PerDay, days
			}
		}
	}, nil
}

// figures asks Prometheus what services say of themselves.
func (s *sight) figures(ctx context.Context) (take, error) {
	all, err := s.instances(ctx)
	if err != nil {
		return nil, err
	}
	figures, err := measure.Figures(ctx, s.Installation, all, map[string]string{
		doctor.GitEcho:      "max(quantile_over_time(0.5, src_gitserver_echo_duration_seconds[5m]))", // one slow or quick command says nothing
		doctor.ZoektRefuses: "max(zoekt_webserver_watchdog_errors)",
	})
	return func(e *doctor.Evidence) { e.Figures = figures }, err
}

// untold notes of which instances a measure could not be had.
func untold(e *doctor.Evidence, s doctor.Source, instances []string) {
	if len(instances) > 0 {
		e.Unseen[s] = doctor.Unseen{Why: fmt.Sprintf("%s of %s could not be measured", s, diag.Listed(few(instances, 3), "and"))}
	}
}

// few are the first of some names, and how many there are beside them.
func few(names []string, most int) []string {
	if n := len(names) - most; n > 0 {
		return append(names[:most:most], fmt.Sprintf("%d more", n))
	}
	return names
}

// inodes asks for the number of inodes of an instance's volumes, and of free ones, by path. Not every image's df can say that.
func (s *sight) inodes(ctx context.Context, i installation.Instance) map[string][2]int64 {
	out := map[string][2]int64{}
	for _, m := range i.Mounts {
		var said, complaint bytes.Buffer
		exit, err := s.Exec(ctx, i, installation.Command{Args: []string{"df", "-Pi", m.Path}, Stdout: &said, Stderr: &complaint})
		lines := strings.Split(strings.TrimSpace(said.String()), "\n")
		if f := strings.Fields(lines[len(lines)-1]); err == nil && exit == 0 && len(lines) == 2 && len(f) >= 6 {
			total, bad1 := inodesOf(f[len(f)-5])
			free, bad2 := inodesOf(f[len(f)-3])
			if bad1 == nil && bad2 == nil {
				out[m.Path] = [2]int64{total, free}
			}
		}
	}
	return out
}

// inodesOf is a number of inodes. A file system without a fixed number of them has "-".
func inodesOf(text string) (int64, error) {
	if text == "-" {
		return 0, nil
	}
	return strconv.ParseInt(text, 10, 64)
}

// front asks Sourcegraph through its front proxy, and for a search.
func (s *sight) front(ctx context.Context) (take, error) {
	answer := s.Answers(ctx)
	f := &doctor.Front{At: answer.At, Healthy: answer.Healthy, Milliseconds: answer.Took.Milliseconds()}
	if answer.At != "" {
		begun := time.Now()
		status, said, err := s.Get(ctx, installation.ByFrontProxy, installation.Page{Path: installation.SearchPath, Query: installation.SearchQuery, Token: s.Env.Getenv(installation.TokenVariable)})
		f.Searched, f.SearchTook = status, time.Since(begun).Milliseconds()
		switch {
		case err != nil:
			f.SearchSaid = secret.Mask(oneLine(err.Error()))
		case status == 0 || status == 401 || status == 403: // it can't be asked from here, or needs a sign-in
		case status >= 300:
			f.SearchSaid = "HTTP status " + strconv.Itoa(status)
		case strings.Contains(said, "event: error"):
			f.SearchSaid = secret.Mask(cut(oneLine(said[strings.Index(said, "event: error"):])))
		}
	}
	return func(e *doctor.Evidence) { e.Front = f }, nil
}
