package fleet

import (
	"fmt"
	"strings"

	"berth/internal/exception"
	"berth/internal/hq/review"
)

// plain keeps Markdown from reading what people wrote as anything but text.
var plain = strings.NewReplacer(`\`, `\\`, "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", `\<`, ">", `\>`, "`", "\\`", "#", `\#`, "|", `\|`, "\n", " ")

// Digest is what a week brought, as Markdown: each figure beside that of the week before where it differs, the new issues, and the exceptions that need somebody.
func (f *Fleet) Digest(q Query) string {
	var out strings.Builder
	before := q
	before.Day = q.Day.AddDate(0, 0, -7)
	fmt.Fprintf(&out, "# Week to %s\n\n", Day{q.Day})
	all, then := f.Figures(q, IDs()...), f.Figures(before, IDs()...)
	for n, now := range all {
		fmt.Fprintf(&out, "- **%s.** %s", now.Title, plain.Replace(now.Headline))
		if then[n].Headline != now.Headline {
			fmt.Fprintf(&out, " *The week before:* %s", plain.Replace(then[n].Headline))
		}
		out.WriteString("\n")
	}
	f.digestIssues(&out, q, before)
	f.digestExceptions(&out, q)
	return out.String()
}

// digestIssues lists the issues that were opened after another day.
func (f *Fleet) digestIssues(out *strings.Builder, q, before Query) {
	var fresh []raised
	for _, i := range f.view(q).raised() {
		if i.Opened > (Day{before.Day}).String() {
			fresh = append(fresh, i)
		}
	}
	fmt.Fprintf(out, "\n## Issues of this week: %d\n\n", len(fresh))
	for _, i := range fresh {
		fmt.Fprintf(out, "- %d: %s", i.Number, plain.Replace(i.Title))
		for _, of := range append([]string{i.Cause, i.Release}, i.Codes...) {
			if of != "" {
				out.WriteString(", " + of)
			}
		}
		out.WriteString("\n")
	}
}

// digestExceptions lists the exceptions that need somebody.
func (f *Fleet) digestExceptions(out *strings.Builder, q Query) {
	out.WriteString("\n## Exceptions that need somebody\n\n")
	for _, s := range review.Standings(f.Requests, f.Record, q.end()) {
		owner := " (owner: " + plain.Replace(s.OwnedBy()) + ")"
		switch {
		case s.Status == exception.Asked && len(s.Missing) > 0:
			fmt.Fprintf(out, "- %s waits for the votes of %s%s\n", s.Exception.ID, review.List(s.Missing), owner)
		case s.Status == exception.Asked:
			fmt.Fprintf(out, "- %s waits for a decision%s\n", s.Exception.ID, owner)
		case s.Status == review.ToSign:
			fmt.Fprintf(out, "- %s waits for a signature%s\n", s.Exception.ID, owner)
		case s.Ending():
			fmt.Fprintf(out, "- %s: %s, until %s%s\n", s.Exception.ID, s.Status, s.Exception.Expires, owner)
		}
	}
}
