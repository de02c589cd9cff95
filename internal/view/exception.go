package view

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"berth/internal/exception"
)

// Exceptions writes how exceptions stand.
func Exceptions(w io.Writer, all []exception.Standing) {
	if len(all) == 0 {
		fmt.Fprintln(w, "there are no exceptions")
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tSUBJECT\tRELEASES\tUNTIL\tSTATUS")
	for _, s := range all {
		status := string(s.Status)
		if s.Signer != "" {
			status += map[bool]string{true: ", granted by ", false: " by "}[s.Status == exception.Expired] + s.Signer
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", s.ID, s.Subject+versions(s), s.Releases, s.Expires, status)
	}
	_ = t.Flush() // a closed pipe is nobody's fault
}

func versions(s exception.Standing) string {
	if s.Versions == "" {
		return ""
	}
	return " " + s.Versions
}

// Exception writes all of an exception.
func Exception(w io.Writer, s exception.Standing) {
	fmt.Fprintf(w, "%s: %s\n", s.ID, s.Status)
	if s.Reason != "" {
		Fit(w, "  ", s.Reason)
	}
	fmt.Fprintf(w, "  subject   %s%s\n  releases  %s\n  until     %s\n  asked on  %s\n", s.Subject, versions(s), s.Releases, s.Expires, s.AskedOn)
	if len(s.Keys) > 0 {
		fmt.Fprintf(w, "  keys      %s, and no others\n", strings.Join(s.Keys, ", "))
	}
	for _, q := range s.Questions() {
		fmt.Fprintf(w, "\n  %s\n", q.Text)
		Fit(w, "    ", *q.Answer)
	}
	if s.Decision != nil {
		fmt.Fprintf(w, "\n  decided by %s on %s\n", s.Decision.By, s.Decision.On)
		for _, c := range s.Decision.Conditions {
			Fit(w, "    if ", c)
		}
	}
}
