package size

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"

	"berth/catalogue"
)

// TestPlot: a number that was given as a range ends at the estimate's line, another one begins there, and what changes nothing says so.
func TestPlot(t *testing.T) {
	release, err := catalogue.Embedded().Release("7.5.4453", catalogue.Kubernetes)
	if err != nil {
		t.Fatal(err)
	}
	least := Load{People: 1000, Repositories: 20000, Total: 300, LargestRepository: 20, Insights: true}
	most := least
	most.Total = 2000
	svg := tables().Between(least, most, release, catalogue.Kubernetes).Plot()
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	// Disks: the third column begins at 820 and is 200 wide. 4600 GB are all of it, 1370 GB of them the beginning of the range.
	for _, want := range []string{"estimate: 4600 GB", `<path class="guess" d="M1020,52 V304"/>`, `<rect class="head" x="880" y="170" width="140" height="16" rx="0"/>` + "\n" + `<text x="1028" y="183" text-anchor="start">+3230 GB</text>`,
		`<rect class="head" x="1020" y="124" width="2" height="16" rx="0"/>` + "\n" + `<text x="1028" y="137" text-anchor="start">no change</text>`,
		"memory of all nodes", "total from 300 GB to 2000 GB: 0 GB of the machine&#39;s memory, 85 GB of limits and 3230 GB of disk more"} {
		if !strings.Contains(svg, want) {
			t.Errorf("it does not have %s:\n%s", want, svg)
		}
	}
}
