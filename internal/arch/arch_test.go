// Package arch keeps ARCHITECTURE.md true: which room may know of which other, and what stays out of the product.
package arch

import (
	"flag"
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

var update = flag.Bool("update", false, "write what rooms import into ARCHITECTURE.md")

// rooms are all packages of the product, each with the rooms that it imports. ARCHITECTURE.md shows the same (make gen writes it there), and
// what is imported, named here and written there can't differ. An arrow that is new is a decision: it is added by hand.
var rooms = map[string][]string{
	"catalogue":                        {},
	"internal/secret":                  {},
	"internal/fold":                    {},
	"internal/diag":                    {"internal/fold", "internal/secret"},
	"internal/window":                  {},
	"internal/size":                    {"catalogue", "internal/picture"},
	"internal/size/measure":            {"internal/diag", "internal/installation", "internal/size", "internal/status"},
	"internal/exception":               {"catalogue", "internal/diag", "internal/signed", "internal/support"},
	"internal/report":                  {"catalogue", "internal/backup/stages", "internal/diag", "internal/doctor", "internal/exception", "internal/plan", "internal/state", "internal/upgrade/stages"},
	"internal/proposal":                {"catalogue", "internal/config", "internal/size", "internal/support"},
	"internal/support":                 {"catalogue", "internal/config", "internal/diag", "internal/plan"},
	"internal/signed":                  {"internal/diag"},
	"internal/release":                 {"internal/diag", "internal/signed"},
	"internal/jsonc":                   {},
	"internal/rds":                     {},
	"internal/config":                  {"catalogue", "internal/diag", "internal/fold", "internal/secret", "internal/size"},
	"internal/address":                 {"catalogue", "internal/config"},
	"internal/config/check":            {"internal/address", "catalogue", "internal/config", "internal/config/contents", "internal/diag", "internal/jsonc", "internal/secret", "internal/window"},
	"internal/config/contents":         {"catalogue", "internal/config", "internal/diag", "internal/jsonc"},
	"internal/config/reference":        {"catalogue", "internal/config"},
	"internal/adopt":                   {"catalogue", "internal/config", "internal/diag", "internal/render/yaml", "internal/secret", "internal/tree"},
	"internal/adopt/compose":           {"catalogue", "internal/address", "internal/adopt", "internal/adopt/candidate", "internal/config", "internal/diag", "internal/installation", "internal/registry", "internal/render/compose", "internal/secret", "internal/stack", "internal/tree"},
	"internal/adopt/candidate":         {"catalogue", "internal/config", "internal/config/check", "internal/diag", "internal/installation", "internal/registry", "internal/stack"},
	"internal/adopt/kubernetes/wanted": {"internal/plan/fields", "internal/tree"},
	"internal/adopt/kubernetes":        {"catalogue", "internal/adopt", "internal/adopt/candidate", "internal/adopt/kubernetes/wanted", "internal/diag", "internal/installation", "internal/plan/fields", "internal/registry", "internal/render/kubernetes", "internal/secret", "internal/stack", "internal/tree"},
	"internal/stack":                   {"catalogue", "internal/address", "internal/config", "internal/diag", "internal/jsonc"},
	"internal/plan":                    {"catalogue", "internal/diag"},
	"internal/plan/fields":             {"internal/plan", "internal/tree"},
	"internal/plan/objects":            {"catalogue", "internal/diag", "internal/plan", "internal/plan/fields", "internal/secret", "internal/tree"},
	"internal/render/yaml":             {},
	"internal/render/compose":          {"catalogue", "internal/address", "internal/config", "internal/diag", "internal/render/compose/spec", "internal/render/yaml", "internal/stack", "internal/tree"},
	"internal/render/agent":            {},
	"internal/render/kubernetes":       {"catalogue", "internal/config", "internal/diag", "internal/render/kubernetes/api", "internal/render/yaml", "internal/stack", "internal/tree"},
	"internal/render/kubernetes/forms": {"catalogue", "internal/diag", "internal/render/kubernetes", "internal/tree", "internal/render/yaml",
		"internal/stack"},
	"internal/eject":                        {"catalogue", "internal/diag", "internal/plan", "internal/render/compose/spec", "internal/render/kubernetes", "internal/render/kubernetes/forms", "internal/render/yaml", "internal/stack", "internal/tree"},
	"internal/render/kubernetes/rendertest": {"catalogue", "internal/config", "internal/jsonc", "internal/stack"},
	"internal/render/compose/spec":          {},
	"internal/render/kubernetes/api":        {"internal/diag", "internal/tree"},
	"internal/tree":                         {},
	"internal/catalogue/maintain":           {"catalogue"},
	"internal/catalogue/rendered":           {"catalogue", "internal/config", "internal/render/compose", "internal/render/kubernetes", "internal/stack"},
	"internal/sops":                         {},

	"internal/target/kubernetes/health":   {"internal/diag", "internal/target/kubernetes"},
	"internal/target/kubernetes/kubetest": {},
	"internal/installation/contract": {"internal/data", "internal/diag", "internal/installation", "internal/plan", "internal/rehearse", "internal/run", "internal/stack",
		"internal/state"},
	"internal/installation/fake": {"catalogue", "internal/data", "internal/diag", "internal/installation", "internal/installation/cluster", "internal/installation/engine",
		"internal/plan", "internal/plan/objects", "internal/render/kubernetes", "internal/run", "internal/stack", "internal/state"},
	"internal/target/kubernetes/observe": {"internal/diag", "internal/plan", "internal/plan/fields", "internal/plan/objects", "internal/target/kubernetes",
		"internal/target/kubernetes/health", "internal/tree"},
	"internal/target/kubernetes/rbac": {"internal/diag", "internal/target/kubernetes", "internal/tree"},

	"internal/data":                      {"catalogue", "internal/diag", "internal/run"},
	"internal/state":                     {"internal/diag", "internal/plan"},
	"internal/run":                       {"internal/diag", "internal/plan", "internal/state"},
	"internal/installation":              {"catalogue", "internal/config", "internal/config/check", "internal/data", "internal/diag", "internal/jsonc", "internal/plan", "internal/rds", "internal/registry", "internal/render/compose", "internal/render/kubernetes", "internal/run", "internal/stack", "internal/state", "internal/target/inside"},
	"internal/installation/stores":       {"internal/config", "internal/data", "internal/diag", "internal/installation", "internal/plan", "internal/run", "internal/stack"},
	"internal/installation/engine":       {"internal/address", "internal/adopt", "internal/adopt/compose", "internal/config", "internal/config/check", "internal/data", "internal/diag", "internal/installation", "internal/plan", "internal/registry", "internal/render/compose", "internal/run", "internal/secret", "internal/stack", "internal/target/compose", "internal/target/compose/execute", "internal/target/compose/project", "internal/target/compose/store", "internal/target/inside"},
	"internal/installation/cluster":      {"catalogue", "internal/adopt/kubernetes", "internal/adopt/kubernetes/wanted", "internal/config", "internal/config/check", "internal/data", "internal/diag", "internal/installation", "internal/plan", "internal/plan/fields", "internal/plan/objects", "internal/registry", "internal/render/kubernetes", "internal/run", "internal/stack", "internal/target/inside", "internal/target/kubernetes", "internal/target/kubernetes/execute", "internal/target/kubernetes/health", "internal/target/kubernetes/observe", "internal/target/kubernetes/rbac", "internal/target/kubernetes/store", "internal/tree"},
	"internal/upgrade":                   {"catalogue", "internal/config", "internal/diag", "internal/plan"},
	"internal/upgrade/stages":            {"catalogue", "internal/data", "internal/diag", "internal/plan", "internal/stack", "internal/state"},
	"internal/upgrade/survey":            {"catalogue", "internal/config", "internal/data", "internal/diag", "internal/installation", "internal/plan", "internal/stack", "internal/state", "internal/upgrade", "internal/upgrade/stages"},
	"internal/upgrade/execute":           {"internal/config", "internal/data", "internal/diag", "internal/installation", "internal/plan", "internal/run", "internal/stack", "internal/state", "internal/upgrade/stages"},
	"internal/backup":                    {"internal/backup/place", "internal/diag"},
	"internal/backup/place":              {},
	"internal/backup/stages":             {"catalogue", "internal/data", "internal/plan", "internal/stack"},
	"internal/backup/execute":            {"internal/backup", "internal/backup/stages", "internal/data", "internal/diag", "internal/installation", "internal/plan", "internal/run", "internal/stack", "internal/state"},
	"internal/repair":                    {"internal/data", "internal/installation", "internal/plan", "internal/run", "internal/stack", "internal/state"},
	"internal/rehearse":                  {"catalogue", "internal/config", "internal/data", "internal/diag", "internal/installation", "internal/plan", "internal/run", "internal/stack", "internal/state", "internal/upgrade/execute", "internal/upgrade/stages"},
	"internal/agent":                     {"internal/config", "internal/diag", "internal/doctor", "internal/plan", "internal/policy", "internal/state", "internal/upgrade", "internal/upgrade/execute", "internal/upgrade/stages", "internal/upgrade/survey", "internal/window"},
	"internal/bundle":                    {"internal/bundle/redact", "internal/diag", "internal/doctor"},
	"internal/bundle/redact":             {"internal/secret"},
	"internal/bundle/redact/redacttest":  {},
	"internal/bundle/gather":             {"catalogue", "docs", "internal/bundle", "internal/bundle/redact", "internal/config", "internal/data", "internal/diag", "internal/doctor", "internal/installation", "internal/jsonc", "internal/secret", "internal/state", "internal/status"},
	"internal/status":                    {"internal/agent", "internal/backup", "internal/data", "internal/diag", "internal/doctor", "internal/installation", "internal/plan", "internal/size", "internal/state", "internal/upgrade/stages", "internal/upgrade/survey"},
	"internal/picture":                   {},
	"internal/plan/graph":                {"internal/plan"},
	"internal/view":                      {"catalogue", "internal/adopt", "internal/backup", "internal/bundle", "internal/diag", "internal/doctor", "internal/exception", "internal/fold", "internal/logs", "internal/picture", "internal/plan", "internal/plan/graph", "internal/proposal", "internal/rehearse", "internal/run", "internal/size", "internal/stack", "internal/status", "internal/support", "internal/upgrade", "internal/upgrade/stages", "internal/upgrade/survey"},
	"internal/runbook":                   {"catalogue", "internal/address", "internal/config", "internal/stack"},
	"internal/logs":                      {"internal/installation"},
	"internal/browser":                   {},
	"internal/console":                   {"internal/browser", "internal/diag", "internal/picture", "internal/plan", "internal/plan/graph", "internal/run", "internal/size", "internal/state", "internal/view"},
	"docs":                               {},
	"internal/manual":                    {"internal/fold"},
	"internal/doctor":                    {"catalogue", "internal/diag"},
	"internal/doctor/look":               {"catalogue", "internal/backup/place", "internal/config", "internal/data", "internal/diag", "internal/doctor", "internal/installation", "internal/plan", "internal/secret", "internal/size", "internal/size/measure", "internal/state", "internal/upgrade/stages", "internal/upgrade/survey"},
	"internal/policy":                    {"catalogue", "internal/diag", "internal/plan", "internal/upgrade", "internal/window"},
	"internal/target/compose/store":      {"internal/diag", "internal/state"},
	"internal/target/compose/project":    {"internal/render/compose", "internal/stack", "internal/state", "internal/target/compose/store"},
	"internal/target/compose/execute":    {"catalogue", "internal/address", "internal/diag", "internal/plan", "internal/registry", "internal/render/compose", "internal/run", "internal/secret", "internal/stack", "internal/target/compose", "internal/target/compose/project", "internal/target/compose/store", "internal/target/inside"},
	"internal/target/kubernetes/store":   {"internal/diag", "internal/plan", "internal/state", "internal/target/kubernetes", "internal/tree"},
	"internal/target/kubernetes/execute": {"internal/diag", "internal/plan", "internal/plan/fields", "internal/run", "internal/secret", "internal/stack", "internal/target/inside", "internal/target/kubernetes", "internal/target/kubernetes/health", "internal/target/kubernetes/store", "internal/tree"},
	"internal/target/inside":             {},
	"internal/target/compose":            {"catalogue", "internal/diag", "internal/plan", "internal/registry", "internal/render/compose", "internal/target/inside"},
	"internal/target/kubernetes":         {"internal/diag", "internal/target/inside"},
	"internal/registry":                  {"internal/diag"},
	"cmd/berth":                          {"internal/cli", "internal/installation", "internal/view"},
	"cmd/berth-catalogue":                {"catalogue", "internal/catalogue/maintain", "internal/catalogue/rendered"},
	"cmd/berth-hq":                       {"catalogue", "internal/backup", "internal/backup/place", "internal/diag", "internal/hq/fleet", "internal/hq/issue", "internal/hq/option", "internal/hq/review", "internal/hq/simulate", "internal/hq/store", "internal/hq/web", "internal/report"},
	"internal/hq/issue":                  {"catalogue", "internal/diag", "internal/report", "internal/upgrade/stages"},
	"internal/hq/option":                 {"catalogue", "internal/diag", "internal/hq/issue"},
	"internal/hq/review":                 {"catalogue", "internal/diag", "internal/exception", "internal/hq/issue"},
	"internal/hq/fleet":                  {"catalogue", "internal/diag", "internal/exception", "internal/hq/issue", "internal/hq/review", "internal/report", "internal/state"},
	"internal/hq/simulate":               {"catalogue", "internal/diag", "internal/hq/issue", "internal/plan", "internal/report", "internal/state", "internal/upgrade/stages"},
	"internal/hq/store":                  {"catalogue", "internal/diag", "internal/hq/fleet", "internal/hq/issue", "internal/hq/review", "internal/plan", "internal/report"},
	"internal/hq/store/pgtest":           {},
	"internal/hq/web":                    {"catalogue", "internal/browser", "internal/diag", "internal/exception", "internal/hq/fleet", "internal/hq/issue", "internal/hq/option", "internal/hq/review", "internal/hq/store", "internal/report"},
	"internal/cli":                       {anything},
}

// anything stands for all rooms.
const anything = "all of them"

// pure rooms have no effects: no files, no network, no processes, no clock of their own.
var pure = []string{"internal/fold", "internal/address", "internal/report", "internal/hq/fleet", "internal/hq/issue", "internal/hq/option", "internal/hq/review", "internal/hq/simulate", "internal/adopt", "internal/manual", "internal/eject", "internal/signed", "internal/release", "internal/support", "internal/size", "internal/exception", "internal/window", "internal/jsonc", "internal/config/contents", "internal/policy", "internal/stack", "internal/plan", "internal/plan/fields", "internal/plan/objects", "internal/upgrade", "internal/upgrade/stages", "internal/backup/stages", "internal/secret", "internal/bundle/redact", "internal/render/yaml",
	"internal/render/compose", "internal/render/compose/spec", "internal/render/kubernetes", "internal/render/kubernetes/api", "internal/render/kubernetes/forms", "internal/runbook", "internal/tree", "internal/render/agent", "internal/doctor"}

// ofCompose is Compose's own code for its format, with what that needs. It is given texts, and reads nothing.
const ofCompose = "internal/render/compose/spec"

// withoutEffects are libraries that pure rooms may use.
var withoutEffects = []string{"github.com/klauspost/compress/gzip", "go.yaml.in/yaml/v4", "golang.org/x/mod/semver", "aead.dev/minisign"}

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
	for room, named := range rooms {
		used := imports(t, room)
		for _, i := range used {
			if ours, ok := strings.CutPrefix(i, "berth/"); ok && !slices.Contains(named, ours) && !slices.Contains(named, anything) {
				t.Errorf("%s imports %s; it may import only %v", room, ours, named)
			}
		}
		for _, n := range named {
			if n != anything && !slices.Contains(used, "berth/"+n) {
				t.Errorf("%s does not import %s any more; take it out of its line", room, n)
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
			if strings.Contains(strings.Split(i, "/")[0], ".") && !slices.Contains(withoutEffects, i) && room != ofCompose {
				t.Errorf("%s imports only the standard library and rooms of ours, but also %s", room, i)
			}
		}
	}
}

// heavy are packages that the program must not have in it: they cost megabytes or milliseconds at each start, and berth needs none of them.
var heavy = []string{"github.com/docker/docker/", "github.com/docker/cli/cli/command", "berth/testbed"}

// kubernetes are the packages of Kubernetes that berth imports. What they need themselves comes with them; more, such as typed clients,
// discovery or the schemes of all kinds, doubles the program.
var kubernetes = []string{"k8s.io/client-go/rest", "k8s.io/client-go/tools/clientcmd", "k8s.io/client-go/transport/websocket"}

// TestNothingHeavyIsLinked: see docs/dependencies.md for what the libraries that are linked cost.
func TestNothingHeavyIsLinked(t *testing.T) {
	brought := deps(t, kubernetes...)
	for _, pkg := range deps(t, "berth/cmd/berth") {
		if slices.ContainsFunc(heavy, func(h string) bool { return strings.HasPrefix(pkg, h) }) {
			t.Errorf("the program has %s in it", pkg)
		}
		if strings.Contains(pkg, "k8s.io/") && !slices.Contains(brought, pkg) {
			t.Errorf("the program has %s in it, which %v do not need", pkg, kubernetes)
		}
	}
}

// deps are packages and all that they need.
func deps(t *testing.T, packages ...string) []string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list", "-deps"}, packages...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	return strings.Fields(string(out))
}

// TestEveryRoomHasALine: in the list here, and in ARCHITECTURE.md, with what it imports.
func TestEveryRoomHasALine(t *testing.T) {
	out, err := exec.Command("go", "list", "berth/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, pkg := range strings.Fields(string(out)) {
		room := strings.TrimPrefix(pkg, "berth/")
		if _, ok := rooms[room]; !ok && !slices.Contains([]string{"internal/arch", "bench", "e2e", "e2e/tests"}, room) {
			t.Errorf("%s has no line in the list of rooms", room)
		}
	}
	const document = "../../ARCHITECTURE.md"
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	line := regexp.MustCompile("(?m)^\\| `([a-z/-]+[a-z])` \\| (.*) \\| (.*) \\|$")
	want := line.ReplaceAllStringFunc(string(text), func(row string) string {
		m := line.FindStringSubmatch(row)
		named, ok := rooms[m[1]]
		if !ok {
			t.Errorf("%s has a line for %s, which is not there", document, m[1])
		}
		seen[m[1]] = true
		return "| `" + m[1] + "` | " + m[2] + " | " + column(named) + " |"
	})
	for room := range rooms {
		if !seen[room] {
			t.Errorf("%s does not say what %s knows", document, room)
		}
	}
	switch {
	case want == string(text):
	case *update:
		if err := os.WriteFile(document, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s does not say what rooms import; write it: make gen", document)
	}
}

// column is what a room imports, in a few words.
func column(named []string) string {
	if len(named) == 0 {
		return "nothing"
	}
	short := make([]string, len(named))
	for i, n := range named {
		short[i] = strings.TrimPrefix(n, "internal/")
	}
	return strings.Join(short, ", ")
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
