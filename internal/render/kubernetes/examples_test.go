package kubernetes_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"berth/catalogue"
	"berth/internal/config/check"
	"berth/internal/render/kubernetes"
	"berth/internal/stack"
)

// TestExamples: a config can express the examples of Sourcegraph's chart. Each file has the name of the chart's example, and ends with what
// its config must change in the objects: an object, the path of a field in it, and the field's value.
//
//	#> StatefulSet/gitserver spec replicas = 3
//
// Items of lists are named by their name, key or mountPath, or by number. "none" means that the field must not exist, and ~ in place of =
// means a part of a longer text.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("testdata/examples/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no examples", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			set := example(t, text)
			effects := 0
			for _, line := range strings.Split(string(text), "\n") {
				effect, ok := strings.CutPrefix(line, "#> ")
				if !ok {
					continue
				}
				effects++
				where, want, within := strings.Cut(effect, " ~ ")
				if !within {
					where, want, _ = strings.Cut(effect, " = ")
				}
				if got := field(set, strings.Fields(where)); got != want && (!within || !strings.Contains(got, want)) {
					t.Errorf("%s\n got %s\nwant %s", where, got, want)
				}
			}
			if effects == 0 {
				t.Error("the example says no effect")
			}
		})
	}
}

// example renders a config as berth does, with all checks.
func example(t *testing.T, text []byte) *kubernetes.Set {
	t.Helper()
	folder := os.DirFS("testdata/examples")
	world := check.World{
		ReadFile:  func(name string) ([]byte, error) { return fs.ReadFile(folder, name) },
		Stat:      func(name string) (fs.FileInfo, error) { return fs.Stat(folder, name) },
		Getenv:    func(string) string { return "set:6379" },
		Now:       func() time.Time { return time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC) },
		Catalogue: catalogue.Embedded(),
	}
	doc, release, problems := check.Read("sourcegraph.yaml", text, world.Catalogue, world)
	if len(problems) > 0 {
		t.Fatalf("%+v", problems)
	}
	contents := map[string][]byte{}
	for _, name := range stack.FileNames(doc.Config) {
		data, err := world.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		contents[name] = data
	}
	set, problems := kubernetes.Render(stack.Resolve(stack.Input{Config: doc.Config, At: doc.At, Release: release, Files: contents, Namespace: "sg"}), nil)
	if len(problems) > 0 {
		t.Fatalf("%+v", problems)
	}
	return set
}

// field is the text of a field: an object's key, then the path. "values" are those of a Secret.
func field(set *kubernetes.Set, way []string) string {
	i := slices.IndexFunc(set.Objects, func(o kubernetes.Object) bool { return o.Key() == way[0] })
	if i < 0 {
		return "none"
	}
	o := set.Objects[i]
	if len(way) == 3 && way[1] == "values" {
		value := ""
		for _, p := range o.Values[way[2]] {
			value += p.Text
			if p.Secret != "" {
				value += "{" + p.Secret + "}"
			}
		}
		return value
	}
	var v any = o.Body
	for _, step := range way[1:] {
		v = down(v, step)
	}
	switch v.(type) {
	case nil:
		return "none"
	case map[string]any, []any:
		text, _ := json.Marshal(v) // trees always marshal
		return string(text)
	}
	return fmt.Sprint(v)
}

func down(v any, step string) any {
	switch v := v.(type) {
	case map[string]any:
		return v[step]
	case []any:
		if n, err := strconv.Atoi(step); err == nil && n < len(v) {
			return v[n]
		}
		for _, item := range v {
			m, _ := item.(map[string]any)
			if m["name"] == step || m["key"] == step || m["mountPath"] == step {
				return m
			}
		}
	}
	return nil
}
