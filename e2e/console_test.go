//go:build e2e

package e2e

import (
	"bufio"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestConsole deploys from the pages of berth console: the console is killed while it goes on, the next one is ended with Ctrl-C while it goes on, and the
// third one completes it. Each shows what became of the run before, and nothing is done twice.
func TestConsole(t *testing.T) {
	needs(t, engine, images(release), long)
	s := newSite(t, "console")

	s.must(0, "lock")
	first := s.inConsole()
	first.saysYes("/plan")
	first.follows(regexp.MustCompile(`"progress":"([3-9]|1[0-9]) of [0-9]+ steps done`))
	if code, _ := first.end(os.Kill); code != -1 {
		t.Fatalf("the console ended with %d before it was killed", code)
	}
	ran := func(all ...string) []string { // what was made and not started is made again
		return strings.Fields(docker(t, append([]string{"ps", "--no-trunc", "--filter", "label=dev.berth.installation=" + s.name, "--format", "{{.ID}}"}, all...)...))
	}
	there := ran()

	second := s.inConsole()
	if page := second.page("/"); !strings.Contains(page, "killed") || !strings.Contains(page, "continue with: berth up") {
		t.Errorf("the second console does not show that the run was killed:\n%s", page)
	}
	second.saysYes("/plan")
	second.follows(regexp.MustCompile(`"progress":"[1-9][0-9]* of [0-9]+ steps done`))
	code, said := second.end(os.Interrupt)
	if code != 0 || !strings.Contains(said, "the current step is finished first") {
		t.Errorf("Ctrl-C: exit %d\n%s", code, said)
	}
	says(t, s.must(0, "history"), "killed")
	says(t, s.must(0, "history"), "interrupted")

	third := s.inConsole()
	third.saysYes("/plan")
	if text := third.follows(nil); !strings.Contains(text, "Sourcegraph answers at") {
		t.Errorf("the run did not come to its end:\n%s", text)
	}
	if page := third.page("/"); strings.Contains(page, `<strong class="problem">no</strong>`) || !strings.Contains(page, "Sourcegraph "+release) {
		t.Errorf("not all is ready:\n%s", page)
	}
	third.end(os.Interrupt)
	now, kept := ran("--all"), 0
	for _, id := range there {
		if slices.Contains(now, id) {
			kept++
		}
	}
	if kept == 0 || kept < len(there)-1 { // the one that was made when the console was killed may be made again
		t.Errorf("of %d containers that ran when the console was killed, %d are", len(there), kept)
	}
	t.Logf("%d containers ran when the console was killed, and %d of them are there at the end", len(there), kept)
	says(t, s.must(0, "plan"), "nothing to do")
}

// inConsole is a console of a site with a browser in it.
type inConsole struct {
	*started
	t      *testing.T
	at     string
	client *http.Client
}

var consoleAddress = regexp.MustCompile(`(http://127\.0\.0\.1:[0-9]+)(/\?token=[A-Z2-7]+)\n`)

func (s *site) inConsole() *inConsole {
	s.t.Helper()
	c := &inConsole{started: s.start("console", "--no-open"), t: s.t}
	s.t.Cleanup(func() { c.end(os.Kill) })
	var m []string
	for limit := time.Now().Add(time.Minute); m == nil; time.Sleep(50 * time.Millisecond) { // it prints its address when it listens
		if m = consoleAddress.FindStringSubmatch(c.said.String()); m == nil && (c.ended() || time.Now().After(limit)) {
			s.t.Fatalf("the console prints no address:\n%s", c.said.String())
		}
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	c.at, c.client = m[1], &http.Client{Jar: jar}
	c.page(m[2])
	return c
}

func (c *inConsole) page(path string) string {
	c.t.Helper()
	resp, err := c.client.Get(c.at + path)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		c.t.Fatalf("%s: %s %v\n%s", path, resp.Status, err, text)
	}
	return string(text)
}

// saysYes sends the form of a page with a plan.
func (c *inConsole) saysYes(path string) {
	c.t.Helper()
	page := c.page(path)
	fields := url.Values{}
	for _, m := range regexp.MustCompile(`<input type="hidden" name="([a-z]+)" value="([^"]*)">`).FindAllStringSubmatch(page, -1) {
		fields.Set(m[1], html.UnescapeString(m[2]))
	}
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.at+"/start", strings.NewReader(fields.Encode()))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", c.at)
	resp, err := c.client.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK || !strings.HasSuffix(resp.Request.URL.Path, "/run") {
		c.t.Fatalf("%s offers nothing to start (%s):\n%s", path, resp.Status, page)
	}
}

// follows reads what is sent of a run, until it says something; nil: to its end.
func (c *inConsole) follows(until *regexp.Regexp) string {
	c.t.Helper()
	resp, err := c.client.Get(c.at + "/run/events?from=0")
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	var all strings.Builder
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		all.WriteString(lines.Text() + "\n")
		if until != nil && until.MatchString(lines.Text()) {
			return all.String()
		}
	}
	if until != nil {
		c.t.Fatalf("it never says %s:\n%s", until, all.String())
	}
	return all.String()
}
