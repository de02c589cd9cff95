package compose_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// TestGitAsksTheProxy: with the environment of gitserver, a real git reaches code hosts by a real proxy, over http and https. It reaches everything
// inside, and the hosts of the config's list, without it.
func TestGitAsksTheProxy(t *testing.T) {
	var mutex sync.Mutex
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mutex.Lock()
		defer mutex.Unlock()
		asked = append(asked, r.Method+" "+r.Host)
		http.Error(w, "no", http.StatusBadGateway)
	}))
	defer proxy.Close()
	project := render(t, "7.5.4453", "proxy: {http: \""+proxy.URL+"\", https: \""+proxy.URL+"\", none: [direct.invalid]}")
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1"}
	for _, u := range project.Units {
		if u.Service == "gitserver" {
			for name, value := range u.Env {
				env = append(env, name+"="+value)
			}
		}
	}
	for url, want := range map[string]string{
		"http://code.invalid/a.git":                    "GET code.invalid",
		"https://code.invalid/a.git":                   "CONNECT code.invalid:443",
		"http://direct.invalid/a.git":                  "",
		"http://gitserver-0:1/a.git":                   "",
		"http://sourcegraph-frontend-internal:1/a.git": "",
	} {
		mutex.Lock()
		asked = nil
		mutex.Unlock()
		git := exec.Command("git", "ls-remote", url)
		git.Env = env
		if out, err := git.CombinedOutput(); err == nil {
			t.Fatalf("%s was found:\n%s", url, out)
		}
		mutex.Lock()
		if got := strings.Join(asked, ", "); got != want {
			t.Errorf("%s: the proxy was asked %q, want %q", url, got, want)
		}
		mutex.Unlock()
	}
}
