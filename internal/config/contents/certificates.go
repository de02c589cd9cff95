package contents

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"time"

	"berth/internal/diag"
)

// soon is how long before a certificate expires berth begins to warn.
const soon = 30 * 24 * time.Hour

// Certificates reads certificates in PEM. The error says what the file has instead.
func Certificates(data []byte) ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		list = append(list, cert)
	}
	if len(list) > 0 {
		return list, nil
	}
	if _, err := x509.ParseCertificates(data); err == nil {
		return nil, errors.New("it is DER; convert it:  openssl x509 -inform der -in FILE -out FILE.pem")
	}
	if len(data) > 1 && data[0] == 0x30 && data[1] >= 0x80 {
		return nil, errors.New("it is binary, perhaps PKCS 12; convert it:  openssl pkcs12 -in FILE -out FILE.pem -nokeys")
	}
	return nil, errors.New("no PEM certificate found")
}

// subject names a certificate in a message.
func subject(cert *x509.Certificate) string {
	if name := cert.Subject.CommonName; name != "" {
		return name
	}
	return cert.Subject.String()
}

// validity reports when a certificate is not valid now, or not for long.
func (f *found) validity(which string, cert *x509.Certificate, now time.Time) {
	day := func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }
	report := func(hint, what string, t time.Time) {
		f.problems = append(f.problems, diag.Diagnostic{Code: "BERTH1139", Severity: diag.Error, Range: f.At, Hint: hint, Summary: which + what + day(t)})
	}
	switch {
	case now.After(cert.NotAfter):
		report("renew it", " expired on ", cert.NotAfter)
	case now.Before(cert.NotBefore):
		report("is the clock of this machine right?", " is not valid before ", cert.NotBefore)
	case now.Add(soon).After(cert.NotAfter):
		report("renew it", " expires soon, on ", cert.NotAfter)
		f.warning()
	}
}

// Chain checks the server's certificate and those that signed it: valid now, and in the order in which clients read them.
func Chain(file File, now time.Time) diag.List {
	f := &found{File: file}
	chain, err := Certificates(file.Data)
	if err != nil {
		return nil // who reads the file first reports it
	}
	f.validity("the certificate", chain[0], now)
	for i, cert := range chain[1:] {
		if !bytes.Equal(chain[i].RawIssuer, cert.RawSubject) {
			f.whole("BERTH1524", "the server's own certificate comes first, then each that signed the one before it",
				"has certificates in the wrong order: number %d, %s, did not sign the one before it", i+2, subject(cert))
			f.warning()
			break
		}
		f.validity("the certificate of "+subject(cert)+" in "+file.Name, cert, now)
	}
	f.withoutKey()
	return f.problems
}

// withoutKey warns about a private key in a file that anybody may read.
func (f *found) withoutKey() {
	if pemBegin.Match(f.Data) && strings.Contains(string(f.Data), "PRIVATE KEY-----") {
		f.whole("BERTH1525", "keep the key in a file of its own", "has a private key in it, but berth does not handle certificate files as secrets")
		f.warning()
	}
}

// Authorities checks certificates that Sourcegraph is to trust.
func Authorities(file File, now time.Time) diag.List {
	f := &found{File: file}
	list, err := Certificates(file.Data)
	if err != nil {
		return nil // who reads the file first reports it
	}
	for _, cert := range list {
		f.validity("the certificate authority "+subject(cert)+" in "+file.Name, cert, now)
		if !cert.IsCA && !bytes.Equal(cert.RawIssuer, cert.RawSubject) {
			f.whole("BERTH1526", "name the certificate that signed it: "+cert.Issuer.String(), "has a server's certificate, %s, instead of a certificate authority", subject(cert))
			f.warning()
		}
	}
	f.withoutKey()
	return f.problems
}
