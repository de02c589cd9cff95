package view

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"berth/internal/fold"
	"berth/internal/picture"
	"berth/internal/plan"
	"berth/internal/plan/graph"
	"berth/internal/stack"
)

// The columns of a graph as text.
const (
	graphName, graphAfter, graphBar = 32, 10, 20
)

// Graph writes what of a plan waits for what as text of 80 columns: a line a step, with a bar from its begin to its end.
func Graph(w io.Writer, p *plan.Plan, g *graph.Graph) {
	fmt.Fprintf(w, "%s\n%s\n\n", graphTitle(p), graphSum(p, g))
	fmt.Fprintf(w, "    n  %-*s  %-*s %6s  %s\n", graphName, "step", graphAfter, "after", "takes", "when")
	hop := -1
	for _, r := range g.Rows {
		if len(p.Hops) > 1 && r.Hop != hop {
			hop = r.Hop
			fmt.Fprintf(w, "\n       %s -> %s\n", p.Hops[hop].From, p.Hops[hop].To)
		}
		if r.NoReturn {
			fmt.Fprintln(w, "▌      point of no return")
		}
		mark, number, name := " ", "", r.Stage
		if r.Critical {
			mark = "*"
		}
		indent := ""
		if r.Step != nil {
			number = fmt.Sprint(r.Step.ID)
			if r.Stage != "" {
				indent = "  "
			}
			name = stepName(r.Step)
		}
		names, afters := broken(name, indent, graphName), broken(ranges(r.After), "", graphAfter)
		for i := range max(len(names), len(afters)) {
			name, after := at(names, i), at(afters, i)
			if i > 0 {
				fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("       %-*s  %s", graphName, name, after), " "))
				continue
			}
			line := fmt.Sprintf("  %s%2s  %-*s  %-*s %6s  %s", mark, number, graphName, name, graphAfter, after, graphTime(r), graphLine(g, r))
			fmt.Fprintln(w, strings.TrimRight(line, " "))
		}
	}
	fmt.Fprintf(w, "\n%s\n", strings.Join(legend(g), "\n"))
}

// graphTitle says what a graph is of.
func graphTitle(p *plan.Plan) string {
	if len(p.Hops) > 0 {
		return fmt.Sprintf("Sourcegraph %s -> %s: what waits for what", p.From, p.Release)
	}
	return fmt.Sprintf("Sourcegraph %s, %s: what waits for what", p.Release, p.Action)
}

// graphSum says how long all of it takes, as far as that is known.
func graphSum(p *plan.Plan, g *graph.Graph) string {
	text := count(len(p.Steps), "step")
	if known := slices.ContainsFunc(g.Rows, func(r graph.Row) bool { return r.Known }); !known {
		return text + "; nothing was measured here yet"
	}
	text += ", about " + About(g.Seconds)
	if p.Downtime > 0 {
		text += ", of which " + About(p.Downtime) + " downtime"
	}
	return text
}

// legend says what the marks of a graph mean, as far as it has them.
func legend(g *graph.Graph) []string {
	lines := []string{"  *  the critical path: if one of these steps takes less time, so does the plan"}
	has := func(is func(graph.Row) bool) bool { return slices.ContainsFunc(g.Rows, is) }
	if has(func(r graph.Row) bool { return r.Down }) {
		lines = append(lines, "  █  Sourcegraph, or what the step is about, does not answer   ░  it answers")
	}
	if g.Guessed {
		lines = append(lines, "  ·  not measured here yet, so its length is a guess")
	}
	return lines
}

// fronts say what runs with a front.
var fronts = map[stack.Front]string{
	stack.Open: "open to people", stack.Closed: "only the databases run, RELEASE", stack.Ahead: "start what reads no schema", stack.Answering: "start services for people",
	stack.Stopped: "stop all of RELEASE", stack.DatabasesOnly: "only the databases run, RELEASE", stack.BehindPage: "start all behind the page",
}

// stepName is a step in words.
func stepName(s *plan.Step) string {
	switch s.Verb {
	case plan.Reach, plan.Begin:
		return strings.ReplaceAll(fronts[stack.Front(s.Front)], "RELEASE", s.Config)
	case plan.Roll:
		return "replace services by those of " + s.Config
	case plan.Fetch:
		return "pull " + s.Object
	case plan.Convert:
		return "wait for the databases"
	case plan.Index:
		return "check indexes"
	case plan.Compare:
		return "look for drift"
	case plan.Save:
		return "save the release"
	case plan.Await:
		return "wait for background migrations"
	}
	return word(*s) + " " + s.Object
}

// graphTime is how long a row takes; "" when that is a guess.
func graphTime(r graph.Row) string {
	if !r.Known {
		return ""
	}
	return About(r.Seconds)
}

// graphLine is a row's bar. Each has at least one sign.
func graphLine(g *graph.Graph, r graph.Row) string {
	if g.Seconds == 0 {
		return ""
	}
	column := func(seconds float64) int { return int(seconds/g.Seconds*graphBar + 0.5) }
	from := min(column(r.Begins), graphBar-1)
	sign := "░"
	switch {
	case !r.Known:
		sign = "·"
	case r.Down:
		sign = "█"
	}
	return strings.Repeat(" ", from) + strings.Repeat(sign, max(column(r.Begins+r.Seconds)-from, 1))
}

// ranges are numbers as people write them: "2-5, 8".
func ranges(ids []int) string {
	var parts []string
	for i := 0; i < len(ids); {
		k := i
		for k+1 < len(ids) && ids[k+1] == ids[k]+1 {
			k++
		}
		switch {
		case k > i+1:
			parts = append(parts, fmt.Sprintf("%d-%d", ids[i], ids[k]))
		case k == i+1:
			parts = append(parts, fmt.Sprint(ids[i]), fmt.Sprint(ids[k]))
		default:
			parts = append(parts, fmt.Sprint(ids[i]))
		}
		i = k + 1
	}
	return strings.Join(parts, ", ")
}

// broken is a text in lines of so many columns; a word that is longer is cut.
func broken(text, indent string, columns int) (lines []string) {
	for _, line := range fold.Line(columns, indent, indent, text) {
		for len([]rune(line)) > columns {
			lines, line = append(lines, string([]rune(line)[:columns])), indent+string([]rune(line)[columns:])
		}
		lines = append(lines, line)
	}
	return lines
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}

// The measures of a graph as a picture.
const (
	graphRow, graphBars, graphWidth, graphEnd = 26, 340, 1000, 920
)

// GraphPicture draws what of a plan waits for what: a row a step, its bar from begin to end, and an arrow from each step that it waits for.
func GraphPicture(p *plan.Plan, g *graph.Graph) *picture.Canvas {
	const top = 64
	c := picture.New(graphWidth, top+graphRow*len(g.Rows)+16, graphTitle(p), graphTitle(p)+", "+graphSum(p, g)+". "+strings.Join(graphSaid(g), ". ")+".")
	c.Text("name", 16, 24, "start", graphTitle(p))
	c.Text("", 16, 44, "start", graphSum(p, g)+" · hatched: does not answer · dotted: a guess · thick: the critical path")
	x := func(seconds float64) int { return graphBars + int(seconds/max(g.Seconds, 1)*(graphEnd-graphBars)) }
	row := map[int]int{}
	for i, r := range g.Rows {
		if r.Step != nil {
			row[r.Step.ID] = i
		}
	}
	for i, r := range g.Rows {
		if r.NoReturn {
			c.Line("stop", fmt.Sprintf("M16,%[1]d H%[2]d", top+graphRow*i, graphWidth-16))
			c.Text("", graphBars-8, top+graphRow*i-3, "end", "point of no return")
		}
		for _, id := range r.After {
			before := g.Rows[row[id]]
			end, tip := x(before.Begins+before.Seconds), top+graphRow*i+4
			at := max(x(r.Begins)+5, end+4)
			c.Line("bare", fmt.Sprintf("M%d,%d H%d V%d", end, top+graphRow*row[id]+graphRow/2, at, tip))
			c.Line("head", fmt.Sprintf("M%d,%d l-4,-7 h8 z", at, tip))
		}
	}
	for i, r := range g.Rows {
		y := top + graphRow*i
		name, indent, class := r.Stage, 16, "name"
		switch {
		case r.Step != nil:
			name, indent, class = fmt.Sprintf("%d  %s", r.Step.ID, stepName(r.Step)), 30, ""
		case len(p.Hops) > 1:
			name = p.Hops[r.Hop].To + ": " + name
		}
		c.Text(class, indent, y+graphRow/2+5, "start", shortened(name, 42))
		c.Text("", graphWidth-16, y+graphRow/2+5, "end", graphTime(r))
		if r.Step != nil {
			c.Box(strings.Join(forms(r), " "), x(r.Begins), y+5, max(x(r.Begins+r.Seconds)-x(r.Begins), 4), graphRow-10, 2)
		}
	}
	return c
}

// forms say by the form of a bar what its row is.
func forms(r graph.Row) (out []string) {
	if r.Down {
		out = append(out, "away")
	}
	if !r.Known {
		out = append(out, "guess")
	}
	if r.Critical {
		out = append(out, "longest")
	}
	return out
}

// graphSaid is a graph in words.
func graphSaid(g *graph.Graph) (said []string) {
	for _, r := range g.Rows {
		if r.NoReturn {
			said = append(said, "Point of no return")
		}
		if r.Step == nil {
			continue
		}
		text := fmt.Sprintf("%d: %s", r.Step.ID, stepName(r.Step))
		if len(r.After) > 0 {
			text += ", after " + ranges(r.After)
		}
		if took := graphTime(r); took != "" {
			text += ", " + took
		}
		said = append(said, text)
	}
	return said
}

func shortened(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}
