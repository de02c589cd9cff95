// Package eject writes what makes Sourcegraph's own files equal to an installation, so that berth is not needed any more: values for the
// official Helm chart, an override for the official Compose file, or an overlay for the official Kustomize repository. What the official files
// can't say is listed. Pure: official files come in as values.
package eject

import (
	"fmt"
	"slices"
	"strings"

	"berth/internal/diag"
	"berth/internal/stack"
)

// Result is what is written, and what is not in it.
type Result struct {
	Files []stack.File
	// Unsaid are warnings: what the official files can't say, and what the official tool would change because of that.
	Unsaid diag.List
	// Restarts are what the official tool restarts once, although it says the same as before.
	Restarts []string
}

// head is the first comment of every file.
const head = "Written once by berth eject. It is yours: berth does not read or change it."

// unsaid is a warning.
func unsaid(subject, summary, hint string, where diag.Range, detail ...string) diag.Diagnostic {
	return diag.Diagnostic{Code: "BERTH4332", Severity: diag.Warning, Subject: subject, Summary: summary, Hint: hint, Range: where, Detail: detail}
}

// readme puts a README together: parts without a text are left out.
func readme(release string, parts ...[2]string) stack.File {
	var b strings.Builder
	fmt.Fprintf(&b, "<!-- %s -->\n\n# Sourcegraph %s without berth\n", head, release)
	for _, part := range parts {
		if title, text := part[0], part[1]; text != "" {
			if title != "" {
				fmt.Fprintf(&b, "\n## %s\n", title)
			}
			b.WriteString("\n" + strings.TrimSuffix(text, "\n") + "\n")
		}
	}
	return stack.File{Path: "README.md", Content: []byte(b.String())}
}

// commands are lines for a shell.
func commands(lines ...string) string { return "```sh\n" + strings.Join(lines, "\n") + "\n```\n" }

// list is what the official files can't say, for a README.
func list(all diag.List) string {
	var b strings.Builder
	for _, d := range all {
		line := "- "
		if d.Subject != "" {
			line += "`" + d.Subject + "`: "
		}
		b.WriteString(line + d.Summary + "\n")
		for _, more := range d.Detail {
			b.WriteString("  - " + more + "\n")
		}
	}
	return b.String()
}

// restarts is a sentence about what restarts, for a README.
func restarts(names []string, why string) string {
	if len(names) == 0 {
		return "Nothing that runs restarts."
	}
	return "These restart once, " + why + ": " + marked(names) + ". Nothing else restarts."
}

// marked are names in the form of Markdown.
func marked(names []string) string {
	quoted := slices.Clone(names)
	for i := range quoted {
		quoted[i] = "`" + quoted[i] + "`"
	}
	return strings.Join(quoted, ", ")
}
