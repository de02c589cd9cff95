package size

import (
	"fmt"
	"math"
	"strings"

	"berth/catalogue"
	"berth/internal/picture"
)

// The measures of a plot, in pixels.
const (
	plotLabels, plotBars = 180, 200 // width of the column with names, and of each column with bars
	plotRow, plotTop     = 46, 74
	plotGap              = 120 // behind bars, for their amounts
)

// Plot draws how much the estimate depends on each number, as SVG: for memory, limits and disks a bar from what is needed at the first value to what is needed at
// the second one.
func (e Estimate) Plot() string {
	c := picture.New(plotLabels+3*(plotBars+plotGap), plotTop+plotRow*len(e.Depends)+16, "How much depends on each number", e.inWords())
	for i, d := range e.Depends {
		y := plotTop + plotRow*i
		c.Text("name", 16, y+14, "start", d.Input)
		c.Text("", 16, y+31, "start", d.Amount(d.From)+" to "+d.Amount(d.To))
	}
	machine := map[bool]string{true: "memory of all nodes", false: "memory of the machine"}[e.Target == catalogue.Kubernetes]
	e.panel(c, 0, machine, float64(e.Memory), func(d Depends) float64 { return float64(d.Memory) })
	e.panel(c, 1, "memory limits of services", e.limits(), func(d Depends) float64 { return d.Limits })
	e.panel(c, 2, "disks", e.Disk, func(d Depends) float64 { return d.Disk })
	return c.File()
}

// panel draws the bars of one amount in a column, from 0 to the most of all of them. now is that of the estimate, which is for the end of a range, and for the
// beginning of any other bar.
func (e Estimate) panel(c *picture.Canvas, column int, title string, now float64, more func(Depends) float64) {
	left, most := plotLabels+column*(plotBars+plotGap), now
	for _, d := range e.Depends {
		if !e.ranged(d) {
			most = max(most, now+more(d))
		}
	}
	at := func(n float64) int { return left + int(math.Round(n/max(most, 1)*plotBars)) }
	c.Text("name", left, 22, "start", title)
	c.Text("", left, 44, "start", fmt.Sprintf("estimate: %.0f GB", now))
	bottom := plotTop + plotRow*len(e.Depends)
	c.Line("", fmt.Sprintf("M%d,52 V%d", left, bottom))
	c.Line("guess", fmt.Sprintf("M%d,52 V%d", at(now), bottom))
	for i, d := range e.Depends {
		from, to, y := now, now+more(d), plotTop+plotRow*i
		if e.ranged(d) {
			from, to = now-more(d), now
		}
		says := "no change"
		if more(d) >= 1 {
			says = fmt.Sprintf("+%.0f GB", more(d))
		}
		c.Box("head", at(from), y+4, max(at(to)-at(from), 2), 16, 0)
		c.Text("", at(to)+8, y+17, "start", says)
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
