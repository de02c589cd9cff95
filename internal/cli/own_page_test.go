package cli

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// TestOwnContainersPage: every example of docs/own-containers.md is rendered without a problem.
func TestOwnContainersPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/own-containers.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := yamlBlock.FindAllStringSubmatch(string(page), -1)
	if len(examples) < 5 {
		t.Fatalf("only %d examples", len(examples))
	}
	env := map[string]string{"PG_PASSWORD": "a", "TUNNEL_TOKEN": "b"}
	for _, example := range examples {
		dir := folderOf(t, map[string]string{"sourcegraph.yaml": example[1], "key.json": "{}"})
		said, code := said(t, dir, env, "render", "--out", "out")
		if code != ExitOK || strings.Contains(said, "BERTH") {
			t.Errorf("exit code %d\n%s\n%s", code, said, example[1])
		}
	}
}
