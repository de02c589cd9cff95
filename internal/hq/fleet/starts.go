package fleet

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"berth/catalogue"
	"berth/internal/report"
)

// Minutes is a time in whole minutes, where it is known.
type Minutes struct {
	N     int
	Known bool
}

// String writes the minutes for people and spreadsheets.
func (m Minutes) String() string {
	if !m.Known {
		return ""
	}
	return strconv.Itoa(m.N)
}

// MarshalJSON writes the minutes as a number, or null.
func (m Minutes) MarshalJSON() ([]byte, error) {
	if !m.Known {
		return []byte("null"), nil
	}
	return json.Marshal(m.N)
}

// spread is how long new installations took that are alike.
type spread struct {
	way, name string // in which way they are alike, and how
	use       report.Use
	began     int
	took      []int32 // seconds until the first search, in order; of those that had one
}

// within is the time within which so many percent of those that had a search had it.
func (s *spread) within(percent int) Minutes {
	if len(s.took) == 0 {
		return Minutes{}
	}
	return Minutes{int(s.took[(len(s.took)*percent+99)/100-1]) / 60, true}
}

func (s *spread) title() string {
	if s.way == everybody {
		return s.way
	}
	return s.way + " " + cmp.Or(s.name, notKnown)
}

// The ways in which new installations are alike, in the order in which they are shown.
const (
	everybody, byTarget, byOption, bySize = "all", "target", "option", "size"
	byRelease, byQuarter                  = "began with", "began in"
)

var ways = []string{everybody, byTarget, byOption, bySize, byRelease, byQuarter}

// uses are the uses, in the order in which they are shown.
var uses = []report.Use{report.Production, report.Trial, ""}

// started calls with each installation that began in the time asked for and that the query wants: the fastest first. took is the time to the first search; 0:
// there was none until the end of the day.
func (v *view) started(with func(s *start, kind int32, took int32)) {
	from, end := v.q.from().Unix(), v.q.end().Unix()
	for n := range v.starts {
		s := &v.starts[n]
		if v.last[s.of] < 0 || s.began < from || s.began > end {
			continue
		}
		took := s.took
		if s.began+int64(took) > end {
			took = 0
		}
		with(s, v.stays[v.last[s.of]].kind, took)
	}
}

// spreads are the groups of new installations. An installation is in one of each way.
func (v *view) spreads() (all []*spread) {
	type group struct {
		way, name string
		use       report.Use
	}
	found := map[group]*spread{}
	of := func(way, name string, use report.Use) *spread {
		g := group{way, name, use}
		if found[g] == nil {
			found[g] = &spread{way: way, name: name, use: use}
			all = append(all, found[g])
		}
		return found[g]
	}
	// There are few kinds and words, and many installations: each group is looked for once for each of these.
	kinds, words := make([][]*spread, len(v.kinds)), make([]*spread, len(v.words)*len(uses))
	worded := func(way string, word int32, use report.Use) *spread {
		at := int(word)*len(uses) + slices.Index(uses, use)
		if words[at] == nil {
			words[at] = of(way, v.words[word], use)
		}
		return words[at]
	}
	v.started(func(s *start, kind int32, took int32) {
		f := v.kinds[kind]
		if kinds[kind] == nil {
			kinds[kind] = []*spread{of(everybody, "", f.Use), of(byTarget, string(f.Target), f.Use), of(byOption, f.Option, f.Use), of(bySize, f.Size, f.Use)}
		}
		for _, in := range append(kinds[kind][:4:4], worded(byRelease, s.release, f.Use), worded(byQuarter, s.quarter, f.Use)) {
			in.began++
			if took > 0 {
				in.took = append(in.took, took)
			}
		}
	})
	return all
}

// begun counts how long new installations took to their first search.
func (v *view) begun(out *Figure) {
	out.Columns = []string{"group", "use", "began", "had a search", "share", "median minutes", "90 % within minutes"}
	all := v.spreads()
	slices.SortFunc(all, func(a, b *spread) int {
		named := v.InOrder(a.name, b.name)
		if a.way == byRelease {
			named = catalogue.CompareVersions(b.name, a.name)
		}
		return cmp.Or(cmp.Compare(slices.Index(ways, a.way), slices.Index(ways, b.way)), named, cmp.Compare(slices.Index(uses, a.use), slices.Index(uses, b.use)))
	})
	out.Headline = "No new installation reported how it began."
	for _, s := range all {
		use := cmp.Or(string(s.use), notKnown)
		out.Rows = append(out.Rows, Row{s.title() + " " + use, []any{s.title(), use, s.began, len(s.took), Share{len(s.took), s.began}, s.within(50), s.within(90)}, v.startList(v.q, *s)})
		if s.way == everybody && (s.use == report.Production || len(out.Rows) == 1) {
			out.Headline = fmt.Sprintf("%s in %s: %d had a search with a result", counted(s.began, "new installation"), cmp.Or(string(s.use), "a use that is not known"), len(s.took))
			if len(s.took) > 0 {
				out.Headline += fmt.Sprintf(", half of them within %s, 90 %% within %s", counted(s.within(50).N, "minute"), counted(s.within(90).N, "minute"))
			}
			out.Headline += "."
		}
	}
}

// startList lists, when it is asked for, the new installations of a group.
func (f *Fleet) startList(q Query, of spread) func() Table {
	return func() Table {
		v, rows := f.view(q), []Row{}
		v.started(func(s *start, kind int32, took int32) {
			facts := v.kinds[kind]
			alike := map[string]string{everybody: "", byTarget: string(facts.Target), byOption: facts.Option, bySize: facts.Size, byRelease: v.words[s.release], byQuarter: v.words[s.quarter]}
			if facts.Use != of.use || alike[of.way] != of.name {
				return
			}
			i := &v.Installations[s.of]
			rows = append(rows, Row{Key: i.Name, Cells: []any{i.Name, Day{i.Start.Began}, v.words[s.release], string(facts.Target), facts.Option, facts.Size, string(facts.Use), Minutes{int(took) / 60, took > 0}}})
		})
		return Table{[]string{"installation", "began", "began with", "target", "option", "size", "use", "minutes"}, rows}
	}
}
