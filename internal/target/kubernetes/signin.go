package kubernetes

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os"
	"strings"
	"time"

	"berth/internal/diag"
)

// outdated says what of the kubeconfig is not valid now, before anything is asked: the API server would only say that it does not know us.
func (a *access) outdated(now time.Time) diag.List {
	c := a.config
	refuse := func(what string, at time.Time) diag.List {
		return a.in(problem("BERTH3414", a.subject(), what+" "+at.UTC().Format("2006-01-02 15:04 MST"), "sign in again with your provider, or get a new kubeconfig; check the clock of this machine"))
	}
	if certificate := firstCertificate(contentOf(c.CertData, c.CertFile)); certificate != nil {
		switch {
		case now.After(certificate.NotAfter):
			return refuse("the client certificate of user "+a.user+" expired on", certificate.NotAfter)
		case now.Before(certificate.NotBefore):
			return refuse("the client certificate of user "+a.user+" is valid only from", certificate.NotBefore)
		}
	}
	// A file's token may be replaced by a new one at any time.
	if end, ok := endOf(c.BearerToken); ok && c.BearerTokenFile == "" && now.After(end) {
		return refuse("the token of user "+a.user+" expired on", end)
	}
	return nil
}

// doubts says what is unsafe in the kubeconfig.
func (a *access) doubts() (problems diag.List) {
	warn := func(summary, hint string) {
		list := a.in(problem("BERTH3415", a.subject(), summary, hint))
		list[0].Severity = diag.Warning
		problems = append(problems, list...)
	}
	if a.config.Insecure {
		warn("the certificate of the API server is not verified: insecure-skip-tls-verify", "name the cluster's certificate-authority in the kubeconfig; passwords of databases go over this connection")
	}
	if strings.HasPrefix(a.config.Host, "http://") {
		warn("the connection to the API server at "+a.config.Host+" is not encrypted", "write its address with https; passwords of databases go over this connection")
	}
	if info, err := os.Stat(a.file); a.context != "" && err == nil && info.Mode().Perm()&0o004 != 0 {
		warn("everybody on this machine can read "+a.file, "chmod 600 "+a.file)
	}
	return problems
}

// contentOf is a text that a kubeconfig has in itself or in a file.
func contentOf(data []byte, file string) []byte {
	if len(data) == 0 && file != "" {
		data, _ = os.ReadFile(file) // making the client reports it
	}
	return data
}

// firstCertificate is the first certificate of a text; nil without one, which making the client reports.
func firstCertificate(text []byte) *x509.Certificate {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil
	}
	return certificate
}

// endOf is when a token ends, if it is one that says so (RFC 7519).
func endOf(token string) (end time.Time, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return end, false
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct{ Exp int64 }
	if err != nil || json.Unmarshal(text, &claims) != nil || claims.Exp == 0 {
		return end, false
	}
	return time.Unix(claims.Exp, 0), true
}
