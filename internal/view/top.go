package view

import (
	"fmt"
	"io"
	"strings"

	"berth/internal/status"
)

// What is marked: an instance that is near its limit of memory is killed soon, and databases stop when their disk is full.
const (
	muchMemory = 0.9
	muchDisk   = 0.85
)

// Top writes what instances use, as a table.
func Top(w io.Writer, t *status.Top) {
	width := len("instance")
	for _, l := range t.Loads {
		width = max(width, len(l.Instance))
	}
	fmt.Fprintf(w, "  %-*s  %-11s  %-21s  %s\n", width, "instance", "cpu", "memory", "disk")
	for _, l := range t.Loads {
		mark := " "
		if l.MemoryLimit > 0 && float64(l.Memory) > muchMemory*float64(l.MemoryLimit) {
			mark = "!"
		}
		var disks []string
		for _, d := range t.Alone(l) {
			if full(d.Used, d.Free) {
				mark = "!"
			}
			disks = append(disks, ofBytes(d.Used, d.Used+d.Free))
		}
		cpu, memory := "-", "-"
		if l.CPUs >= 0 {
			cpu = fmt.Sprintf("%.2f", l.CPUs)
			if l.CPULimit > 0 {
				cpu += fmt.Sprintf(" of %g", l.CPULimit)
			}
		}
		if l.Memory >= 0 {
			memory = ofBytes(l.Memory, l.MemoryLimit)
		}
		if l.CPUs < 0 && l.Memory < 0 && l.State != "" {
			cpu = string(l.State)
		}
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%s %-*s  %-11s  %-21s  %s", mark, width, l.Instance, cpu, memory, strings.Join(disks, ", ")), " "))
	}
	for _, d := range t.Shared {
		mark := " "
		if full(d.Used, d.Free) {
			mark = "!"
		}
		at := d.Device
		if d.Node != "" {
			at += " on " + d.Node
		}
		fmt.Fprintf(w, "\n%s disk %s: %s, shared by %s\n", mark, at, ofBytes(d.Used, d.Used+d.Free), some(d.Instances))
	}
	for _, p := range t.Problems {
		fmt.Fprintf(w, "\nnot known of %s: %s\n", some(p.Instances), p.Why)
	}
}

func full(used, free int64) bool { return used+free > 0 && float64(used) > muchDisk*float64(used+free) }

// ofBytes writes a part of a whole: "2.1 of 8.0 GiB 26 %"; without a whole, the part alone.
func ofBytes(part, whole int64) string {
	if whole <= 0 {
		n, unit := scaled(part, part)
		return n + " " + unit
	}
	n, unit := scaled(part, whole)
	all, _ := scaled(whole, whole)
	return fmt.Sprintf("%s of %s %s %d %%", n, all, unit, part*100/whole)
}

// scaled writes bytes in the unit that fits a number beside it.
func scaled(bytes, beside int64) (number, unit string) {
	f, units := float64(bytes), []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	for beside >= 1024 && len(units) > 1 {
		beside, f, units = beside/1024, f/1024, units[1:]
	}
	if f >= 100 || f == float64(int64(f)) {
		return fmt.Sprintf("%.0f", f), units[0]
	}
	return fmt.Sprintf("%.1f", f), units[0]
}

// some names a few of many.
func some(names []string) string {
	const most = 3
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
