package fake

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"berth/catalogue"
	"berth/internal/installation"
	"berth/internal/plan"
)

// Planted is what the instances of a service show besides what the world knows by itself. Zero values are those of an instance that is well.
type Planted struct {
	State     installation.State
	Reason    string
	Restarts  int
	Exit      int
	OOMKilled bool
	Log       []installation.LogLine // in place of the line that it is ready
	Before    []installation.LogLine // of its run before this one
	// Exec does a command; done is false for one that the fake does by itself: cat, echo, sh -c "exit N" and df.
	Exec  func(c installation.Command) (exit int, done bool)
	Usage *installation.Usage
}

// Instances are what runs, with one container for each replica.
func (f *found) Instances(context.Context) (out []installation.Instance, err error) {
	f.world.mu.Lock()
	defer f.world.mu.Unlock()
	for key, r := range f.runs {
		for n := range f.replicas(key) {
			out = append(out, f.instance(key, n, r))
		}
	}
	slices.SortFunc(out, func(a, b installation.Instance) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// replicas is how many pods there are of a workload, and 1 on an engine.
func (f *found) replicas(key string) int {
	if n, counted := catalogue.Branch(f.bodies[key], "spec")["replicas"]; counted {
		count, _ := strconv.Atoi(fmt.Sprint(n)) // the API server takes numbers only
		return count
	}
	return 1
}

func (f *found) instance(key string, n int, r *running) installation.Instance {
	planted := f.world.Planted[r.service]
	i := installation.Instance{Service: r.service, Name: key, Own: r.release == "", Once: r.once, Image: r.image, Release: r.release, State: plan.Healthy,
		Started: r.started, CPUs: r.cpus, Memory: r.memory, Restarts: planted.Restarts, Exit: planted.Exit, OOMKilled: planted.OOMKilled, Reason: planted.Reason}
	if f.onCluster() {
		kind, name, _ := strings.Cut(key, "/")
		i.Service = cmp.Or(i.Service, name)
		i.Name, i.Container, i.Node = name+"-"+strconv.Itoa(n), name, "node-1"
		if kind != "StatefulSet" {
			i.Name = name + "-5c9d6f-" + strconv.Itoa(n)
		}
		i.Pod, i.Workload = i.Name, key
	} else {
		i.Container = f.container(key)
	}
	if stores[i.Service] != "" {
		i.Mounts = []installation.Mount{{Path: stores[i.Service], Source: i.Service}}
	}
	switch {
	case r.once, r.stopped:
		i.State = plan.Stopped
	case f.world.unwell(r.service):
		i.State = plan.Unhealthy
	}
	i.State = cmp.Or(planted.State, i.State)
	return i
}

// stores are services that keep data, and where.
var stores = map[string]string{"pgsql": "/data/pgdata-16", "gitserver": "/data/repos", "prometheus": "/prometheus"}

// Log is what was planted, or a line that says that the instance is ready.
func (f *found) Log(ctx context.Context, i installation.Instance, q installation.LogQuery, line func(installation.LogLine)) error {
	f.world.mu.Lock()
	planted := f.world.Planted[i.Service]
	f.world.mu.Unlock()
	lines := planted.Log
	if lines == nil {
		lines = []installation.LogLine{{Time: i.Started, Text: `{"SeverityText":"INFO","InstrumentationScope":"` + i.Service + `","Body":"ready"}`}}
	}
	if q.Previous {
		lines = planted.Before
	}
	lines = slices.DeleteFunc(slices.Clone(lines), func(l installation.LogLine) bool { return l.Time.Before(q.Since) })
	if q.Tail > 0 {
		lines = lines[max(0, len(lines)-q.Tail):]
	}
	for _, l := range lines {
		line(l)
	}
	return ctx.Err()
}

// Exec does the few commands that the fake knows.
func (f *found) Exec(_ context.Context, i installation.Instance, c installation.Command) (int, error) {
	if !i.Up() {
		return 0, &installation.NotRunning{Instance: i.Name, State: i.State}
	}
	f.world.mu.Lock()
	planted := f.world.Planted[i.Service]
	f.world.mu.Unlock()
	if planted.Exec != nil {
		if exit, done := planted.Exec(c); done {
			return exit, nil
		}
	}
	say := func(format string, a ...any) {
		if c.Stdout != nil {
			fmt.Fprintf(c.Stdout, format, a...)
		}
	}
	if f.asked(strings.Join(c.Args, " "), say) {
		return 0, nil
	}
	switch text := strings.Join(c.Args, " "); {
	case strings.Contains(text, "exec psql"):
		return f.psql(c, text)
	case text == "cat" && c.Stdin != nil:
		_, err := io.Copy(c.Stdout, c.Stdin)
		return 0, err
	case c.Args[0] == "echo":
		say("%s\n", strings.Join(c.Args[1:], " "))
		return 0, nil
	case strings.HasPrefix(text, "sh -c exit "):
		return strconv.Atoi(strings.TrimPrefix(text, "sh -c exit "))
	case c.Args[0] == "df":
		say("Filesystem 1024-blocks Used Available Capacity Mounted on\n")
		for _, path := range c.Args[2:] {
			say("/dev/vda 104857600 26214400 78643200 25%% %s\n", path)
		}
		return 0, nil
	}
	if c.Stderr != nil {
		fmt.Fprintf(c.Stderr, "%s: not found\n", c.Args[0])
	}
	return 127, nil
}

// psql answers what a session asks first, and repeats other arguments. A pooler would not pass settings on.
func (f *found) psql(c installation.Command, text string) (int, error) {
	at := slices.IndexFunc(c.Args, func(a string) bool { return strings.Contains(a, "exec psql") })
	args := strings.Join(c.Args[at+2:], " ")
	readOnly := strings.Contains(text, "default_transaction_read_only=on") && !f.world.Pooler
	switch {
	case strings.HasSuffix(args, "SHOW transaction_read_only"):
		fmt.Fprintln(c.Stdout, map[bool]string{true: "on", false: "off"}[readOnly])
	case c.Stdin != nil:
		fmt.Fprintf(c.Stdout, "%sread-only %v: ", c.Args[at+1], readOnly)
		if _, err := io.Copy(c.Stdout, c.Stdin); err != nil {
			return 0, err
		}
	default:
		fmt.Fprintf(c.Stdout, "%sread-only %v: psql %s\n", c.Args[at+1], readOnly, args)
	}
	return 0, nil
}

// asked answers what berth doctor asks a store that is well.
func (f *found) asked(command string, say func(format string, a ...any)) bool {
	switch {
	case strings.Contains(command, "--file=-"):
		f.world.mu.Lock()
		postgres, stale := 16, f.data != nil && f.data.Stale
		if f.data != nil && f.data.Postgres != 0 {
			postgres = f.data.Postgres
		}
		f.world.mu.Unlock()
		if stale {
			say(`{"collation":"2.41, built with 2.36"}` + "\n")
		}
		say(`{"server":%d,"bytes":1048576,"now":%d,"connections":5,"maxConnections":100,"age":1000}`+"\n", postgres*10000+4, f.world.Now().Unix())
	case strings.Contains(command, "FROM repo r"):
		say(`{"people":12,"newPeople":2,"days":100,"repositories":40,"newRepositories":0,"bytes":2147483648,"largestBytes":1073741824}` + "\n")
	case strings.HasPrefix(command, "wget ") && (strings.Contains(command, "src_gitserver_echo") || strings.Contains(command, "zoekt_webserver_watchdog")):
		say(`{"status":"success","data":{"result":[{"metric":{},"value":[1700000000,"0"]}]}}` + "\n")
	case strings.HasPrefix(command, "wget ") && strings.Contains(command, "/api/v1/query"):
		say(`{"status":"success","data":{"result":[]}}` + "\n") // Prometheus has no history
	case command == "redis-cli INFO":
		say("redis_version:7.0.15\r\nused_memory:1048576\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\nrdb_last_bgsave_status:ok\r\n")
	default:
		return false
	}
	return true
}

// Usage is what was planted, or little.
func (f *found) Usage(ctx context.Context, all []installation.Instance) ([]installation.Usage, error) {
	out := make([]installation.Usage, len(all))
	for n, i := range all {
		f.world.mu.Lock()
		planted := f.world.Planted[i.Service].Usage
		f.world.mu.Unlock()
		out[n] = installation.Usage{CPUs: -1, Memory: -1}
		switch {
		case planted != nil:
			out[n] = *planted
		case i.Up():
			if out[n].CPUs, out[n].Memory = 0.05, 128<<20; i.Memory > 0 {
				out[n].Memory = min(out[n].Memory, i.Memory/2)
			}
			out[n].Disks, out[n].Problem = installation.Disks(ctx, f, i)
		}
		out[n].Instance = i.Name
	}
	return out, nil
}

// Plant makes the instances of a service show something.
func (w *World) Plant(service string, p Planted) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.Planted[service] = p
}
