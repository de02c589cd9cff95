package size

import (
	"fmt"
	"html"
	"math"
	"strings"

	"berth/catalogue"
)

// The measures of a plot, in pixels.
const (
	plotLabels, plotBars = 180, 200 // width of the column with names, and of each column with bars
	plotRow, plotTop     = 46, 74
	plotGap              = 120 // behind bars, for their amounts
)

// Plot draws how much the estimate depends on each number, as SVG: for memory, limits and disks a bar from what is needed at the first value to what is needed at
// the second one. It takes the colors of the reader's system, needs none, and has the amounts as text.
func (e Estimate) Plot() string {
	height, width := plotTop+plotRow*len(e.Depends)+16, plotLabels+3*(plotBars+plotGap)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[2]d" width="%[1]d" height="%[2]d" role="img" aria-labelledby="title says">
<title id="title">How much depends on each number</title>
<desc id="says">%[3]s</desc>
<style>
svg { --ink: #1b1f24; --paper: #fff; background: var(--paper); font: 14px system-ui, sans-serif }
@media (prefers-color-scheme: dark) { svg { --ink: #e6e8eb; --paper: #15181c } }
rect { fill: var(--ink) }
path { stroke: var(--ink); stroke-width: 1; stroke-dasharray: 2 4 }
path.zero { stroke-dasharray: none }
text { fill: var(--ink) }
.name { font-weight: 700 }
</style>
`, width, height, html.EscapeString(e.inWords()))
	for i, d := range e.Depends {
		y := plotTop + plotRow*i
		fmt.Fprintf(&b, `<text class="name" x="16" y="%d">%s</text><text x="16" y="%d">%s to %s</text>`+"\n", y+14, d.Input, y+31, d.Amount(d.From), d.Amount(d.To))
	}
	machine := map[bool]string{true: "memory of all nodes", false: "memory of the machine"}[e.Target == catalogue.Kubernetes]
	e.panel(&b, 0, machine, float64(e.Memory), func(d Depends) float64 { return float64(d.Memory) })
	e.panel(&b, 1, "memory limits of services", e.limits(), func(d Depends) float64 { return d.Limits })
	e.panel(&b, 2, "disks", e.Disk, func(d Depends) float64 { return d.Disk })
	b.WriteString("</svg>\n")
	return b.String()
}

// panel draws the bars of one amount in a column, from 0 to the most of all of them. now is that of the estimate, which is for the end of a range, and for the
// beginning of any other bar.
func (e Estimate) panel(b *strings.Builder, column int, title string, now float64, more func(Depends) float64) {
	left, most := plotLabels+column*(plotBars+plotGap), now
	for _, d := range e.Depends {
		if !e.ranged(d) {
			most = max(most, now+more(d))
		}
	}
	at := func(n float64) int { return left + int(math.Round(n/max(most, 1)*plotBars)) }
	fmt.Fprintf(b, `<text class="name" x="%[1]d" y="22">%[2]s</text><text x="%[1]d" y="44">estimate: %.0[3]f GB</text><path class="zero" d="M%[1]d,52 V%[4]d"/><path d="M%[5]d,52 V%[4]d"/>`+"\n",
		left, title, now, plotTop+plotRow*len(e.Depends), at(now))
	for i, d := range e.Depends {
		from, to, y := now, now+more(d), plotTop+plotRow*i
		if e.ranged(d) {
			from, to = now-more(d), now
		}
		says := "no change"
		if more(d) >= 1 {
			says = fmt.Sprintf("+%.0f GB", more(d))
		}
		fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="16"/><text x="%d" y="%d">%s</text>`+"\n", at(from), y+4, max(at(to)-at(from), 2), at(to)+8, y+17, says)
	}
}

// ranged reports whether a number was given as a range.
func (e Estimate) ranged(d Depends) bool {
	for _, input := range inputs {
		if input.name == d.Input {
			return input.of(&e.Load) != d.From
		}
	}
	return false
}

// inWords says the same as the plot.
func (e Estimate) inWords() string {
	parts := make([]string, 0, len(e.Depends))
	for _, d := range e.Depends {
		parts = append(parts, fmt.Sprintf("%s from %s to %s: %d GB of the machine's memory, %.0f GB of limits and %.0f GB of disk more", d.Input, d.Amount(d.From), d.Amount(d.To), d.Memory, d.Limits, d.Disk))
	}
	return strings.Join(parts, ". ") + "."
}
