package compose

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"berth/internal/address"
	"berth/internal/diag"
	"berth/internal/render/yaml"
	"berth/internal/stack"
)

// Port is one port of the host that a rendered service publishes.
type Port struct {
	Service  string
	Address  string     // of the host: "0.0.0.0"; "" is every address of both kinds
	Host     string     // "8080"
	Inside   string     // "80"
	Protocol string     // "tcp" or "udp"
	Patched  diag.Range // where the config adds it
}

// Listens is the host's address and port: "0.0.0.0:8080".
func (p Port) Listens() string { return address.Bracketed(p.Address) + ":" + p.Host }

// published are the ports that a rendered service publishes, its patches included. What is no number, such as a variable, is left out.
//
// Source: https://docs.docker.com/reference/compose-file/services/#ports
//
// place is where the config adds some: a patch, or a container of the admin's own.
func published(inst stack.Instance, body mapping, place diag.Range) []Port {
	i := slices.IndexFunc(body, func(f field) bool { return f.key == "ports" })
	if i < 0 {
		return nil
	}
	list, _ := yaml.Plain(body[i].value).([]any)
	var out []Port
	for _, item := range list {
		for _, p := range portsOf(item) {
			p.Service = inst.Name
			if inst.Own || !slices.Contains(inst.Ports, p.Listens()+":"+p.Inside) {
				p.Patched = place
			}
			out = append(out, p)
		}
	}
	return out
}

// portsOf reads one entry of a list of ports: the short form "[ADDRESS:][HOST:]INSIDE[/PROTOCOL]", whose ports may be ranges, or the long one.
func portsOf(item any) []Port {
	var p Port
	if long, ok := item.(map[string]any); ok {
		text := func(key string) string {
			if long[key] == nil {
				return ""
			}
			return fmt.Sprint(long[key])
		}
		p = Port{Address: text("host_ip"), Host: text("published"), Inside: text("target"), Protocol: text("protocol")}
	} else {
		text, protocol, _ := strings.Cut(fmt.Sprint(item), "/")
		p.Protocol = protocol
		if last := strings.LastIndexByte(text, ':'); last >= 0 {
			p.Host, p.Inside = text[:last], text[last+1:]
		}
		if last := strings.LastIndexByte(p.Host, ':'); last >= 0 {
			p.Address, p.Host = strings.Trim(p.Host[:last], "[]"), p.Host[last+1:]
		}
	}
	p.Protocol = cmp.Or(p.Protocol, "tcp")
	hosts, insides := numbers(p.Host), numbers(p.Inside)
	out := make([]Port, len(hosts))
	for i, host := range hosts {
		out[i] = p
		out[i].Host = strconv.Itoa(host)
		if len(insides) == len(hosts) {
			out[i].Inside = strconv.Itoa(insides[i])
		}
	}
	return out
}

// numbers are the ports of a range, such as 8000-8010. Of a text that is none, there are none.
func numbers(text string) []int {
	first, last, isRange := strings.Cut(text, "-")
	from, err := strconv.Atoi(first)
	to := from
	if isRange && err == nil {
		to, err = strconv.Atoi(last)
	}
	if err != nil || from < 1 || to > 1<<16-1 {
		return nil
	}
	var out []int
	for n := from; n <= to; n++ {
		out = append(out, n)
	}
	return out
}

// clashes reports ports of the host that two services publish. The engine would start the first and refuse the second.
func clashes(ports []Port) diag.List {
	var problems diag.List
	for i, p := range ports {
		for _, first := range ports[:i] {
			if first.Host != p.Host || first.Protocol != p.Protocol || !overlap(first.Address, p.Address) {
				continue
			}
			both := first.Service + " and " + p.Service
			if first.Service == p.Service {
				both = p.Service + " twice"
			}
			problems = append(problems, diag.Diagnostic{Code: "BERTH1154", Severity: diag.Error, Range: cmp.Or(p.Patched, first.Patched),
				Summary: fmt.Sprintf("port %s of the host is published by %s", p.Host, both), Hint: "give one of them another port"})
			break
		}
	}
	return problems
}

// overlap reports whether two addresses of the host have one in common.
func overlap(a, b string) bool {
	one, _ := netip.ParseAddr(a)
	other, _ := netip.ParseAddr(b)
	switch {
	case a == "" || b == "" || one == other:
		return true
	case one.Is4() != other.Is4():
		return false
	}
	return one.IsUnspecified() || other.IsUnspecified()
}
