package bundle

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// canaryBegin is how canaries begin.
const canaryBegin = "canary-"

// canary is a text in all forms in which programs write secrets. The text is a secret that belongs to nothing: it is masked as all others are, in the
// bundle itself, and the finished archive is searched for it.
func canary(secret string) string {
	quoted, _ := json.Marshal(map[string]string{"message": secret})
	inner, _ := json.Marshal(string(quoted))
	var packed bytes.Buffer
	gz := gzip.NewWriter(&packed)
	_, _ = gz.Write([]byte("a line\n" + secret + "\n"))
	_ = gz.Close() // a buffer takes everything
	var escaped, percent strings.Builder
	for i := range len(secret) {
		fmt.Fprintf(&escaped, `\u%04x`, secret[i])
		fmt.Fprintf(&percent, "%%%02X", secret[i])
	}
	half := len(secret) / 2
	lines := []string{
		"as it is: " + secret,
		"in base64: " + base64.StdEncoding.EncodeToString([]byte(secret)),
		"in base64, after one sign: " + base64.StdEncoding.EncodeToString([]byte("x"+secret)),
		"in base64, after two signs: " + base64.URLEncoding.EncodeToString([]byte("xy"+secret)),
		"in base64 twice: " + base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(secret)))),
		"in hexadecimal: " + hex.EncodeToString([]byte(secret)),
		"in a URL: https://example.com/?a=" + url.QueryEscape(secret),
		"in a URL, every sign: " + percent.String(),
		"in JSON: " + string(quoted),
		"in JSON in a string: " + string(inner),
		"in JSON, every sign: " + escaped.String(),
		"in YAML: '" + strings.ReplaceAll(secret, "'", "''") + "'",
		"in a shell: '" + strings.ReplaceAll(secret, "'", `'\''`) + "'",
		"in two lines: " + secret[:half] + "\n    " + secret[half:],
		"compressed: " + base64.StdEncoding.EncodeToString(packed.Bytes()),
	}
	return strings.Join(lines, "\n") + "\n"
}

// canaries are several of them.
func canaries(planted []string) string {
	var b strings.Builder
	for _, one := range planted {
		b.WriteString(canary(one))
	}
	return b.String()
}

// canaryForms is how many forms there are.
var canaryForms = strings.Count(canary("12345678"), "\n") - 1
