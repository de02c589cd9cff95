package cli

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"berth/internal/installation"
)

// BenchmarkRender renders all objects of a short config into a folder where they are already, as a GitOps repository has them.
func BenchmarkRender(b *testing.B) {
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, DefaultConfig), []byte("target: kubernetes\nrelease: 7.5.4453\nurl: http://localhost\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	e := &Env{Stdout: io.Discard, Environment: installation.Environment{Dir: dir, Stderr: io.Discard, Now: time.Now, Getenv: func(string) string { return "" }}}
	b.ReportAllocs()
	for b.Loop() {
		if err := e.render(b.Context(), DefaultConfig, renderFlags{as: "manifests", out: "out", secrets: "reference"}); err != nil {
			b.Fatal(err)
		}
	}
}
