// Package secret is the one list of what looks like a secret, and the one way to mask secrets. Its input is a text; its output is the text
// with stars in place of secrets. Everything that berth prints, records or writes for other tools goes through it. It masks known secrets
// by their value, and everything else by its form.
package secret

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Stars replace a secret.
const Stars = "*****"

// words are parts of names that suggest a secret, anywhere in a name: PGPASSWORD, githubToken.
var words = []string{"password", "passwd", "passphrase", "secret", "token", "credential", "apikey", "privatekey", "accesskey", "datasource", "netrc"}

// lastWords suggest a secret as the last of several words of a name: API_KEY, SENTRY_DSN, but not KEYBOARD, nor the key of a label.
var lastWords = []string{"key", "keys", "dsn", "pwd", "pass", "auth", "license", "licence", "pat", "cookie", "salt"}

// harmless are last words of names that say how much, how long or where: TOKEN_TTL, SECRET_NAME, KEY_FILE.
var harmless = []string{"file", "files", "path", "dir", "name", "names", "ttl", "timeout", "limit", "size", "count", "interval", "duration", "length", "enabled",
	"expiration", "expiry", "seconds", "minutes", "days", "max", "min", "mode", "type", "algorithm", "command", "concurrency", "ref"}

// Name reports whether a name suggests that its value is a secret: DB_PASSWORD, accessToken, SENTRY_DSN.
func Name(name string) bool {
	parts := split(strings.TrimRight(name, "0123456789_"))
	if len(parts) == 0 || slices.Contains(harmless, parts[len(parts)-1]) {
		return false
	}
	joined := strings.Join(parts, "")
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(joined, w) }) ||
		len(parts) > 1 && slices.Contains(lastWords, parts[len(parts)-1])
}

// split splits a name into words in small letters: "dbPassword", "DB_PASSWORD" and "db-password" are two words.
func split(name string) []string {
	var b strings.Builder
	last := rune(0)
	for _, r := range name {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			r = ' '
		case unicode.IsUpper(r) && unicode.IsLower(last):
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
		last = r
	}
	return strings.Fields(b.String())
}

// pattern is a form that only secrets have.
type pattern struct {
	what   string
	quick  []string // every text that matches has one of them, in small letters: a quick search rules most texts out
	regexp func() *regexp.Regexp
	group  int // the part that is secret
}

func lazy(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// patterns are compiled when a text has what they begin with, so that a program that sees no secret starts as fast as without them.
//
// Sources: the makers of the tokens document the prefixes, such as
// https://docs.github.com/authentication/keeping-your-account-and-data-secure/about-authentication-to-github,
// https://docs.gitlab.com/security/tokens/ and https://sourcegraph.com/docs/cli/how-tos/creating_an_access_token.
var patterns = []pattern{
	{"a private key", []string{"-----begin"}, lazy(`(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|$)`), 0},
	{"a password in a URL", []string{"@"}, lazy(`[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#:@"'<>]*:([^\s"'<>]*)@`), 1},
	{"a password", []string{"@"}, lazy(`(?:^|[\s"'(=/])[A-Za-z0-9_.%+-]+:([^\s:/@"']+)@[A-Za-z0-9]`), 1},
	{"a password", []string{"password"}, lazy(`(?i)\bpassword\s*=\s*('(?:[^'\\]|\\.)*'|[^\s&;,'"]+)`), 1},
	{"a token of GitHub", []string{"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"}, lazy(`\b(?:gh[pousr]|github_pat)_[A-Za-z0-9_]{16,}`), 0},
	{"a token of GitLab", []string{"glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glimt-", "glagent-", "glsoat-"}, lazy(`\bgl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat)-[A-Za-z0-9_=.-]{12,}`), 0},
	{"a token of Sourcegraph", []string{"sgp_", "sgd_"}, lazy(`\bsg[pd]_[A-Za-z0-9_]{16,}`), 0},
	{"a license key of Sourcegraph", []string{"slk-", "slk_"}, lazy(`\bslk[-_][A-Za-z0-9_.-]{8,}`), 0},
	{"an access key of AWS", []string{"akia", "asia"}, lazy(`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`), 0},
	{"a token of Slack", []string{"xox"}, lazy(`\bxox[abeoprs]-[A-Za-z0-9-]{10,}`), 0},
	{"an API key", []string{"sk-", "sk_"}, lazy(`\bsk[-_](?:ant-|live_|test_|proj-)?[A-Za-z0-9_-]{20,}`), 0},
	{"an API key of Google", []string{"aiza"}, lazy(`\bAIza[A-Za-z0-9_-]{30,}`), 0},
	{"a token of npm", []string{"npm_"}, lazy(`\bnpm_[A-Za-z0-9]{30,}`), 0},
	{"a token of Atlassian", []string{"atatt3"}, lazy(`\bATATT3[A-Za-z0-9_=-]{20,}`), 0},
	{"a secret key of age", []string{"age-secret-key-"}, lazy(`(?i)\bAGE-SECRET-KEY-1[A-Z0-9]{20,}`), 0},
	{"a signed token", []string{"eyj"}, lazy(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`), 0},
	{"a sign-in", []string{"bearer "}, lazy(`(?i)\bbearer\s+([A-Za-z0-9._~+/=-]{8,})`), 1},
	{"a sign-in", []string{"basic "}, lazy(`\b[Bb]asic\s+([A-Za-z0-9+/]{8,}={1,2}|[A-Za-z0-9+/]{24,})`), 1},
}

// among are the patterns that a text may match.
func among(text string) []pattern {
	low := strings.ToLower(text)
	var out []pattern
	for _, p := range patterns {
		if slices.ContainsFunc(p.quick, func(q string) bool { return strings.Contains(low, q) }) {
			out = append(out, p)
		}
	}
	return out
}

// Value reports whether a whole value looks like a secret, and which kind: "a token of GitHub".
func Value(value string) (what string, found bool) {
	for _, p := range among(value) {
		if len(p.found(value)) > 0 {
			return p.what, true
		}
	}
	if random(value, 20) || hexKey(strings.TrimSpace(value)) {
		return "a random key", true
	}
	return "", false
}

// found are the places that match a pattern, without placeholders of secrets, and without images: name:tag@sha256.
func (p pattern) found(text string) [][2]int {
	var out [][2]int
	for _, m := range p.regexp().FindAllStringSubmatchIndex(text, -1) {
		if from, to := m[2*p.group], m[2*p.group+1]; !placeholder(text[from:to]) && !strings.HasPrefix(text[to:], "@sha256:") {
			out = append(out, [2]int{from, to})
		}
	}
	return out
}

// placeholder reports what only stands for a secret: nothing, stars, a variable.
func placeholder(text string) bool {
	return strings.Trim(text, "*x.") == "" || strings.HasPrefix(text, "$") || strings.HasPrefix(text, "<") || strings.HasPrefix(text, "{")
}

// hexKey reports keys such as `openssl rand -hex 16` and longer ones write.
func hexKey(text string) bool {
	return len(text) >= 32 && strings.Trim(text, "0123456789abcdef") == "" && strings.Trim(text, "0123456789") != "" || len(text) >= 32 && len(text)%8 == 0 &&
		strings.Trim(text, "0123456789ABCDEF") == "" && strings.Trim(text, "0123456789") != ""
}

// random reports whether a text is one generated word: small and capital letters and digits, evenly mixed.
func random(text string, least int) bool {
	if len(text) < least {
		return false
	}
	var lower, upper, digit, changes int
	var seen [256]int
	kind := func(c byte) int {
		switch {
		case c >= 'a' && c <= 'z':
			return 1
		case c >= 'A' && c <= 'Z':
			return 2
		case c >= '0' && c <= '9':
			return 3
		}
		return 0
	}
	for i := range len(text) {
		c := text[i]
		switch kind(c) {
		case 1:
			lower++
		case 2:
			upper++
		case 3:
			digit++
		default:
			if !strings.ContainsRune("+/_=-", rune(c)) {
				return false
			}
		}
		if i > 0 && kind(c) != kind(text[i-1]) {
			changes++
		}
		seen[c]++
	}
	entropy := 0.0
	for _, n := range seen {
		if n == 0 {
			continue
		}
		p := float64(n) / float64(len(text))
		entropy -= p * math.Log2(p)
	}
	return lower > 0 && upper > 0 && digit > 0 && changes*3 >= len(text) && entropy >= 3.5
}

// Looks reports whether a named value looks like a secret, by its name or by itself, and which kind. A value that only turns something on
// or off, or is empty, is none, whatever its name.
func Looks(name, value string) (what string, found bool) {
	if what, found = Value(value); found {
		return what, true
	}
	if Name(name) && !plainAnswers(value) {
		return "a secret by its name", true
	}
	return "", false
}

// Mask replaces everything in a text that looks like a secret by itself with stars: tokens, private keys, passwords in URLs.
func Mask(text string) string { return mask(text, stars) }

// stars hide even the length of a secret.
func stars(string) string { return Stars }

// columns is as long as the secret, so that the columns of a file's line stay.
func columns(text string) string { return strings.Repeat("*", utf8.RuneCountInString(text)) }

func mask(text string, hide func(string) string) string {
	for _, p := range among(text) {
		var b strings.Builder
		last := 0
		for _, at := range p.found(text) {
			b.WriteString(text[last:at[0]] + hide(text[at[0]:at[1]]))
			last = at[1]
		}
		text = b.String() + text[last:]
	}
	return maskRandom(text, hide)
}

// leastRandom is the least length of a word inside a text that counts as a random key.
const leastRandom = 24

// maskRandom masks long generated words. A name before an equals sign is none of one: traceID=9dce.
func maskRandom(text string, hide func(string) string) string {
	part := func(c byte) bool {
		return letter(c) || c >= '0' && c <= '9' || c == '+' || c == '_' || c == '-'
	}
	for i := 0; i < len(text); {
		from := i
		for i < len(text) && part(text[i]) {
			i++
		}
		if word := text[from:i]; len(word) >= leastRandom && random(word, leastRandom) {
			hidden := hide(word)
			text, i = text[:from]+hidden+text[i:], from+len(hidden)
		}
		i++
	}
	return text
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// Output masks a line that a program wrote: what looks like a secret by itself, and the word after a name that suggests one, `TOKEN=abc` or
// `"token": "abc"`.
func Output(line string) string {
	return named(Mask(line), stars, oneWord, func(name string) bool { return Name(name) })
}

// Line masks a line of a file that people write, by itself and by the line that it belongs to. A value whose name suggests a secret is
// masked to its end, also on further lines. plain are names that suggest a secret elsewhere, but not in this file. Columns stay.
func Line(lines []string, i int, plain func(name string) bool) string {
	line := lines[i]
	entry := namesSecret(line) || i > 0 && namesSecret(lines[i-1]) // {name: PASSWORD, value: TEXT}, as Kubernetes has variables
	isSecret := func(name string) bool { return Name(name) && !plain(name) || entry && name == "value" }
	if rest := strings.TrimLeft(line, " \t"); rest != "" && !refers(rest) {
		if at := parent(lines, i); at >= 0 && isSecret(lastName(lines[at])) {
			return line[:len(line)-len(rest)] + columns(rest)
		}
	}
	return named(mask(line, columns), columns, toEnd, isSecret)
}

// namesSecret reports whether a value of a line is a name that suggests a secret.
func namesSecret(line string) bool {
	_, after, ok := strings.Cut(line, "name:")
	return ok && Name(strings.Trim(after[:oneWord(strings.TrimLeft(after, " "))+len(after)-len(strings.TrimLeft(after, " "))], `"' `))
}

// parent is the line that a line belongs to: the closest above it with less indentation; -1 for none.
func parent(lines []string, i int) int {
	indent := func(s string) int { return len(s) - len(strings.TrimLeft(s, " \t")) }
	for at := i - 1; at >= 0; at-- {
		if strings.TrimSpace(lines[at]) != "" && indent(lines[at]) < indent(lines[i]) {
			return at
		}
	}
	return -1
}

// refers reports whether a value, or a line of one, says where a secret is and not what it is.
func refers(value string) bool {
	value = strings.TrimLeft(value, "{ ")
	return strings.HasPrefix(value, "env:") || strings.HasPrefix(value, "file:")
}

// named masks the values of names that suggest secrets: `name: value`, `name=value`, `"name": "value"`. extent says how long a value is.
func named(text string, hide func(string) string, extent func(string) int, isSecret func(string) bool) string {
	for at := 0; at < len(text); {
		name, value := nextName(text, at)
		if value < 0 {
			break
		}
		at = value
		if name == "" || !isSecret(name) {
			continue
		}
		end := value + extent(text[value:])
		if v := strings.Trim(text[value:end], `"'\, `); v == "" || refers(text[value:]) || placeholder(v) || plainAnswers(v) || strings.Trim(v, "|>+-[{") == "" {
			continue
		}
		hidden := hide(text[value:end])
		text, at = text[:value]+hidden+text[end:], value+len(hidden)
	}
	return text
}

// nextName finds the next name with a value from a place on, and where the value begins; -1 when there is none.
func nextName(text string, from int) (name string, value int) {
	i := strings.IndexAny(text[from:], ":=")
	if i < 0 {
		return "", -1
	}
	i += from
	end := len(strings.TrimRight(text[:i], " \t\"'\\"))
	begin := end
	for begin > from && (letter(text[begin-1]) || text[begin-1] >= '0' && text[begin-1] <= '9' || strings.IndexByte("_-.", text[begin-1]) >= 0) {
		begin--
	}
	value = i + 1
	for value < len(text) && (text[value] == ' ' || text[value] == '\t') {
		value++
	}
	if end < begin || strings.HasPrefix(text[i:], "://") {
		return "", value
	}
	return text[begin:end], value
}

// lastName is the last name of a line that has a value, or for which one follows on the next lines.
func lastName(line string) string {
	last := ""
	for at := 0; at < len(line); {
		name, value := nextName(line, at)
		if value < 0 {
			break
		}
		last, at = name, value
	}
	return last
}

// oneWord is the length of a value in a program's output: to its closing quote, or to the next space or comma.
func oneWord(rest string) int {
	if n := quoted(rest); n > 0 {
		return n
	}
	if i := strings.IndexAny(rest, " \t,;&)}]\n"); i >= 0 {
		return i
	}
	return len(rest)
}

// toEnd is the greatest length of a value in a file: to its closing quote, to another name after a comma, or to the end of the line.
func toEnd(rest string) int {
	if n := quoted(rest); n > 0 {
		return n
	}
	for i := range len(rest) {
		if rest[i] != ',' {
			continue
		}
		after := strings.TrimLeft(rest[i+1:], " \t\"'")
		name := strings.TrimLeftFunc(after, func(r rune) bool {
			return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_-.\"'", r)
		})
		if len(name) < len(after) && strings.HasPrefix(name, ": ") {
			return i
		}
	}
	return len(rest)
}

// quoted is the length of a text in quotes, with its quotes; 0 when there is none.
func quoted(rest string) int {
	if rest == "" || rest[0] != '"' && rest[0] != '\'' {
		return 0
	}
	for i := 1; i < len(rest); i++ {
		switch {
		case rest[i] == '\\' && rest[0] == '"':
			i++
		case rest[i] == rest[0]:
			return i + 1
		}
	}
	return len(rest)
}

// JSON masks a line of a JSON file that may have secrets anywhere, such as Sourcegraph's site configuration: only names and signs remain.
// Columns stay.
func JSON(line string) string {
	return jsonWord().ReplaceAllStringFunc(line, func(word string) string {
		if strings.HasSuffix(word, ":") || plainAnswers(word) {
			return word
		}
		return columns(word)
	})
}

var jsonWord = lazy(`"(?:[^"\\]|\\.)*"\s*:|"(?:[^"\\]|\\.)*"?|[^\s{}\[\],:"]+`)

// plainAnswers reports a value that only turns something on or off, or is empty.
func plainAnswers(value string) bool {
	return slices.Contains([]string{"", "true", "false", "yes", "no", "on", "off", "none", "null"}, strings.ToLower(value))
}

// least is the length from which known secrets are searched for: any text has shorter ones by chance.
const least = 4

// Hide returns a function that masks known secrets in lines that programs wrote, in every form: as they are, in base64, in a URL, in JSON.
// It masks also all that looks like a secret.
func Hide(known []string) func(lines []string) []string {
	var pairs []string
	for _, value := range byLength(known) {
		for _, form := range Forms(value) {
			pairs = append(pairs, form, Stars)
		}
	}
	replacer := strings.NewReplacer(pairs...)
	return func(lines []string) []string {
		out := make([]string, len(lines))
		for i, line := range lines {
			out[i] = Output(replacer.Replace(line))
		}
		return out
	}
}

// into hides values, and keeps each of them.
func into(all *[]string) func(value string) string {
	return func(value string) string {
		*all = append(*all, strings.Trim(value, `"', `))
		return columns(value)
	}
}

// inside is how much of a text after `name:` is a value; of a map, each of its values is one by itself.
func inside(rest string) int {
	if strings.HasPrefix(rest, "{") || strings.HasPrefix(rest, "[") {
		return 0
	}
	return toEnd(rest)
}

// byLength orders secrets from long to short, without those that are too short. In secrets that are files, the lines of keys and the values
// of names that suggest secrets are secrets by themselves.
func byLength(secrets []string) []string {
	all := slices.Clone(secrets)
	collect := into(&all)
	for _, s := range secrets {
		if !strings.Contains(s, "\n") {
			continue
		}
		for line := range strings.Lines(s) {
			if line = strings.TrimSpace(line); len(line) >= 16 {
				all = append(all, line)
			}
			named(mask(line, collect), collect, inside, Name)
		}
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	return slices.DeleteFunc(slices.Compact(all), func(s string) bool { return len(s) < least || strings.Trim(s, "*") == "" })
}

// Forms are the forms in which a text may contain a value.
func Forms(value string) []string {
	quoted, _ := json.Marshal(value) // a text always marshals
	forms := []string{value, string(quoted[1 : len(quoted)-1]), url.QueryEscape(value), url.PathEscape(value)}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		forms = append(forms, encoding.EncodeToString([]byte(value)))
	}
	var out []string
	for _, f := range forms {
		if len(f) >= least && !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	return out
}
