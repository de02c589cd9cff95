package contents

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"
)

var clock = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// issued is a certificate with its key.
type issued struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func (c issued) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.cert.Raw})
}

// issue makes a certificate that another one signed; nil: it signs itself.
func issue(t *testing.T, name string, by *issued, ca bool, until time.Time) issued {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: clock.AddDate(-1, 0, 0), NotAfter: until,
		IsCA: ca, BasicConstraintsValid: true, DNSNames: []string{"sourcegraph.example.com"}}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return issued{cert, key}
}

func TestChainAndAuthorities(t *testing.T) {
	year := clock.AddDate(1, 0, 0)
	root := issue(t, "Root", nil, true, year)
	middle := issue(t, "Middle", &root, true, year)
	old := issue(t, "Old", &root, true, clock.AddDate(0, 0, -1))
	leaf := issue(t, "sourcegraph.example.com", &middle, false, year)
	own := issue(t, "own.example.com", nil, false, year)
	ending := issue(t, "Ending", nil, true, clock.AddDate(0, 0, 20))
	oldLeaf := issue(t, "sourcegraph.example.com", &old, false, year)
	key, err := x509.MarshalPKCS8PrivateKey(leaf.key)
	if err != nil {
		t.Fatal(err)
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
	for _, c := range []struct {
		name, what string
		data       []byte
		want, says string
	}{
		{"leaf alone", "chain", leaf.pem(), "", ""},
		{"whole chain", "chain", slices.Concat(leaf.pem(), middle.pem(), root.pem()), "", ""},
		{"other order", "chain", slices.Concat(leaf.pem(), root.pem(), middle.pem()), "BERTH1524 warning", "number 2, Root, did not sign"},
		{"stranger", "chain", slices.Concat(leaf.pem(), own.pem()), "BERTH1524 warning", "own.example.com"},
		{"expired in the middle", "chain", slices.Concat(oldLeaf.pem(), old.pem()), "BERTH1139", "the certificate of Old in f.pem expired"},
		{"with its key", "chain", slices.Concat(leaf.pem(), private), "BERTH1525 warning", "has a private key in it"},
		{"authority", "authorities", slices.Concat(root.pem(), middle.pem()), "", ""},
		{"self-signed server", "authorities", own.pem(), "", ""},
		{"server", "authorities", leaf.pem(), "BERTH1526 warning", "a server's certificate, sourcegraph.example.com"},
		{"expired authority", "authorities", slices.Concat(root.pem(), old.pem()), "BERTH1139", "the certificate authority Old in f.pem expired"},
		{"ending authority", "authorities", ending.pem(), "BERTH1139 warning", "expires soon"},
	} {
		check := Chain
		if c.what == "authorities" {
			check = Authorities
		}
		got := check(File{Key: "k", Name: "f.pem", Data: c.data}, clock)
		if codes(got) != c.want || c.want != "" && !strings.Contains(got[0].Summary, c.says) {
			t.Errorf("%s: want %q %q, got %v", c.name, c.want, c.says, got)
		}
		if quotes(got, private) {
			t.Errorf("%s: a part of the key is printed", c.name)
		}
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{"DER": {leaf.cert.Raw, "DER"}, "PKCS 12": {append([]byte{0x30, 0x82, 1, 2}, "more"...), "PKCS 12"}, "text": {[]byte("x"), "no PEM"}} {
		if _, err := Certificates(c.data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
