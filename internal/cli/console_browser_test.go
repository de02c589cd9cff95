//go:build browser

package cli

import (
	"fmt"
	"io"
	"os"
	"testing"

	"berth/internal/installation/fake"
)

// TestConsolesStand starts consoles of installations in memory, prints their addresses, and ends with its input. The browser's test in site/ starts it.
func TestConsolesStand(t *testing.T) {
	for _, target := range []string{"compose", "kubernetes"} {
		w, dir := fake.New(), t.TempDir()
		config := "target: " + target + "\nrelease: 6.4.0\nurl: http://localhost:7080\nbackup: {to: backups}\n"
		writeConfig(t, dir, config)
		v := &visitor{t: t, world: w, dir: dir}
		v.types(0, "up", "--yes")
		v.types(0, "backup")
		v.types(0, "backup", "prove", "latest")
		w.Delete("sourcegraph", map[string]string{"compose": "searcher-0", "kubernetes": "Deployment/worker"}[target])
		writeConfig(t, dir, config+"services: {gitserver: {memory: 9Gi}}\n")
		fmt.Printf("console %s %s\n", target, inConsole(t, w, dir).address)
	}
	wrong := t.TempDir()
	writeConfig(t, wrong, "target: compose\nrelease: 7.4\nurl: nowhere\nservices: {gitservr: {}}\n")
	fmt.Printf("console wrong %s\n", inConsole(t, fake.New(), wrong).address)
	_, _ = io.ReadAll(os.Stdin) // it ends when who started this ends
}
