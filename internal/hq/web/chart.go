package web

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"berth/internal/hq/fleet"
)

// percent is a share in hundredths, for the bar beside it; -1: the cell is no share.
func percent(cell any) float64 {
	s, ok := cell.(fleet.Share)
	if !ok {
		return -1
	}
	v, _ := s.Value() // nothing has no bar
	return 100 * v
}

func fleetDay(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// minutes is a time in whole minutes, at least one.
func minutes(seconds int) string {
	if n := seconds / 60; n > 1 {
		return fmt.Sprintf("%d minutes", n)
	}
	return "1 minute"
}

// bar is a part of a column of a chart, in its units.
type bar struct {
	X, Y, Width, Height float64
	Series              int
}

// label is a text of a chart.
type label struct {
	X, Y float64
	Text string
}

// column is a row of the figure. Whoever points at it, or gets there with the keyboard, reads what it says above the chart; it leads to its list.
type column struct {
	Link string
	Name string  // what it says, for who can't see it
	Says []label // the same
	Hit  bar     // where the pointer is on it
	Bars []bar
}

// chart is a picture of a stacked figure.
type chart struct {
	Title, Headline string
	Width, Height   int
	Keyboard        bool // columns can be reached with the keyboard: on a page with several figures they would be in its way, and the table is there
	Columns         []column
	Lines           []label // from the left, with the count
	Days            []label
	Series          []string
}

// The picture, in its units.
const (
	chartWidth, chartHeight                  = 960, 395
	plotLeft, plotTop, plotWidth, plotHeight = 60.0, 95.0, 890.0, 260.0
	saysEvery, saysInLine                    = 28.0, 5 // the height of a line above the plot, and how many series are in one
)

// steps are the distances that lines of a chart may have.
var steps = []int{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000}

// stack draws a stacked figure: a column a row, the newest release at the bottom.
func stack(q query, f *fleet.Figure, keyboard bool) chart {
	c := chart{Title: f.Title, Headline: f.Headline, Width: chartWidth, Height: chartHeight, Keyboard: keyboard, Series: f.Columns[2:]}
	highest := 1
	for _, r := range f.Rows {
		highest = max(highest, count(r.Cells[1]))
	}
	step := steps[len(steps)-1]
	for _, s := range slices.Backward(steps) {
		if highest/s <= 5 {
			step = s
		}
	}
	scale := plotHeight / float64(highest)
	for n := 0; n <= highest; n += step {
		c.Lines = append(c.Lines, label{plotLeft, plotTop + plotHeight - float64(n)*scale, fmt.Sprint(n)})
	}
	wide := plotWidth / float64(max(1, len(f.Rows)))
	for n, r := range f.Rows {
		x := plotLeft + float64(n)*wide
		c.Columns = append(c.Columns, columnOf(q.address(f.ID, r.Key, ""), c.Series, r, x, wide, scale))
		if n%max(1, len(f.Rows)/6) == 0 && x < plotLeft+0.9*plotWidth { // a later one would be cut
			c.Days = append(c.Days, label{x, plotTop + plotHeight + 20, fmt.Sprint(r.Cells[0])})
		}
	}
	return c
}

// columnOf draws a row.
func columnOf(link string, series []string, r fleet.Row, x, wide, scale float64) column {
	c := column{Link: link, Hit: bar{X: x, Y: plotTop, Width: wide, Height: plotHeight}}
	y, parts := plotTop+plotHeight, []string{}
	for n, name := range series {
		of := count(r.Cells[2+n])
		if of == 0 {
			continue
		}
		tall := float64(of) * scale
		y -= tall
		c.Bars = append(c.Bars, bar{x, y, wide * 0.9, tall, n})
		parts = append(parts, fmt.Sprintf("%s: %d", name, of))
	}
	lines := []string{fmt.Sprintf("%v: %v active", r.Cells[0], r.Cells[1])}
	for some := range slices.Chunk(parts, saysInLine) {
		lines = append(lines, strings.Join(some, ",  "))
	}
	for n, line := range lines {
		c.Says = append(c.Says, label{plotLeft, saysEvery*float64(n+1) - 4, line})
	}
	c.Name = strings.Join(lines, ", ")
	return c
}

func count(cell any) int {
	n, _ := cell.(int) // counts are counts
	return n
}
