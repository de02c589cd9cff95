package cli

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"berth/internal/installation/fake"
)

// hidden are the fields of the form that carries a plan out.
var hidden = regexp.MustCompile(`<input type="hidden" name="([a-z]+)" value="([^"]*)">`)

// offered is what the form of a page sends; nil: the page has none.
func (v *visitor) offered(page string) url.Values {
	fields := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(page, -1) {
		fields.Set(m[1], html.UnescapeString(m[2]))
	}
	if len(fields) == 0 {
		return nil
	}
	return fields
}

// saysYes sends the form of a page, and waits until what it started has ended: the page of the run.
func (v *visitor) saysYes(form url.Values) string {
	v.t.Helper()
	if form == nil {
		v.t.Fatal("the page offers nothing")
	}
	resp, text := v.asks(http.MethodPost, v.at+"/start", form.Encode())
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/run" {
		v.t.Fatalf("%s %s\n%s", resp.Status, resp.Header.Get("Location"), text)
	}
	return v.ended()
}

// ended waits until what was started has ended.
func (v *visitor) ended() string {
	v.t.Helper()
	for limit := time.Now().Add(time.Minute); ; {
		page := v.page("/run")
		if !strings.Contains(page, `http-equiv="refresh"`) { // it loads itself again while the run goes on
			return page
		}
		if time.Now().After(limit) {
			v.t.Fatalf("it does not end:\n%s", page)
		}
		time.Sleep(10 * time.Millisecond) // as a browser waits
	}
}

// began is a console beside a new config.
func began(t *testing.T, target, config string) *visitor {
	t.Helper()
	w, dir := fake.New(), t.TempDir()
	writeConfig(t, dir, "target: "+target+"\nurl: http://localhost:7080\n"+config)
	v := inConsole(t, w, dir)
	v.asks(http.MethodGet, v.address, "")
	return v
}

// TestConsoleStarts deploys, changes, backs up, upgrades and rolls back from the pages of a console, on both targets. The history says the same as after the
// commands, and a plan that became another one meanwhile is not carried out.
func TestConsoleStarts(t *testing.T) {
	for _, target := range []string{"compose", "kubernetes"} {
		t.Run(target, func(t *testing.T) {
			v := began(t, target, "release: 7.4.0\nbackup: {to: backups}\n")
			done := func(path, want string) {
				t.Helper()
				page := v.saysYes(v.offered(v.page(path)))
				if !strings.Contains(page, ": done") || !strings.Contains(page, want) {
					t.Fatalf("%s: it is not done, or does not say %q:\n%s", path, want, page)
				}
			}
			if page := v.page("/run"); !strings.Contains(page, "Nothing was started here") {
				t.Errorf("%s", page)
			}
			done("/plan", "Sourcegraph answers at http://localhost:7080")
			if page := v.page("/plan"); v.offered(page) != nil {
				t.Errorf("a plan of nothing is offered:\n%s", page)
			}
			done("/backup", "is complete")

			// Somebody reads a plan, and somebody else edits the file.
			config := "target: " + target + "\nurl: http://localhost:7080\nrelease: 7.4.0\nbackup: {to: backups}\nservices: {gitserver: {memory: "
			writeConfig(t, v.dir, config+"9Gi}}\n")
			read := v.offered(v.page("/plan"))
			writeConfig(t, v.dir, config+"10Gi}}\n")
			before := v.page("/history")
			page := v.saysYes(read)
			now := v.offered(page)
			if !strings.Contains(page, "BERTH3738") || !strings.Contains(page, "The new plan") || now == nil || now.Get("plan") == read.Get("plan") {
				t.Fatalf("the plan that changed is not shown again:\n%s", page)
			}
			if after := v.page("/history"); shapeless(after) != shapeless(before) {
				t.Errorf("the plan that changed was begun:\n%s", after)
			}
			if page := v.saysYes(now); !strings.Contains(page, ": done") {
				t.Errorf("%s", page)
			}
			if text := v.types(0, "plan"); !strings.Contains(text, "nothing to do") {
				t.Errorf("%s", text)
			}

			done("/upgrade?to=7.5", "Sourcegraph 7.5.4453 runs")
			if page := v.page("/rollback"); !strings.Contains(page, "cost") {
				t.Errorf("the rollback does not say what is lost:\n%s", page)
			}
			done("/rollback", "Sourcegraph 7.4.0 runs again")
			if page := v.page("/rollback"); v.offered(page) != nil || !strings.Contains(page, "BERTH3735") {
				t.Errorf("a second rollback is offered:\n%s", page)
			}
			history := v.types(0, "history")
			for _, run := range []string{"up", "backup", "upgrade", "rollback"} {
				if !strings.Contains(history, run) {
					t.Errorf("the history has no %s:\n%s", run, history)
				}
			}
			v.stop()
		})
	}
}

// shapeless is a page without when it was made.
func shapeless(page string) string {
	return regexp.MustCompile(`looked at [-0-9: ]+`).ReplaceAllString(page, "")
}

// TestConsoleIsKilled kills the console in the middle of a run of each kind: the next console shows that, and continues it after a yes.
func TestConsoleIsKilled(t *testing.T) {
	for _, c := range []struct{ name, before, path, want string }{
		{"up", "", "/plan", "answers at"},
		{"upgrade", "up", "/upgrade?to=7.5", "runs; from 7.4.0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := began(t, "compose", "release: 7.4.0\n")
			if c.before != "" {
				v.types(0, c.before)
			}
			form := v.offered(v.page(c.path))
			v.world.Process(60)
			if page := v.saysYes(form); strings.Contains(page, ": done") {
				t.Fatalf("it was not killed:\n%s", page)
			}
			v.stop()
			v.world.Process(0)

			next := inConsole(t, v.world, v.dir)
			next.asks(http.MethodGet, next.address, "")
			if page := next.page("/history"); !strings.Contains(page, `<strong class="problem">killed</strong>`) {
				t.Errorf("the next console does not show that it was killed:\n%s", page)
			}
			path := strings.TrimSuffix(c.path, "?to=7.5")
			if page := next.saysYes(next.offered(next.page(path))); !strings.Contains(page, ": done") || !strings.Contains(page, c.want) {
				t.Errorf("the next console does not continue it:\n%s", page)
			}
			if history := next.types(0, "history"); strings.Contains(history, "killed") && c.name == "upgrade" {
				t.Errorf("the upgrade began again:\n%s", history)
			}
			next.stop()
		})
	}
}

// TestConsoleRefuses: what names no plan starts nothing.
func TestConsoleRefuses(t *testing.T) {
	v := began(t, "compose", "release: 7.4.0\n")
	for _, form := range []string{"", "plan=abc", "action=up", "plan=abc&action=down", "plan=abc&action=up+--data-of", "plan=&action=up"} {
		if resp, text := v.asks(http.MethodPost, v.at+"/start", form); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: %s\n%s", form, resp.Status, text)
		}
	}
	form := url.Values{"plan": {"000000"}, "action": {"up"}}
	if page := v.saysYes(form); !strings.Contains(page, "BERTH3738") {
		t.Errorf("a plan that nobody made:\n%s", page)
	}
	form = url.Values{"plan": {"000000"}, "action": {"upgrade"}, "to": {"7.5 --yes"}}
	if page := v.saysYes(form); !strings.Contains(page, "BERTH") || strings.Contains(page, ": done") {
		t.Errorf("flags in a release:\n%s", page)
	}
	if text := v.types(0, "history"); !strings.Contains(text, "nothing was done here yet") {
		t.Errorf("%s", text)
	}
	for _, method := range []string{http.MethodGet, http.MethodPut} {
		if resp, _ := v.asks(method, v.at+"/start", "", "Origin", v.at); resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusSeeOther {
			t.Errorf("%s /start: %s", method, resp.Status)
		}
	}
	v.stop()
}

// TestConsoleEvents: the events of a run have all that its page has, from where a browser left off, and end with it.
func TestConsoleEvents(t *testing.T) {
	v := began(t, "compose", "release: 7.4.0\n")
	if resp, _ := v.asks(http.MethodGet, v.at+"/run/events", ""); resp.StatusCode != http.StatusNotFound {
		t.Errorf("events of nothing: %s", resp.Status)
	}
	form := v.offered(v.page("/plan"))
	v.asks(http.MethodPost, v.at+"/start", form.Encode())
	resp, stream := v.asks(http.MethodGet, v.at+"/run/events?from=0", "")
	if kind := resp.Header.Get("Content-Type"); kind != "text/event-stream" || strings.Count(stream, "event: end\n") != 1 {
		t.Fatalf("%s\n%s", kind, stream)
	}
	if !regexp.MustCompile(`[1-9][0-9]* of [0-9]+ steps done`).MatchString(stream) {
		t.Errorf("the events do not say how far it is:\n%s", stream)
	}
	text := ""
	last := ""
	for _, event := range strings.Split(strings.TrimSpace(stream), "\n\n") {
		e := eventOf(t, event)
		text, last = text+e.Text, e.id
	}
	page := v.ended()
	m := regexp.MustCompile(`(?s)<pre id="text"[^>]*>(.*?)</pre>`).FindStringSubmatch(page)
	if m == nil || html.UnescapeString(m[1]) != text {
		t.Errorf("the events have\n%s\nand the page\n%s", text, page)
	}
	if _, again := v.asks(http.MethodGet, v.at+"/run/events?from=0", "", "Last-Event-ID", last); eventOf(t, strings.TrimSpace(again)).Text != "" {
		t.Errorf("what the browser has is sent again:\n%s", again)
	}
	v.stop()
}

func writeConfig(t *testing.T, dir, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, DefaultConfig), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// sent is an event of a run.
type sent struct {
	id   string
	Text string
}

func eventOf(t *testing.T, event string) (e sent) {
	t.Helper()
	for line := range strings.Lines(event) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "id":
			e.id = value
		case "data":
			if err := json.Unmarshal([]byte(value), &e); err != nil {
				t.Fatalf("%v: %s", err, value)
			}
		}
	}
	return e
}
