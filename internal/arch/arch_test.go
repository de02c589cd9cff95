// Package arch keeps ARCHITECTURE.md true: which room may know of which other, and what stays out of the product.
package arch

import (
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// allowed are the rooms that a room may import; those of pure functions may import nothing else but the standard library.
var allowed = map[string][]string{
	"catalogue":                  {},
	"internal/secret":            {},
	"internal/diag":              {"internal/secret"},
	"internal/window":            {},
	"internal/policy":            {"catalogue", "internal/diag", "internal/upgrade", "internal/window"},
	"internal/config":            {"catalogue", "internal/diag", "internal/secret"},
	"internal/config/check":      {"catalogue", "internal/config", "internal/diag", "internal/secret", "internal/window"},
	"internal/stack":             {"catalogue", "internal/config", "internal/diag"},
	"internal/plan":              {"catalogue", "internal/config", "internal/diag", "internal/stack"},
	"internal/plan/fields":       {"internal/plan"},
	"internal/plan/objects":      {"catalogue", "internal/diag", "internal/plan", "internal/plan/fields", "internal/secret"},
	"internal/render/yaml":       {},
	"internal/render/compose":    {"catalogue", "internal/diag", "internal/render/yaml", "internal/stack"},
	"internal/render/agent":      {},
	"internal/render/kubernetes": {"catalogue", "internal/config", "internal/diag", "internal/render/kubernetes/tree", "internal/render/yaml", "internal/stack"},
	"internal/registry":          {"internal/diag"},
	"internal/sops":              {},
	"internal/journey":           {"catalogue", "internal/diag", "internal/run", "internal/stack", "internal/state", "internal/upgrade"},

	"internal/site": {"catalogue", "internal/config", "internal/config/check", "internal/diag", "internal/journey", "internal/plan", "internal/registry", "internal/run",
		"internal/stack", "internal/state", "internal/upgrade", "internal/view"},
	"internal/site/engine": {"internal/config", "internal/diag", "internal/journey", "internal/plan", "internal/registry", "internal/render/compose", "internal/run",
		"internal/site", "internal/stack", "internal/state", "internal/target/compose"},
	"internal/site/cluster": {"catalogue", "internal/config", "internal/diag", "internal/journey", "internal/plan", "internal/plan/fields", "internal/plan/objects",
		"internal/registry", "internal/render/kubernetes", "internal/run", "internal/site", "internal/stack", "internal/state", "internal/target/kubernetes",
		"internal/target/kubernetes/health", "internal/target/kubernetes/kubeconfig", "internal/target/kubernetes/observe", "internal/target/kubernetes/rbac",
		"internal/target/kubernetes/store"},

	"internal/render/kubernetes/tree":  {},
	"internal/render/kubernetes/forms": {"catalogue", "internal/diag", "internal/render/kubernetes", "internal/render/kubernetes/tree", "internal/render/yaml", "internal/stack"},

	"internal/target/compose":               {"catalogue", "internal/diag", "internal/plan", "internal/registry", "internal/render/compose"},
	"internal/target/kubernetes/kubeconfig": {"internal/diag"},
	"internal/target/kubernetes":            {"internal/diag", "internal/target/kubernetes/kubeconfig"},
	"internal/target/kubernetes/health":     {"internal/diag", "internal/target/kubernetes"},
	"internal/target/kubernetes/observe":    {"internal/diag", "internal/plan", "internal/plan/fields", "internal/plan/objects", "internal/target/kubernetes", "internal/target/kubernetes/health"},
	"internal/target/kubernetes/rbac":       {"internal/diag", "internal/target/kubernetes"},
	"internal/target/kubernetes/store":      {"internal/diag", "internal/plan", "internal/state", "internal/target/kubernetes"},
}

// pure rooms have no effects: no files, no network, no processes, no clock of their own.
var pure = []string{"internal/window", "internal/policy", "internal/stack", "internal/plan", "internal/plan/fields", "internal/plan/objects", "internal/render/yaml",
	"internal/render/compose", "internal/render/kubernetes", "internal/render/kubernetes/forms", "internal/render/kubernetes/tree", "internal/render/agent"}

var effects = []string{"os", "os/exec", "net", "net/http", "syscall"}

// imports reads the files itself: of what another program reads the test's cached result knows nothing.
func imports(t *testing.T, room string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", room, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has %d files, %v", room, len(files), err)
	}
	var out []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			out = append(out, strings.Trim(i.Path.Value, `"`))
		}
	}
	return out
}

func TestArrowsPointOneWay(t *testing.T) {
	for room, may := range allowed {
		for _, i := range imports(t, room) {
			if ours, ok := strings.CutPrefix(i, "berth/"); ok && !slices.Contains(may, ours) {
				t.Errorf("%s imports %s; it may import only %v", room, ours, may)
			}
		}
	}
}

func TestPureRoomsHaveNoEffects(t *testing.T) {
	for _, room := range pure {
		for _, i := range imports(t, room) {
			if slices.Contains(effects, i) {
				t.Errorf("%s is pure, but imports %s", room, i)
			}
			if strings.Contains(strings.Split(i, "/")[0], ".") && !(strings.HasPrefix(room, "internal/render/") && i == "go.yaml.in/yaml/v4") {
				t.Errorf("%s imports only the standard library and rooms of ours, but also %s", room, i)
			}
		}
	}
}

// TestNoEngineClients: client libraries of engines take longer to start than berth takes to render. Tests may use them.
func TestNoEngineClients(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "berth/cmd/berth").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	for _, pkg := range strings.Fields(string(out)) {
		for _, client := range []string{"github.com/moby/", "github.com/docker/docker/", "k8s.io/", "berth/testbed"} {
			if strings.HasPrefix(pkg, client) {
				t.Errorf("the program has %s in it", pkg)
			}
		}
	}
}

func TestEveryRoomStandsInTheDocument(t *testing.T) {
	text, err := os.ReadFile("../../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "list", "berth/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, pkg := range strings.Fields(string(out)) {
		room := strings.TrimPrefix(pkg, "berth/")
		if room == "internal/arch" || room == "cmd/berth" || room == "bench" || room == "e2e" {
			continue
		}
		if !strings.Contains(string(text), "`"+room+"`") {
			t.Errorf("ARCHITECTURE.md does not say what %s knows", room)
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `(internal/[a-z/]+|catalogue)`").FindAllStringSubmatch(string(text), -1) {
		if !strings.Contains(string(out), "berth/"+m[1]+"\n") {
			t.Errorf("ARCHITECTURE.md tells of %s, which is not there", m[1])
		}
	}
}

func TestEveryDependencyHasALine(t *testing.T) {
	text, err := os.ReadFile("../../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "list", "-m", "-f", "{{if not (or .Main .Indirect)}}{{.Path}}{{end}}", "all").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, module := range strings.Fields(string(out)) {
		if !strings.Contains(string(text), module) {
			t.Errorf("docs/dependencies.md has no line for %s", module)
		}
	}
}
