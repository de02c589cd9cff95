package contract

import (
	"os"
	"path/filepath"
	"testing"

	"berth/internal/installation"
	"berth/internal/installation/fake"
	"berth/internal/run"
)

// TestFakes holds the fakes to what real targets keep.
func TestFakes(t *testing.T) {
	for on, deleted := range map[string]string{"compose": "worker", "kubernetes": "Deployment/worker"} {
		t.Run(on, func(t *testing.T) {
			w, dir := fake.New(), t.TempDir()
			text := "target: " + on + "\nrelease: 7.5.4453\nurl: http://localhost\ncontainers: {mine: {image: 'mine:1', before: [migrator]}, also: {image: 'also:1'}}\n"
			if err := os.WriteFile(filepath.Join(dir, "sourcegraph.yaml"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			Test(t, &Target{File: "sourcegraph.yaml", Open: w.Open, Delete: func(*testing.T, string) { w.Delete("sourcegraph", deleted) },
				OnlyKnownTasks: true,
				Env:            &installation.Environment{Dir: dir, Now: w.Now, Watch: func(run.Event) {}, Getenv: func(string) string { return "" }}})
		})
	}
}
