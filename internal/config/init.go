package config

import (
	"fmt"
	"slices"
	"strings"

	"berth/catalogue"
)

// Answers are the choices for a new config.
type Answers struct {
	On               catalogue.Target
	Release          string
	URL              string
	Size             string // "": the release's sizes
	Name             string // "": the default
	Email            string // not "": a certificate from Let's Encrypt
	Certificate, Key string // not "": the admin's certificate
	Namespace        string // on Kubernetes; "": the context's
}

// Init writes a new config: a few lines, and comments about what most people add next.
func Init(a Answers) []byte {
	var b strings.Builder
	line := func(key, value, comment string) {
		text := key + ": " + value
		if comment != "" {
			text = fmt.Sprintf("%-42s # %s", text, comment)
		}
		b.WriteString(text + "\n")
	}
	b.WriteString("# What you want of Sourcegraph; everything else has Sourcegraph's default. See: berth explain, berth plan\n")
	line("on", string(a.On), "")
	line("release", scalar(a.Release), "upgrade with: berth upgrade")
	line("url", scalar(a.URL), "")
	if a.Size != "" {
		line("size", scalar(a.Size), "demo: for a laptop, no limits")
	}
	if a.Name != "" {
		line("name", scalar(a.Name), "")
	}
	switch https := strings.HasPrefix(a.URL, "https://"); {
	case a.Certificate != "":
		line("tls", fmt.Sprintf("{certificate: %s, key: %s}", scalar(a.Certificate), scalar(a.Key)), "")
	case a.Email != "":
		line("tls", fmt.Sprintf("{letsEncrypt: {email: %s}}", scalar(a.Email)), "")
	case https && a.On == catalogue.Compose:
		line("tls", "{external: true}", "a load balancer in front terminates TLS; or: berth explain tls")
	case https:
		line("tls", "{external: true}", "or kubernetes.ingress.tlsSecret; see: berth explain tls")
	}
	if a.On == catalogue.Kubernetes && a.Namespace != "" {
		line("kubernetes", fmt.Sprintf("{namespace: %s}", scalar(a.Namespace)), "created if it does not exist")
	}
	return []byte(b.String())
}

// plainForm is a text that YAML reads the same without quotes, also within braces; a URL has its colon before a slash.
var plainForm = lazy(`^[A-Za-z0-9./][A-Za-z0-9._/-]*(://[A-Za-z0-9._/-]*)?(:[0-9]+)?$`)

func scalar(text string) string {
	if reserved := slices.Contains([]string{"true", "false", "null"}, strings.ToLower(text)); !reserved && plainForm().MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}
