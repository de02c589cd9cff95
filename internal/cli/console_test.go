package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"berth/internal/installation"
	"berth/internal/installation/fake"
)

// visitor is a browser in a console of an installation in memory.
type visitor struct {
	t       *testing.T
	world   *fake.World
	dir     string
	at      string // http://127.0.0.1:41234
	address string // as it was printed, with the token
	client  *http.Client
	stop    func() int // Ctrl-C, and the exit code
}

// inConsole starts a console beside a config, and goes in.
func inConsole(t *testing.T, w *fake.World, dir string) *visitor {
	t.Helper()
	read, write := io.Pipe()
	e := &Env{Stdout: write, Targets: Targets{Open: w.Open, Named: w.OpenNamed, Stored: w.OpenNamed},
		Environment: installation.Environment{Stdin: strings.NewReader(""), Stderr: write, Dir: dir, Getenv: func(string) string { return "" }, Now: w.Now}}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() { ended <- Run(ctx, e, []string{"console", "--no-open"}) }()
	printed := bufio.NewReader(read)
	address, err := printed.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, printed) //nolint // the pipe ends with the test
	v := &visitor{t: t, world: w, dir: dir, address: strings.TrimSpace(address), stop: func() int { cancel(); return <-ended }}
	u, err := url.Parse(v.address)
	if err != nil {
		t.Fatal(err)
	}
	v.at = "http://" + u.Host
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	v.client = &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return v
}

// asks sends a request; fields of its header come in pairs.
func (v *visitor) asks(method, address, body string, header ...string) (*http.Response, string) {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", v.at)
	}
	for n := 0; n < len(header); n += 2 {
		req.Header.Set(header[n], header[n+1])
		if header[n] == "Host" {
			req.Host = header[n+1]
		}
	}
	resp, err := v.client.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return resp, string(text)
}

// page is a page that must be there.
func (v *visitor) page(path string) string {
	v.t.Helper()
	resp, text := v.asks(http.MethodGet, v.at+path, "")
	if resp.StatusCode != http.StatusOK {
		v.t.Fatalf("%s: %s\n%s", path, resp.Status, text)
	}
	return text
}

// types types a command beside the console.
func (v *visitor) types(want int, args ...string) string {
	v.t.Helper()
	text, _, code := onWorld(v.world, 0, environment{dir: v.dir, getenv: func(string) string { return "" }}, args)
	if code != want {
		v.t.Fatalf("berth %v: exit %d, want %d\n%s", args, code, want, text)
	}
	return text
}

// terminal is what a page says that a terminal shows, and by which command.
var terminal = regexp.MustCompile(`(?s)<summary>In a terminal: <code>berth ([^<]*)</code></summary>\s*<pre[^>]*>(.*?)</pre>`)

// TestConsole goes through all pages on both targets, while nothing runs, while all runs, and with a config that is wrong: each says what its command says
// in a terminal, and has the document of the command.
func TestConsole(t *testing.T) {
	for _, target := range []string{"compose", "kubernetes"} {
		t.Run(target, func(t *testing.T) {
			w, dir := fake.New(), t.TempDir()
			write := func(text string) { writeConfig(t, dir, text) }
			v := inConsole(t, w, dir)
			v.asks(http.MethodGet, v.address, "")
			asTyped(v, "there is no config") // berth console itself starts without one
			write("target: " + target + "\nrelease: 7.4.0\nurl: http://localhost:7080\nbackup: {to: backups}\n")
			asTyped(v, "nothing runs")
			v.types(0, "up", "--yes")
			v.types(0, "backup")
			w.Delete("sourcegraph", map[string]string{"compose": "searcher-0", "kubernetes": "Deployment/worker"}[target])
			asTyped(v, "a service is gone")
			if page := v.page("/"); !strings.Contains(page, "Sourcegraph 7.4.0") || !strings.Contains(page, `<strong class="problem">no</strong>`) {
				t.Errorf("the service that is gone is not seen:\n%s", page)
			}
			v.types(0, "up", "--yes")
			write("target: " + target + "\nrelease: 7.4.0\nurl: http://localhost:7080\nbackup: {to: backups}\nservices: {gitserver: {memory: 9Gi}}\n")
			asTyped(v, "the config asks for more")
			if page := v.page("/plan"); !strings.Contains(page, "sourcegraph.yaml:5:") {
				t.Errorf("the plan has no reason:\n%s", page)
			}
			v.types(0, "up", "--yes")
			if page := v.page("/upgrade?to=7.5"); !strings.Contains(page, "7.4.0") || !strings.Contains(page, "class=\"picture\"") {
				t.Errorf("the upgrade has no picture:\n%s", page)
			}
			write("target: " + target + "\nrelease: 7.4\nurl: nowhere\nservices: {gitservr: {}}\n")
			asTyped(v, "the config is wrong")
			for _, code := range regexp.MustCompile(`BERTH[0-9]{4}`).FindAllString(v.types(3, "check"), -1) {
				for _, path := range []string{"/", "/plan", "/history", "/check"} {
					if !strings.Contains(v.page(path), code) {
						t.Errorf("%s does not have %s", path, code)
					}
				}
				if page := v.page("/codes/" + code); !strings.Contains(page, "What to do") {
					t.Errorf("%s is not explained:\n%s", code, page)
				}
			}
			if code := v.stop(); code != ExitOK {
				t.Errorf("Ctrl-C ends it with %d", code)
			}
		})
	}
}

// jsonLink leads to the document of a page.
var jsonLink = regexp.MustCompile(`<a href="([^"]*)">JSON</a>`)

// navigation leads to all pages.
var navigation = regexp.MustCompile(`(?s)<nav.*?</nav>`)

// asTyped holds all pages of the navigation against their commands.
func asTyped(v *visitor, when string) {
	v.t.Helper()
	paths := regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(navigation.FindString(v.page("/")), -1)
	if len(paths) < 8 {
		v.t.Fatalf("%s: the navigation has %d pages", when, len(paths))
	}
	for _, p := range paths {
		page := v.page(p[1])
		if strings.Contains(page, "<script>") || strings.Contains(page, " style=") || strings.Contains(page, " onclick=") || strings.Contains(page, "ZgotmplZ") {
			v.t.Errorf("%s, %s: it has what the policy refuses", when, p[1])
		}
		m := terminal.FindStringSubmatch(page)
		if m == nil {
			v.t.Errorf("%s, %s: it does not say what a terminal shows\n%s", when, p[1], page)
			continue
		}
		words := strings.Fields(m[1])
		text, _, _ := onWorld(v.world, 0, environment{dir: v.dir, getenv: func(string) string { return "" }}, words)
		if got := html.UnescapeString(m[2]); steady(got) != steady(text) {
			v.t.Errorf("%s, %s: it says\n%s\nand berth %s\n%s", when, p[1], got, m[1], text)
		}
		_, result, _ := onWorld(v.world, 0, environment{dir: v.dir, getenv: func(string) string { return "" }}, append(words, "--json"))
		address := jsonLink.FindStringSubmatch(page)
		if address == nil {
			v.t.Errorf("%s, %s: it does not lead to its document", when, p[1])
			continue
		}
		_, document := v.asks(http.MethodGet, v.at+html.UnescapeString(address[1]), "")
		if err := valid([]byte(document)); err != nil {
			v.t.Errorf("%s, %s: %v", when, p[1], err)
		}
		if shape(v.t, []byte(document)) != shape(v.t, result) {
			v.t.Errorf("%s, %s: its document differs from that of berth %s --json:\n%s\n%s", when, p[1], m[1], document, result)
		}
	}
}

// shape is a document without what differs from look to look: numbers, and moments.
func shape(t *testing.T, document []byte) string {
	t.Helper()
	var tree any
	if err := json.Unmarshal(document, &tree); err != nil {
		t.Fatalf("%v\n%s", err, document)
	}
	text, err := json.Marshal(tree) // keys in order
	if err != nil {
		t.Fatal(err)
	}
	return steady(regexp.MustCompile(`-?[0-9]+(\.[0-9]+)?(e[-+][0-9]+)?`).ReplaceAllString(string(text), "N"))
}

// TestConsoleLetsIn: the token lets in one browser, once, and only under a name of this machine; what pages of others send is refused.
func TestConsoleLetsIn(t *testing.T) {
	v := inConsole(t, fake.New(), t.TempDir())
	refused := func(what string, status int, resp *http.Response, text string) {
		t.Helper()
		if resp.StatusCode != status || strings.Contains(text, "<nav") {
			t.Errorf("%s: %s\n%s", what, resp.Status, text)
		}
	}
	get := func(what string, status int, path string, header ...string) {
		t.Helper()
		resp, text := v.asks(http.MethodGet, v.at+path, "", header...)
		refused(what, status, resp, text)
	}
	token := strings.TrimPrefix(v.address, v.at)
	get("without a token", http.StatusForbidden, "/")
	get("data without a token", http.StatusForbidden, "/?format=json")
	get("a wrong token", http.StatusForbidden, "/?token=AAAAAAAAAAAAAAAAAAAAAAAAAA")
	get("an empty token", http.StatusForbidden, "/?token=")
	get("another name", http.StatusMisdirectedRequest, token, "Host", "attacker.example")
	get("a name that begins as ours", http.StatusMisdirectedRequest, token, "Host", "127.0.0.1.attacker.example:80")
	resp, text := v.asks(http.MethodGet, v.address, "", "Sec-Fetch-Site", "cross-site") // from a link in a chat
	if resp.StatusCode != http.StatusOK || !strings.Contains(text, `content="0;url=/"`) {
		t.Fatalf("%s\n%s", resp.Status, text)
	}
	cookies := resp.Cookies()
	if len(cookies) != 1 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteStrictMode || strings.Contains(v.address, cookies[0].Value) {
		t.Errorf("the cookie is %+v", cookies)
	}
	policy := resp.Header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || resp.Header.Get("X-Content-Type-Options") != "nosniff" || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", resp.Header)
	}
	v.page("/check")
	localhost := strings.Replace(strings.TrimPrefix(v.at, "http://"), "127.0.0.1", "localhost", 1)
	if resp, _ := v.asks(http.MethodGet, v.at+"/check", "", "Host", localhost, "Cookie", cookies[0].Name+"="+cookies[0].Value); resp.StatusCode != http.StatusOK {
		t.Errorf("as localhost: %s", resp.Status)
	}
	get("embedded by another site", http.StatusForbidden, "/check", "Sec-Fetch-Site", "cross-site")
	get("embedded by another port", http.StatusForbidden, "/check", "Sec-Fetch-Site", "same-site")
	for _, origin := range []string{"http://attacker.example", "null", "https://" + strings.TrimPrefix(v.at, "http://"), ""} {
		resp, text := v.asks(http.MethodPost, v.at+"/plan", "", "Origin", origin)
		refused("a form of "+origin, http.StatusForbidden, resp, text)
	}
	if resp, _ := v.asks(http.MethodGet, v.at+"/codes/services", ""); resp.StatusCode != http.StatusNotFound {
		t.Errorf("a word that is no code: %s", resp.Status)
	}
	v.client.Jar = nil
	get("the token a second time", http.StatusForbidden, token)
	v.stop()
}

// TestConsoleIsForThisMachine: it does not listen where others reach it, and gives no document.
func TestConsoleIsForThisMachine(t *testing.T) {
	at := environment{dir: t.TempDir(), getenv: func(string) string { return "" }}
	for _, listen := range []string{"0.0.0.0:0", ":0", "192.0.2.1:7473", "example.com:7473", "7473"} {
		if text, _, code := onWorld(fake.New(), 0, at, []string{"console", "--no-open", "--listen", listen}); code != ExitChecks || !strings.Contains(text, "BERTH4412") {
			t.Errorf("--listen %s: exit %d\n%s", listen, code, text)
		}
	}
	first := inConsole(t, fake.New(), at.dir)
	if text, _, code := onWorld(fake.New(), 0, at, []string{"console", "--no-open", "--listen", strings.TrimPrefix(first.at, "http://")}); code != ExitChecks || !strings.Contains(text, "BERTH4410") {
		t.Errorf("a port that is taken: exit %d\n%s", code, text)
	}
	if _, _, code := onWorld(fake.New(), 0, at, []string{"console", "--json"}); code != ExitError {
		t.Errorf("--json: exit %d", code)
	}
	done := make(chan int)
	go func() { done <- first.stop() }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("Ctrl-C does not end it")
	}
}
