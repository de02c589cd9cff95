//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/status"
	"github.com/creack/pty"
)

// TestDayTwo looks into what runs on a Docker Engine: logs, commands, databases, load and restarts.
func TestDayTwo(t *testing.T) {
	needs(t, engine, images(release))
	s := newSite(t, "daytwo")
	s.must(0, "lock")
	s.must(0, "up")
	dayTwo(s, "pgsql")
}

// TestClusterDayTwo looks into what runs in a cluster.
func TestClusterDayTwo(t *testing.T) {
	needs(t, node, images(release))
	s := newOnNode(t, "daytwo", 30098)
	s.must(0, "lock")
	s.must(0, "up")
	dayTwo(s, "pgsql-")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	says(t, forwarded(s, cancel, "30997", s.command(ctx, "open", "--forward", "--port", "30997")), "http://127.0.0.1:30997 forwards to a frontend")
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	forwarded(s, cancel, "30998", exec.CommandContext(ctx, "kubectl", "-n", s.name, "port-forward", "service/sourcegraph-frontend", "30998:30080"))
}

// forwarded looks at what a command leads to at a port of this machine, ends it, and gives what it said.
func forwarded(s *site, end func(), port string, command *exec.Cmd) string {
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	if err := command.Start(); err != nil {
		s.t.Fatal(err)
	}
	client := &http.Client{Timeout: 10 * time.Second}
	for range 3 { // connections, one after the other
		await(s.t, 30*time.Second, "a page by way of the port", func() bool {
			resp, err := client.Get("http://127.0.0.1:" + port + "/sign-in")
			if err != nil {
				return false
			}
			defer resp.Body.Close()
			page, err := io.ReadAll(resp.Body)
			return err == nil && resp.StatusCode == http.StatusOK && len(page) > 100
		})
		client.CloseIdleConnections()
	}
	end()
	_ = command.Wait() // it is killed
	return said.String()
}

// dayTwo is the same on every target. pgsql is how the name of pgsql's instance begins.
func dayTwo(s *site, pgsql string) {
	story(s,
		step{"logs are by time, of all", logsByTime},
		step{"a command has its input, its output and its exit code", commands},
		step{"a terminal is one, with its size", terminal},
		step{"databases open read-only", databasesOpen},
		step{"instances are measured", func(s *site) {
			var document struct{ Result status.Top }
			if err := json.Unmarshal([]byte(s.output(nil, "top", "--json")), &document); err != nil {
				s.t.Fatal(err)
			}
			at := slices.IndexFunc(document.Result.Loads, func(l status.Load) bool { return strings.HasPrefix(l.Instance, pgsql) && l.Service == "pgsql" })
			if at < 0 {
				s.t.Fatalf("there is no pgsql in %+v", document.Result)
			}
			l := document.Result.Loads[at]
			if len(l.Disks) != 1 || l.Disks[0].Size <= 0 {
				s.t.Errorf("pgsql is %+v", l)
			}
			if l.Memory <= 0 && len(document.Result.Problems) == 0 {
				s.t.Errorf("memory is not known, and nothing says why: %+v", document.Result)
			}
		}},
		step{"what people do works, leg by leg", func(s *site) {
			out := s.must(0, "verify")
			says(s.t, out, "sign-in page", "search of symbols")
			if strings.Contains(out, "pgsql can't be asked") || strings.Contains(out, "not reachable") {
				s.t.Error(out)
			}
		}},
		step{"a restart is done, and nothing is to do after it", func(s *site) {
			says(s.t, s.must(0, "restart", "worker", "searcher", "--yes"), "worker", "searcher")
			s.must(0, "plan")
			says(s.t, s.must(0, "history"), "restart")
		}},
		step{"the log of the run before is there when something ended", func(s *site) {
			s.must(3, "logs", "gitserver", "--previous")
			_, _ = s.berth("exec", "gitserver", "sh", "-c", "kill 1") // its end ends the command, too
			await(s.t, 90*time.Second, "the log of the run before", func() bool {
				code, out := s.berth("logs", "gitserver", "--previous", "--tail", "20")
				return code == 0 && strings.TrimSpace(out) != ""
			})
		}},
	)
}

func logsByTime(s *site) {
	var last time.Time
	services := map[string]bool{}
	lines := 0
	for line := range strings.Lines(s.output(nil, "logs", "--json", "--tail", "20")) {
		var l struct {
			Time    time.Time
			Service string
			Text    string
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			s.t.Fatalf("%q: %v", line, err)
		}
		if l.Time.Before(last) {
			s.t.Errorf("%s comes after %s", l.Time, last)
		}
		last, services[l.Service], lines = l.Time, true, lines+1
	}
	if !services["gitserver"] || !services["pgsql"] || lines < 30 {
		s.t.Errorf("%d lines of %v", lines, services)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	follow := s.command(ctx, "logs", "pgsql", "-f", "--since", "1s")
	var said bytes.Buffer
	follow.Stdout = &said
	if err := follow.Start(); err != nil {
		s.t.Fatal(err)
	}
	time.Sleep(time.Second) // it has to be there before the line that it is to show
	_, _ = s.berth("psql", "--", "-c", "SELECT 1 FROM nothing_of_that_name")
	_ = follow.Wait() // it is killed at the end of ctx
	if !strings.Contains(said.String(), "nothing_of_that_name") {
		s.t.Errorf("what was followed is %q", said.String())
	}
}

func commands(s *site) {
	s.must(7, "exec", "gitserver", "sh", "-c", "exit 7")
	long := strings.Repeat("a line of many\n", 100_000)
	if got := s.output(strings.NewReader(long), "exec", "-i", "pgsql", "cat"); got != long {
		s.t.Errorf("cat gave %d of %d bytes", len(got), len(long))
	}
	says(s.t, s.must(127, "exec", "gitserver", "sh", "-c", "frobnicate"), "frobnicate")
	says(s.t, s.must(3, "exec", "migrator", "ls"), "BERTH4405")
}

// terminal types into a shell as a person does.
func terminal(s *site) {
	cmd := s.command(context.Background(), "exec", "pgsql")
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 100})
	if err != nil {
		s.t.Fatal(err)
	}
	defer tty.Close()
	shown, all := written(tty), ""
	see := func(want string) {
		s.t.Helper()
		for end := time.After(30 * time.Second); !strings.Contains(all, want); {
			select {
			case text, more := <-shown:
				all += text
				if !more && !strings.Contains(all, want) {
					s.t.Fatalf("the terminal shows %q, not %q", all, want)
				}
			case <-end:
				s.t.Fatalf("the terminal shows %q, not %q", all, want)
			}
		}
		all = ""
	}
	typed := func(line string) {
		s.t.Helper()
		if _, err := io.WriteString(tty, line+"\r"); err != nil {
			s.t.Fatal(err)
		}
	}
	typed("until [ \"$(stty size)\" = '40 100' ]; do sleep 0.1; done; echo begins with $(stty size)")
	see("begins with 40 100")
	if err := pty.Setsize(tty, &pty.Winsize{Rows: 30, Cols: 77}); err != nil {
		s.t.Fatal(err)
	}
	typed("until [ \"$(stty size)\" = '30 77' ]; do sleep 0.1; done; echo now it has $(stty size)")
	see("now it has 30 77")
	typed("sleep 100")
	time.Sleep(500 * time.Millisecond) // the key goes to what runs then
	if _, err := io.WriteString(tty, "\x03"); err != nil {
		s.t.Fatal(err)
	}
	typed("echo still $((20+3))")
	see("still 23")
	typed("exit 5")
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 5 {
		s.t.Errorf("it ends with %v", err)
	}
}

// written gives what is written to a terminal, until it is closed.
func written(tty io.Reader) <-chan string {
	shown := make(chan string, 1000)
	go func() {
		defer close(shown)
		buffer := make([]byte, 4096)
		for {
			n, err := tty.Read(buffer)
			shown <- string(buffer[:n])
			if err != nil {
				return
			}
		}
	}()
	return shown
}

func databasesOpen(s *site) {
	for _, name := range []string{"pgsql", "codeintel", "codeinsights"} {
		if got := s.output(nil, "psql", name, "--", "-XAtc", "SELECT 40+2"); strings.TrimSpace(got) != "42" {
			s.t.Errorf("%s answers %q", name, got)
		}
	}
	if got := s.output(strings.NewReader("SELECT count(*) >= 0 FROM repo;\n"), "psql"); !strings.Contains(got, "t") {
		s.t.Errorf("what came on the standard input was answered by %q", got)
	}
	const create = "CREATE TABLE berth_day_two (n int)"
	says(s.t, s.must(1, "psql", "--", "-c", create), "read-only transaction")
	says(s.t, s.must(1, "psql", "--", "-c", "BEGIN; "+create+"; COMMIT"), "read-only transaction")
	s.must(0, "psql", "--write", "--", "-c", create)
	s.must(0, "psql", "--write", "--", "-c", "DROP TABLE berth_day_two")
}

// externalSession opens an external database from a task.
func externalSession(s *site) {
	s.t.Helper()
	if got := s.output(nil, "psql", "--", "-XAtc", "SELECT 40+2"); strings.TrimSpace(got) != "42" {
		s.t.Errorf("the external database answers %q", got)
	}
	says(s.t, s.must(1, "psql", "--", "-c", "CREATE TABLE berth_day_two (n int)"), "read-only transaction")
}

// output runs a command that has to end well, and gives its standard output.
func (s *site) output(in io.Reader, args ...string) string {
	s.t.Helper()
	cmd := s.command(context.Background(), args...)
	var out, complaint bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, &out, &complaint
	if err := cmd.Run(); err != nil {
		s.t.Fatalf("berth %s: %v\n%s", strings.Join(args, " "), err, complaint.String())
	}
	return out.String()
}
