package reference

import (
	"fmt"
	"strings"
	"testing"

	"berth/internal/diag"
)

// ranges names what codes are about, by their first two digits.
var ranges = []struct{ Prefix, About string }{
	{"11", "The config, sourcegraph.yaml"},
	{"12", "Releases and their images"},
	{"13", "The config's settings for Kubernetes"},
	{"21", "The host"},
	{"22", "Rights in a cluster"},
	{"31", "Plans"},
	{"32", "Runs"},
	{"33", "The engine, and services that don't start"},
	{"34", "The cluster, and workloads that don't become ready"},
	{"35", "Changes that a cluster refuses"},
	{"36", "Rendering for other tools"},
	{"37", "Upgrades and rollbacks"},
	{"38", "Automatic upgrades: the policy and the agent"},
	{"39", "Rehearsals of upgrades"},
}

const codesHead = `# Codes

<!-- Generated from internal/diag/codes. Regenerate with: go test ./internal/config/reference -update -->

Every problem that berth reports has a stable code. ` + "`berth explain BERTH1102`" + ` prints the text below.
`

// codesPage is docs/codes.md.
func codesPage(t *testing.T) []byte {
	codes, err := diag.Codes()
	if err != nil {
		t.Fatal(err)
	}
	written := 0
	var b strings.Builder
	b.WriteString(codesHead)
	for _, r := range ranges {
		first := true
		for _, c := range codes {
			if !strings.HasPrefix(c.Code, "BERTH"+r.Prefix) {
				continue
			}
			if first {
				fmt.Fprintf(&b, "\n## BERTH%sxx: %s\n", r.Prefix, r.About)
				first = false
			}
			written++
			fmt.Fprintf(&b, "\n### %s: %s\n\n%s\n\nWhat to do: %s\n", c.Code, c.Title, strings.TrimSpace(c.Why), strings.TrimSpace(c.Do))
		}
	}
	if written != len(codes) {
		t.Errorf("%d of %d codes are in a range", written, len(codes))
	}
	return []byte(b.String())
}
