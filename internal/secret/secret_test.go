package secret

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"

	"berth/catalogue"
)

func TestName(t *testing.T) {
	for _, name := range []string{"PGPASSWORD", "DB_PASSWORD", "githubToken", "API_KEY", "SENTRY_DSN", "AWS_SECRET_ACCESS_KEY", "client-secret", "CREDENTIALS", "REDIS_AUTH",
		"SRC_ACCESS_TOKEN", "API_KEY_2", "CODEINTEL_PGDATASOURCE", "apikey", "SLACK_PAT", "licenseKey", "CODEINTEL_PGPASSWORD", "db.password"} {
		if !Name(name) {
			t.Errorf("%s is not taken for the name of a secret", name)
		}
	}
	for _, name := range []string{"", "HOST", "LOG_LEVEL", "KEYBOARD", "key", "TOKEN_TTL", "SECRET_NAME", "TLS_KEY_FILE", "SRC_GIT_SERVERS", "MONKEY", "auth.providers", "KEY_PREFIX", "compass", "AUTHOR", "PATH"} {
		if Name(name) {
			t.Errorf("%s is taken for the name of a secret", name)
		}
	}
}

// secrets has one secret of each kind.
var secrets = map[string]string{
	"github":      "ghp_0123456789abcdefghijABCDEFGHIJ012345",
	"github-fine": "github_pat_11AAAAAAA0123456789abcdef_ABCDEFGHIJ",
	"gitlab":      "glpat-ABCDEFGHIJ0123456789",
	"sourcegraph": "sgp_0123456789abcdef_0123456789abcdef0123456789abcdef01234567",
	"license":     "slk-eyJhbGciOiJub25lIn0.abcdefgh",
	"aws":         "AKIAIOSFODNN7EXAMPLE",
	"slack":       "xoxb-123456789012-abcdefghijkl",
	"jwt":         "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
	"key":         "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----",
	"random":      "Zk3vQ9xT1mB7yR5wN2cL8dF4",
	"bearer":      "Bearer abcdefghijk",
	"age":         "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ",
}

func TestValue(t *testing.T) {
	for kind, value := range secrets {
		if _, found := Value(value); !found {
			t.Errorf("%s is not found", kind)
		}
		masked := Mask("before " + value + " after")
		if strings.Contains(masked, value) || !strings.HasPrefix(masked, "before ") {
			t.Errorf("%s: %s", kind, masked)
		}
	}
	for _, value := range []string{"postgres://sg:hunter2@db.example.com/sg", "redis://:hunter2@cache:6379", "http://user:p%40ss@proxy:3128", "host=db password=hunter2 user=sg",
		"0123456789abcdef0123456789abcdef"} {
		if _, found := Value(value); !found {
			t.Errorf("%s is not found", value)
		}
	}
	for _, value := range []string{"", "true", "12345", "http://proxy.example.com:3128", "postgres://sg@db/sg", "git@github.com:sourcegraph/sourcegraph.git", "7.5.4453",
		"gitserver-0:3178 gitserver-1:3178", "/etc/berth/site-config/admin.json", "${PASSWORD}", "http://user:${PW}@proxy", "postgres://sg:*****@db/sg",
		"index.docker.io/sourcegraph/frontend:7.5.4453@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		"2026-11-28T11:47:10Z", "SourcegraphFrontendInternalService", "12345678901234567890123456789012", "a-b-c-d-e-f-g-h-i-j-k-l-m-n-o-p"} {
		if what, found := Value(value); found {
			t.Errorf("%q is taken for %s", value, what)
		}
		if got := Mask(value); got != value {
			t.Errorf("%q becomes %q", value, got)
		}
	}
}

// TestTracesStay: a name and an identity in hexadecimal are no generated word together.
func TestTracesStay(t *testing.T) {
	const line = "level=info traceID=9dcec3ad077dec6cc8d04605312f8088 took=12ms"
	if got := Mask(line); got != line {
		t.Error(got)
	}
}

// TestWhatSourcegraphShipsIsNoSecret: in what releases set, only well-known passwords look like secrets.
func TestWhatSourcegraphShipsIsNoSecret(t *testing.T) {
	cat := catalogue.Embedded()
	for _, version := range []string{"5.0.0", "6.0.0", "7.5.4453"} {
		release, err := cat.Release(version, catalogue.Compose)
		if err != nil {
			t.Fatal(err)
		}
		for service, s := range release.Services {
			if s.Compose == nil {
				continue
			}
			for name, value := range s.Compose.Env {
				what, found := Looks(name, value.Text)
				known := strings.HasSuffix(name, "PASSWORD") || strings.Contains(value.Text, "postgres:password@")
				if found && !known {
					t.Errorf("%s %s: %s=%s looks like %s", version, service, name, value.Text, what)
				}
			}
		}
	}
}

func TestLine(t *testing.T) {
	for text, want := range map[string]string{
		"  DB_PASSWORD: hunter2":                         "  DB_PASSWORD: *******",
		"    env: {DB_PASSWORD: hunter2, A: b}":          "    env: {DB_PASSWORD: *******, A: b}",
		"    env: {DB_PASSWORD: hunter2,x, A: b}":        "    env: {DB_PASSWORD: *********, A: b}",
		"  DB_PASSWORD: \"a b\" # mine":                  "  DB_PASSWORD: ***** # mine",
		"license: {env: LICENSE}":                        "license: {env: LICENSE}",
		"env: {API_TOKEN: {file: token}}":                "env: {API_TOKEN: {file: token}}",
		"API_TOKEN: |\n  hunter2":                        "  *******",
		"API_TOKEN:\n\n    hunter2":                      "    *******",
		"API_TOKEN:\n  env: TOKEN":                       "  env: TOKEN",
		"A: {API_TOKEN: {env: T},\n  B: c}":              "  B: c}",
		"- {name: DB_PASSWORD, value: hunter2, b: c}":    "- {name: DB_PASSWORD, value: *******, b: c}",
		"- name: DB_PASSWORD\n  value: hunter2":          "  value: *******",
		"- name: DB_HOST\n  value: db":                   "  value: db",
		"tls:\n  key: tls.key":                           "  key: tls.key",
		"tlsSecret: tls":                                 "tlsSecret: tls",
		"http: http://me:hunter2@proxy:3128":             "http: http://me:*******@proxy:3128",
		"# ghp_0123456789abcdefghijABCDEFGHIJ012345 :":   "# **************************************** :",
		"url: https://sourcegraph.example.com":           "url: https://sourcegraph.example.com",
		"release: 7.5.4453                  # change it": "release: 7.5.4453                  # change it",
	} {
		lines := strings.Split(text, "\n")
		if got := Line(lines, len(lines)-1, func(name string) bool { return name == "tlsSecret" }); got != want {
			t.Errorf("%q\n got %q\nwant %q", text, got, want)
		}
	}
}

func TestJSON(t *testing.T) {
	for line, want := range map[string]string{
		`  "token": "hunter2", // mine`: `  "token": *********, ** ****`,
		`  "token": hunter2`:            `  "token": *******`,
		`{"a": [true, null, 12],}`:      `{"a": [true, null, **],}`,
		`  "url": "https://a\"b`:        `  "url": ` + strings.Repeat("*", 13),
	} {
		if got := JSON(line); got != want {
			t.Errorf("%s\n got %q\nwant %q", line, got, want)
		}
	}
}

func TestOutput(t *testing.T) {
	for line, want := range map[string]string{
		`level=info token=hunter2 msg="x"`:                   `level=info token=***** msg="x"`,
		`{"password":"hun ter","user":"sg"}`:                 `{"password":*****,"user":"sg"}`,
		`connect postgres://sg:hunter2@pgsql:5432: refused`:  `connect postgres://sg:*****@pgsql:5432: refused`,
		`duplicate key value violates constraint "a", k=(1)`: `duplicate key value violates constraint "a", k=(1)`,
	} {
		if got := Output(line); got != want {
			t.Errorf("%s\n got %s\nwant %s", line, got, want)
		}
	}
}

// TestHide: a known secret is masked in every form in which a text may contain it.
func TestHide(t *testing.T) {
	const value = `correct "horse" & battery`
	key := "line one of a long key\nline two of a long key\n"
	text := []string{value, `"correct \"horse\" \u0026 battery"`, url.QueryEscape(value), url.PathEscape(value), base64.StdEncoding.EncodeToString([]byte(value)),
		"a line two of a long key", "nothing"}
	file := "{\n  // mine\n  \"auth.providers\": [{\"clientSecret\": \"hunter22\"}]\n}\n"
	got := Hide([]string{value, key, "", "abc", file})(append(text, "login with hunter22 failed"))
	if got[7] != "login with ***** failed" {
		t.Error(got[7])
	}
	for i, line := range got[:6] {
		if !strings.Contains(line, Stars) || strings.Contains(line, "horse") || strings.Contains(line, "long key") {
			t.Errorf("%q is shown as %q", text[i], line)
		}
	}
	if got[6] != "nothing" {
		t.Error(got[6])
	}
}
