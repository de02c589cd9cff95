package option

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

func sorted[V any](of map[string]V) []string { return slices.Sorted(maps.Keys(of)) }

// Ranked is an option with its place.
type Ranked struct {
	Option
	Total   float64  `json:"total"`             // from 0 to 5
	Missing []string `json:"missing,omitempty"` // criteria without a score: it has no place
}

// Place is the total as a text; of an option without a place, "not scored".
func (r Ranked) Place() string {
	if len(r.Missing) > 0 {
		return "not scored"
	}
	return strconv.FormatFloat(r.Total, 'f', 2, 64)
}

// Rank orders the options by the mean of their scores, each with the weight of its criterion. What has not all scores comes last, and has no place.
func (s *Sheet) Rank() (out []Ranked) {
	for _, o := range s.Options {
		r := Ranked{Option: o}
		sum, all := 0.0, 0.0
		for _, c := range s.Criteria {
			score, ok := o.Scores[c.ID]
			if !ok {
				r.Missing = append(r.Missing, c.ID)
			}
			sum += c.Weight * score.Score
			all += c.Weight
		}
		if len(r.Missing) == 0 && all > 0 {
			r.Total = sum / all
		}
		out = append(out, r)
	}
	slices.SortStableFunc(out, func(a, b Ranked) int {
		return cmp.Or(cmp.Compare(min(len(a.Missing), 1), min(len(b.Missing), 1)), cmp.Compare(b.Total, a.Total), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// Sensitivity says how much the first place depends on the weight of a criterion, as a share of all weights. The others keep their proportions.
type Sensitivity struct {
	Criterion string  `json:"criterion"`
	Share     float64 `json:"share"`           // now
	Below     float64 `json:"below,omitempty"` // under this share another one is first
	First     string  `json:"firstBelow,omitempty"`
	Above     float64 `json:"above,omitempty"` // over this share another one is first
	Other     string  `json:"firstAbove,omitempty"`
	Says      string  `json:"says"`
}

// Sensitivities are those of all criteria; none where fewer than two options have a place.
func (s *Sheet) Sensitivities() (out []Sensitivity) {
	ranked := slices.DeleteFunc(s.Rank(), func(r Ranked) bool { return len(r.Missing) > 0 })
	all := 0.0
	for _, c := range s.Criteria {
		all += c.Weight
	}
	if len(ranked) < 2 || len(s.Criteria) < 2 {
		return nil
	}
	for _, c := range s.Criteria {
		out = append(out, sensitivity(c, all, ranked))
	}
	return out
}

// rounding is how far two equal sums may be apart.
const rounding = 1e-9

// sensitivity finds the shares at which another option gets as much as the first one. Both totals are lines over the share.
func sensitivity(c Criterion, all float64, ranked []Ranked) Sensitivity {
	out := Sensitivity{Criterion: c.ID, Share: c.Weight / all, Above: 1}
	if out.Share >= 1 {
		out.Above = 0
		out.Says = fmt.Sprintf("%s is the only one that counts.", c.Title)
		return out
	}
	// rest is the total without the criterion, which is what counts at a share of 0.
	rest := func(r Ranked) float64 { return (r.Total - out.Share*r.Scores[c.ID].Score) / (1 - out.Share) }
	first := ranked[0]
	for _, other := range ranked[1:] {
		atZero, atOne := rest(first)-rest(other), first.Scores[c.ID].Score-other.Scores[c.ID].Score
		if atZero == atOne {
			continue
		}
		equal := atZero / (atZero - atOne)
		switch {
		case atOne < 0 && equal >= out.Share-rounding && equal < out.Above:
			out.Above, out.Other = equal, other.Title
		case atZero < 0 && equal <= out.Share+rounding && equal > out.Below:
			out.Below, out.First = equal, other.Title
		}
	}
	out.Says = out.text(c.Title, first.Title)
	return out
}

func (s *Sensitivity) text(criterion, first string) string {
	switch {
	case s.Other != "" && s.First != "":
		return fmt.Sprintf("%s stays first unless %s weighs more than %.2f (then %s) or less than %.2f (then %s). It weighs %.2f.", first, criterion, s.Above, s.Other, s.Below, s.First, s.Share)
	case s.Other != "":
		return fmt.Sprintf("%s stays first unless %s weighs more than %.2f; then %s is. It weighs %.2f.", first, criterion, s.Above, s.Other, s.Share)
	case s.First != "":
		return fmt.Sprintf("%s stays first unless %s weighs less than %.2f; then %s is. It weighs %.2f.", first, criterion, s.Below, s.First, s.Share)
	}
	return fmt.Sprintf("%s stays first, whatever %s weighs.", first, criterion)
}
