package view

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"

	"berth/catalogue"
	sizing "berth/internal/size"
)

// Size writes an estimate, and the lines of the config that follow from it.
// assumed are the numbers that nobody gave.
func Size(w io.Writer, e sizing.Estimate, assumed, edit []string) {
	l := e.Load
	fmt.Fprintf(w, "Size %s, for %d people and %d repositories of %s GB together\n", e.Size, l.People, l.Repositories, amount(l.Total))
	fmt.Fprintf(w, "(largest repository %s GB, largest index %s GB; Sourcegraph %s on %s)\n\n", amount(l.LargestRepository), amount(l.LargestIndex), e.Release, e.Target)
	m := e.Machine
	what := "machine"
	if e.Target == catalogue.Kubernetes {
		what = strconv.Itoa(e.Nodes) + " nodes"
	}
	if !e.Fits() {
		fmt.Fprintf(w, "  machine   none is large enough; it needs %d cores and %d GB of memory. The largest has %d cores and %d GB: %s (AWS), %s (GCP), %s (Azure)\n", e.Cores, e.Memory,
			m.Cores, m.Memory, m.AWS, m.GCP, m.Azure)
	} else {
		fmt.Fprintf(w, "  %-8s  %d cores, %d GB of memory: %s (AWS), %s (GCP), %s (Azure), or bare metal of that size\n", what, m.Cores, m.Memory, m.AWS, m.GCP, m.Azure)
	}
	fmt.Fprintf(w, "  %-8s  %s GB of SSD for volumes, and %s GB for caches\n", "disk", amount(e.Disk), amount(e.Ephemeral))
	if l := e.Least; l != nil {
		Fit(w, "  at least  ", fmt.Sprintf("size %s: %s %d cores and %d GB of memory, %s GB of SSD. That is for the least of each range; all else here is for the most", l.Size,
			map[bool]string{true: strconv.Itoa(l.Nodes) + " nodes of", false: "a machine of"}[l.Target == catalogue.Kubernetes], l.Machine.Cores, l.Machine.Memory, amount(l.Disk)))
	}
	if len(assumed) > 0 {
		Fit(w, "  assumed   ", strings.Join(assumed, ", ")+", because you gave no number. The table below says how much depends on each; a range is enough")
	}
	if e.Beyond {
		fmt.Fprintf(w, "  %-8s  more than Sourcegraph has figures for: ask it for advice\n", "beyond")
	}
	for _, note := range e.Notes {
		Fit(w, "  note      ", note)
	}
	fmt.Fprintln(w)
	serviceTable(w, e)
	depends(w, e)
	if len(edit) == 0 {
		fmt.Fprintln(w, "\nThe release ships enough for all services: sourcegraph.yaml needs no edit.")
		return
	}
	fmt.Fprintf(w, "\nIn sourcegraph.yaml, what the release does not ship:\n\n  services:\n")
	for _, line := range edit {
		fmt.Fprintf(w, "    %s\n", line)
	}
}

func serviceTable(w io.Writer, e sizing.Estimate) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "SERVICE\tREPLICAS\tCPU\tMEMORY\tDISK\t")
	for _, s := range e.Services {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t\n", s.Name, amount(s.Replicas), amount(s.CPU), gb(s.Memory), gb(s.Disk+s.Ephemeral))
	}
	_ = t.Flush() // a closed pipe is nobody's fault
}

func depends(w io.Writer, e sizing.Estimate) {
	fmt.Fprintf(w, "\nHow much depends on each number, in addition at the second value:\n\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "NUMBER\tFROM\tTO\tCORES\tMEMORY\tLIMITS\tDISK\t")
	for _, d := range e.Depends {
		fmt.Fprintf(t, "--%s\t%s\t%s\t%d\t%s\t%s\t%s\t\n", d.Input, d.Amount(d.From), d.Amount(d.To), d.Cores, gb(float64(d.Memory)), gb(d.Limits), gb(d.Disk))
	}
	_ = t.Flush() // a closed pipe is nobody's fault
	if first := e.First(); first != "" {
		fmt.Fprintf(w, "\nGrows first with: --%s\n", first)
	}
}

func gb(n float64) string {
	if n == 0 {
		return "-"
	}
	return amount(n) + " GB"
}

func amount(n float64) string { return strconv.FormatFloat(math.Round(n*100)/100, 'f', -1, 64) }
