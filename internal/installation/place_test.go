package installation

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestPlaceIsForOneCommand: it holds for every way to read a config, also one of the history, and neither the text nor another config has it.
func TestPlaceIsForOneCommand(t *testing.T) {
	dir := t.TempDir()
	const text = "target: kubernetes\nrelease: 7.5\nurl: http://localhost\nkubernetes: {context: prod, clusterScoped: false}\n"
	file := filepath.Join(dir, "sourcegraph.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	e := &Environment{Dir: dir, Getenv: func(string) string { return "" }, Now: time.Now, Place: Place{Context: "staging", Namespace: "sg"}}
	w, problems, err := e.Load(file)
	if err != nil || problems.Failed() {
		t.Fatal(err, problems)
	}
	before, err := e.Accepted(w, text, nil)
	if err != nil {
		t.Fatal(err)
	}
	named, err := e.LoadNamed(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, w := range map[string]*Want{"load": w, "of the history": before, "named": named} {
		k := w.Doc.Config.Kubernetes
		if k.Context != "staging" || k.Namespace != "sg" || k.ClusterScoped == nil {
			t.Errorf("%s: %+v", name, k)
		}
		if w.Stack.Cluster != nil && w.Stack.Cluster.Namespace != "sg" {
			t.Errorf("%s: namespace %s", name, w.Stack.Cluster.Namespace)
		}
		if w.Text != nil && string(w.Text) != text {
			t.Errorf("%s: the text is changed:\n%s", name, w.Text)
		}
	}
	e.Place = Place{}
	if w, _, _ = e.Load(file); w.Doc.Config.Kubernetes.Context != "prod" || w.Doc.Config.Kubernetes.Namespace != "" {
		t.Errorf("without a place: %+v", w.Doc.Config.Kubernetes)
	}
}
