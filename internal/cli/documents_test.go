package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/catalogue"
	"berth/internal/agent"
	"berth/internal/backup"
	"berth/internal/bundle"
	"berth/internal/config"
	"berth/internal/diag"
	"berth/internal/doctor"
	"berth/internal/exception"
	"berth/internal/installation"
	"berth/internal/installation/fake"
	"berth/internal/plan"
	"berth/internal/registry"
	"berth/internal/rehearse"
	"berth/internal/state"
	"berth/internal/status"
	"berth/internal/support"
	"berth/internal/upgrade"
	"berth/internal/view"
	"github.com/invopop/jsonschema"
	schemas "github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

// results are what commands give to programs.
var results = map[string]any{
	"berth init": Written{}, "berth render": Written{}, "berth agent render": Written{}, "berth schema": Written{}, "berth runbook": Written{},
	"berth adopt": Adopted{}, "berth adopt undo": Returned{}, "berth adopt finish": Finished{},
	"berth eject": Ejected{},
	"berth plan":  plan.Plan{}, "berth upgrade": plan.Plan{}, "berth upgrade (done)": state.Record{},
	"berth up": state.Record{}, "berth down": state.Record{}, "berth revert": state.Record{}, "berth rollback": state.Record{}, "berth rollback (plan)": plan.Plan{}, "berth upgrade finish": state.Record{},
	"berth backup": backup.Manifest{}, "berth backup list": []backup.Listed{}, "berth backup verify": Verified{}, "berth backup prove": state.Record{}, "berth restore": state.Record{},
	"berth backup (plan)": plan.Plan{}, "berth backup (stopped)": state.Record{}, "berth backup prove (plan)": plan.Plan{}, "berth restore (plan)": plan.Plan{},
	"berth restore (files)": Written{}, "berth move": state.Record{}, "berth move (plan)": plan.Plan{}, "berth move back": state.Record{}, "berth move back (plan)": plan.Plan{}, "berth move finish": state.Record{},
	"berth status": status.Status{}, "berth history": []state.Record{}, "berth agent": agent.Report{}, "berth rehearse": rehearse.Report{},
	"berth upgrade path": upgrade.Way{}, "berth catalogue list": []catalogue.Version{}, "berth catalogue show": catalogue.Summary{},
	"berth top": status.Top{}, "berth restart": state.Record{}, "berth verify": status.Verification{}, "berth open": Opened{},
	"berth doctor": doctor.Report{}, "berth explain": config.Explanation{}, "berth explain (code)": diag.Code{}, "berth lock": registry.Lock{}, "berth version": Version{},
	"berth size": Sized{}, "berth size (measured)": Measured{}, "berth exception list": []exception.Standing{}, "berth exception show": []exception.Standing{}, "berth exception check": []exception.Standing{},
	"berth exception new": Written{}, "berth exception renew": Written{}, "berth exception revoke": Written{}, "berth support ask": support.Answer{}, "berth support check": []support.Answer{}, "berth support check (proposed)": Proposed{}, "berth support show": []support.Subject{},
	"berth support options": []support.Finding{}, "berth support diff": []support.Change{},
	"berth report": Reported{}, "berth bundle": Bundled{}, "berth bundle analyze": bundle.Analysis{}, "berth bundle diff": bundle.Difference{}, "berth bundle verify": bundle.Checked{},
}

// documentsSchema is schema/documents.schema.json: one definition for each command, made from the types.
func documentsSchema(t *testing.T) []byte {
	t.Helper()
	r := &jsonschema.Reflector{Anonymous: true, Mapper: func(of reflect.Type) *jsonschema.Schema {
		switch of {
		case reflect.TypeFor[time.Duration]():
			return &jsonschema.Schema{Type: "integer", Description: "nanoseconds"}
		}
		return nil
	}, Namer: func(of reflect.Type) string {
		if of.Name() == "" {
			return ""
		}
		return path.Base(of.PkgPath()) + "." + of.Name() // two packages may have a Report
	}}
	definitions := map[string]any{}
	var of []any
	add := func(value any) any {
		text, err := json.Marshal(r.Reflect(value))
		if err != nil {
			t.Fatal(err)
		}
		var schema map[string]any
		if err := json.Unmarshal(text, &schema); err != nil {
			t.Fatal(err)
		}
		delete(schema, "$schema")
		if defs, ok := schema["$defs"].(map[string]any); ok {
			for name, d := range defs {
				definitions[name] = optional(d)
			}
		}
		delete(schema, "$defs")
		return schema
	}
	problems := add(diag.List{})
	commands := map[string][]any{}
	for _, command := range slices.Sorted(maps.Keys(results)) {
		name := bare(command)
		commands[name] = append(commands[name], add(results[command]))
	}
	for _, name := range slices.Sorted(maps.Keys(commands)) {
		of = append(of, map[string]any{"if": map[string]any{"properties": map[string]any{"command": map[string]any{"const": name}}},
			"then": map[string]any{"properties": map[string]any{"result": map[string]any{"anyOf": commands[name]}}}})
	}
	schema := map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://berth.dev/schema/documents.schema.json",
		"title": "What berth prints with --output json", "type": "object",
		"properties": map[string]any{
			"version":  map[string]any{"const": view.DocumentVersion, "description": "the version of this form"},
			"command":  map[string]any{"type": "string", "description": "the command that was given"},
			"exitCode": map[string]any{"type": "integer", "description": "the exit code of the program"},
			"result":   map[string]any{"description": "what the command gives; absent when it failed before there was any"},
			"problems": problems},
		"required": []string{"version", "command", "exitCode", "problems"}, "additionalProperties": false,
		"allOf": of, "$defs": definitions}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	if err := enc.Encode(schema); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// optional lets a list, a map or a pointer be null, as Go writes an empty one.
func optional(schema any) any {
	all, ok := schema.(map[string]any)
	if !ok {
		return schema
	}
	properties, _ := all["properties"].(map[string]any)
	for name, p := range properties {
		if one, ok := p.(map[string]any); ok && (one["type"] == "array" || one["type"] == "object") {
			properties[name] = map[string]any{"anyOf": []any{one, map[string]any{"type": "null"}}}
		}
	}
	return all
}

// bare is a command without what it is asked for.
func bare(command string) string {
	name, _, _ := strings.Cut(command, " (")
	return name
}

const documentsFile = "../../schema/documents.schema.json"

func TestDocumentsSchema(t *testing.T) {
	want := documentsSchema(t)
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(documentsFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(documentsFile); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is stale (%v); run: make golden", documentsFile, err)
	}
}

// valid says what is wrong with a document.
func valid(text []byte) error {
	c := schemas.NewCompiler()
	s, err := c.Compile(documentsFile)
	if err != nil {
		return err
	}
	document, err := schemas.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return s.Validate(document)
}

// sameAsYAML holds the document that a command printed as JSON against the same in YAML.
func sameAsYAML(o *output, document view.Document, printed []byte) error {
	document.Result, document.Problems = o.result, o.found
	var text bytes.Buffer
	if err := document.Write(&text, view.YAML); err != nil {
		return err
	}
	var inYAML, inJSON any
	if err := yaml.Load(text.Bytes(), &inYAML); err != nil {
		return fmt.Errorf("its YAML: %w\n%s", err, text.String())
	}
	if err := json.Unmarshal(printed, &inJSON); err != nil {
		return err
	}
	// As JSON both have numbers of one kind.
	again, err := json.Marshal(inYAML)
	if err != nil {
		return err
	}
	want, err := json.Marshal(inJSON)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, want) {
		return fmt.Errorf("as YAML it says something else:\n%s\n%s", again, want)
	}
	return nil
}

// TestDocuments holds what every command prints with --json against the schema: one document, also when it fails.
func TestDocuments(t *testing.T) {
	w := fake.New()
	dir := t.TempDir()
	seen := map[string]bool{}
	run := func(want int, args ...string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		w.Process(0)
		e := &Env{Stdout: &stdout, Targets: Targets{Open: w.Open, Named: w.OpenNamed, Stored: w.OpenNamed},
			Environment: installation.Environment{Stdin: strings.NewReader(""), Stderr: io.Writer(&stderr), Dir: dir, Getenv: func(string) string { return "" }, Now: w.Now}}
		code := Run(context.Background(), e, append(args, "--json"))
		var document view.Document
		if err := json.Unmarshal(stdout.Bytes(), &document); err != nil {
			t.Errorf("berth %v prints no single document: %v\n%s", args, err, stdout.String())
			return
		}
		if err := valid(stdout.Bytes()); err != nil {
			t.Errorf("berth %v: %v\n%s", args, err, stdout.String())
		}
		if err := sameAsYAML(e.out, document, stdout.Bytes()); err != nil {
			t.Errorf("berth %v: %v", args, err)
		}
		if code != want || document.ExitCode != code {
			t.Errorf("berth %v: exit %d, want %d; the document says %d\n%s", args, code, want, document.ExitCode, stderr.String())
		}
		if document.Result != nil {
			seen[document.Command] = true
		}
		if (code == ExitError || code == ExitChecks) && document.Result == nil && len(document.Problems) == 0 {
			t.Errorf("berth %v failed and says not why:\n%s", args, stdout.String())
		}
	}
	run(0, "version")
	run(0, "catalogue", "list")
	run(0, "catalogue", "show", "7.5")
	run(1, "catalogue", "show", "9.9")
	run(0, "explain", "services")
	run(0, "explain", "BERTH1100")
	run(1, "explain", "BERTH0000")
	run(0, "upgrade", "path", "--from", "6.0.0")
	run(3, "upgrade", "path", "--from", "9.9.9")
	run(3, "plan")
	run(3, "status")
	run(1, "frobnicate")
	run(0, "init", "--release", "7.4.0", "--size", "demo")
	run(3, "init")
	run(0, "render", "--out", "rendered")
	run(3, "render", "--out", "-")
	run(0, "adopt", "rendered", "--out", "one/sourcegraph.yaml", "--yes")
	run(0, "adopt", "undo", "-c", "one/sourcegraph.yaml", "--yes")
	run(0, "adopt", "rendered", "--out", "two/sourcegraph.yaml", "--yes")
	run(0, "adopt", "finish", "-c", "two/sourcegraph.yaml")
	run(3, "adopt", "undo", "-c", "two/sourcegraph.yaml", "--yes")
	run(3, "adopt", "nothing")
	run(0, "schema", "--out", "-")
	run(0, "init", "--out", "-")
	run(0, "check")
	run(2, "plan")
	run(0, "up")
	run(0, "plan")
	run(0, "status")
	run(0, "doctor")
	run(3, "doctor", "nothing")
	run(0, "size", "--measured")
	run(2, "upgrade", "--plan", "--to", "7.5")
	run(3, "upgrade", "--to", "7.5")
	run(0, "rehearse", "--to", "7.5")
	run(2, "agent")
	run(0, "upgrade", "--to", "7.5", "--yes")
	run(2, "rollback", "--plan")
	run(0, "rollback", "--yes")
	run(0, "upgrade", "--to", "7.5", "--yes")
	run(0, "upgrade", "finish", "--yes")
	run(3, "rollback", "--yes")
	text, err := os.ReadFile(filepath.Join(dir, DefaultConfig))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, DefaultConfig), append(text, "services: {gitserver: {memory: 1Gi}}\n"...), 0o644); err != nil {
		t.Fatal(err)
	}
	run(0, "up")
	run(0, "revert", "--yes")
	run(0, "top")
	run(0, "verify")
	run(0, "open")
	run(3, "logs", "gitservr")
	run(1, "psql")
	run(1, "status", "--watch")
	run(0, "restart", "worker")
	run(0, "history")
	if err := os.WriteFile(filepath.Join(dir, "docker-compose.yaml"), []byte("services: {sourcegraph-frontend-0: {image: \"sourcegraph/frontend:7.5.4453\"}}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	run(0, "eject", "--as", "compose", "--official", "docker-compose.yaml", "--out", "official")
	run(0, "bundle", "--out", "bundle.tar.gz")
	run(0, "bundle", "analyze", "bundle.tar.gz")
	run(0, "bundle", "diff", "bundle.tar.gz", "bundle.tar.gz")
	run(0, "bundle", "verify", "bundle.tar.gz")
	run(0, "report")
	run(3, "report", "--send")
	run(3, "bundle", "analyze", "nothing.tar.gz")
	backedUp(t, dir, run)
	moved(t, dir, run)
	run(0, "down")
	run(3, "lock")
	run(0, "exception", "new", "one", "--subject", "podman", "--releases", ">=7.0", "--expires", "2100-01-01", "--what", "a", "--why", "b", "--risk", "c",
		"--services", "d", "--merged", "e", "--value", "f", "--fit", "g", "--asked-by", "h")
	run(0, "exception", "list")
	run(0, "exception", "show", "one")
	run(0, "exception", "check")
	run(0, "exception", "renew", "one", "--expires", "2101-01-01")
	run(0, "exception", "revoke", "one", "--reason", "not needed")
	run(0, "size", "--users", "3000")
	run(0, "runbook")
	run(0, "support", "ask", "redis")
	run(0, "support", "check")
	run(0, "support", "show")
	run(0, "support", "options")
	run(0, "support", "diff", "5.11", "7.5")
	for command := range results {
		if name := bare(command); !seen[name] && name != "berth lock" && name != "berth agent render" {
			t.Errorf("the result of %s was not seen", name)
		}
	}
}

// moved moves what runs, and moves it back.
func moved(t *testing.T, dir string, run func(int, ...string)) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, DefaultConfig))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "there.yaml"), append(text, "name: there\n"...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	run(0, "move", "--to", "there.yaml", "--plan")
	run(0, "move", "--to", "there.yaml", "--yes")
	run(0, "move", "back", "--yes")
	run(0, "down", "--config", "there.yaml", "--delete-data", "there")
	run(0, "move", "--to", "there.yaml", "--yes")
	run(3, "move", "finish") // there is no terminal to ask at
	run(0, "move", "finish", "--yes")
	run(0, "up")
}

// backedUp makes a backup of what runs, and restores it.
func backedUp(t *testing.T, dir string, run func(int, ...string)) {
	t.Helper()
	run(0, "backup", "--out", "backups")
	run(0, "backup", "list", "--out", "backups")
	made, err := filepath.Glob(filepath.Join(dir, "backups", "*", "*"))
	if err != nil || len(made) != 1 {
		t.Fatal(made, err)
	}
	run(0, "backup", "verify", made[0])
	run(0, "backup", "prove", made[0])
	run(3, "restore", made[0])
	run(0, "restore", made[0], "--replace", "--yes")
	run(0, "restore", made[0], "--files", "files")
}
