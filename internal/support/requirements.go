package support

import "strings"

// Lines answers each line of a list of requirements. Empty lines and lines that begin with # are none.
func (r *Reader) Lines(text, release string) (out []Answer) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		line = strings.TrimSpace(strings.TrimLeft(line, "-*•"))
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		out = append(out, r.Ask(line, release))
	}
	return out
}
