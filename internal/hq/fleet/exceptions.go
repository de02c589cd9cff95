package fleet

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	"berth/internal/exception"
	"berth/internal/hq/review"
)

// exceptions counts the requests for exceptions by subject.
func (v *view) exceptions(out *Figure) {
	out.Columns = []string{"subject", "requests", "open", "granted", "refused", "holding", "days to a decision", "led to a statement"}
	by, all, statements := map[string][]review.Request{}, 0, 0
	from, to := Day{v.q.from()}.String(), Day{v.q.end()}.String()
	for _, r := range v.Requests {
		if on := r.Exception.AskedOn; on >= from && on <= to {
			by[r.Exception.Subject] = append(by[r.Exception.Subject], r)
			all++
		}
	}
	for _, subject := range byMost(by, func(of []review.Request) int { return len(of) }) {
		of := by[subject]
		var granted, refused, holding, led int
		waits := map[int]int{}
		for _, r := range of {
			if r.Statement != "" {
				led++
			}
			if r.Stands(v.Record, v.q.end()).Status == exception.Granted {
				holding++
			}
			d := r.Exception.Decision
			if d == nil {
				continue
			}
			if d.Granted {
				granted++
			} else {
				refused++
			}
			waits[daysBetween(r.Exception.AskedOn, d.On)]++
		}
		statements += led
		out.Rows = append(out.Rows, Row{subject, []any{subject, len(of), len(of) - granted - refused, granted, refused, holding, median(waits), led}, v.requestList(v.q, of)})
	}
	out.Headline = fmt.Sprintf("%s on %s. %d led to a statement in the record.", counted(all, "request"), counted(len(by), "subject"), statements)
}

// daysBetween counts the days between two days that are written yyyy-mm-dd.
func daysBetween(from, to string) int {
	a, _ := time.Parse(time.DateOnly, from) // both were checked when they were taken
	b, _ := time.Parse(time.DateOnly, to)
	return int(b.Sub(a) / day)
}

// requestList lists requests.
func (f *Fleet) requestList(q Query, of []review.Request) func() Table {
	return func() Table {
		rows := []Row{}
		for _, r := range of {
			e, decided := r.Exception, ""
			if e.Decision != nil {
				decided = e.Decision.On
			}
			rows = append(rows, Row{Key: strconv.Itoa(r.Number), Cells: []any{r.Number, e.ID, e.Subject, e.Releases, string(r.Stands(f.Record, q.end()).Status), e.AskedOn, decided, e.Expires, cmp.Or(r.Statement, "none")}})
		}
		return Table{[]string{"request", "exception", "subject", "releases", "status", "asked", "decided", "until", "statement"}, rows}
	}
}
