package console

import (
	"fmt"
	"slices"
	"strings"

	"berth/internal/plan"
	"berth/internal/size"
	"berth/internal/state"
	"berth/internal/view"
)

// picture is the way of a plan: a row for each upgrade step, with its stages from left to right. The table below it says the same.
type picture struct {
	Width, Height int
	Title         string
	Rows          []row
}

// row is an upgrade step, or all stages of a plan that has none.
type row struct {
	Y         int
	From, To  string
	NoReturn  float64 // where the point of no return is; 0: there is none
	NoReturnY int
	Stages    []box
}

// box is a stage.
type box struct {
	X, Width, Middle float64
	Name, Took       string
	Down             bool // Sourcegraph does not answer meanwhile
}

// The measures of a picture, in its units.
const (
	pictureWidth = 960
	rowHeight    = 96
	stagesFrom   = 90.0
	stagesTo     = 870.0
	noted        = 15 // seconds from which a stage says how long it takes, as in the text
)

// draw draws the stages of a plan.
func draw(p *plan.Plan) picture {
	out := picture{Width: pictureWidth}
	var said []string
	for hop := range max(len(p.Hops), 1) {
		r := row{Y: hop * rowHeight, NoReturnY: hop*rowHeight + rowHeight - 10}
		stages := stagesOf(p, hop)
		if len(p.Hops) > 0 {
			r.From, r.To = p.Hops[hop].From, p.Hops[hop].To
		}
		wide := (stagesTo - stagesFrom) / float64(max(len(stages), 1))
		var names []string
		for n, s := range stages {
			b := box{X: stagesFrom + float64(n)*wide + 3, Width: wide - 6, Middle: stagesFrom + (float64(n)+0.5)*wide, Name: s.Name, Down: s.Effect == plan.Downtime}
			if s.Seconds > noted {
				b.Took = view.About(s.Seconds)
			}
			if s.NoReturn {
				r.NoReturn = stagesFrom + float64(n)*wide
				names = append(names, "the point of no return")
			}
			names = append(names, s.Name)
			r.Stages = append(r.Stages, b)
		}
		said = append(said, fmt.Sprintf("%s to %s: %s", r.From, r.To, strings.Join(names, ", ")))
		out.Rows = append(out.Rows, r)
	}
	out.Height = len(out.Rows) * rowHeight
	out.Title = strings.Join(said, ". ") + ". The table below says the same."
	return out
}

// stagesOf are the stages of an upgrade step.
func stagesOf(p *plan.Plan, hop int) (out []plan.Stage) {
	for _, s := range p.Stages {
		if s.Hop == hop {
			out = append(out, s)
		}
	}
	return out
}

// part is what a part is of a whole, in hundredths, for a bar; at most all of it.
func part(of, whole float64) float64 {
	if whole <= 0 {
		return 0
	}
	return min(100, max(0, 100*of/whole))
}

// full is how full a disk is, in hundredths.
func full(d size.Disk) float64 { return part(float64(d.Size-d.Free), float64(d.Size)) }

// newestFirst are runs, the last one first.
func newestFirst(runs []state.Record) []state.Record {
	out := slices.Clone(runs)
	slices.Reverse(out)
	return out
}
