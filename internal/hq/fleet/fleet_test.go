package fleet

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"berth/catalogue"
	"berth/internal/report"
)

func at(text string) time.Time {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return t
}

// fleetOf are installations that reported each once, on a day.
func fleetOf(on string, said ...Facts) *Fleet {
	f := &Fleet{Releases: Releases(catalogue.Embedded()), Sizes: report.Sizes(catalogue.Embedded())}
	for n := range said {
		f.Installations = append(f.Installations, Installation{Name: string(rune('a' + n)), Stays: Extend[*Facts](nil, at(on), &said[n])})
	}
	return f
}

// TestAt: an installation is as its newest report says, for 30 days, and not before its first one.
func TestAt(t *testing.T) {
	old, next := &Facts{Release: "7.4.0"}, &Facts{Release: "7.5.4453"}
	var stays []Stay
	for _, p := range []struct {
		day  string
		said *Facts
	}{{"2026-01-01", old}, {"2026-01-31", old}, {"2026-02-05", next}, {"2026-04-01", next}, {"2026-04-02", &Facts{}}} {
		stays = Extend(stays, at(p.day), p.said)
	}
	if len(stays) != 4 {
		t.Fatalf("%d stays: 30 days are no silence, 55 are", len(stays))
	}
	i := Installation{Stays: stays}
	for day, want := range map[string]*Facts{"2025-12-31": nil, "2026-01-01": old, "2026-02-04": old, "2026-02-05": next, "2026-03-07": next, "2026-03-08": nil, "2026-04-01": next,
		"2026-04-02": nil} {
		if got := i.At(at(day)); got != want {
			t.Errorf("%s: %+v, want %+v", day, got, want)
		}
	}
}

// TestReleasesBehind: a release counts from the day on which the target has it; of one that nobody published nothing is known.
func TestReleasesBehind(t *testing.T) {
	f := fleetOf("2026-08-10")
	for _, tt := range []struct {
		release string
		target  catalogue.Target
		day     string
		behind  int
		known   bool
	}{
		{"7.5.4453", catalogue.Kubernetes, "2026-08-05", 0, true},
		{"7.5.4453", catalogue.Kubernetes, "2026-08-06", 1, true}, // 7.6 has only objects
		{"7.5.4453", catalogue.Compose, "2026-08-06", 0, true},
		{"6.12.5040", catalogue.Compose, "2026-08-06", 6, true},
		{"99.0.0", catalogue.Compose, "2026-08-06", 0, true},
		{report.Other, catalogue.Compose, "2026-08-06", 0, false},
	} {
		n, known := f.Behind(&Facts{Release: tt.release, Target: tt.target}, at(tt.day))
		if n != tt.behind || known != tt.known {
			t.Errorf("%+v: %d %v", tt, n, known)
		}
	}
}

// TestBehindFigure has what the simulated fleets have not: releases that nobody published, and ages.
func TestBehindFigure(t *testing.T) {
	f := fleetOf("2026-07-20", Facts{Release: "7.5.4453", Target: catalogue.Compose}, Facts{Release: "7.3.0", Target: catalogue.Compose}, Facts{Release: report.Other, Target: catalogue.Compose},
		Facts{Target: catalogue.Compose}, Facts{Release: "7.4.0", Target: catalogue.Compose})
	got, _ := f.Figure("behind", Query{Day: at("2026-07-20"), Months: 1})
	// 7.5 came out on 2026-07-08, 7.4 on 2026-06-11: the middle of 0, 27 and 51 days.
	if want := "50.0 % of the active installations are at most one release behind. Their median age is 27 days."; got.Headline != want {
		t.Errorf("%s\nwant %s", got.Headline, want)
	}
	if row, ok := got.Row("5"); !ok || row.Cells[1] != 1 || row.List().Rows[0].Key != "c" {
		t.Errorf("%+v", row)
	}
}

// TestSizesInOrder: sizes follow each other from the smallest to the largest one; what is no size comes last.
func TestSizesInOrder(t *testing.T) {
	var said []Facts
	for _, size := range []string{"XL", "S", "2XL", report.Other, "M", report.Demo, ""} {
		said = append(said, Facts{Release: "7.5.4453", Target: catalogue.Compose, Size: size})
	}
	f := fleetOf("2026-07-20", said...)
	got, _ := f.Figure("sizes", Query{Day: at("2026-07-20"), Months: 1})
	var order []string
	for _, row := range got.Rows {
		order = append(order, row.Key)
	}
	if want := []string{report.Demo, "S", "M", "XL", "2XL", notKnown, report.Other}; !slices.Equal(order, want) {
		t.Errorf("%q, want %q", order, want)
	}
}

// TestNothing: a fleet without installations has figures without numbers.
func TestNothing(t *testing.T) {
	f := fleetOf("2026-07-20")
	for _, id := range IDs() {
		got, ok := f.Figure(id, Query{Day: at("2026-07-20"), Months: 2})
		if !ok || got.Headline == "" || !strings.HasSuffix(got.Headline, ".") || got.Definition == "" || len(got.Columns) == 0 {
			t.Errorf("%s: %+v", id, got)
		}
		text, err := json.Marshal(got)
		if err != nil || strings.Contains(string(text), "NaN") || strings.Contains(string(text), `"rows":null`) {
			t.Errorf("%s: %v %s", id, err, text)
		}
	}
}

// TestRefused counts refused reports of the time asked for.
func TestRefused(t *testing.T) {
	f := &Fleet{Refusals: []Refusal{{at("2026-05-01"), "BERTH4911", 9}, {at("2026-07-01"), "BERTH4911", 2}, {at("2026-07-02"), "BERTH4911", 3}, {at("2026-07-02"), "BERTH4912", 1}}}
	got, _ := f.Figure("refused", Query{Day: at("2026-07-02"), Months: 1})
	var csv strings.Builder
	if err := got.WriteCSV(&csv); err != nil {
		t.Fatal(err)
	}
	if want := "code,title,reports\nBERTH4911,Not a report,5\nBERTH4912,Report's signature does not match,1\n"; csv.String() != want || got.Headline != "6 reports refused." {
		t.Errorf("%s\n%s", got.Headline, csv.String())
	}
	if row, _ := got.Row("BERTH4911"); len(row.List().Rows) != 2 {
		t.Errorf("%+v", row.List())
	}
}

// TestAnyOrderOfSpans: reports in any order leave the spans of those in order. All of them are known before the first is added, as in a transaction.
func TestAnyOrderOfSpans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		days := rapid.SliceOfNDistinct(rapid.IntRange(0, 200), 1, 25, rapid.ID[int]).Draw(t, "days")
		saids := rapid.SliceOfN(rapid.IntRange(1, 3), len(days), len(days)).Draw(t, "said")
		said := map[time.Time]int{}
		var times []time.Time
		for n, d := range days {
			at := at("2026-01-01").AddDate(0, 0, d)
			times, said[at] = append(times, at), saids[n]
		}
		var mixed []Span[int]
		for _, made := range times {
			var err error
			mixed, err = Insert(mixed, made, said[made], func(s Span[int]) (before, after time.Time, err error) {
				for _, other := range times {
					switch {
					case said[other] != s.Said || other.Before(s.First) || other.After(s.Last):
					case other.Before(made) && other.After(before):
						before = other
					case other.After(made) && (after.IsZero() || other.Before(after)):
						after = other
					}
				}
				return before, after, nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		slices.SortFunc(times, time.Time.Compare)
		var want []Span[int]
		for _, made := range times {
			want = Extend(want, made, said[made])
		}
		if diff := cmp.Diff(want, mixed); diff != "" {
			t.Error(diff)
		}
	})
}
