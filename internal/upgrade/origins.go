package upgrade

import (
	"fmt"
	"math"
	"slices"

	"berth/catalogue"
)

// Span is a row of patches of one minor release.
type Span struct {
	Minor string // "7.5"
	Low   int
	High  int // -1: every later one
}

// String is the span as one word: "7.5.0-4453", or "7.4.0-" without an end.
func (s Span) String() string {
	if s.High < 0 {
		return fmt.Sprintf("%s.%d-", s.Minor, s.Low)
	}
	return fmt.Sprintf("%s.%d-%d", s.Minor, s.Low, s.High)
}

// Origins are the releases that a release may be started after when nothing but pods is replaced: itself; those before it that one hop leads from, which
// rolls and asks for nothing else; and those after it that such a hop leads to, since it works with their schema. Nobody can ask the
// databases yet, so the Postgres of an external one counts as new enough: the migrator itself refuses another before it changes anything.
func Origins(c *catalogue.Catalogue, release string, target catalogue.Target, facts Facts) []Span {
	facts.Postgres = math.MaxInt
	p := &planner{catalogue: c, rules: c.Upgrades(), request: Request{Target: target, Facts: facts}}
	at, err := Parse(release)
	if err != nil {
		return nil
	}
	rolls := func(from, to Version) bool {
		if from == to {
			return true
		}
		way, problems := Path(c, Request{From: from.String(), To: to.String(), Target: target, Facts: facts})
		return !problems.Failed() && way.rolls()
	}
	known := map[Version][]Version{} // by minor release, oldest first
	for _, v := range c.Versions(target) {
		if parsed, err := Parse(v.Version); err == nil {
			known[parsed.Minor()] = append(known[parsed.Minor()], parsed)
		}
	}
	var spans []Span
	for _, minor := range []Version{p.before(at.Minor()), at.Minor(), p.next(at.Minor())} {
		first := Version{numbers: [3]int{minor.numbers[0], minor.numbers[1], 0}} // what a migrator's upgrade writes for any patch
		patches := append(known[minor], first)
		if minor == at.Minor() {
			patches = append(patches, at)
		}
		slices.SortFunc(patches, Version.compare)
		spans = append(spans, spansOf(minor, slices.Compact(patches), func(v Version) bool {
			switch {
			case v.compare(at) <= 0:
				return rolls(v, at)
			case v == first && !slices.Contains(known[minor], first):
				// It stands for the patches that there are, or for those of a minor release that is not known yet: this one works with the next one's schema.
				return len(known[minor]) == 0 || rolls(at, known[minor][0])
			}
			return rolls(at, v)
		})...)
	}
	return spans
}

// spansOf puts the patches of a minor release that are good together. What comes after the last known patch is like it.
func spansOf(minor Version, patches []Version, good func(Version) bool) []Span {
	var spans []Span
	within := false
	for i, v := range patches {
		patch := v.numbers[2]
		switch ok := good(v); {
		case !ok:
			within = false
			continue
		case !within:
			spans = append(spans, Span{Minor: minor.String(), Low: patch})
			within = true
		}
		last := &spans[len(spans)-1]
		if last.High = patch; i == len(patches)-1 {
			last.High = -1
		}
	}
	return spans
}
