package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/internal/diag"
	"berth/internal/installation"
	"berth/internal/installation/fake"
	"berth/internal/report"
)

// TestReportIsSent: the first report is shown and sent after a yes; what arrives is what was shown, and is signed. On both targets.
func TestReportIsSent(t *testing.T) {
	for _, target := range []string{"compose", "kubernetes"} {
		t.Run(target, func(t *testing.T) {
			var arrived []byte
			answer, status := report.Answer{}, http.StatusOK
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				arrived, _ = io.ReadAll(r.Body)
				if r.Method != http.MethodPost || r.URL.Path != report.Path {
					t.Errorf("%s %s", r.Method, r.URL)
				}
				w.WriteHeader(status)
				_ = json.NewEncoder(w).Encode(answer)
			}))
			defer server.Close()
			w, dir := fake.New(), t.TempDir()
			config := "target: " + target + "\nrelease: 7.5.4453\nurl: http://localhost\nreport: {to: '" + server.URL + "', use: trial}\n"
			if err := os.WriteFile(filepath.Join(dir, DefaultConfig), []byte(config), 0o600); err != nil {
				t.Fatal(err)
			}
			run := func(want int, answer string, args ...string) string {
				t.Helper()
				var out bytes.Buffer
				w.Process(0)
				e := &Env{Stdout: &out, Targets: Targets{Open: w.Open, Named: w.OpenNamed, Stored: w.OpenNamed}, Environment: installation.Environment{
					Stdin: strings.NewReader(answer), Interactive: answer != "", Stderr: &out, Dir: dir, Getenv: func(string) string { return "" }, Now: w.Now}}
				if code := Run(context.Background(), e, args); code != want {
					t.Fatalf("berth %v: exit %d, want %d\n%s", args, code, want, out.String())
				}
				return out.String()
			}
			if out := run(3, "", "report"); !strings.Contains(out, "BERTH4901") {
				t.Error(out)
			}
			run(0, "", "up")
			run(3, "no\n", "report", "--send")
			if arrived != nil {
				t.Fatal("it was sent without a yes")
			}
			out := run(0, "yes\n", "report", "--send")
			if !strings.Contains(out, string(arrived)) || !strings.Contains(out, "sent to "+server.URL) {
				t.Errorf("what was shown is not what was sent:\n%s\n%s", out, arrived)
			}
			first := readReport(t, arrived, w.Now())
			if first.Use != report.Trial || first.Release != "7.5.4453" || string(first.Target) != target || len(first.Runs) != 1 || first.Postgres == 0 || first.Size == "" {
				t.Errorf("%+v", first.Report)
			}
			answer.Known = true // the next one needs no yes, and is of the same installation
			if out := run(0, "", "report", "--send"); strings.Contains(out, "signature") || !strings.Contains(out, "has this report already") {
				t.Error(out)
			}
			if second := readReport(t, arrived, w.Now()); second.Installation != first.Installation {
				t.Error("it is another installation now")
			}
			status, answer = http.StatusBadRequest, report.Answer{Problems: diag.List{{Code: "BERTH4914", Severity: diag.Error, Summary: "too new"}}}
			if out := run(3, "", "report", "--send"); !strings.Contains(out, "BERTH4914: too new") {
				t.Error(out)
			}
			run(0, "", "report", "--out", "report.json")
			written, err := os.ReadFile(filepath.Join(dir, "report.json"))
			if err != nil {
				t.Fatal(err)
			}
			readReport(t, written, w.Now())
			server.Close()
			if out := run(3, "", "report", "--send"); !strings.Contains(out, "BERTH4902") {
				t.Error(out)
			}
		})
	}
}

func readReport(t *testing.T, text []byte, now time.Time) *report.Received {
	t.Helper()
	r, problems := report.Open(text, now)
	if problems.Failed() {
		t.Fatalf("%v\n%s", problems, text)
	}
	return r
}
