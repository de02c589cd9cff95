package support

import (
	"regexp"
	"strings"
)

var (
	// labelled is a line with a number behind its name: "users: 3,500".
	labelled = regexp.MustCompile(`^(\w+) *: *(~?\d[\d,]*)$`)
	// heading is a word that lines below belong to: "Database:". It asks for nothing.
	heading = regexp.MustCompile(`^\w+:$`)
)

// Lines answers each line of a list of requirements. Empty lines, headings, and lines that begin with # are none.
func (r *Reader) Lines(text, release string) (out []Answer) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		line = strings.TrimSpace(strings.TrimLeft(line, "-*•"))
		if line == "" || strings.HasPrefix(line, "#") || heading.MatchString(line) {
			continue
		}
		a := r.Ask(labelled.ReplaceAllString(line, "$2 $1"), release)
		a.Question = line
		out = append(out, a)
	}
	return out
}
