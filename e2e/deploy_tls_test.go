//go:build e2e

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestOwnCertificate: the proxy has a certificate of the admin, and redirects plain HTTP to HTTPS.
func TestOwnCertificate(t *testing.T) {
	needs(t, engine, images(release))
	s := newSite(t, "tls")
	certificate, key, pool := selfSigned(t, "localhost")
	s.writeFile("cert.pem", certificate)
	s.writeFile("key.pem", key)
	port := freePort(t)
	s.edit(fmt.Sprintf("url: http://localhost:%d", s.port), fmt.Sprintf("url: https://localhost:%d\ntls: {certificate: cert.pem, key: key.pem}", port))
	s.edit("ports: {bind: 127.0.0.1, ", fmt.Sprintf("ports: {bind: 127.0.0.1, http: %d, ", s.port))
	s.must(0, "lock")
	s.must(0, "up")
	s.must(0, "plan")
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Get(fmt.Sprintf("https://localhost:%d/healthz", port))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("healthz over HTTPS: %s", resp.Status)
	}
	plain, err := client.Get(fmt.Sprintf("http://localhost:%d/", s.port))
	if err != nil {
		t.Fatal(err)
	}
	plain.Body.Close()
	if to := plain.Header.Get("Location"); to != fmt.Sprintf("https://localhost:%d/", port) {
		t.Errorf("plain HTTP answers %s and leads to %q", plain.Status, to)
	}
	for _, name := range []string{".berth/tls/project/docker-compose.yaml", ".berth/tls/project/caddy/sourcegraph.pem"} {
		if out := s.read(name); strings.Contains(out, "PRIVATE KEY") {
			t.Errorf("%s holds the private key", name)
		}
	}
	// What changes only Caddy's file is read without a restart.
	began := docker(t, "inspect", "--format", "{{.State.StartedAt}}", "tls-caddy")
	s.edit("tls: {certificate", "front: {headers: {X-Read: again}}\ntls: {certificate")
	s.must(0, "up")
	s.must(0, "plan")
	if now := docker(t, "inspect", "--format", "{{.State.StartedAt}}", "tls-caddy"); now != began {
		t.Errorf("Caddy was restarted at %s; it ran since %s", now, began)
	}
	again, err := client.Get(fmt.Sprintf("https://localhost:%d/healthz", port))
	if err != nil {
		t.Fatal(err)
	}
	again.Body.Close()
	if again.Header.Get("X-Read") != "again" {
		t.Error("Caddy did not read its file again")
	}
}

// selfSigned makes a certificate for a host name, an address, or a user with that name.
func selfSigned(t *testing.T, host string) (certificate, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	if ip := net.ParseIP(host); ip != nil {
		template.DNSNames, template.IPAddresses = nil, []net.IP{ip}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certificate = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(certificate))
	return certificate, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})), pool
}
