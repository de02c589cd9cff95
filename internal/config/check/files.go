package check

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"reflect"
	"slices"
	"strings"

	"berth/catalogue"
	"berth/internal/address"
	"berth/internal/config"
	"berth/internal/config/contents"
	"berth/internal/diag"
	"berth/internal/jsonc"
	"berth/internal/secret"
)

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
			if _, err := contents.Certificates(data); err != nil {
				c.errorf("BERTH1137", path, "it must be PEM: -----BEGIN CERTIFICATE-----", "%s: %s contains no certificate: %v", path, v.String(), err)
			}
			if f, ok := c.fileText(path, v.String()); ok && strings.HasPrefix(path, "certificateAuthorities") {
				c.problems = append(c.problems, contents.Authorities(f, c.world.Now())...)
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
	offset, problem := jsonc.Check(data)
	if problem == "" {
		return
	}
	c.problems = append(c.problems, diag.Diagnostic{
		Code: "BERTH1159", Severity: diag.Error, Range: config.PlaceInJSON(name, data, offset),
		Summary: "no JSON: " + problem, Detail: []string{path + " names this file"}, Hint: "comments and commas at the end are allowed",
	})
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
	chain, err := contents.Certificates(certPEM)
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
			hint := "the server's own certificate must be the first in the file"
			for n := range chain[1:] {
				own := slices.Concat(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: chain[n+1].Raw}), certPEM)
				if _, err := tls.X509KeyPair(own, keyPEM); err == nil {
					hint = fmt.Sprintf("certificate number %d in the file is the server's own: put it first", n+2)
				}
			}
			c.errorf("BERTH1138", "tls.key", hint, "tls.key does not belong to the certificate in %s", t.Certificate)
		default:
			c.errorf("BERTH1137", "tls.key", "", "tls.key: %s contains no private key: %v", t.Key, err)
		}
	}
	if f, ok := c.fileText("tls.certificate", t.Certificate); ok {
		c.problems = append(c.problems, contents.Chain(f, c.world.Now())...)
	}
	for i, host := range address.Of(c.Config).Names() {
		if leaf.VerifyHostname(host) == nil {
			continue
		}
		names := slices.Concat(leaf.DNSNames, texts(leaf.IPAddresses))
		has := "it has no names at all"
		if len(names) > 0 {
			has = "it is for " + diag.Listed(names, "and")
		} else if leaf.Subject.CommonName != "" {
			has = "it has " + leaf.Subject.CommonName + " only as its common name, which browsers ignore"
		}
		whose := "the url's host"
		if i > 0 || c.parsedURL() == nil {
			whose = "a host of front.hosts"
		}
		c.errorf("BERTH1140", "tls.certificate", has, "the certificate is not for %s, %s", whose, host)
	}
}

func texts(ips []net.IP) []string {
	var list []string
	for _, ip := range ips {
		list = append(list, ip.String())
	}
	return list
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
		case s == nil, c.world.Alone, c.world.Referring && c.On == catalogue.Kubernetes:
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
