package cli

import (
	"fmt"
	"slices"
	"strings"

	"berth/catalogue"
	"berth/internal/address"
	"berth/internal/config"
	"berth/internal/diag"
)

// provider is somebody who may provide the certificate.
type provider struct {
	name  config.Certified
	means string
	on    catalogue.Target // "": both
	flag  string           // one that stands for it by itself
}

var providers = []provider{
	{config.CertifiedByLetsEncrypt, "Let's Encrypt: ports 80 and 443 are reachable from the internet", catalogue.Compose, "email"},
	{config.CertifiedByFiles, "you: the certificate and its key are files here", "", "certificate"},
	{config.CertifiedBySecret, "a Secret of the namespace, such as one of cert-manager", catalogue.Kubernetes, "tls-secret"},
	{config.CertifiedInFront, "a load balancer or proxy in front of Sourcegraph", "", ""},
	{config.NotCertified, "nobody: plain http, which others on the network can read", "", ""},
}

// providersFor are the providers that a target and an address have.
func (d *draft) providers() []provider {
	return slices.DeleteFunc(slices.Clone(providers), func(p provider) bool {
		return p.on != "" && p.on != d.On || p.name == config.NotCertified && !d.plain
	})
}

// address takes what somebody typed as the address. Without a scheme, who provides the certificate decides about it later.
func (d *draft) address(typed string) {
	d.URL, d.plain = typed, typed != "" && !strings.Contains(typed, "://")
	if d.plain {
		d.URL = "https://" + typed
		if d.local() {
			d.URL, d.plain = "http://"+typed, false
		}
	}
}

// local reports whether only this machine reaches the address.
func (d *draft) local() bool { return address.Of(&config.Config{URL: d.URL}).Local() }

// open reports whether somebody still has to say who provides the certificate.
func (d *draft) open() bool {
	return d.Certified == "" && (d.plain || strings.HasPrefix(d.URL, "https://"))
}

// certify takes who provides the certificate.
func (d *draft) certify(by config.Certified) {
	d.Certified = by
	if by == config.NotCertified {
		d.URL = "http://" + strings.TrimPrefix(strings.TrimPrefix(d.URL, "https://"), "http://")
	}
}

// readTLS reads the flags about the certificate. What none of them says is not decided in silence.
func (d *draft) readTLS(asked bool) diag.List {
	by := config.Certified(d.certified)
	for _, p := range providers {
		if by == "" && p.flag != "" && d.given(p.flag) {
			by = p.name
		}
	}
	var names []string
	for _, p := range d.providers() {
		names = append(names, string(p.name))
	}
	switch {
	case by == "" && d.open() && !asked:
		return diag.List{{Code: "BERTH4114", Severity: diag.Error, Subject: "--tls", Summary: fmt.Sprintf("who provides the certificate of %s? nothing was written", d.URL),
			Detail: explained(d.providers()), Hint: "add --tls with one of: " + strings.Join(names, ", ")}}
	case by == "":
		return nil
	case by == config.NotCertified && strings.HasPrefix(d.URL, "http://"):
	case strings.HasPrefix(d.URL, "http://"):
		return misfit("--tls", fmt.Sprintf("--tls %s is for an address with https://", by), "write --url https://"+strings.TrimPrefix(d.URL, "http://"))
	case by == config.NotCertified && !d.plain:
		return misfit("--tls", "--tls none is for an address with http://", "write --url http://"+strings.TrimPrefix(d.URL, "https://"))
	case !slices.Contains(names, string(by)):
		return misfit("--tls", fmt.Sprintf("on %s there is no --tls %s", config.Title(d.On), by), "write one of: "+strings.Join(names, ", "))
	}
	d.certify(by)
	for _, needs := range []struct {
		by          config.Certified
		flag, value string
	}{
		{config.CertifiedByLetsEncrypt, "email", d.Email}, {config.CertifiedByFiles, "certificate", d.Certificate}, {config.CertifiedByFiles, "key", d.Key},
		{config.CertifiedBySecret, "tls-secret", d.TLSSecret},
	} {
		if needs.by == by && needs.value == "" && !asked {
			return misfit("--"+needs.flag, fmt.Sprintf("--tls %s needs --%s", by, needs.flag), "add --"+needs.flag)
		}
	}
	return nil
}

// explained says what providers mean.
func explained(all []provider) (lines []string) {
	for _, p := range all {
		lines = append(lines, fmt.Sprintf("%-12s %s", p.name, p.means))
	}
	return lines
}
