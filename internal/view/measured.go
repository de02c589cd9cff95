package view

import (
	"fmt"
	"io"
	"strings"

	sizing "berth/internal/size"
)

// Measured writes what an installation uses, what is met first, and the lines of the config that follow from it.
func Measured(w io.Writer, m sizing.Measured, edit []string) {
	fmt.Fprintf(w, "Sourcegraph %s · installation %s on %s, %s\n\n", m.Release, m.Installation, m.Target, past(m))
	if c := m.Content; c != nil {
		fmt.Fprintf(w, "size      %s, for up to %s\n", m.Size, m.For)
		fmt.Fprintf(w, "has       %d people (%d new in 30 days), %d repositories (%d new)\n", c.People, c.NewPeople, c.Repositories, c.NewRepositories)
		fmt.Fprintf(w, "          %s together, the largest %s\n\n", ofBytes(c.Bytes, 0), ofBytes(c.Largest, 0))
	}
	peaks(w, m.Services)
	for _, d := range m.Disks {
		Fit(w, "disk      ", filling(d))
	}
	fmt.Fprintln(w)
	if len(m.Limits) == 0 {
		fmt.Fprintln(w, "first     no limit is reached at this pace, as far as it is known")
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
		fmt.Fprintln(w, "\nNo limit needs an edit.")
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
		mark := " "
		if p.MemoryLimit > 0 && p.Memory > muchMemory*p.MemoryLimit {
			mark = "!"
		}
		fmt.Fprintf(w, "%s %-*s  %-9d  %-12s  %s\n", mark, width, p.Service, p.Instances, cpu(p), memory(p))
	}
	fmt.Fprintln(w)
}

// cpu is the most that a service used of its processors; memory is the same of its memory.
func cpu(p sizing.Peak) string {
	switch {
	case p.CPU < 0:
		return "-"
	case p.CPULimit > 0:
		return fmt.Sprintf("%.2f of %g", p.CPU, p.CPULimit)
	}
	return fmt.Sprintf("%.2f", p.CPU)
}

func memory(p sizing.Peak) string {
	if p.Memory < 0 {
		return "-"
	}
	return ofBytes(int64(p.Memory), int64(p.MemoryLimit))
}

// filling says how full a disk is, and when it is full.
func filling(d sizing.Disk) string {
	text := fmt.Sprintf("%s: %s", d.Name, ofBytes(d.Size-d.Free, d.Size))
	switch days, fills := d.Full(); {
	case fills:
		return text + fmt.Sprintf(", +%s a day, full in %.0f days", ofBytes(int64(d.PerDay), 0), days)
	case d.Days == 0:
		return text + ", no pace yet"
	}
	return text + ", does not grow"
}
