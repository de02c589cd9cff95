package check

import (
	"cmp"
	"errors"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"berth/catalogue"
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
		c.errorf("BERTH1131", "url", "Sourcegraph needs a host of its own: write  url: "+scheme+"://"+u.Host,
			"the url must end after the host%s", got("%s", c.URL))
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
	if u != nil && (net.ParseIP(u.Hostname()) != nil || !strings.Contains(u.Hostname(), ".") || strings.HasSuffix(u.Hostname(), ".local")) {
		c.errorf("BERTH1142", "url", "use a public host name, or a certificate of your own", "Let's Encrypt issues no certificate for %s", u.Hostname())
	}
}

func (c *checker) bind() {
	if b := c.Ports.Bind; b != "" && net.ParseIP(b) == nil {
		c.errorf("BERTH1164", "ports.bind", "write an address of the host, such as 127.0.0.1", "ports.bind must be an IP address, got %q", b)
	}
}

// opened is a port of the host that will be published, and the key that asks for it; "" when the release does.
type opened struct {
	port      int
	what, key string
}

// ports: two services can't publish the same port of the host.
func (c *checker) ports() {
	if c.rel == nil || c.On != catalogue.Compose {
		return
	}
	taken := map[int]opened{}
	for _, o := range c.opened() {
		first, ok := taken[o.port]
		if !ok {
			taken[o.port] = o
			continue
		}
		c.errorf("BERTH1154", cmp.Or(o.key, first.key, "ports"), "give one of them another port",
			"port %d is set for %s and for %s", o.port, first.what, o.what)
	}
}

// opened lists the published ports of the release with the config's changes.
func (c *checker) opened() []opened {
	wanted := []struct {
		service, inside, what, key string
		port                       *int
	}{
		{"caddy", "80", "HTTP", "ports.http", c.Ports.HTTP},
		{"caddy", "443", "HTTPS", "ports.https", c.Ports.HTTPS},
		{"prometheus", "9090", "Prometheus", "ports.prometheus", c.Ports.Prometheus},
		{"grafana", "3370", "Grafana", "ports.grafana", c.Ports.Grafana},
	}
	if u := c.parsedURL(); u != nil && u.Port() != "" {
		web := &wanted[0]
		if u.Scheme == "https" {
			web = &wanted[1]
		}
		if n, err := strconv.Atoi(u.Port()); err == nil && web.port == nil && (u.Scheme == "http" || c.TLS.Certificate != "" || c.TLS.LetsEncrypt != nil) {
			web.port, web.key = &n, "url"
		}
	}
	var list []opened
	for _, w := range wanted {
		switch {
		case w.port != nil && *w.port > 0:
			list = append(list, opened{*w.port, w.what, w.key})
		case w.port == nil:
			if port := c.rel.Services[w.service].Compose.HostPort(w.inside); port > 0 {
				list = append(list, opened{port, w.what, ""})
			}
		}
	}
	return list
}

// lazy compiles a pattern on first use: most configs need few of them.
func lazy(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}
