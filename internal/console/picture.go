package console

import (
	"html/template"
	"slices"

	"berth/internal/plan"
	"berth/internal/plan/graph"
	"berth/internal/size"
	"berth/internal/state"
	"berth/internal/view"
)

// drawn is what of a plan waits for what, as a picture. The table below it says the same.
func drawn(p *plan.Plan) template.HTML {
	return template.HTML(view.GraphPicture(p, graph.Of(p, nil)).Part()) // it escapes what it writes
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
