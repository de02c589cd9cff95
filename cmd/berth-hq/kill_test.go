package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"berth/catalogue"
	"berth/internal/hq/store"
	"berth/internal/hq/store/pgtest"
	"berth/internal/report"
)

// TestMain is the program itself where a test starts it as a process.
func TestMain(m *testing.M) {
	if os.Getenv("BERTH_HQ_MAIN") != "" {
		main()
	}
	os.Exit(m.Run())
}

// serving starts the program, and gives its address.
func serving(t *testing.T, address string, flags ...string) (*exec.Cmd, string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0], append([]string{"serve", "--listen", "127.0.0.1:0"}, flags...)...)
	c.Env = append(os.Environ(), "BERTH_HQ_MAIN=1", "BERTH_HQ_DATABASE="+address)
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "berth-hq answers at ")
	if err != nil || !ok {
		t.Fatalf("%v: %s", err, line)
	}
	return c, url
}

// send sends a report; ok is false when it was not acknowledged.
func send(url, text string) (a report.Answer, ok bool) {
	resp, err := http.Post(url+report.Path, "application/json", strings.NewReader(text))
	if err != nil {
		return a, false
	}
	defer resp.Body.Close()
	return a, resp.StatusCode == http.StatusOK && json.NewDecoder(resp.Body).Decode(&a) == nil
}

// TestKill kills the server while reports come in, three times. What it acknowledged is there, once; what it did not is there or not, and is sent again.
func TestKill(t *testing.T) {
	server := pgtest.Start(t)
	a, clean := admin{t, server.Database(t)}, admin{t, server.Database(t)}
	a.types("", 0, "migrate")
	text, _ := a.types("", 0, "simulate", "--installations", "12", "--months", "4")
	distinct := map[string]bool{}
	for line := range strings.Lines(text) {
		distinct[line] = true
	}
	pending := make(chan string, len(distinct))
	for line := range distinct {
		pending <- line
	}
	acknowledged := map[string]bool{}
	var mu sync.Mutex
	for round := range 4 {
		c, url := serving(t, a.address)
		mu.Lock()
		old := len(acknowledged)
		for line := range acknowledged {
			if got, ok := send(url, line); !ok || !got.Known {
				t.Error("an acknowledged report was lost")
			}
			break // all of them are counted in the end
		}
		mu.Unlock()
		var wait sync.WaitGroup
		for range 16 { // several are written together
			wait.Go(func() {
				for {
					select {
					case line := <-pending:
						if _, ok := send(url, line); !ok {
							pending <- line
							return
						}
						mu.Lock()
						acknowledged[line] = true
						mu.Unlock()
					default:
						return
					}
				}
			})
		}
		for round < 3 { // the kill comes in the middle of the work, however fast the machine is
			time.Sleep(time.Millisecond)
			mu.Lock()
			some := len(acknowledged) > old+len(distinct)/5
			mu.Unlock()
			if some {
				break
			}
		}
		if round == 3 {
			wait.Wait()
		}
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		wait.Wait()
		_ = c.Wait() // it was killed
	}
	if len(acknowledged) != len(distinct) {
		t.Errorf("%d of %d reports were acknowledged in the end", len(acknowledged), len(distinct))
	}
	// Importing all again finds each of them, and adds none.
	var i Imported
	out, _ := a.types(text, 0, "import", "--json", "-")
	if err := json.Unmarshal([]byte(out), &i); err != nil || i.Taken != 0 {
		t.Errorf("%v %s", err, out)
	}
	s, err := store.Open(t.Context(), a.address)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	clean.types("", 0, "migrate")
	clean.types(text, 0, "import", "-")
	killed, _ := a.types("", 0, "export")
	whole, _ := clean.types("", 0, "export")
	f, err := s.Fleet(t.Context(), catalogue.Embedded(), nil)
	if err != nil || killed != whole || len(f.Installations) == 0 {
		t.Errorf("%v: the figures after the kills differ from those without", err)
	}
}

// TestDiskFull: a database without room acknowledges nothing more, with a code, and goes on when there is room again. What was acknowledged is there.
func TestDiskFull(t *testing.T) {
	server := pgtest.StartSmall(t, 160)
	a := admin{t, server.Database(t)}
	a.types("", 0, "migrate")
	text, _ := a.types("", 0, "simulate", "--installations", "40", "--months", "8")
	_, url := serving(t, a.address)
	free := server.Fill(t)
	var acknowledged, refused []string
	for line := range strings.Lines(text) {
		if _, ok := send(url, line); ok {
			acknowledged = append(acknowledged, line)
			continue
		}
		if refused = append(refused, line); len(refused) == 20 {
			break
		}
	}
	if len(refused) == 0 {
		t.Fatalf("%d reports were taken by a full disk", len(acknowledged))
	}
	resp, err := http.Post(url+report.Path, "application/json", strings.NewReader(refused[0]))
	if err != nil {
		t.Fatal(err)
	}
	var got report.Answer
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || resp.StatusCode != http.StatusServiceUnavailable || got.Problems[0].Code != "BERTH4926" {
		t.Errorf("%s %v %+v", resp.Status, err, got)
	}
	resp.Body.Close()
	free()
	for _, line := range acknowledged {
		if got, ok := send(url, line); !ok || !got.Known {
			t.Fatal("an acknowledged report was lost")
		}
	}
	for _, line := range refused {
		if _, ok := send(url, line); !ok {
			t.Fatal("there is room, and a report is not taken")
		}
	}
}

// TestServeRefuses: nothing is started where sessions would travel without TLS.
func TestServeRefuses(t *testing.T) {
	a := admin{t, "postgres:///nothing?host=/nowhere"}
	for _, args := range [][]string{{"--listen", "0.0.0.0:7474"}, {"--listen", ":7474"}, {"--listen", "hq.example.com:80"}, {"--url", "http://hq.example.com"}, {"--url", "https://hq.example.com/path"}, {"--listen", "x"}} {
		_, errs := a.types("", 1, append([]string{"serve"}, args...)...)
		contains(t, errs, "BERTH4923")
	}
	for _, args := range [][]string{{"--listen", "[::1]:7474"}, {"--listen", "0.0.0.0:7474", "--url", "https://hq.example.com"}} {
		_, errs := a.types("", 1, append([]string{"serve"}, args...)...)
		contains(t, errs, "BERTH4920")
	}
}

// TestPeople lets people in and out of a fleet that does not exist, and a program with a token of theirs.
func TestPeople(t *testing.T) {
	a := admin{t, pgtest.Start(t).Create(t, "createdb", "play")}
	a.types("", 0, "migrate")
	reports, _ := a.types("", 0, "simulate", "--installations", "20", "--months", "6", "--issues", filepath.Join(t.TempDir(), "issues.csv"))
	a.types(reports, 0, "import", "-")
	token, _ := a.types("", 0, "people", "add", "jo", "--role", "admin")
	if !strings.HasPrefix(token, "hq_") {
		t.Error(token)
	}
	_, errs := a.types("", 1, "people", "add", "jo")
	contains(t, errs, "BERTH4924", "berth-hq people remove jo")
	a.types("", 1, "people", "add", "jo doe")
	a.types("", 1, "people", "add", "al", "--role", "root")
	out, _ := a.types("", 0, "people", "list")
	contains(t, out, `"name": "jo"`, `"role": "admin"`)
	if strings.Contains(out, strings.TrimSpace(token)) {
		t.Error("the token is kept")
	}
	_, url := serving(t, a.address)
	if out := asked(t, url, strings.TrimSpace(token)); !strings.HasPrefix(out, "release,") || strings.Count(out, "\n") < 2 {
		t.Errorf("curl prints %s", out)
	}
	if out := asked(t, url, "hq_nobody"); strings.Contains(out, "release,") {
		t.Errorf("without a right, curl prints %s", out)
	}
	a.types("", 0, "people", "remove", "jo")
	a.types("", 1, "people", "remove", "jo")
}

// asked types the command of docs/hq.md that asks for a figure with a token.
func asked(t *testing.T, url, token string) string {
	t.Helper()
	command := regexp.MustCompile(`(?m)^    (curl .*)$`).FindStringSubmatch(fileOf(t, "../../docs/hq.md"))
	if command == nil {
		t.Fatal("docs/hq.md has no command with curl")
	}
	c := exec.Command("sh", "-c", strings.ReplaceAll(command[1], "http://127.0.0.1:7474", url))
	c.Env = append(os.Environ(), "TOKEN="+token)
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s: %v", command[1], err)
	}
	return string(out)
}
