// Package address says where people reach Sourcegraph: the one reading of url, tls, ports and front. What is listened on,
// published, redirected to and answered for follows from it, and so do the links that Sourcegraph shows. Pure: a config goes in, an Address
// comes out.
package address

import (
	"net/netip"
	"net/url"
	"strconv"

	"berth/catalogue"
	"berth/internal/config"
)

// TLS says who ends TLS.
type TLS string

// The ways in which TLS ends.
const (
	Nowhere   TLS = ""        // people use plain HTTP
	InFront   TLS = "front"   // a load balancer or proxy of the admin's, or nothing, although url says https
	Files     TLS = "files"   // the front proxy or the Ingress, with the admin's certificate
	Automatic TLS = "acme"    // the front proxy, with a certificate that it requests
	Cluster   TLS = "cluster" // the Ingress or Route, with a certificate that is in the cluster
)

// Address is where people reach Sourcegraph.
type Address struct {
	Scheme string     // of url: "http" or "https"; "" where url is missing or can't be read
	Host   string     // of url, without brackets
	IP     netip.Addr // the same where it is an address; invalid for a name
	Port   int        // that people use: of url, else the scheme's own
	Given  bool       // url says a port
	TLS    TLS
	Hosts  []string // further names that lead to this installation
	Allow  []string // the ranges of addresses that may reach it; nil: everybody
	Bind   string   // the host's address on which ports are published; "" for the release's own, which is every address
}

// Of is the address of a config. Keys with errors are read as if they were missing.
func Of(c *config.Config) Address {
	a := Address{Bind: c.Ports.Bind, Hosts: c.Front.Hosts, Allow: c.Front.Allow}
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return a
	}
	a.Scheme, a.Host = u.Scheme, u.Hostname()
	a.IP, _ = netip.ParseAddr(a.Host)
	a.Port = standard(a.Scheme)
	if n, err := strconv.Atoi(u.Port()); err == nil {
		a.Port, a.Given = n, true
	}
	a.TLS = ends(c, a.Scheme)
	if a.Bind == "" {
		a.Bind = a.loopback()
	}
	return a
}

// ends says who ends TLS.
func ends(c *config.Config, scheme string) TLS {
	k := c.Kubernetes
	switch {
	case scheme != "https":
		return Nowhere
	case c.TLS.Certificate != "":
		return Files
	case c.TLS.LetsEncrypt != nil:
		return Automatic
	case c.On == catalogue.Kubernetes && k != nil && (k.OpenShift || k.Ingress != nil && k.Ingress.TLSSecret != "") && !c.TLS.External:
		return Cluster
	}
	return InFront
}

// standard is the port of a scheme that no URL needs to say.
func standard(scheme string) int {
	if scheme == "https" {
		return 443
	}
	return 80
}

// loopback is the address of this machine that url names; "" for every other. The first person to reach a new Sourcegraph becomes its
// admin, and Prometheus has no password. So an installation with a URL of this machine is reachable only from this machine.
func (a Address) loopback() string {
	switch {
	case a.IP.IsLoopback():
		return a.Host
	case a.Host == "localhost":
		return "127.0.0.1"
	}
	return ""
}

// Ends reports whether the front proxy itself ends TLS. Only then it listens for HTTPS.
func (a Address) Ends() bool { return a.TLS == Files || a.TLS == Automatic }

// Local reports whether url is of this machine.
func (a Address) Local() bool { return a.loopback() != "" }

// URL is what people and links use, without a port that the scheme has anyway: browsers leave it out, and single sign-on compares texts. ""
// where url is missing or can't be read.
func (a Address) URL() string {
	if a.Scheme == "" {
		return ""
	}
	return a.Scheme + "://" + a.authority()
}

// authority is the host of links, with the port where it must be said.
func (a Address) authority() string {
	if a.Port != standard(a.Scheme) {
		return Bracketed(a.Host) + ":" + strconv.Itoa(a.Port)
	}
	return Bracketed(a.Host)
}

// Names are all host names that are answered, url's first. On addresses and this machine's own name nothing can be decided by name.
func (a Address) Names() []string {
	if a.Host == "" {
		return a.Hosts
	}
	return append([]string{a.Host}, a.Hosts...)
}
