package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/internal/installation"
)

// TestExceptionIsAskedFor: each answer is checked at once and asked for again, so that none is lost.
func TestExceptionIsAskedFor(t *testing.T) {
	const answers = "Podman\npodman\nsoon\n>=7.0 <8.0\nnext year\n2100-01-01\nWe have only Podman\n\nNo Docker is allowed\nno support\nyes\nno, we do\na deal\nyes\nMe\n"
	for _, c := range []struct {
		name, typed, want string
		exit              int
	}{
		{"wrong, empty, and right answers", answers, "wrote exceptions/one.yaml", 0},
		{"the input ends", strings.Join(strings.SplitAfter(answers, "\n")[:9], ""), "BERTH4812", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			var out, said strings.Builder
			e := &Env{Stdout: &out, Environment: installation.Environment{Stdin: strings.NewReader(c.typed), Interactive: true, Stderr: &said, Dir: dir,
				Getenv: func(string) string { return "" }, Now: time.Now}}
			exit := Run(t.Context(), e, []string{"exception", "new", "one"})
			all := out.String() + said.String()
			if exit != c.exit || !strings.Contains(all, c.want) {
				t.Fatalf("exit %d:\n%s", exit, all)
			}
			for _, once := range []string{`the support record has no subject "Podman"`, `releases: `, `expires is "next year", which is not a day`} {
				if strings.Count(all, once) != 1 {
					t.Errorf("%q is not said once:\n%s", once, all)
				}
			}
			text, err := os.ReadFile(filepath.Join(dir, "exceptions", "one.yaml"))
			if written := err == nil && strings.Contains(string(text), "2100-01-01"); written != (c.exit == 0) {
				t.Errorf("%v\n%s", err, text)
			}
		})
	}
}
