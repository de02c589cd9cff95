package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"berth/testbed/internal/release"
)

func env(of map[string]string) func(string) string { return func(k string) string { return of[k] } }

func TestRunRefusesAndNamesTheVariable(t *testing.T) {
	err := run(context.Background(), []string{"gitserver"}, env(map[string]string{"STANDIN_VERSION": "7.5.4453"}))
	if err == nil || !strings.Contains(err.Error(), "gitserver: SRC_FRONTEND_INTERNAL is not set") {
		t.Errorf("got %v", err)
	}
	if err := run(context.Background(), []string{"caddy"}, env(nil)); err == nil || !strings.Contains(err.Error(), "zoekt-webserver") {
		t.Errorf("an unknown role: got %v, want the list of roles", err)
	}
}

func TestSiteConfig(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	first := write("first.json", `{"externalURL": "http://old", "auth.providers": [], // comment
	}`)
	second := write("second.json", `{"externalURL": "https://sg.example.com", "licenseKey": "secret-license-1234"}`)
	f := &frontend{service: &service{env: env(map[string]string{"SITE_CONFIG_FILE": first + ":" + second})}}
	w := httptest.NewRecorder()
	f.getSiteConfig(w, httptest.NewRequest("GET", "/api/site-config", nil))
	var got struct {
		ExternalURL, LicenseKey string
		Keys                    []string
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.ExternalURL != "https://sg.example.com" || got.LicenseKey != "…1234" || len(got.Keys) != 3 {
		t.Errorf("got %+v", got)
	}
	f.env = env(map[string]string{"SITE_CONFIG_FILE": first + ":" + filepath.Join(dir, "missing.json")})
	if _, err := f.siteConfig(); err == nil || !strings.Contains(err.Error(), "missing.json") {
		t.Errorf("a missing file: got %v", err)
	}
}

func TestHealthObeysTheFaultSwitch(t *testing.T) {
	for fail, want := range map[string]int{"": http.StatusOK, "unhealthy": http.StatusServiceUnavailable} {
		s := &service{version: "7.5.4453", minor: release.Must("7.5"), env: env(map[string]string{"STANDIN_FAIL": fail})}
		w := httptest.NewRecorder()
		s.mux(always).ServeHTTP(w, httptest.NewRequest("GET", "/healthz", nil))
		if w.Code != want {
			t.Errorf("STANDIN_FAIL=%q: %d, want %d", fail, w.Code, want)
		}
	}
}

func TestParseQuery(t *testing.T) {
	text, repo, file := parse("repo:demo  func main file:.go")
	if text != "func main" || repo != "demo" || file != ".go" {
		t.Errorf("got %q, %q, %q", text, repo, file)
	}
}

func TestFormTakesJSONWhateverItIsCalled(t *testing.T) {
	for _, body := range []string{`{"name": "a/b", "cloneURL": "file:///x"}`, "name=a%2Fb&cloneURL=file%3A%2F%2F%2Fx"} {
		r := httptest.NewRequest("POST", "/api/repos", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		got, err := form(r, "name", "cloneURL")
		if err != nil || got["name"] != "a/b" || got["cloneURL"] != "file:///x" {
			t.Errorf("%s: got %v, %v", body, got, err)
		}
	}
}

func TestRepoNames(t *testing.T) {
	for name, want := range map[string]bool{"github.com/a/b.c": true, "a": true, "": false, "/a": false, "a//b": false, ".git/x": false, "a/../b": false, "a b": false, "-x": true} {
		if got := repoName.MatchString(name); got != want {
			t.Errorf("%q: got %v, want %v", name, got, want)
		}
	}
}

func TestPasswords(t *testing.T) {
	a, err := hash("secret", []byte("salt"))
	b, err2 := hash("secret", []byte("salt"))
	c, err3 := hash("other", []byte("salt"))
	if err != nil || err2 != nil || err3 != nil || a != b || a == c {
		t.Errorf("got %s, %s, %s", a, b, c)
	}
}

func TestFatal(t *testing.T) {
	got := fatal(errors.New(`migrator: "7.1" != "7.2", a > b`), "7.5.0").Error()
	if !strings.HasPrefix(got, `{"SeverityText":"FATAL",`) || !strings.Contains(got, `"Body":"\"7.1\" != \"7.2\", a > b"`) {
		t.Errorf("got %s", got)
	}
}
