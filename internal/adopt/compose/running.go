package compose

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/internal/adopt"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/image"
)

// Running is a container as a service in the form of Objects, without what it has from its image. Limits are left out, since they can be changed in place;
// so is what only Compose itself reads.
func Running(c container.InspectResponse, of image.InspectResponse) map[string]any {
	h := c.HostConfig
	out := map[string]any{"image": reference(c.Config.Image), "environment": environment(c.Config.Env, of), "volumes": mounted(c, of), "ports": bound(c), "networks": map[string]any{}}
	put := func(key string, value any, set bool) {
		if set {
			out[key] = value
		}
	}
	mode := h.NetworkMode
	put("network_mode", string(mode), mode.IsHost() || mode.IsNone() || mode.IsContainer())
	for name := range c.NetworkSettings.Networks {
		if out["network_mode"] == nil {
			mapOf(out["networks"])[name] = true
		}
	}
	put("command", anys(c.Config.Cmd), len(c.Config.Cmd) > 0 && (of.Config == nil || !slices.Equal(c.Config.Cmd, of.Config.Cmd)))
	put("entrypoint", anys(c.Config.Entrypoint), len(c.Config.Entrypoint) > 0 && (of.Config == nil || !slices.Equal(c.Config.Entrypoint, of.Config.Entrypoint)))
	put("user", c.Config.User, c.Config.User != "" && (of.Config == nil || c.Config.User != of.Config.User))
	put("hostname", c.Config.Hostname, !strings.HasPrefix(c.ID, c.Config.Hostname))
	restart := string(h.RestartPolicy.Name)
	if n := h.RestartPolicy.MaximumRetryCount; n > 0 {
		restart += ":" + strconv.Itoa(n)
	}
	put("restart", restart, restart != "" && restart != "no")
	if t := c.Config.StopTimeout; t != nil {
		out["stop_grace_period"] = (time.Duration(*t) * time.Second).String()
	}
	put("shm_size", strconv.FormatInt(h.ShmSize, 10), h.ShmSize != 0 && h.ShmSize != 64<<20)
	put("pid", string(h.PidMode), h.PidMode != "")
	put("privileged", true, h.Privileged)
	devices := map[string]any{}
	for _, d := range h.Devices {
		devices[d.PathOnHost+":"+d.PathInContainer] = true
	}
	put("devices", devices, len(devices) > 0)
	put("healthcheck", healthOf(c.Config.Healthcheck), c.Config.Healthcheck != nil && (of.Config == nil || fmt.Sprint(c.Config.Healthcheck) != fmt.Sprint(of.Config.Healthcheck)))
	put("extra_hosts", hosts(anys(h.ExtraHosts)), len(h.ExtraHosts) > 0)
	var servers []string
	for _, a := range h.DNS {
		servers = append(servers, a.String())
	}
	for key, names := range map[string][]string{"dns": servers, "dns_search": h.DNSSearch, "dns_opt": h.DNSOptions, "cap_add": h.CapAdd, "cap_drop": h.CapDrop,
		"security_opt": h.SecurityOpt, "group_add": h.GroupAdd} {
		put(key, set(anys(names)), len(names) > 0)
	}
	put("sysctls", texts(h.Sysctls), len(h.Sysctls) > 0)
	limits := map[string]any{}
	for _, u := range h.Ulimits {
		limits[u.Name] = map[string]any{"soft": u.Soft, "hard": u.Hard}
	}
	put("ulimits", limits, len(limits) > 0)
	if len(h.LogConfig.Config) > 0 {
		out["logging"] = map[string]any{"driver": h.LogConfig.Type, "options": texts(h.LogConfig.Config)}
	}
	put("labels", labels(c.Config.Labels, of), true)
	put("read_only", true, h.ReadonlyRootfs)
	put("init", true, h.Init != nil && *h.Init)
	rare(c, put)
	return out
}

// rare are settings that few people make.
func rare(c container.InspectResponse, put func(key string, value any, set bool)) {
	h := c.HostConfig
	put("tty", true, c.Config.Tty)
	put("stdin_open", true, c.Config.OpenStdin)
	put("domainname", c.Config.Domainname, c.Config.Domainname != "")
	put("ipc", string(h.IpcMode), h.IpcMode.IsHost() || h.IpcMode.IsContainer())
	put("userns_mode", string(h.UsernsMode), h.UsernsMode != "")
	put("uts", string(h.UTSMode), h.UTSMode != "")
	put("oom_score_adj", float64(h.OomScoreAdj), h.OomScoreAdj != 0)
	put("cpuset", h.CpusetCpus, h.CpusetCpus != "")
	put("cpu_shares", float64(h.CPUShares), h.CPUShares != 0)
	put("mem_reservation", strconv.FormatInt(h.MemoryReservation, 10), h.MemoryReservation != 0)
	put("memswap_limit", strconv.FormatInt(h.MemorySwap, 10), h.MemorySwap > 0 && h.MemorySwap != 2*h.Memory) // twice the memory, or none, is the engine's own
	if n := h.PidsLimit; n != nil {
		put("pids_limit", float64(*n), *n > 0)
	}
	put("tmpfs", tmpfs(h.Tmpfs), len(h.Tmpfs) > 0)
}

func tmpfs(all map[string]string) map[string]any {
	out := map[string]any{}
	for at, options := range all {
		if options != "" {
			at += ":" + options
		}
		out[at] = true
	}
	return out
}

func anys(l []string) []any {
	out := make([]any, len(l))
	for i, text := range l {
		out[i] = text
	}
	return out
}

func texts(m map[string]string) map[string]any {
	out := map[string]any{}
	for key, value := range m {
		out[key] = value
	}
	return out
}

// environment are the variables that a container does not have from its image.
func environment(env []string, of image.InspectResponse) map[string]any {
	out := map[string]any{}
	for _, pair := range env {
		if of.Config != nil && slices.Contains(of.Config.Env, pair) {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		out[name] = compact(value)
	}
	return out
}

// labels are those that neither the image nor Compose gives.
func labels(all map[string]string, of image.InspectResponse) map[string]any {
	out := map[string]any{}
	for name, value := range all {
		if of.Config != nil && of.Config.Labels[name] == value || strings.HasPrefix(name, "com.docker.compose.") || strings.HasPrefix(name, "dev.berth.") {
			continue
		}
		out[name] = value
	}
	return out
}

func mounted(c container.InspectResponse, of image.InspectResponse) map[string]any {
	out := map[string]any{}
	for _, m := range c.Mounts {
		target := path.Clean(m.Destination)
		mount := map[string]any{"source": path.Clean(m.Source)}
		if m.Type == "volume" {
			mount["source"] = volumePrefix + m.Name
			if _, anonymous := imageVolumes(of)[target]; anonymous && len(m.Name) == 64 {
				continue
			}
		} else if m.Type != "bind" {
			mount["type"] = string(m.Type)
		}
		if !m.RW {
			mount["read_only"] = true
		}
		for _, option := range strings.Split(m.Mode, ",") {
			if m.Type == "bind" && (option == "z" || option == "Z") {
				mount["selinux"] = option
			}
		}
		out[target] = mount
	}
	return out
}

func imageVolumes(of image.InspectResponse) map[string]struct{} {
	if of.Config == nil {
		return nil
	}
	return of.Config.Volumes
}

func bound(c container.InspectResponse) map[string]any {
	out := map[string]any{}
	for port, all := range c.HostConfig.PortBindings {
		for _, b := range all {
			host := "0.0.0.0"
			if b.HostIP.IsValid() {
				host = b.HostIP.String()
			}
			out[host+":"+b.HostPort+":"+port.String()] = true
		}
	}
	return out
}

func healthOf(h *container.HealthConfig) map[string]any {
	if h == nil {
		return nil
	}
	out := map[string]any{"test": anys(h.Test)}
	for key, d := range map[string]time.Duration{"interval": h.Interval, "timeout": h.Timeout, "start_period": h.StartPeriod} {
		if d > 0 {
			out[key] = d.String()
		}
	}
	if h.Retries > 0 {
		out["retries"] = float64(h.Retries)
	}
	return out
}

// unshown are keys of a service that a container does not show: only docker compose reads them.
var unshown = []string{"depends_on", "expose", "stop_signal"}

// inPlace are keys that are changed in place.
var inPlace = []string{"container_name", "cpus", "mem_limit"}

// unlabelled is what Docker adds to the security options of a container that shares the host's processes.
const unlabelled = "label=disable"

// Differs says in which keys a container differs from a service, as berth would make it; nothing where it can stay as it is. same says whether a file or a
// folder of the host has the content that the project's own has.
func Differs(wanted map[string]any, c container.InspectResponse, of image.InspectResponse, same func(projects, hosts string) bool) []string {
	is := Running(c, of)
	want := without(fitted(wanted, is, of), inPlace...)
	if want["logging"] == nil {
		delete(is, "logging") // the engine's own default
	}
	if opts := mapOf(is["security_opt"]); mapOf(want["security_opt"])[unlabelled] == nil {
		if delete(opts, unlabelled); len(opts) == 0 {
			delete(is, "security_opt")
		}
	}
	want["volumes"] = shared(mapOf(want["volumes"]), mapOf(is["volumes"]), same)
	networks := map[string]any{}
	for name := range mapOf(wanted["networks"]) {
		networks[name] = true
	}
	want["networks"] = networks
	var out []string
	for _, d := range adopt.Compare(adopt.Objects{"": want}, adopt.Objects{"": is}) {
		if key := strings.Join(d.Path[:min(2, len(d.Path))], " "); !slices.Contains(out, key) {
			out = append(out, key)
		}
	}
	return out
}

// fitted is a service as berth would make it, in the form in which a container shows it: without what the image gives by itself, and without what no
// container shows.
func fitted(wanted, is map[string]any, of image.InspectResponse) map[string]any {
	want := without(wanted, unshown...)
	want["environment"] = withoutImage(mapOf(want["environment"]), of)
	for _, key := range []string{"command", "entrypoint", "user", "healthcheck"} {
		if is[key] == nil && fromImage(key, want[key], of) {
			delete(want, key)
		}
	}
	if ofDigest(want["image"], of) {
		want["image"] = is["image"]
	}
	for key, in := range map[string]func(any) any{"healthcheck": durations, "stop_grace_period": duration} {
		if want[key] != nil {
			want[key] = in(want[key])
		}
	}
	return want
}

func withoutImage(env map[string]any, of image.InspectResponse) map[string]any {
	out := map[string]any{}
	for name, value := range env {
		if of.Config == nil || !slices.Contains(of.Config.Env, name+"="+fmt.Sprint(value)) {
			out[name] = value
		}
	}
	return out
}

func fromImage(key string, value any, of image.InspectResponse) bool {
	if of.Config == nil || value == nil {
		return false
	}
	switch key {
	case "command":
		return fmt.Sprint(value) == fmt.Sprint(anys(of.Config.Cmd))
	case "entrypoint":
		return fmt.Sprint(value) == fmt.Sprint(anys(of.Config.Entrypoint))
	case "healthcheck":
		return fmt.Sprint(durations(value)) == fmt.Sprint(healthOf(of.Config.Healthcheck))
	}
	return value == of.Config.User
}

// ofDigest reports whether an image is what a reference means by its digest.
func ofDigest(ref any, of image.InspectResponse) bool {
	_, digest, found := strings.Cut(fmt.Sprint(ref), "@")
	return found && slices.ContainsFunc(of.RepoDigests, func(known string) bool { return strings.HasSuffix(known, "@"+digest) })
}

// shared are mounts in which files of the project are those of the host that the container has, where their contents are the same.
func shared(want, is map[string]any, same func(projects, hosts string) bool) map[string]any {
	out := map[string]any{}
	for target, m := range want {
		out[target] = m
		projects, own := strings.CutPrefix(fmt.Sprint(mapOf(m)["source"]), file)
		there := mapOf(is[target])
		if own && there != nil && same(projects, fmt.Sprint(there["source"])) {
			mount := without(mapOf(m))
			mount["source"] = there["source"]
			out[target] = mount
		}
	}
	return out
}

func ulimits(v any) any {
	out := map[string]any{}
	for name, limit := range mapOf(v) {
		m := mapOf(limit)
		if m == nil {
			m = map[string]any{"soft": limit, "hard": limit}
		}
		out[name] = m
	}
	return out
}

func durations(v any) any {
	out := map[string]any{}
	for key, value := range mapOf(v) {
		out[key] = value
		if key != "test" && key != "retries" {
			out[key] = duration(value)
		}
	}
	return out
}

func duration(v any) any {
	d, err := time.ParseDuration(fmt.Sprint(v))
	if err != nil {
		return v
	}
	return d.String()
}
