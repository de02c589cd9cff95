package plan

import (
	"fmt"
	"strings"
)

// String is the plan a line a stage and a step, for tests and for people who look for a fault.
func (p *Plan) String() string {
	var b strings.Builder
	line := func(s Step) {
		fmt.Fprintf(&b, "  %s", s.Verb)
		for _, part := range []string{s.Object, s.Config, s.Release, s.Backup} {
			if part != "" && !strings.HasSuffix(b.String(), " "+part) {
				b.WriteString(" " + part)
			}
		}
		if s.Page != "" {
			fmt.Fprintf(&b, " (page: %s)", s.Page)
		}
		b.WriteString("\n")
	}
	stage := -1
	for _, s := range p.Steps {
		if len(p.Stages) > 0 && s.Stage != stage {
			stage = s.Stage
			st := p.Stages[stage]
			fmt.Fprintf(&b, "%s", st.Name)
			if len(p.Hops) > 0 {
				fmt.Fprintf(&b, " [%s to %s]", p.Hops[st.Hop].From, p.Hops[st.Hop].To)
			}
			if st.NoReturn {
				b.WriteString(" no return")
			}
			for _, f := range st.Fallback {
				fmt.Fprintf(&b, ", else %s %s%s", f.Verb, f.Config, map[bool]string{true: " again"}[st.Again])
			}
			b.WriteString("\n")
		}
		line(s)
	}
	return b.String()
}
