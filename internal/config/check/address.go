package check

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"berth/catalogue"
	"berth/internal/address"
)

var nameForm = lazy(`^[a-z0-9][a-z0-9-]*$`)

// name becomes part of the names of containers, volumes and Kubernetes objects, which allow only these letters.
func (c *checker) name() {
	if c.Name != "" && (len(c.Name) > 53 || !nameForm().MatchString(c.Name)) {
		c.errorf("BERTH1163", "name", "", "name must be at most 53 lower-case letters, digits and dashes, got %q", c.Name)
	}
}

// parsedURL is the URL, or nil where it is missing or wrong.
func (c *checker) parsedURL() *url.URL {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil
	}
	return u
}

func (c *checker) address() {
	if c.URL == "" {
		return
	}
	u, err := url.Parse(c.URL)
	var scheme string
	if err == nil {
		scheme = u.Scheme
	}
	bare := strings.TrimRight(regexp.MustCompile(`^[a-zA-Z0-9+]*:?//`).ReplaceAllString(c.URL, ""), "/")
	bare = bare[strings.LastIndexByte(bare, '@')+1:] // a password is not repeated
	switch {
	case !strings.Contains(c.URL, "://"):
		c.errorf("BERTH1131", "url", "write  url: https://"+bare, "the url has no http:// or https://")
	case err != nil:
		c.errorf("BERTH1131", "url", "", "the url can't be read: %s", errors.Unwrap(err)) // without the URL itself
	case scheme != "http" && scheme != "https":
		c.errorf("BERTH1131", "url", "write  url: https://"+bare, "the url must begin with http:// or https://, got %s://", scheme)
	case u.Hostname() == "":
		c.errorf("BERTH1131", "url", "write  url: https://sourcegraph.example.com", "the url has no host")
	case u.User != nil:
		c.errorf("BERTH1131", "url", "write  url: "+scheme+"://"+u.Host, "the url has a user name in it")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		c.errorf("BERTH1131", "url", "Sourcegraph needs a host name of its own: write  url: "+scheme+"://"+u.Host,
			"the url must end after the host%s", got(c.URL))
	case strings.HasSuffix(u.Host, ":"), u.Port() != "" && !validPort(u.Port()):
		c.errorf("BERTH1131", "url", "ports go from 1 to 65535", "the url has an invalid port: %q", u.Port())
	}
}

func validPort(text string) bool {
	n, err := strconv.Atoi(text)
	return err == nil && n > 0 && n < 1<<16
}

// tlsChoice: there is one complete form of TLS, and it fits the URL.
func (c *checker) tlsChoice() {
	t, u := c.TLS, c.parsedURL()
	own := t.Certificate != "" || t.Key != ""
	switch {
	case t.Certificate != "" && t.Key == "":
		c.missingf("BERTH1141", "tls.certificate", "add  key: FILE", "tls.certificate needs tls.key")
	case t.Key != "" && t.Certificate == "":
		c.missingf("BERTH1141", "tls.key", "add  certificate: FILE", "tls.key needs tls.certificate")
	}
	if own && t.LetsEncrypt != nil {
		c.errorf("BERTH1141", "tls.letsEncrypt", "keep one", "tls has both a certificate of your own and letsEncrypt")
	}
	if t.External && (own || t.LetsEncrypt != nil) {
		c.errorf("BERTH1141", "tls.external", "keep one", "tls.external says that something else terminates TLS, but tls also has a certificate")
	}
	switch {
	case u == nil:
	case u.Scheme == "http" && (own || t.LetsEncrypt != nil):
		c.errorf("BERTH1132", "url", "write  url: https://"+u.Host, "tls is on, but the url begins with http://")
	case c.On == catalogue.Kubernetes: // the rule certificates checks the Ingress
	case u.Scheme == "https" && !own && t.LetsEncrypt == nil && !t.External && !c.doc.Broken():
		c.warnf("BERTH1132", "url", "set tls, or  tls: {external: true}  if a load balancer in front terminates TLS",
			"the url begins with https://, but tls is not set: Sourcegraph would speak HTTP")
	}
}

func (c *checker) letsEncrypt() {
	le, u := c.TLS.LetsEncrypt, c.parsedURL()
	if le == nil {
		return
	}
	if le.Email == "" {
		c.missingf("BERTH1141", "tls.letsEncrypt.email", "add  email: ops@example.com", "tls.letsEncrypt needs an email")
	} else if user, host, ok := strings.Cut(le.Email, "@"); !ok || user == "" || !strings.Contains(host, ".") {
		c.errorf("BERTH1141", "tls.letsEncrypt.email", "write it as  ops@example.com", "%q is not an email address", le.Email)
	}
	if u != nil && !public(u.Hostname()) {
		c.errorf("BERTH1142", "url", "use a public host name, or a certificate of your own", "Let's Encrypt issues no certificate for %s", u.Hostname())
	}
}

// public reports whether a host may be a name of the public internet.
func public(host string) bool {
	return net.ParseIP(host) == nil && strings.Contains(host, ".") && !strings.HasSuffix(host, ".local")
}

func (c *checker) bind() {
	if b := c.Ports.Bind; b != "" && net.ParseIP(b) == nil {
		c.errorf("BERTH1164", "ports.bind", "write an address of the host, such as 127.0.0.1", "ports.bind must be an IP address, got %q", b)
	}
}

// ports: two services can't publish the same port of the host.
func (c *checker) ports() {
	if c.rel == nil || c.On != catalogue.Compose {
		return
	}
	taken := map[int]address.Port{}
	for _, p := range address.Of(c.Config).Ports(c.Config) {
		port := p.On(c.rel)
		first, ok := taken[port]
		switch {
		case port == 0:
		case !ok:
			taken[port] = p
		default:
			c.errorf("BERTH1154", cmp.Or(p.Key, first.Key, "ports"), "give one of them another port",
				"port %d is set for %s and for %s", port, first.What, p.What)
		}
	}
}

// reached: people come to the port that url says.
func (c *checker) reached() {
	if c.On != catalogue.Compose {
		return
	}
	a := address.Of(c.Config)
	if c.Ports.HTTPS != nil && !a.Ends() && a.Scheme != "" {
		c.warnf("BERTH1183", "ports.https", "remove it, or set tls.certificate or tls.letsEncrypt",
			"ports.https has no effect: nothing here terminates TLS, so nothing listens for HTTPS")
	}
	port := a.Reached(c.Config, c.rel)
	if port == 0 || port == a.Port || !c.frontProxyRuns() {
		return
	}
	if ip, err := netip.ParseAddr(c.Ports.Bind); err == nil && ip.IsLoopback() && !a.Local() {
		return // a proxy on this machine is in front
	}
	host := a.Scheme + "://" + address.Bracketed(a.Host)
	key := map[string]string{"http": "ports.http", "https": "ports.https"}[a.Scheme]
	if a.Given {
		c.warnf("BERTH1182", key, fmt.Sprintf("write the same port in both, unless something in front forwards port %d to %d", a.Port, port),
			"%s is %d, and links lead to port %d, as url says", key, port, a.Port)
		return
	}
	c.errorf("BERTH1182", key, fmt.Sprintf("write  url: %s:%d   or, if something in front forwards port %d to it,  url: %s:%d", host, port, a.Port, host, a.Port),
		"%s is %d, and links would lead to port %d: the url has no port", key, port, a.Port)
}

func (c *checker) frontProxyRuns() bool {
	s := c.Services[address.FrontProxy]
	return s.Enabled == nil || *s.Enabled
}

var headerForm = lazy(`^[A-Za-z0-9][A-Za-z0-9-]*$`)

// front: names, headers and ranges are what their readers take.
func (c *checker) front() {
	for i, name := range c.Front.Hosts {
		path := "front.hosts." + strconv.Itoa(i)
		switch {
		case !subdomainForm().MatchString(name) || len(name) > 253:
			c.errorf("BERTH1184", path, "write only the name, such as  code.example.com", "%q is not a host name", name)
		case name == address.Of(c.Config).Host:
			c.errorf("BERTH1184", path, "remove it", "%s is already the host of url", name)
		case slices.Index(c.Front.Hosts, name) < i:
			c.errorf("BERTH1184", path, "remove it", "%s appears twice", name)
		case c.TLS.LetsEncrypt != nil && !public(name):
			c.errorf("BERTH1142", path, "use a public host name, or a certificate of your own", "Let's Encrypt issues no certificate for %s", name)
		}
	}
	for name, value := range c.Front.Headers {
		if path := "front.headers." + name; !headerForm().MatchString(name) {
			c.errorf("BERTH1184", path, "write it as  Strict-Transport-Security: max-age=31536000", "%q is not the name of a header", name)
		} else if strings.ContainsAny(value, "`\n{}") {
			c.errorf("BERTH1184", path, "remove backquotes, braces and line breaks", "the value of %s has a character that is part of the front proxy's syntax", name)
		}
	}
	for i, text := range c.Front.Allow {
		c.addressRange("BERTH1184", "front.allow."+strconv.Itoa(i), text)
	}
	if len(c.Front.Allow) > 0 && c.On == catalogue.Compose && (c.TLS.External || address.Of(c.Config).TLS == address.InFront) {
		c.errorf("BERTH1185", "front.allow", "set the ranges in the proxy in front, and remove this",
			"the front proxy can't see the client's address: every request comes from the proxy in front of it")
	}
}

// addressRange reports a text that is no range of addresses.
func (c *checker) addressRange(code, path, text string) {
	prefix, err := netip.ParsePrefix(text)
	if err == nil && prefix.Masked() == prefix {
		return
	}
	hint := "write it as 10.0.0.0/8"
	if a, wrong := netip.ParseAddr(text); wrong == nil {
		hint = "write " + netip.PrefixFrom(a, a.BitLen()).String() + " for one address"
	} else if err == nil {
		hint = "write " + prefix.Masked().String()
	}
	c.errorf(code, path, hint, "%q is not a range of addresses", text)
}

// lazy compiles a pattern on first use: most configs need few of them.
func lazy(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}
