package view

import (
	"fmt"
	"io"
	"strings"

	sizing "berth/internal/size"
)

// Measured writes what an installation uses, what is met first, and the lines of the config that follow from it.
func Measured(w io.Writer, m sizing.Measured, edit []string) {
	past := "as it is now; Prometheus has no history yet"
	if m.History > 0 {
		past = fmt.Sprintf("the most of the last %.0f days", max(m.History, 1))
	}
	fmt.Fprintf(w, "Sourcegraph %s · installation %s on %s, %s\n\n", m.Release, m.Installation, m.Target, past)
	if c := m.Content; c != nil {
		fmt.Fprintf(w, "size      %s, for up to %s\n", m.Size, m.For)
		fmt.Fprintf(w, "has       %d people (%d new in 30 days), %d repositories (%d new)\n", c.People, c.NewPeople, c.Repositories, c.NewRepositories)
		fmt.Fprintf(w, "          %s together, the largest %s\n\n", ofBytes(c.Bytes, 0), ofBytes(c.Largest, 0))
	}
	peaks(w, m.Services)
	for _, d := range m.Disks {
		text := fmt.Sprintf("%s: %s", d.Name, ofBytes(d.Size-d.Free, d.Size))
		switch days, fills := d.Full(); {
		case fills:
			text += fmt.Sprintf(", +%s a day, full in %.0f days", ofBytes(int64(d.PerDay), 0), days)
		case d.Days == 0:
			text += ", no pace yet"
		default:
			text += ", does not fill"
		}
		Fit(w, "disk      ", text)
	}
	fmt.Fprintln(w)
	if len(m.Limits) == 0 {
		fmt.Fprintln(w, "first     nothing is met at this pace, as far as there is one")
	}
	for i, l := range m.Limits {
		Fit(w, map[bool]string{true: "first     ", false: "then      "}[i == 0], l.String())
	}
	for _, wrong := range m.Wrong {
		Fit(w, "limit     ", wrong.Service+" is "+wrong.Why)
	}
	for _, u := range m.Unknown {
		Fit(w, "unknown   ", u)
	}
	if len(edit) == 0 {
		fmt.Fprintln(w, "\nNo limit asks for an edit.")
		return
	}
	fmt.Fprintf(w, "\nIn sourcegraph.yaml:\n\n  services:\n    %s\n", strings.Join(edit, "\n    "))
}

// peaks writes the most that services used, as a table.
func peaks(w io.Writer, all []sizing.Peak) {
	width := len("service")
	for _, p := range all {
		width = max(width, len(p.Service))
	}
	fmt.Fprintf(w, "  %-*s  %-9s  %-12s  %s\n", width, "service", "instances", "cpu", "memory")
	for _, p := range all {
		cpu, memory, mark := "-", "-", " "
		if p.CPU >= 0 {
			cpu = fmt.Sprintf("%.2f", p.CPU)
			if p.CPULimit > 0 {
				cpu += fmt.Sprintf(" of %g", p.CPULimit)
			}
		}
		if p.Memory >= 0 {
			memory = ofBytes(int64(p.Memory), int64(p.MemoryLimit))
		}
		if p.MemoryLimit > 0 && p.Memory > muchMemory*p.MemoryLimit {
			mark = "!"
		}
		fmt.Fprintf(w, "%s %-*s  %-9d  %-12s  %s\n", mark, width, p.Service, p.Instances, cpu, memory)
	}
	fmt.Fprintln(w)
}
