package simulate

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/catalogue"
	"berth/internal/diag"
	"berth/internal/hq/fleet"
	"berth/internal/hq/issue"
	"berth/internal/report"
)

// logged are the issues that a query wants, each with the use of its installation, by the truth.
func (w *truth) logged(all []issue.Issue) (out []issue.Issue) {
	by := map[string]*Life{}
	for n := range w.lives {
		if len(w.lives[n].Tells) > 0 {
			by[w.lives[n].Key.Installation()] = &w.lives[n]
		}
	}
	for _, i := range all {
		if i.Opened < w.q.Day.AddDate(0, -w.q.Months, 0).Format(time.DateOnly) {
			continue
		}
		if l := by[i.Installation]; l != nil {
			i.Use = l.Use
			if _, ok := w.told(l, l.Tells[len(l.Tells)-1]); !ok {
				continue
			}
		} else if w.q.Size != "" || w.q.Option != "" || w.q.Use != "" && w.q.Use != i.Use || w.q.Target != "" && w.q.Target != i.Target {
			continue
		}
		out = append(out, i)
	}
	return out
}

func quarterAt(t time.Time) string { return fmt.Sprintf("%d-Q%d", t.Year(), (int(t.Month())+2)/3) }

func dayOf(text string) time.Time {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return t
}

func per(part, of int) string {
	if of == 0 {
		return "none"
	}
	return fmt.Sprintf("%.2f", float64(part)/float64(of))
}

func (w *truth) quarters(all []issue.Issue) map[string][]string {
	type counts struct{ deployments, theirs, upgrades, ups, rest, all int }
	by := map[string]*counts{}
	of := func(quarter string, use report.Use) *counts {
		key := strings.TrimSpace(quarter + " " + string(use))
		if by[key] == nil {
			by[key] = &counts{}
		}
		return by[key]
	}
	for _, i := range w.logged(all) {
		c := of(quarterAt(dayOf(i.Opened)), i.Use)
		c.all++
		switch i.During {
		case issue.Deployment:
			c.theirs++
		case issue.Upgrade:
			c.ups++
		default:
			c.rest++
		}
	}
	for n := range w.lives {
		l := &w.lives[n]
		if len(l.Tells) == 0 {
			continue
		}
		if _, ok := w.told(l, l.Tells[len(l.Tells)-1]); ok && !l.Tells[0].Before(w.q.Day.AddDate(0, -w.q.Months, 0)) {
			of(quarterAt(l.Tells[0]), l.Use).deployments++
		}
	}
	w.tried(func(l *Life, r report.Run) { of(quarterAt(r.Started), l.Use).upgrades++ })
	out := map[string][]string{}
	for key, c := range by {
		_, use, _ := strings.Cut(key, " ")
		if use == "" {
			use = "not known"
		}
		out[key] = []string{use, fmt.Sprint(c.deployments), fmt.Sprint(c.theirs), per(c.theirs, c.deployments), fmt.Sprint(c.upgrades), fmt.Sprint(c.ups), per(c.ups, c.upgrades), fmt.Sprint(c.rest), fmt.Sprint(c.all)}
	}
	return out
}

func (w *truth) causes(all []issue.Issue) map[string][]string {
	counts, hours, uses, checked := map[string]int{}, map[string]float64{}, map[string]int{}, map[string]int{}
	logged, codes := w.logged(all), map[string]map[string]int{}
	for _, i := range logged {
		counts[i.Cause]++
		hours[i.Cause] += i.Hours
		uses[i.Cause+string(i.Use)]++
		if len(i.Codes) > 0 { // the simulation knows only codes that there are
			checked[i.Cause]++
			if codes[i.Cause] == nil {
				codes[i.Cause] = map[string]int{}
			}
			codes[i.Cause][i.Codes[0]]++
		}
	}
	out := map[string][]string{}
	for cause, n := range counts {
		out[cause] = []string{fmt.Sprint(n), percent(n, len(logged)), fmt.Sprint(hours[cause]), fmt.Sprint(uses[cause+"production"]), fmt.Sprint(uses[cause+"trial"]), fmt.Sprint(checked[cause]), fmt.Sprint(n - checked[cause]), "none", "none"}
		for _, code := range slices.Sorted(maps.Keys(codes[cause])) {
			if out[cause][7] == "none" || codes[cause][code] > codes[cause][out[cause][7]] {
				known, _ := diag.Explain(code) // there is
				out[cause][7], out[cause][8] = code, known.Since
			}
		}
	}
	return out
}

func (w *truth) checks(all []issue.Issue) map[string][]string {
	counts, in, quarters := map[string]int{}, map[string]map[string]int{}, map[string]int{}
	logged := w.logged(all)
	for _, i := range logged {
		quarter, code := quarterAt(dayOf(i.Opened)), "none" // each issue of the simulation has one code at the most
		if len(i.Codes) > 0 {
			code = i.Codes[0]
		}
		counts[code]++
		quarters[quarter]++
		if in[code] == nil {
			in[code] = map[string]int{}
		}
		in[code][quarter]++
	}
	out := map[string][]string{}
	for code, n := range counts {
		most, share := "", -1.0
		for _, quarter := range slices.Sorted(maps.Keys(in[code])) {
			if s := float64(in[code][quarter]) / float64(quarters[quarter]); s > share {
				most, share = quarter, s
			}
		}
		title, check := "", "none"
		if known, ok := diag.Explain(code); ok {
			title, check = known.Title, known.Since
		}
		newest := quarterAt(w.end())
		out[code] = []string{title, check, fmt.Sprint(n), percent(n, len(logged)), most, percent(in[code][most], quarters[most]), percent(in[code][newest], quarters[newest])}
	}
	return out
}

// TestIssuesAreTheTruth counts the figures of issues in two ways, for several filters.
func TestIssuesAreTheTruth(t *testing.T) {
	lives := Fleet(shape(1, 200, 7*day), catalogue.Embedded())
	all := Issues(1, lives, to)
	f := joined(lives)
	for n, i := range all {
		got, problems := issue.Read("issue", func(key string) string {
			for f := range issue.Fields {
				if issue.Fields[f].Key == key {
					return issue.Fields[f].Get(&i)
				}
			}
			return ""
		})
		if got.Source = i.Source; problems.Failed() || fmt.Sprint(got) != fmt.Sprint(i) {
			t.Fatalf("%+v is no issue: %v", i, problems)
		}
		i.Number = n + 1
		f.Issues = append(f.Issues, i)
	}
	if len(all) < 150 || !slices.ContainsFunc(all, func(i issue.Issue) bool { return i.Installation == "" }) {
		t.Fatalf("only %d issues, or all name an installation", len(all))
	}
	for _, q := range []fleet.Query{{}, {Target: catalogue.Kubernetes}, {Use: report.Trial}, {Size: "S"}, {Months: 6}} {
		q.Day = to
		if q.Months == 0 {
			q.Months = 18
		}
		w := truthOf(lives, q)
		t.Run(fmt.Sprintf("%s%s%s %d", q.Target, q.Use, q.Size, q.Months), func(t *testing.T) {
			for id, want := range map[string]map[string][]string{"issues": w.quarters(all), "causes": w.causes(all), "checks": w.checks(all)} {
				compare(t, f, q, id, want)
			}
		})
	}
}

// TestWhatChangedIt: the code that a check finds since a day was the most frequent one, and is gone. The headline says so.
func TestWhatChangedIt(t *testing.T) {
	lives := Fleet(shape(1, 200, 7*day), catalogue.Embedded())
	f := joined(lives)
	f.Issues = Issues(1, lives, to)
	got, _ := f.Figure("checks", fleet.Query{Day: to, Months: 18})
	row, ok := got.Row("BERTH3302")
	known, _ := diag.Explain("BERTH3302") // there is
	if !ok || row.Cells[2] != known.Since || fmt.Sprint(row.Cells[7]) != "0.0 %" || fmt.Sprint(row.Cells[6]) == "0.0 %" || !strings.HasSuffix(got.Headline, "berth has a check since "+known.Since+".") {
		t.Errorf("%v %+v", got.Headline, row.Cells)
	}
}
