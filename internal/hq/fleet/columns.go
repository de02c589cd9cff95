package fleet

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"berth/catalogue"
	"berth/internal/hq/issue"
	"berth/internal/report"
)

// columns are the fleet once more, as figures pass over it: numbers that lie beside each other, and each kind of installation and each word once. A figure of
// 100,000 installations is then counted in milliseconds.
type columns struct {
	kinds    []*Facts // as far as figures tell them apart
	begin    []int32  // of each installation, the first of its stays; and one more at the end
	stays    []column
	attempts []attempt // upgrades, by installation and number
	starts   []start   // by the time to the first search; last are those that had none yet
	words    []string
	placed   []placed // beside Fleet.Issues
}

// column is a stay. Times are seconds since 1970.
type column struct {
	first, last int64
	kind        int32
}

// attempt is an upgrade.
type attempt struct {
	started              int64
	seconds              int32
	of, number           int32 // the installation, and which of its upgrades
	result, stage, codes int32 // words; codes are one
}

// start is how an installation began.
type start struct {
	began            int64
	took             int32 // seconds until the first search had a result; 0: none had one yet
	of               int32 // the installation
	release, quarter int32 // words: the minor release that it reported first, and when it began
}

// placed is what an issue is counted by.
type placed struct {
	of      int32  // the installation; -1: it never reported, or none is named
	facts   *Facts // that it says itself
	quarter string
	since   string // the day since which berth has a check for it; "": it has none
}

// quiet is Silence in seconds.
const quiet = int64(Silence / time.Second)

// columns builds them at the first figure.
func (f *Fleet) columns() *columns {
	f.once.Do(func() { f.built = f.build() })
	return f.built
}

// Kinds are all kinds of installations that there were, each once.
func (f *Fleet) Kinds() []*Facts { return f.columns().kinds }

func (f *Fleet) build() *columns {
	c := &columns{begin: make([]int32, 0, len(f.Installations)+1)}
	kinds, alike, words := map[*Facts]int32{}, map[Facts]int32{}, map[string]int32{}
	kind := func(of *Facts) int32 {
		k, ok := kinds[of]
		if ok {
			return k
		}
		// No figure asks for these, and there are many more kinds with them.
		short := of.Counted()
		if k, ok = alike[short]; !ok {
			k = int32(len(alike))
			alike[short], c.kinds = k, append(c.kinds, &short)
		}
		kinds[of] = k
		return k
	}
	word := func(text string) int32 {
		n, ok := words[text]
		if !ok {
			n = int32(len(words))
			words[text], c.words = n, append(c.words, text)
		}
		return n
	}
	quarters := map[string]string{} // by month: installations and issues share them
	for n := range f.Installations {
		i := &f.Installations[n]
		c.begin = append(c.begin, int32(len(c.stays)))
		for _, s := range i.Stays {
			c.stays = append(c.stays, column{s.First.Unix(), s.Last.Unix(), kind(s.Said)})
		}
		for u := range i.Upgrades {
			r := &i.Upgrades[u]
			codes := ""
			if len(r.Codes) > 0 {
				codes = strings.Join(r.Codes, " ")
			}
			c.attempts = append(c.attempts, attempt{r.Started.Unix(), int32(r.Seconds), int32(n), int32(u), word(r.Result), word(r.Stage), word(codes)})
		}
	}
	c.begin = append(c.begin, int32(len(c.stays)))
	for n := range f.Installations {
		if i := &f.Installations[n]; i.Start != nil && len(i.Stays) > 0 {
			release := cmp.Or(i.Stays[0].Said.Release, notKnown)
			if release != notKnown && release != report.Other {
				release = catalogue.Minor(release)
			}
			c.starts = append(c.starts, start{i.Start.Began.Unix(), int32(i.Start.FirstSearch), int32(n), word(release), word(quarterOf(Day{i.Start.Began}.String(), quarters))})
		}
	}
	slices.SortFunc(c.starts, func(a, b start) int { return cmp.Compare(uint32(a.took-1), uint32(b.took-1)) }) // 0 comes last
	for n := range f.Issues {
		c.placed = append(c.placed, f.place(&f.Issues[n], quarters))
	}
	return c
}

// quarterOf is the quarter of a day. known are those of the months before.
func quarterOf(day string, known map[string]string) string {
	month := day[:len("2006-01")]
	if known[month] == "" {
		known[month] = issue.QuarterOf(day)
	}
	return known[month]
}

func (f *Fleet) place(i *issue.Issue, quarters map[string]string) placed {
	p := placed{-1, &Facts{Release: i.Release, Target: i.Target, Use: i.Use}, quarterOf(i.Opened, quarters), i.CheckSince()}
	if n, ok := f.find(i.Installation); ok && len(f.Installations[n].Stays) > 0 {
		p.of = int32(n)
	}
	return p
}

// before is which stay of an installation had begun last at a time; -1: none had.
func (c *columns) before(installation int, t int64) int32 {
	from, to := c.begin[installation], c.begin[installation+1]
	for n := to - 1; n >= from; n-- { // most often it is the last one
		if c.stays[n].first <= t {
			return n
		}
	}
	return -1
}

// timeline finds times among others, which are in order, by their day: a search for each of a million stays takes too long.
type timeline struct {
	times []int64
	begin int64   // the first day
	slots []int32 // for each day from then on, the first time on it or after it
}

const daySeconds = int64(day / time.Second)

func newTimeline(times []time.Time) *timeline {
	l := &timeline{times: make([]int64, len(times))}
	for n, t := range times {
		l.times[n] = t.Unix()
	}
	if len(times) == 0 {
		return l
	}
	l.begin = l.times[0] / daySeconds
	for d := l.begin; d <= l.times[len(times)-1]/daySeconds; d++ {
		at, _ := slices.BinarySearch(l.times, d*daySeconds)
		l.slots = append(l.slots, int32(at))
	}
	return l
}

// from is the first time that is not before another one.
func (l *timeline) from(t int64) int32 {
	d := t/daySeconds - l.begin
	switch {
	case d < 0 || len(l.times) == 0:
		return 0
	case d >= int64(len(l.slots)):
		return int32(len(l.times))
	}
	n := l.slots[d]
	for int(n) < len(l.times) && l.times[n] < t {
		n++
	}
	return n
}
