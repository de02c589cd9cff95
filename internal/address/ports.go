package address

import (
	"strings"

	"berth/catalogue"
	"berth/internal/config"
)

// The front proxy's service, and the ports that it listens on.
const (
	FrontProxy = "caddy"
	HTTP       = "80"
	HTTPS      = "443"
)

// Port is one port that a service may publish on the host.
type Port struct {
	Service string
	Inside  string // "80"
	Host    *int   // what the config asks for; nil: as the release ships it, 0: not published
	What    string // for people: "HTTP"
	Key     string // of the config that asks for it; "" where none does
}

// Ports are the ports of the host that a config decides on. Nothing is published that nothing answers: HTTPS only where the front proxy
// ends TLS.
func (a Address) Ports(c *config.Config) []Port {
	ports := []Port{
		{Service: FrontProxy, Inside: HTTP, Host: c.Ports.HTTP, What: "HTTP", Key: "ports.http"},
		{Service: FrontProxy, Inside: HTTPS, Host: c.Ports.HTTPS, What: "HTTPS", Key: "ports.https"},
		{Service: "prometheus", Inside: "9090", Host: c.Ports.Prometheus, What: "Prometheus", Key: "ports.prometheus"},
		{Service: "grafana", Inside: "3370", Host: c.Ports.Grafana, What: "Grafana", Key: "ports.grafana"},
	}
	http, https := &ports[0], &ports[1]
	if !a.Ends() {
		none := 0
		https.Host = &none
	}
	if web := map[TLS]*Port{Nowhere: http, Files: https, Automatic: https}[a.TLS]; web != nil && web.Host == nil && a.Given {
		web.Host, web.Key = &a.Port, "url"
	}
	for i := range ports {
		if ports[i].Host == nil {
			ports[i].Key = ""
		}
	}
	return ports
}

// Reached is the port of the host that people's requests come to, where nothing is in front; 0 where something is, or where the front
// proxy does not run.
func (a Address) Reached(c *config.Config, release *catalogue.Release) int {
	inside := map[TLS]string{Nowhere: HTTP, Files: HTTPS, Automatic: HTTPS}[a.TLS]
	if a.Scheme == "" || inside == "" || c.TLS.External || release == nil {
		return 0
	}
	for _, p := range a.Ports(c) {
		if p.Service == FrontProxy && p.Inside == inside {
			return p.On(release)
		}
	}
	return 0
}

// On is the port of the host that it is published on; 0 where it is not.
func (p Port) On(release *catalogue.Release) int {
	if p.Host != nil {
		return *p.Host
	}
	if s := release.Services[p.Service].Compose; s != nil {
		return s.HostPort(p.Inside)
	}
	return 0
}

// Bracketed is an address in the form that is written before a port.
func Bracketed(address string) string {
	if strings.Contains(address, ":") {
		return "[" + address + "]"
	}
	return address
}
