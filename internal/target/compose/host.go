package compose

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"berth/internal/diag"
	render "berth/internal/render/compose"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// Facts are what there is to know of a host before anything is put on it.
type Facts struct {
	Engine       string // version of the engine
	Compose      string // version of docker compose; "" when it is missing
	Architecture string
	CPUs         int
	Memory       int64
	FreeMemory   int64 // bytes that can be had without swapping; -1 when the engine is on another host
	FreeDisk     int64 // bytes, where volumes lie; -1 when the engine is on another host
	MapCount     int   // vm.max_map_count; 0 when unknown
	Taken        func(address string) (by string, taken bool)
	Running      bool            // containers of the installation run already
	Own          map[string]bool // what these publish: "443/tcp"
	Elsewhere    string          // the engine's address, when it may be on another host; "" otherwise
	System       string          // of the host that berth runs on: "linux"
	Found        Found
}

// Needs are what an installation asks of its host.
type Needs struct {
	Limits      []Limit
	Ports       []render.Port
	SecretFiles bool
	Storage     []Storage
	Registry    string
	Places      Places
}

// Limit is what one container may use.
type Limit struct {
	Service string
	CPUs    float64
	Memory  int64
	At      diag.Range
}

// Storage is the size that the admin expects a volume to have.
type Storage struct {
	Service string
	Bytes   int64
	At      diag.Range
}

// Facts asks the engine and this host.
func (e *Engine) Facts(ctx context.Context, composeVersion, installation string) (Facts, error) {
	asked, err := e.api.Info(ctx, client.InfoOptions{})
	if err != nil {
		return Facts{}, fmt.Errorf("ask the engine about itself: %w", err)
	}
	info := asked.Info
	running, err := e.containers(ctx, false, render.LabelInstallation+"="+installation)
	if err != nil {
		return Facts{}, err
	}
	f := Facts{Engine: info.ServerVersion, Compose: composeVersion, Architecture: info.Architecture, CPUs: info.NCPU,
		Memory: info.MemTotal, FreeMemory: -1, FreeDisk: -1, Taken: taken, Running: len(running) > 0, Own: map[string]bool{}, System: runtime.GOOS}
	for _, c := range running {
		for _, p := range c.Ports {
			f.Own[fmt.Sprintf("%d/%s", p.PublicPort, p.Type)] = true
		}
		if c.State == container.StateRestarting {
			e.publishes(ctx, c.ID, f.Own)
		}
	}
	if f.Found, err = e.found(ctx, installation, info.SecurityOptions); err != nil {
		return Facts{}, err
	}
	if !onSocket(e.host) {
		// What this host has says nothing of that one.
		f.Elsewhere, f.Taken = e.host, func(string) (string, bool) { return "", false }
		return f, nil
	}
	f.FreeDisk = freeDisk(filepath.Join(info.DockerRootDir, "volumes"))
	if text, err := os.ReadFile("/proc/meminfo"); err == nil && e.Local() {
		f.FreeMemory = available(string(text))
	}
	if text, err := os.ReadFile("/proc/sys/vm/max_map_count"); err == nil {
		f.MapCount, _ = strconv.Atoi(strings.TrimSpace(string(text)))
	}
	return f, nil
}

// available is what /proc/meminfo says can be had without swapping, in bytes; -1 when it does not say.
func available(meminfo string) int64 {
	for line := range strings.Lines(meminfo) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == "MemAvailable:" {
			if n, err := strconv.ParseInt(f[1], 10, 64); err == nil {
				return n << 10
			}
		}
	}
	return -1
}

// taken reports whether an address of this host is listened on, and by which process as far as that can be told.
func taken(address string) (string, bool) {
	l, err := net.Listen("tcp", address)
	if err == nil {
		return "", l.Close() != nil
	}
	if !strings.Contains(err.Error(), "address already in use") {
		return "", false // not ours to tell: a low port without rights, for example, which the engine has
	}
	_, port, _ := net.SplitHostPort(address)
	return listener(port), true
}

// listener names the process that listens on a port, from /proc; "" when it can't be told.
func listener(port string) string {
	n, _ := strconv.Atoi(port)
	inodes := map[string]bool{}
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) > 9 && f[3] == "0A" && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", n)) {
				inodes["socket:["+f[9]+"]"] = true
			}
		}
	}
	fds, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, fd := range fds {
		if target, err := os.Readlink(fd); err == nil && inodes[target] {
			pid := strings.Split(fd, "/")[2]
			name, _ := os.ReadFile("/proc/" + pid + "/comm")
			return fmt.Sprintf("%s (pid %s)", strings.TrimSpace(string(name)), pid)
		}
	}
	return ""
}

// The least versions, with why.
const (
	leastEngine  = "20.10.0" // Sourcegraph's own requirement
	leastCompose = "2.23.1"  // the first to give secrets from the environment to containers as files
	leastMaps    = 128000    // zoekt maps its shards into memory
)

// Check finds what stands in the way of an installation on a host.
func Check(f Facts, n Needs) diag.List {
	var problems diag.List
	for _, check := range []func(Facts, Needs) diag.List{elsewhere, engineVersion, composeVersion, architecture, cores, memory, disk, ports, mapAreas, places} {
		problems = append(problems, check(f, n)...)
	}
	return problems
}

func problem(code string, severity diag.Severity, summary, hint string) diag.List {
	return diag.List{{Code: code, Severity: severity, Subject: "host", Summary: summary, Hint: hint}}
}

// elsewhere: berth puts the project's files on the engine's host, at the path that they have here, and a path of Windows is none there.
func elsewhere(f Facts, _ Needs) diag.List {
	if f.Elsewhere == "" || f.System != "windows" || strings.HasPrefix(f.Elsewhere, "npipe://") {
		return nil
	}
	return problem("BERTH2115", diag.Error, "the Docker Engine is at "+f.Elsewhere+", where this folder's path does not exist",
		"run berth on Linux or macOS, or in WSL")
}

func engineVersion(f Facts, _ Needs) diag.List {
	if !older(f.Engine, leastEngine) {
		return nil
	}
	return problem("BERTH2105", diag.Error, fmt.Sprintf("the Docker Engine is %s; Sourcegraph needs %s or newer", f.Engine, leastEngine), "update it: https://docs.docker.com/engine/install/")
}

func composeVersion(f Facts, n Needs) diag.List {
	if f.Compose == "" || !older(f.Compose, leastCompose) {
		return nil
	}
	if n.SecretFiles {
		return problem("BERTH2106", diag.Error, fmt.Sprintf("docker compose is %s; files with secrets need %s or newer", f.Compose, leastCompose), "update the package docker-compose-plugin")
	}
	if older(f.Compose, "2.0.0") {
		return problem("BERTH2106", diag.Error, fmt.Sprintf("docker compose is %s; berth needs 2.0 or newer", f.Compose), "install the package docker-compose-plugin")
	}
	return nil
}

func architecture(f Facts, n Needs) diag.List {
	if f.Architecture == "x86_64" || f.Architecture == "amd64" || f.Architecture == "" || n.Registry != "" {
		return nil
	}
	return problem("BERTH2107", diag.Error, fmt.Sprintf("this host is %s; Sourcegraph's images are for x86-64 only", f.Architecture), "use an x86-64 host")
}

// cores: the engine refuses a limit above what the host has.
func cores(f Facts, n Needs) diag.List {
	names, most, at := []string(nil), 0.0, diag.Range{}
	for _, l := range n.Limits {
		if l.CPUs > float64(f.CPUs) && !slices.Contains(names, l.Service) {
			names = append(names, l.Service)
			most, at = max(most, l.CPUs), l.At
		}
	}
	if names == nil {
		return nil
	}
	if len(names) > 1 {
		at = diag.Range{} // no line says it for all of them
	}
	return diag.List{{Code: "BERTH2108", Severity: diag.Error, Subject: "host", Range: at,
		Summary: fmt.Sprintf("this host has %d processor cores; %d services may use up to %g each, and Docker refuses that", f.CPUs, len(names), most),
		Detail:  []string{strings.Join(names, ", ")},
		Hint:    fmt.Sprintf("use a host with %g cores; or  size: demo  for a trial; or a smaller  services.NAME.cpu  for each", most)}}
}

// memory: a limit above what the host has is allowed, but means nothing.
func memory(f Facts, n Needs) diag.List {
	var names []string
	for _, l := range n.Limits {
		if l.Memory > f.Memory && !slices.Contains(names, l.Service) {
			names = append(names, l.Service)
		}
	}
	if names == nil {
		return nil
	}
	return problem("BERTH2109", diag.Warning, fmt.Sprintf("this host has %d GiB of memory; these may use more than that: %s", f.Memory>>30, strings.Join(names, ", ")),
		"under load, the host's kernel decides which process it kills; set a smaller  services.NAME.memory, or use a larger host")
}

func disk(f Facts, n Needs) diag.List {
	if f.FreeDisk < 0 {
		return nil
	}
	var problems diag.List
	const least = 10 << 30
	if f.FreeDisk < least && !f.Running {
		problems = append(problems, problem("BERTH2110", diag.Warning, fmt.Sprintf("the disk of Docker's volumes has %.1f GiB left; images and a trial take about 10", float64(f.FreeDisk)/(1<<30)), "make room: docker system df shows what uses the space")...)
	}
	var total int64
	for _, s := range n.Storage {
		total += s.Bytes
	}
	if total > f.FreeDisk {
		problems = append(problems, diag.Diagnostic{Code: "BERTH2111", Severity: diag.Warning, Subject: "host", Range: n.Storage[0].At,
			Summary: fmt.Sprintf("the volumes are expected to grow to %.0f GiB; the disk has %.0f GiB left", float64(total)/(1<<30), float64(f.FreeDisk)/(1<<30)),
			Hint:    "use a larger disk for Docker's volumes"})
	}
	return problems
}

// publishes adds what a container publishes whenever it runs: between two crashes the engine lists no ports, and a moment later they are in use.
func (e *Engine) publishes(ctx context.Context, name string, own map[string]bool) {
	c, err := e.inspect(ctx, name)
	if err != nil {
		return // it is gone, and its ports with it
	}
	for port, bindings := range c.HostConfig.PortBindings {
		for _, b := range bindings {
			own[b.HostPort+"/"+string(port.Proto())] = true
		}
	}
}

// ports: what the installation publishes is free, unless it has the port itself.
func ports(f Facts, n Needs) diag.List {
	var problems diag.List
	for _, p := range n.Ports {
		if f.Own[p.Host+"/"+p.Protocol] || p.Protocol != "tcp" {
			continue
		}
		by, isTaken := f.Taken(p.Listens())
		if !isTaken {
			continue
		}
		hint := "stop it, or publish another port in the patch"
		key := map[string]string{"80": "http", "443": "https", "9090": "prometheus", "3370": "grafana"}[p.Inside]
		switch {
		case p.Patched != (diag.Range{}):
		case key != "":
			hint = fmt.Sprintf("stop it, or set  ports: {%s: %d}", key, 10000+len(problems)+8000)
		default:
			hint = fmt.Sprintf("stop it, or give %s other ports in a patch", p.Service)
		}
		problems = append(problems, diag.Diagnostic{Code: "BERTH2112", Severity: diag.Error, Subject: "host", Range: p.Patched,
			Summary: fmt.Sprintf("port %s is in use%s", p.Host, map[bool]string{true: " by " + by, false: ""}[by != ""]), Hint: hint})
	}
	return problems
}

func mapAreas(f Facts, _ Needs) diag.List {
	if f.MapCount == 0 || f.MapCount >= leastMaps {
		return nil
	}
	return problem("BERTH2113", diag.Warning, fmt.Sprintf("vm.max_map_count is %d; search indexes of many repositories need %d", f.MapCount, leastMaps),
		fmt.Sprintf("sysctl -w vm.max_map_count=%d, and the same line in /etc/sysctl.d/", leastMaps))
}

// older compares versions by their numbers; what is no number counts as 0.
func older(a, b string) bool {
	na, nb := numbers(a), numbers(b)
	return slices.Compare(na[:], nb[:]) < 0
}

func numbers(v string) [3]int {
	var out [3]int
	for i, part := range strings.SplitN(strings.TrimPrefix(v, "v"), ".", 3) {
		end := strings.IndexFunc(part, func(r rune) bool { return r < '0' || r > '9' })
		if end >= 0 {
			part = part[:end]
		}
		out[i], _ = strconv.Atoi(part)
	}
	return out
}
