package stack

import (
	"os"
	"strings"
	"testing"

	"berth/catalogue"
)

// TestExamplesOfDocs: each example of the page about stores is read, and changes what runs.
func TestExamplesOfDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/stores.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for i, part := range strings.Split(string(page), "```yaml\n") {
		example, _, ends := strings.Cut(part, "```")
		if i == 0 || !ends {
			continue
		}
		n++
		for _, target := range []catalogue.Target{catalogue.Compose, catalogue.Kubernetes} {
			if strings.HasPrefix(example, "kubernetes:") {
				continue // TestGoldenFeatures has it as workload-identity
			}
			if len(beyond(resolved(t, target, "7.5", ""), resolved(t, target, "7.5", example))) == 0 {
				t.Errorf("on %s this changes nothing:\n%s", target, example)
			}
		}
	}
	if n < 9 {
		t.Errorf("only %d examples were found", n)
	}
}
