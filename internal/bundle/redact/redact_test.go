package redact

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"math/rand/v2"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// forms are ways in which programs write a text. Each gives one.
var forms = map[string]func(r *rand.Rand, text string) string{
	"as it is": func(_ *rand.Rand, t string) string { return t },
	"json": func(_ *rand.Rand, t string) string {
		b, _ := json.Marshal(t)
		return string(b[1 : len(b)-1])
	},
	"json without html": func(_ *rand.Rand, t string) string {
		return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "/", `\/`).Replace(t)
	},
	"every sign in json": func(_ *rand.Rand, t string) string { return every(t, `\u00%02x`) },
	"some signs in json": func(r *rand.Rand, t string) string { return some(r, t, `\u00%02X`) },
	"every sign in c":    func(_ *rand.Rand, t string) string { return every(t, `\x%02x`) },
	"octal":              func(_ *rand.Rand, t string) string { return every(t, `\%03o`) },
	"url query":          func(_ *rand.Rand, t string) string { return url.QueryEscape(t) },
	"url path":           func(_ *rand.Rand, t string) string { return url.PathEscape(t) },
	"every sign in url":  func(_ *rand.Rand, t string) string { return every(t, `%%%02X`) },
	"some signs in url":  func(r *rand.Rand, t string) string { return some(r, t, `%%%02x`) },
	"html":               func(_ *rand.Rand, t string) string { return html.EscapeString(t) },
	"every sign in html": func(_ *rand.Rand, t string) string { return every(t, `&#x%x;`) },
	"yaml":               func(_ *rand.Rand, t string) string { return strings.ReplaceAll(t, `'`, `''`) },
	"shell":              func(_ *rand.Rand, t string) string { return strings.ReplaceAll(t, `'`, `'\''`) },
	"shell with quotes":  func(_ *rand.Rand, t string) string { return strings.ReplaceAll(t, `'`, `'"'"'`) },
	"shell with backslashes": func(_ *rand.Rand, t string) string {
		var b strings.Builder
		for _, c := range t {
			if strings.ContainsRune(" '\"\\$&|;<>()*?[]#~%!`", c) {
				b.WriteByte('\\')
			}
			b.WriteRune(c)
		}
		return b.String()
	},
	"go":  func(_ *rand.Rand, t string) string { return strings.Trim(strconv.Quote(t), `"`) },
	"hex": func(_ *rand.Rand, t string) string { return hex.EncodeToString([]byte(t)) },
	"HEX": func(_ *rand.Rand, t string) string { return strings.ToUpper(hex.EncodeToString([]byte(t))) },
	"base64": func(r *rand.Rand, t string) string {
		return base64.StdEncoding.EncodeToString([]byte(noise(r, r.IntN(3)) + t + noise(r, r.IntN(3))))
	},
	"base64 url": func(r *rand.Rand, t string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(noise(r, r.IntN(3)) + t))
	},
	"gzip in base64": func(_ *rand.Rand, t string) string {
		return base64.StdEncoding.EncodeToString(packed("a line before\n" + t + "\n"))
	},
	"wrapped":   func(r *rand.Rand, t string) string { return wrapped(t, 16+r.IntN(60), "\n") },
	"indented":  func(r *rand.Rand, t string) string { return wrapped(t, 16+r.IntN(60), "\n    ") },
	"commented": func(r *rand.Rand, t string) string { return wrapped(t, 16+r.IntN(60), "\r\n# ") },
	"continued": func(r *rand.Rand, t string) string { return wrapped(t, 16+r.IntN(60), "\\\n") },
}

func every(text, form string) string {
	var b strings.Builder
	for i := range len(text) {
		fmt.Fprintf(&b, form, text[i])
	}
	return b.String()
}

func some(r *rand.Rand, text, form string) string {
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; r.IntN(3) == 0 || strings.IndexByte(`\"'%&`, c) >= 0 {
			fmt.Fprintf(&b, form, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func packed(text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	w.Close()
	return b.Bytes()
}

func wrapped(text string, width int, with string) string {
	var lines []string
	for ; len(text) > width; text = text[width:] {
		lines = append(lines, text[:width])
	}
	return strings.Join(append(lines, text), with)
}

// noise is text as around secrets in logs.
func noise(r *rand.Rand, n int) string {
	const signs = "abcdefghijklmnopqrstuvwxyz0123456789    .:,/-"
	b := make([]byte, n)
	for i := range b {
		b[i] = signs[r.IntN(len(signs))]
	}
	return string(b)
}

// made is a secret as people and programs make them.
func made(r *rand.Rand) string {
	alphabet := []string{"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", "0123456789abcdef", "abcdefgh ijklm nopqrs", `abcXYZ019!"#$%&'()*+,-./:;<=>?@[\]^_{|}~`}[r.IntN(4)]
	b := make([]byte, 8+r.IntN(40))
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return "Z" + strings.TrimSpace(string(b)) + "q7"
}

// hidden is a secret in up to three forms within each other.
func hidden(r *rand.Rand, text string) (string, []string) {
	names := slices.Sorted(maps.Keys(forms))
	var used []string
	broken := false
	for range 1 + r.IntN(3) {
		name := names[r.IntN(len(names))]
		breaks := slices.Contains([]string{"wrapped", "indented", "commented", "continued"}, name)
		if breaks && broken {
			continue // nobody breaks lines twice
		}
		broken = broken || breaks
		text, used = forms[name](r, text), append(used, name)
	}
	return text, used
}

// rests reports whether a third of a hidden secret is still there, and at least some signs: what is around a secret in base64 may stay.
func rests(masked, hidden string, least int) string {
	n := min(len(hidden), max(least, len(hidden)/3))
	for i := 0; i+n <= len(hidden); i++ {
		if strings.Contains(masked, hidden[i:i+n]) {
			return hidden[i : i+n]
		}
	}
	return ""
}

// try hides a secret by chance, and masks it by its value alone.
func try(seed uint64) error {
	r := rand.New(rand.NewPCG(seed, 7))
	value := made(r)
	text, used := hidden(r, value)
	if len(text) > 4<<10 {
		return nil // more than what programs write, and than what a margin holds
	}
	known := []Value{{Text: made(r), What: "another"}, {Text: value, What: "secret"}}
	around := "a line\n" + noise(r, r.IntN(200)) + []string{" ", "=", `"`, "\n", ":"}[r.IntN(5)]
	after := []string{" ", `"`, "\n", ","}[r.IntN(4)] + noise(r, r.IntN(200)) + "\n"
	whole := around + text + after
	masked := New(Known(known)).Text(whole)
	if rest := rests(masked, text, 64); rest != "" {
		return fmt.Errorf("seed %d: %q as %v:\n%q\nbecomes\n%q", seed, value, used, whole, masked)
	}
	return nil
}

// TestHiddenSecrets hides secrets in forms within forms. BERTH_TRIES is how often, from BERTH_FIRST on: make redact tries a million.
func TestHiddenSecrets(t *testing.T) {
	tries, begin := 3000, uint64(0)
	if n, err := strconv.Atoi(os.Getenv("BERTH_TRIES")); err == nil {
		tries = n
	}
	if n, err := strconv.ParseUint(os.Getenv("BERTH_FIRST"), 10, 64); err == nil {
		begin = n
	}
	failed := 0
	// A secret of signs with escapes of a shell within those of a URL, far before the only escape of JSON.
	if err := try(214_608); err != nil {
		t.Error(err)
	}
	for seed := range uint64(tries) {
		if err := try(begin + seed); err != nil {
			if failed++; failed <= 10 {
				t.Error(err)
			}
		}
	}
	if failed > 0 {
		t.Errorf("%d of %d tries leak", failed, tries)
	}
}
