package gather

import (
	"fmt"
	"strings"
	"time"

	"berth/internal/bundle"
	"berth/internal/bundle/redact"
	"berth/internal/diag"
)

// Summary is the first file of a bundle: safe to paste into a ticket.
func Summary(m *bundle.Manifest) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s on %s, Sourcegraph %s\n\n", m.Installation, m.Target, m.Release)
	fmt.Fprintf(&b, "Made by berth %s at %s. Logs since %s.\n\n## Findings\n\n", m.Program, m.Ended.UTC().Format(time.RFC3339), m.Since.UTC().Format(time.RFC3339))
	if len(m.Findings)+len(m.Unwell) == 0 {
		b.WriteString("Every container that there is runs as it should.\n")
	}
	for _, i := range m.Unwell {
		fmt.Fprintf(&b, "- %s: %s\n", i.Name, i.Describe())
	}
	for _, f := range m.Findings {
		severity := map[bool]string{true: "error", false: "warning"}[f.Severity == diag.Error]
		where := f.Subject
		if f.Range.File != "" {
			where = fmt.Sprintf("%s:%d", f.Range.File, f.Range.Line)
		}
		fmt.Fprintf(&b, "- **%s** %s: %s (%s)\n", severity, where, f.Summary, f.Code)
	}
	if len(m.Exceptions) > 0 {
		b.WriteString("\n## Exceptions from the support record\n\n")
	}
	for _, line := range m.Exceptions {
		fmt.Fprintf(&b, "- %s\n", line)
	}
	b.WriteString("\n## What could not be collected\n\n")
	if len(m.Missing) == 0 {
		b.WriteString("Everything was collected.\n")
	}
	for _, missing := range m.Missing {
		fmt.Fprintf(&b, "- %s: %s\n", missing.What, missing.Why)
	}
	if len(m.Pseudonyms) > 0 {
		fmt.Fprintf(&b, "\n## Pseudonyms\n\nNames of these kinds have pseudonyms, the same ones in each bundle of this installation: %s. Who runs it can translate one: `berth bundle who PSEUDONYM`.\n",
			Listed(m.Pseudonyms))
	}
	fmt.Fprintf(&b, "\n## Contents\n\n%d files, %s. %d secrets were searched for by their value; masked:\n\n", len(m.Files), bundle.Size(m.Bytes()), m.Known)
	if len(m.Masked) == 0 {
		b.WriteString("Nothing had to be masked.\n")
	}
	for _, masked := range m.Masked {
		fmt.Fprintf(&b, "- %s, %d times\n", masked.What, masked.Times)
	}
	return b.String()
}

// Listed are kinds of names, in words.
func Listed(kinds []redact.Kind) string {
	var out []string
	for _, k := range kinds {
		out = append(out, string(k))
	}
	return strings.Join(out, ", ")
}
