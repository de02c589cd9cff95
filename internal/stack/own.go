package stack

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"berth/catalogue"
	"berth/internal/address"
	"berth/internal/config"
	"berth/internal/diag"
)

// ownContainers adds the containers of the admin's own.
func (b *builder) ownContainers() {
	for _, name := range slices.Sorted(maps.Keys(b.Config.Containers)) {
		c := b.Config.Containers[name]
		inst := b.own(name, "containers."+name, c, "")
		inst.Attributes.Labels = c.Labels
		inst.Before, inst.After, inst.Restart, inst.Storage = c.Before, c.After, "always", c.Storage
		for _, port := range c.Ports {
			b.open(&inst, port)
		}
		b.add(inst)
	}
}

// own is a container of the admin's own. at is its key in the config; home begins the names of its secrets.
func (b *builder) own(name, at string, c config.Container, home string) Instance {
	place := b.At(at)
	inst := Instance{Name: name, Service: name, Own: true, Image: c.Image, Entrypoint: c.Entrypoint, Command: c.Command, User: c.User}
	inst.CPUs, _ = config.Cores(c.CPU)
	inst.Memory, _ = config.Bytes(c.Memory)
	inst.origin("your container", place)
	for _, variable := range slices.Sorted(maps.Keys(c.Env)) {
		v := c.Env[variable]
		inst.set(variable, b.part("own-"+home+name+"-"+variable, &v, b.At(at+".env."+variable)))
	}
	for _, path := range slices.Sorted(maps.Keys(c.Files)) {
		file := b.secretFile("own-"+home+name+"-file"+strings.NewReplacer("/", "-", ".", "-").Replace(path), c.Files[path], b.At(at+".files."+path))
		inst.mount(Mount{Path: path, Secret: file})
	}
	for _, volume := range slices.Sorted(maps.Keys(c.Volumes)) {
		named := OwnVolume(name, volume)
		if home != "" {
			named = volume // of the pod
		}
		inst.mount(Mount{Path: c.Volumes[volume], Volume: named})
	}
	if h := c.Health; h != nil {
		switch {
		case h.Exec != nil:
			inst.Health = &catalogue.Health{Exec: h.Exec, Interval: "5s", Timeout: "5s", Retries: 3, StartPeriod: "5m"}
		case h.Port != nil:
			inst.Probe = &catalogue.Probe{Port: *h.Port, Path: h.Path}
		}
	}
	return inst
}

// OwnVolume is the name of a volume of a container of the admin's own. No volume of Sourcegraph's has such a name.
func OwnVolume(container, volume string) string { return "own-" + container + "-" + volume }

// open opens a port of a container of the admin's own: "5432" for the other containers, "8080:80" and "127.0.0.1:8080:80" on the host as well.
func (b *builder) open(inst *Instance, port string) {
	i := strings.LastIndexByte(port, ':')
	inst.Expose = append(inst.Expose, port[i+1:])
	if i < 0 {
		return
	}
	if !strings.Contains(port[:i], ":") {
		port = address.Bracketed(cmp.Or(b.address.Bind, "0.0.0.0")) + ":" + port
	}
	inst.Ports = append(inst.Ports, port)
}

// order lets the instances of a Compose project wait for the admin's own containers, and those for them.
func (b *builder) order() {
	for i := range b.stack.Instances {
		own := b.stack.Instances[i]
		if !own.Own {
			continue
		}
		for k := range b.stack.Instances {
			other := &b.stack.Instances[k]
			if slices.Contains(own.Before, other.Service) {
				other.await(own)
				other.origin("starts after "+own.Name, b.At("containers."+own.Name+".before"))
			}
			if slices.Contains(own.After, other.Service) {
				b.stack.Instances[i].await(*other)
			}
		}
	}
}

// await makes an instance wait for another one.
func (i *Instance) await(other Instance) {
	condition := catalogue.Started
	switch {
	case other.OneShot:
		condition = catalogue.Completed
	case other.Health != nil:
		condition = catalogue.Healthy
	}
	if !slices.ContainsFunc(i.DependsOn, func(d Dependency) bool { return d.Name == other.Name }) {
		i.DependsOn = append(i.DependsOn, Dependency{Name: other.Name, Condition: condition})
	}
}

// Circles reports containers of the admin's own that wait for themselves, over others. waits says for what everything waits, by name; from is the
// name that a container has there.
func (s *Stack) Circles(waits map[string][]string, from func(container string) string) (problems diag.List) {
	for _, i := range s.Instances {
		if !i.Own {
			continue
		}
		if way := circle(waits, from(i.Name), from(i.Name), map[string]bool{}); way != nil {
			problems = append(problems, diag.Diagnostic{Code: "BERTH1604", Severity: diag.Error, Range: i.Origins[0].Range,
				Summary: i.Name + " waits for itself: " + strings.Join(append([]string{from(i.Name)}, way...), " waits for "),
				Hint:    "remove one of before and after"})
		}
	}
	return problems
}

// circle is a way from one name to another along what waits for what; nil when there is none.
func circle(waits map[string][]string, from, to string, seen map[string]bool) []string {
	for _, next := range waits[from] {
		if next == to {
			return []string{to}
		}
		if !seen[next] {
			seen[next] = true
			if way := circle(waits, next, to, seen); way != nil {
				return append([]string{next}, way...)
			}
		}
	}
	return nil
}

// migratorService is the program that changes the databases' schemas.
const migratorService = "migrator"

// entrances are the services that people reach Sourcegraph, or its maintenance page, by.
var entrances = []string{address.FrontProxy, frontends[0]}

// Serving are the admin's own containers that run behind a front, by name: those that something needs which runs there, and those that lead
// people to the page. A clone has databases of its own, so what serves the migrator is not needed there.
func (s *Stack) Serving(front Front) map[string]bool {
	serving := map[string]bool{}
	own := map[string]Instance{}
	for _, i := range s.Instances {
		if i.Own {
			own[i.Name] = i
		}
	}
	var served []string
	switch front {
	case Closed:
		served = append(Databases(), migratorService)
	case Ahead:
		served = slices.Concat(Databases(), Aheads(), []string{migratorService})
	case DatabasesOnly:
		served = Databases()
	case Stopped:
	default:
		for name := range own {
			serving[name] = true
		}
		return serving
	}
	var need func(name string)
	need = func(name string) {
		if i, ok := own[name]; ok && !serving[name] {
			serving[name] = true
			for _, other := range i.After {
				need(other)
			}
		}
		for other, i := range own {
			if slices.Contains(i.Before, name) {
				if !serving[other] {
					need(other)
				}
			}
		}
	}
	for _, name := range served {
		need(name)
	}
	for name, i := range own {
		leads := len(i.After) > 0 && !slices.ContainsFunc(i.After, func(other string) bool { return !slices.Contains(entrances, other) })
		if leads && front != DatabasesOnly {
			need(name)
		}
	}
	return serving
}

// worker is the service that has pools.
const worker = "worker"

// The variables that say which jobs a worker runs. Source: https://sourcegraph.com/docs/self-hosted/workers
const (
	JobsAllowed = "WORKER_JOB_ALLOWLIST"
	JobsBlocked = "WORKER_JOB_BLOCKLIST"
)

// PoolName is the name of a pool's containers and objects. Sourcegraph's dashboards take everything whose name begins with worker for one.
func PoolName(pool string) string { return worker + "-" + pool }

// pools adds the pools of workers to a Compose project.
func (b *builder) pools() {
	s := b.Release.Services[worker].Compose
	if s == nil || b.counts[worker] == 0 {
		return
	}
	for _, pool := range slices.Sorted(maps.Keys(b.Config.Workers)) {
		inst := b.instance(worker, s, 0)
		inst.Name, inst.Pool = PoolName(pool), pool
		if inst.Hostname != "" {
			inst.Hostname = inst.Name
		}
		for k := range inst.Mounts {
			if inst.Mounts[k].Volume != "" { // a cache: two workers must not share one
				inst.Mounts[k].Volume += "-" + pool
				inst.Mounts[k].Data += "-" + pool
			}
		}
		b.add(inst)
		b.scrapeLike(s.Container, inst.Name)
	}
	b.jobs()
}

// scrapeLike has Prometheus scrape a container wherever it scrapes another one.
func (b *builder) scrapeLike(name, more string) {
	for i := range b.stack.Settings.Scrape {
		scrape := &b.stack.Settings.Scrape[i]
		if scrape.Labels["job"] != worker && scrape.Job != worker {
			continue // such as the measurements of executors, which one worker has
		}
		for _, target := range scrape.Targets {
			if port, ok := strings.CutPrefix(target, name+":"); ok {
				scrape.Targets = append(scrape.Targets, more+":"+port)
			}
		}
	}
}

// jobs says which jobs each worker runs: a pool its own, the others all that no pool has.
func (b *builder) jobs() {
	pooled := map[string]bool{}
	for _, pool := range b.Config.Workers {
		for _, job := range pool.Jobs {
			pooled[job] = true
		}
	}
	if len(pooled) == 0 {
		return
	}
	b.each([]string{worker}, func(inst *Instance) {
		if inst.Pool == "" {
			inst.set(JobsBlocked, Part{Text: strings.Join(slices.Sorted(maps.Keys(pooled)), ",")})
			inst.origin("jobs of other workers", b.At("workers"))
			return
		}
		inst.set(JobsAllowed, Part{Text: strings.Join(b.Config.Workers[inst.Pool].Jobs, ",")})
		inst.origin("worker of its own for some jobs", b.At("workers."+inst.Pool))
	})
}

// poolLimits sets the limits of pools, over those of the worker.
func (b *builder) poolLimits() {
	for i := range b.stack.Instances {
		inst := &b.stack.Instances[i]
		if inst.Pool == "" {
			continue
		}
		pool, at := b.Config.Workers[inst.Pool], "workers."+inst.Pool
		if pool.CPU != "" {
			inst.CPUs, _ = config.Cores(pool.CPU)
			inst.origin("cpu "+showCores(inst.CPUs), b.At(at+".cpu"))
		}
		if pool.Memory != "" {
			inst.Memory, _ = config.Bytes(pool.Memory)
			inst.origin("memory "+showBytes(inst.Memory), b.At(at+".memory"))
		}
	}
}
