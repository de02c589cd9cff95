package check

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// pair makes a certificate and its key.
func pair(t *testing.T, names []string, from, to time.Time) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sourcegraph.example.com"}, NotBefore: from, NotAfter: to}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
			continue
		}
		template.DNSNames = append(template.DNSNames, n)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

func TestCertificate(t *testing.T) {
	year := 365 * 24 * time.Hour
	before, after := clock.Add(-year), clock.Add(year)
	host := []string{"sourcegraph.example.com"}
	cert, key := pair(t, host, before, after)
	_, otherKey := pair(t, host, before, after)
	wild, wildKey := pair(t, []string{"*.example.com", "10.0.0.7"}, before, after)
	none, noneKey := pair(t, nil, before, after)
	old, oldKey := pair(t, host, before, clock.Add(-time.Hour))
	ending, endingKey := pair(t, host, before, clock.Add(48*time.Hour))
	early, earlyKey := pair(t, host, clock.Add(time.Hour), after)
	locked := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")})
	for _, c := range []struct {
		name      string
		url       string
		cert, key []byte
		want      string // the summary; "" for none
		hint      string
	}{
		{"good", "https://sourcegraph.example.com", cert, key, "", ""},
		{"wildcard", "https://sourcegraph.example.com:8443", wild, wildKey, "", ""},
		{"address", "https://10.0.0.7", wild, wildKey, "", ""},
		{"in another place", "https://sourcegraph.example.com", append(wild[:len(wild):len(wild)], cert...), key, "BERTH1138: tls.key does not belong to the certificate in c.pem", "certificate number 2 in the file is the server's own: put it first"},
		{"another key", "https://sourcegraph.example.com", cert, otherKey, "BERTH1138: tls.key does not belong to the certificate in c.pem", "the server's own certificate must be the first"},
		{"another host", "https://code.example.org", wild, wildKey, "BERTH1140: the certificate is not for the url's host, code.example.org", "it is for *.example.com and 10.0.0.7"},
		{"common name only", "https://sourcegraph.example.com", none, noneKey, "BERTH1140: the certificate is not for the url's host, sourcegraph.example.com", "only as its common name"},
		{"ended", "https://sourcegraph.example.com", old, oldKey, "BERTH1139: the certificate expired on 2026-11-01 11:00 UTC", "renew it"},
		{"ends soon", "https://sourcegraph.example.com", ending, endingKey, "BERTH1139: the certificate expires soon, on 2026-11-03 12:00 UTC", "renew it"},
		{"not yet", "https://sourcegraph.example.com", early, earlyKey, "BERTH1139: the certificate is not valid before 2026-11-01 13:00 UTC", "clock"},
		{"no PEM", "https://sourcegraph.example.com", []byte("x"), key, "BERTH1137: tls.certificate: c.pem contains no certificate: no PEM certificate found", "PEM"},
		{"no key", "https://sourcegraph.example.com", cert, cert, "BERTH1137: tls.key: c.key contains no private key: ", ""},
		{"key is text", "https://sourcegraph.example.com", cert, []byte("x"), "BERTH1137: tls.key: c.key contains no private key", "PEM"},
		{"locked key", "https://sourcegraph.example.com", cert, locked, "BERTH1137: tls.key: c.key is locked with a passphrase", "openssl"},
	} {
		files := fstest.MapFS{"c.pem": {Data: c.cert, Mode: 0o644}, "c.key": {Data: c.key, Mode: 0o600}}
		world := around(files)
		text := "target: compose\nurl: " + c.url + "\ntls: {certificate: c.pem, key: c.key}\n"
		_, _, problems := Read("f", []byte(text), world.Catalogue, world)
		switch {
		case c.want == "" && len(problems) > 0,
			c.want != "" && (len(problems) != 1 || !strings.HasPrefix(problems.Error(), c.want) || !strings.Contains(problems[0].Hint, c.hint)),
			c.name == "ends soon" && problems.Failed():
			t.Errorf("%s: want %q, got\n%s", c.name, c.want, rendered(problems))
		}
	}
}
