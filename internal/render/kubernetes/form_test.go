package kubernetes_test

import (
	"os"
	"path/filepath"
	"testing"

	"berth/internal/render/kubernetes"
)

func TestDump(t *testing.T) {
	s := resolve(t, "7.5.4453", os.Getenv("CFG"))
	set, _ := kubernetes.Render(s, nil)
	f := kubernetes.Form{Set: set, Sources: s.Secrets}
	files, err := f.Chart()
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range files {
		os.MkdirAll(filepath.Dir("/tmp/rf/"+x.Path), 0o755)
		os.WriteFile("/tmp/rf/"+x.Path, x.Content, 0o644)
	}
}
