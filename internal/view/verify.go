package view

import (
	"fmt"
	"io"

	"berth/internal/status"
)

// Verification writes whether people can work, part by part.
func Verification(w io.Writer, v *status.Verification) {
	marks := map[status.Verdict]string{status.Works: "=", status.Fails: "!", status.NotChecked: "."}
	for _, l := range v.Legs {
		took := ""
		if l.Milliseconds > 0 {
			took = fmt.Sprintf("%d ms", l.Milliseconds)
		}
		if l.Detail == "" {
			fmt.Fprintf(w, "  %s %-20s %-12s %s\n", marks[l.Verdict], l.Name, l.Verdict, took)
			continue
		}
		fmt.Fprintf(w, "  %s %-20s %-12s %s\n", marks[l.Verdict], l.Name, l.Verdict, l.Detail)
	}
}
