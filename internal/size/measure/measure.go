// Package measure asks a running installation what it uses: its database what it has, Prometheus what instances and disks used in the last days, and
// instances what they use now. Nothing is changed. What does not answer is noted, and stops nothing else.
package measure

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/size"
	"berth/internal/status"
)

// patience is how long one question may take.
const patience = 20 * time.Second

// since is how far back Prometheus is asked.
const since = 14 * 24 * time.Hour

// Of asks an installation what it uses.
func Of(ctx context.Context, i *installation.Installation, now time.Time) (size.Seen, error) {
	s := size.Seen{Installation: i.Stack.Name, Release: i.Stack.Release, Target: i.Stack.Target, Taken: now, Services: []size.Peak{}, Disks: []size.Disk{}}
	all, err := i.Instances(ctx)
	if err != nil {
		return s, err
	}
	all = slices.DeleteFunc(slices.Clone(all), func(i installation.Instance) bool { return !i.Up() || i.Once || i.Init || i.Own })
	if len(all) == 0 {
		return s, diag.List{{Code: "BERTH4403", Severity: diag.Error, Subject: i.Stack.Name, Summary: "nothing of this installation runs, so nothing can be measured", Hint: "start it with: berth up"}}
	}
	if s.Content, err = content(ctx, i, all); err != nil {
		s.Unknown = append(s.Unknown, "people and repositories: "+err.Error())
	}
	top, err := status.TopOf(ctx, i, all)
	if err != nil {
		return s, err
	}
	for _, p := range top.Problems {
		s.Unknown = append(s.Unknown, fmt.Sprintf("what %s uses: %s", strings.Join(p.Instances, ", "), p.Why))
	}
	h := &Past{}
	if err := errors.Join(h.used(ctx, i, all), h.filled(ctx, i, all, now)); err != nil {
		s.Unknown = append(s.Unknown, "what was used before now: "+strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	s.Services, s.Disks = peaks(top, all, h), disks(top, h)
	return s, nil
}

// Filled asks Prometheus how disks filled.
func Filled(ctx context.Context, i *installation.Installation, all []installation.Instance, now time.Time) (*Past, error) {
	p := &Past{}
	return p, p.filled(ctx, i, all, now)
}

// counted asks what there is, and how much of it came in the last thirty days.
const counted = `SELECT json_build_object('people', (SELECT count(*) FROM users WHERE deleted_at IS NULL),
  'newPeople', (SELECT count(*) FROM users WHERE deleted_at IS NULL AND created_at > now() - interval '30 days'),
  'days', coalesce((SELECT extract(epoch FROM now() - min(created_at)) / 86400 FROM users), 0),
  'repositories', count(*), 'newRepositories', count(*) FILTER (WHERE r.created_at > now() - interval '30 days'),
  'bytes', coalesce(sum(g.repo_size_bytes), 0), 'largestBytes', coalesce(max(g.repo_size_bytes), 0))
  FROM repo r LEFT JOIN gitserver_repos g ON g.repo_id = r.id WHERE r.deleted_at IS NULL`

// content asks the database in its own container, where no password is needed.
func content(ctx context.Context, i *installation.Installation, all []installation.Instance) (*size.Content, error) {
	if i.Doc.Config.Databases["pgsql"].External != nil {
		return nil, errors.New("pgsql is external; berth queries only databases in their own container")
	}
	store := i.Release.Relations.Stores.Postgres.Databases["pgsql"]
	said, err := ask(ctx, i, all, "pgsql", "psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--username", store.User, "--dbname", store.Database,
		"--command", "SET default_transaction_read_only = on", "--command", "SET statement_timeout = '10s'", "--command", counted)
	if err != nil {
		return nil, err
	}
	var c size.Content
	if err := json.Unmarshal(bytes.TrimSpace(said), &c); err != nil {
		return nil, fmt.Errorf("pgsql gives no numbers: %w", err)
	}
	return &c, nil
}

// ask runs a program in an instance of a service, and gives what it writes.
func ask(ctx context.Context, i *installation.Installation, all []installation.Instance, service string, args ...string) ([]byte, error) {
	at := slices.IndexFunc(all, func(one installation.Instance) bool { return one.Service == service })
	if at < 0 {
		return nil, errors.New(service + " does not run here")
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var out, complaint bytes.Buffer
	exit, err := i.Exec(ctx, all[at], installation.Command{Args: args, Stdout: &out, Stderr: &complaint})
	if err == nil && exit != 0 {
		first, _, _ := strings.Cut(strings.TrimSpace(complaint.String()), "\n")
		err = fmt.Errorf("%s in %s ended with exit code %d: %s", args[0], service, exit, first)
	}
	return out.Bytes(), err
}

// Past is what Prometheus knows of the last days.
type Past struct {
	cpu, memory, age []series
	free, sizes      []series
}

// series is one of Prometheus' answers.
type series struct {
	Labels map[string]string `json:"metric"`
	Value  sample            `json:"value"`  // of an instant
	Values []sample          `json:"values"` // of a range
}

// sample is a time and a value, as Prometheus writes them: [1700000000, "1.5"].
type sample struct{ at, value float64 }

// UnmarshalJSON reads it.
func (s *sample) UnmarshalJSON(text []byte) error {
	var pair [2]any
	if err := json.Unmarshal(text, &pair); err != nil {
		return err
	}
	at, _ := pair[0].(float64)
	word, _ := pair[1].(string)
	value, err := strconv.ParseFloat(word, 64)
	*s = sample{at, value}
	return err
}

// used asks for the most that containers used.
func (p *Past) used(ctx context.Context, i *installation.Installation, all []installation.Instance) error {
	days := fmt.Sprintf("[%dd", int(since.Hours()/24))
	for _, q := range []struct {
		to    *[]series
		query string
	}{
		{&p.memory, `max_over_time(container_memory_working_set_bytes{name!=""}` + days + `])`},
		{&p.cpu, `max_over_time(rate(container_cpu_usage_seconds_total{name!=""}[5m])` + days + `:10m])`},
		{&p.age, `(time() - min_over_time(timestamp(container_memory_working_set_bytes{name!=""})` + days + `:1h])) / 86400`},
	} {
		if err := query(ctx, i, all, "query", url.Values{"query": {q.query}}, q.to); err != nil {
			return err
		}
	}
	return nil
}

// filled asks how large disks are, and how much of them was free.
func (p *Past) filled(ctx context.Context, i *installation.Installation, all []installation.Instance, now time.Time) error {
	if err := query(ctx, i, all, "query", url.Values{"query": {"node_filesystem_size_bytes"}}, &p.sizes); err != nil {
		return err
	}
	return query(ctx, i, all, "query_range", url.Values{"query": {"node_filesystem_avail_bytes"}, "step": {"3600"}, "start": {strconv.FormatInt(now.Add(-since).Unix(), 10)},
		"end": {strconv.FormatInt(now.Unix(), 10)}}, &p.free)
}

// Figures asks Prometheus for single numbers, by name; one that it does not have is left out.
func Figures(ctx context.Context, i *installation.Installation, all []installation.Instance, queries map[string]string) (map[string]float64, error) {
	out := map[string]float64{}
	for _, name := range slices.Sorted(maps.Keys(queries)) {
		var answer []series
		if err := query(ctx, i, all, "query", url.Values{"query": {queries[name]}}, &answer); err != nil {
			return nil, err
		}
		for _, s := range answer {
			out[name] = max(out[name], s.Value.value)
		}
	}
	return out, nil
}

// query asks Prometheus in its own container.
func query(ctx context.Context, i *installation.Installation, all []installation.Instance, how string, values url.Values, to *[]series) error {
	said, err := ask(ctx, i, all, "prometheus", "wget", "-q", "-O", "-", "http://127.0.0.1:9090/api/v1/"+how+"?"+values.Encode())
	if err != nil {
		return err
	}
	var answer struct {
		Error string
		Data  struct{ Result []series }
	}
	if err := json.Unmarshal(said, &answer); err != nil {
		return fmt.Errorf("prometheus gives no numbers: %w", err)
	}
	*to = answer.Data.Result
	if answer.Error != "" {
		return errors.New("prometheus: " + answer.Error)
	}
	return nil
}

// of finds the value of an instance: by the name of its container, or by those of its pod and of the container in it.
func of(all []series, i installation.Instance) (most float64, found bool) {
	for _, s := range all {
		is := s.Labels["name"] == i.Container
		if i.Pod != "" {
			labels := slices.Collect(maps.Values(s.Labels))
			is = slices.Contains(labels, i.Container) && slices.Contains(labels, i.Pod)
		}
		if is {
			most, found = max(most, s.Value.value), true
		}
	}
	return most, found
}

// peaks are the most that each service's instances used, now and before.
func peaks(top *status.Top, all []installation.Instance, h *Past) (out []size.Peak) {
	at := map[string]int{}
	for n, l := range top.Loads {
		p := size.Peak{Service: l.Service, Instances: 1, CPU: l.CPUs, CPULimit: l.CPULimit, Memory: float64(l.Memory), MemoryLimit: float64(l.MemoryLimit)}
		if most, found := of(h.memory, all[n]); found {
			p.Memory = max(p.Memory, most)
			p.Days, _ = of(h.age, all[n])
		}
		if most, found := of(h.cpu, all[n]); found {
			p.CPU = max(p.CPU, most)
		}
		i, seen := at[p.Service]
		if !seen {
			at[p.Service] = len(out)
			out = append(out, p)
			continue
		}
		o := &out[i]
		o.Instances, o.CPU, o.Days = o.Instances+1, max(o.CPU, p.CPU), max(o.Days, p.Days)
		if o.MemoryLimit == 0 || p.MemoryLimit > 0 && p.Memory/p.MemoryLimit > o.Memory/o.MemoryLimit { // the one that is nearest to its limit counts
			o.Memory, o.MemoryLimit = p.Memory, p.MemoryLimit
		}
	}
	slices.SortFunc(out, func(a, b size.Peak) int { return cmp.Compare(a.Service, b.Service) })
	return out
}

// disks are the file systems with data, with the pace at which they fill.
func disks(top *status.Top, h *Past) (out []size.Disk) {
	for _, d := range top.Shared {
		name := d.Device
		if d.Node != "" {
			name += " on " + d.Node
		}
		out = append(out, h.Filling(size.Disk{Name: name, Instances: d.Instances, Size: d.Size, Free: d.Free}))
	}
	for _, l := range top.Loads {
		for _, d := range top.Alone(l) {
			out = append(out, h.Filling(size.Disk{Name: l.Instance + ":" + d.Path, Instances: []string{l.Instance}, Service: l.Service, Size: d.Size, Free: d.Free}))
		}
	}
	return out
}

// Filling finds a disk among those of the node exporter, by its size: neither knows the other's names. Where several have that size, the one that fills
// fastest counts.
func (h *Past) Filling(d size.Disk) size.Disk {
	for _, s := range h.sizes {
		if int64(s.Value.value)>>10 != d.Size>>10 { // df counts in KiB
			continue
		}
		for _, f := range h.free {
			if f.Labels["instance"] != s.Labels["instance"] || f.Labels["mountpoint"] != s.Labels["mountpoint"] || f.Labels["device"] != s.Labels["device"] {
				continue
			}
			if perDay, days := pace(f.Values); days > 0 && (d.Days == 0 || perDay > d.PerDay) {
				d.PerDay, d.Days = perDay, days
			}
		}
	}
	return d
}

// pace is by how much free room shrinks in a day, as a line through all samples, and how many days these cover.
func pace(samples []sample) (perDay, days float64) {
	if len(samples) < 2 {
		return 0, 0
	}
	var t, v, tt, tv float64
	first := samples[0].at
	for _, s := range samples {
		x := (s.at - first) / 86400
		t, v, tt, tv = t+x, v+s.value, tt+x*x, tv+x*s.value
	}
	n := float64(len(samples))
	if spread := n*tt - t*t; spread > 0 {
		perDay = -(n*tv - t*v) / spread
	}
	return perDay, (samples[len(samples)-1].at - first) / 86400
}
