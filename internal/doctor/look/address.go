package look

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/url"
	"strconv"

	"berth/internal/doctor"
)

// address connects to the url that people use, and looks at its certificate. It asks without a proxy, as most of their machines do.
func (l *Look) address(ctx context.Context, at string, number int) (take, error) {
	u, err := url.Parse(at)
	if err != nil {
		return nil, err
	}
	a := &doctor.Address{Host: u.Hostname()}
	seen := func(e *doctor.Evidence) { e.Address = a }
	port := strconv.Itoa(number)
	if _, err := net.DefaultResolver.LookupHost(ctx, a.Host); err != nil {
		a.Resolves = err.Error()
		return seen, nil
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(a.Host, port))
	if err != nil {
		a.Connects = err.Error()
		return seen, nil
	}
	defer conn.Close()
	if u.Scheme != "https" {
		return seen, nil
	}
	// The certificate is looked at below, so that a bad one can be described.
	asked := tls.Client(conn, &tls.Config{ServerName: a.Host, InsecureSkipVerify: true})
	if err := asked.HandshakeContext(ctx); err != nil {
		a.Connects = err.Error()
		return seen, nil
	}
	l.certificate(a, asked.ConnectionState().PeerCertificates)
	return seen, nil
}

// certificate describes the certificates that a server sent, its own first.
func (l *Look) certificate(a *doctor.Address, chain []*x509.Certificate) {
	own := chain[0]
	a.TLS, a.Names, a.Issuer, a.Expires = true, own.DNSNames, own.Issuer.String(), own.NotAfter.UTC()
	for _, ip := range own.IPAddresses {
		a.Names = append(a.Names, ip.String())
	}
	if err := own.VerifyHostname(a.Host); err != nil {
		a.Mismatch = err.Error()
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	if _, err := own.Verify(x509.VerifyOptions{Intermediates: between, CurrentTime: l.Env.Now()}); err != nil {
		a.Untrusted = err.Error()
	}
}
