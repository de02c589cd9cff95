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
	{"15", "The contents of files and texts that the config names"},
	{"16", "The config's containers, volumes, stores and patches"},
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
	{"41", "The command line"},
	{"43", "Taking over, and leaving"},
	{"44", "What runs, seen from inside"},
	{"45", "Backups and restores"},
	{"46", "Moves to another installation"},
	{"47", "Files that their publisher signs"},
	{"48", "What is officially supported"},
	{"49", "Reports about an installation, and the server that collects them"},
	{"50", "What berth doctor finds"},
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
			fmt.Fprintf(&b, "\n### %s: %s\n\n%s\n\nWhat to do: %s\n\nIn berth since %s.\n", c.Code, c.Title, strings.TrimSpace(c.Why), strings.TrimSpace(c.Do), c.Since)
		}
	}
	if written != len(codes) {
		t.Errorf("%d of %d codes are in a range", written, len(codes))
	}
	return []byte(b.String())
}
