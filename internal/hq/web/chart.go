package web

import (
	"fmt"
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

// bar is a part of a column of a chart, in its units.
type bar struct {
	X, Y, Width, Height float64
	Series              int
	Title               string
}

// label is a text of a chart.
type label struct {
	X, Y float64
	Text string
}

// chart is a picture of a stacked figure. Its table has the same numbers, so it needs no more than a title for who can't see it.
type chart struct {
	Width, Height int
	Bars          []bar
	Lines         []label // from the left, with the count
	Days          []label
	Series        []string
}

// stack draws a stacked figure: a column a row, the newest release at the bottom.
func stack(f *fleet.Figure) chart {
	const left, top, width, height = 60.0, 10.0, 890.0, 260.0
	c := chart{Width: 960, Height: 310, Series: f.Columns[2:]}
	highest := 1
	for _, r := range f.Rows {
		highest = max(highest, count(r.Cells[1]))
	}
	step := 1
	for _, s := range []int{2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000} {
		if highest/step > 5 {
			step = s
		}
	}
	scale := height / float64(highest)
	for n := 0; n <= highest; n += step {
		c.Lines = append(c.Lines, label{left, top + height - float64(n)*scale, fmt.Sprint(n)})
	}
	wide := width / float64(max(1, len(f.Rows)))
	for n, r := range f.Rows {
		x, y := left+float64(n)*wide, top+height
		for series, name := range c.Series {
			tall := float64(count(r.Cells[2+series])) * scale
			if tall == 0 {
				continue
			}
			y -= tall
			c.Bars = append(c.Bars, bar{x, y, wide * 0.9, tall, series, fmt.Sprintf("%v: %v on %s", r.Cells[0], r.Cells[2+series], name)})
		}
		if n%max(1, len(f.Rows)/6) == 0 && x < left+0.9*width { // a later one would be cut
			c.Days = append(c.Days, label{x, top + height + 20, fmt.Sprint(r.Cells[0])})
		}
	}
	return c
}

func count(cell any) int {
	n, _ := cell.(int) // counts are counts
	return n
}
