package kubernetes

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"
)

// TestOutdated: what of a kubeconfig is not valid now is said with its date and its file, before anything is asked.
func TestOutdated(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	certificate := func(from, to time.Time) string {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "u"}, NotBefore: from, NotAfter: to}
		der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		text := func(kind string, bytes []byte) string {
			return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}))
		}
		return "{client-certificate-data: " + text("CERTIFICATE", der) + ", client-key-data: " + text("EC PRIVATE KEY", raw) + "}"
	}
	token := func(exp time.Time) string {
		return "{token: h." + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"exp": %d}`, exp.Unix())) + ".planted}"
	}
	day := 24 * time.Hour
	for _, c := range []struct{ user, says string }{
		{certificate(now.Add(-2*day), now.Add(day)), ""},
		{certificate(now.Add(-2*day), now.Add(-day)), "the client certificate of user u expired on 2026-11-27 12:00 UTC"},
		{certificate(now.Add(day), now.Add(2*day)), "is valid only from 2026-11-29 12:00 UTC"},
		{token(now.Add(day)), ""},
		{token(now.Add(-day)), "the token of user u expired on 2026-11-27 12:00 UTC"},
		{"{token: some.opaque.token}", ""},
		{"{token: opaque}", ""},
	} {
		getenv := write(t, "k", map[string]string{"k": strings.Replace(one, "{token: t1}", c.user, 1)})
		a, err := find(getenv, "a")
		if err != nil {
			t.Fatal(err)
		}
		got := a.outdated(now)
		if said := got.Error(); (c.says == "") != (len(got) == 0) || !strings.Contains(said, c.says) || strings.Contains(said, "planted") || len(got) > 0 && got[0].Range.File != getenv("KUBECONFIG") {
			t.Errorf("%s: want %q, got %v", c.user, c.says, got)
		}
	}
}

// TestDoubts: a way to the cluster that works but is unsafe is warned of.
func TestDoubts(t *testing.T) {
	for _, c := range []struct {
		cluster string
		mode    os.FileMode
		want    []string
	}{
		{"server: 'https://one'", 0o600, nil},
		{"server: 'https://one', insecure-skip-tls-verify: true", 0o600, []string{"not verified"}},
		{"server: 'http://one'", 0o600, []string{"not encrypted"}},
		{"server: 'https://one'", 0o644, []string{"everybody on this machine"}},
	} {
		getenv := write(t, "k", map[string]string{"k": strings.Replace(one, "server: 'https://one:6443/'", c.cluster, 1)})
		if err := os.Chmod(getenv("KUBECONFIG"), c.mode); err != nil {
			t.Fatal(err)
		}
		a, err := find(getenv, "a")
		if err != nil {
			t.Fatal(err)
		}
		got := a.doubts()
		if len(got) != len(c.want) || got.Failed() || len(got) == 1 && !strings.Contains(got[0].Summary, c.want[0]) {
			t.Errorf("%s %o: %v", c.cluster, c.mode, got)
		}
	}
}
