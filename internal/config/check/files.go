package check

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"net"
	"reflect"
	"slices"
	"strings"
	"time"

	"berth/internal/config"
	"berth/internal/diag"
	"berth/internal/secret"
)

// soon is how long before a certificate expires berth begins to warn.
const soon = 14 * 24 * time.Hour

// read reads a file that a key names, and reports why it can't.
func (c *checker) read(path, name string) ([]byte, bool) {
	data, err := c.world.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.errorf("BERTH1136", path, "relative paths start at the config's folder", "%s: there is no file %s", path, name)
	case err != nil:
		c.errorf("BERTH1136", path, "", "%s: %s can't be read: %s", path, name, cause(err))
	case len(bytes.TrimSpace(data)) == 0:
		c.errorf("BERTH1136", path, "", "%s: the file %s is empty", path, name)
	}
	return data, err == nil && len(bytes.TrimSpace(data)) > 0
}

// cause is an error without the path that the message has already.
func cause(err error) string {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return e.Err.Error()
	}
	return err.Error()
}

// files: the files that the config names exist, and have the right form.
func (c *checker) files() {
	c.Visit(func(k *config.Key, path string, v reflect.Value) {
		if k.File == "" || k.Kind != config.Text {
			return
		}
		data, ok := c.read(path, v.String())
		if !ok {
			return
		}
		switch k.File {
		case "certificates":
			if _, err := certificates(data); err != nil {
				c.errorf("BERTH1137", path, "it must be PEM: -----BEGIN CERTIFICATE-----", "%s: %s contains no certificate: %v", path, v.String(), err)
			}
		case "json":
			c.json(path, v.String(), data)
			if slices.ContainsFunc(strings.Split(string(data), "\n"), func(line string) bool { return secret.Output(line) != line }) {
				c.readable(path, v.String())
			}
		case "private":
			c.readable(path, v.String())
		}
	})
}

// json reports the place in the file itself, and which key names it.
func (c *checker) json(path, name string, data []byte) {
	offset, problem := checkJSON(data)
	if problem == "" {
		return
	}
	c.problems = append(c.problems, diag.Diagnostic{
		Code: "BERTH1159", Severity: diag.Error, Range: config.PlaceInJSON(name, data, offset),
		Summary: "no JSON: " + problem, Detail: []string{path + " names this file"}, Hint: "comments and commas at the end are allowed",
	})
}

func certificates(data []byte) ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
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
	if len(list) == 0 {
		return nil, errors.New("no PEM certificate found")
	}
	return list, nil
}

// certificate: it belongs to its key and to the URL's host, and is valid now.
func (c *checker) certificate() {
	t := c.TLS
	if t.Certificate == "" || t.Key == "" {
		return
	}
	certPEM, certErr := c.world.ReadFile(t.Certificate)
	keyPEM, keyErr := c.world.ReadFile(t.Key)
	if certErr != nil || keyErr != nil {
		return // the rule files reports it
	}
	chain, err := certificates(certPEM)
	if err != nil {
		return // the rule files reports it
	}
	leaf := chain[0]
	if _, err := tls.X509KeyPair(certPEM, keyPEM); err != nil {
		switch block, _ := pem.Decode(keyPEM); {
		case block == nil:
			c.errorf("BERTH1137", "tls.key", "it must be PEM: -----BEGIN PRIVATE KEY-----", "tls.key: %s contains no private key", t.Key)
		case strings.Contains(block.Type, "ENCRYPTED") || block.Headers["DEK-Info"] != "":
			c.errorf("BERTH1137", "tls.key", "write it without one:  openssl pkey -in "+t.Key, "tls.key: %s is locked with a passphrase", t.Key)
		case strings.Contains(err.Error(), "does not match"):
			c.errorf("BERTH1138", "tls.key", "the server's own certificate must be the first in the file",
				"tls.key does not belong to the certificate in %s", t.Certificate)
		default:
			c.errorf("BERTH1137", "tls.key", "", "tls.key: %s contains no private key: %v", t.Key, err)
		}
	}
	c.validity(leaf)
	if u := c.parsedURL(); u != nil && leaf.VerifyHostname(u.Hostname()) != nil {
		names := slices.Concat(leaf.DNSNames, texts(leaf.IPAddresses))
		has := "it has no names at all"
		if len(names) > 0 {
			has = "it is for " + diag.Listed(names, "and")
		} else if leaf.Subject.CommonName != "" {
			has = "it has " + leaf.Subject.CommonName + " only as its common name, which browsers ignore"
		}
		c.errorf("BERTH1140", "tls.certificate", has, "the certificate is not for the url's host, %s", u.Hostname())
	}
}

func texts(ips []net.IP) []string {
	var list []string
	for _, ip := range ips {
		list = append(list, ip.String())
	}
	return list
}

func (c *checker) validity(cert *x509.Certificate) {
	day := func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }
	switch now := c.world.Now(); {
	case now.After(cert.NotAfter):
		c.errorf("BERTH1139", "tls.certificate", "renew it", "the certificate expired on %s", day(cert.NotAfter))
	case now.Before(cert.NotBefore):
		c.errorf("BERTH1139", "tls.certificate", "is the clock of this machine right?", "the certificate is not valid before %s", day(cert.NotBefore))
	case now.Add(soon).After(cert.NotAfter):
		c.warnf("BERTH1139", "tls.certificate", "renew it", "the certificate expires soon, on %s", day(cert.NotAfter))
	}
}

// secrets: each is available, and only its owner can read its file.
func (c *checker) secrets() {
	c.Visit(func(k *config.Key, path string, v reflect.Value) {
		var s *config.Secret
		switch value := v.Interface().(type) {
		case config.Secret:
			s = &value
		case config.Value:
			s = value.Secret
		}
		switch {
		case s == nil:
		case s.Env != "" && c.world.Getenv(s.Env) == "":
			c.errorf("BERTH1143", path+".env", "set it where berth runs", "%s: the environment variable %s is not set", path, s.Env)
		case s.File != "":
			if _, ok := c.read(path+".file", s.File); ok {
				c.readable(path+".file", s.File)
			}
		}
	})
}

// readable warns about a secret's file that every user of the machine can read.
func (c *checker) readable(path, name string) {
	if info, err := c.world.Stat(name); err == nil && info.Mode().Perm()&0o004 != 0 {
		c.warnf("BERTH1144", path, "chmod 600 "+name, "%s: everybody on this machine can read %s", path, name)
	}
}
