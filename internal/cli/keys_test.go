package cli

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"berth/internal/config"
)

// TestKeysThatAreNamed finds every key of sourcegraph.yaml that a message, a code, data of the catalogue, or a document names by its whole path, and
// looks for it in the schema. Advice to set a key that does not exist is worse than none.
func TestKeysThatAreNamed(t *testing.T) {
	found := 0
	for _, m := range slices.Concat(inGo(t, "../config", "../stack", "../render", "../installation", "../plan", "../target", "../upgrade", "../cli", "../agent", "../address"), inCodes(t), inData(t)) {
		for _, path := range keysIn(m.text) {
			found++
			if path == "url.dll" { // a library of Windows
				continue
			}
			if !isKey(path) {
				t.Errorf("%s names %s, which is no key", m.where, path)
			}
		}
	}
	t.Logf("%d keys are named", found)
	if found < 300 {
		t.Errorf("only %d keys were found", found)
	}
	for text, want := range map[string]string{
		"set services.gitserver.memory, then": "services.gitserver.memory",
		"remove  tls.cert  or":                "tls.cert",
		"of databases.VALUE.external.sslmode": "databases.VALUE.external.sslmode",
	} {
		if got := keysIn(text); len(got) != 1 || got[0] != want {
			t.Errorf("in %q: %q", text, got)
		}
	}
	if isKey("tls.cert") || isKey("services.gitserver.mem_limit") || !isKey("databases.pgsql.external.sslmode") || !isKey("services.gitserver.instances.0.memory") {
		t.Error("the schema is read wrongly")
	}
}

// inData gives the texts of data that messages are made from.
func inData(t *testing.T) (all []mention) {
	for _, name := range []string{"../../catalogue/upgrades.yaml", "../../catalogue/relations.yaml", "../../catalogue/controllers.yaml", "../config/names.yaml"} {
		for line := range strings.Lines(string(read(t, name))) {
			all = append(all, mention{where: name, text: line})
		}
	}
	return all
}

// dotted is a path whose first name may be a key.
var dotted = regexp.MustCompile(`(^|[^\w./-])([a-z][A-Za-z]*)((?:\.[A-Za-z0-9_-]+)+)`)

// notKeys begin like a path of keys and are something else: hosts, files, and the keys of Sourcegraph's own site configuration.
var notKeys = regexp.MustCompile(`\.(io|internal|example\.com|svc|crt|pem|json|yaml)$|^executors\.(batcheshelperImage|srcCLIImage|accessToken)$`)

// keysIn are the paths of keys in a text.
func keysIn(text string) (paths []string) {
	for _, m := range dotted.FindAllStringSubmatch(text, -1) {
		path := strings.TrimRight(m[2]+m[3], ".-")
		if config.Root().Key(m[2]) != nil && !notKeys.MatchString(path) {
			paths = append(paths, path)
		}
	}
	return paths
}

// isKey reports whether a path leads to a key; names and numbers are the admin's.
func isKey(path string) bool {
	k := config.Root()
	for name := range strings.SplitSeq(path, ".") {
		below := k.Key(name)
		switch {
		case below != nil:
			k = below
		case k.Elem != nil && (len(k.Under) == 0 || slices.Contains(k.Under, name) || strings.ToUpper(name) == name):
			k = k.Elem
		case k.Kind == config.Anything, name == "VALUE": // what the program fills in
			return true
		default:
			return false
		}
	}
	return true
}
