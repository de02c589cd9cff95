package view

import (
	"fmt"
	"io"
	"time"

	"berth/internal/rehearse"
)

// Rehearsal writes what came of a rehearsal as text.
func Rehearsal(w io.Writer, r *rehearse.Report) {
	result, end := "rehearsed", "stopped"
	if len(r.Problems) > 0 {
		end = "failed"
	}
	if !r.Arrived {
		result = "rehearsal " + end + ":"
	}
	fmt.Fprintf(w, "%s %s -> %s · installation %s on %s, %s, in %s\n", result, r.From, r.To, r.Installation, r.Target, r.Ended.Format(time.DateTime),
		took(r.Ended.Sub(r.Began).Seconds()))
	from := ""
	for _, s := range append(r.Stages, stopped(r)...) {
		if hop := s.From + s.To; hop != from {
			fmt.Fprintf(w, "\n%s -> %s\n", s.From, s.To)
			from = hop
		}
		if r.Stopped != nil && s == *r.Stopped {
			fmt.Fprintf(w, "  %-9s %10s\n", s.Stage, end)
			continue
		}
		fmt.Fprintf(w, "  %-9s %10s  %s\n", s.Stage, took(s.Seconds), s.Note)
	}
	sizes(w, r)
	for _, d := range r.Problems {
		fmt.Fprintf(w, "\nproblem   %s: %s\n", d.Code, d.Summary)
		for _, line := range d.Detail {
			fmt.Fprintf(w, "          %s\n", line)
		}
		if d.Hint != "" {
			fmt.Fprintf(w, "          next: %s\n", d.Hint)
		}
	}
	fmt.Fprintf(w, "\ndowntime of the real run: %s%s\n\nnot rehearsed\n", downtime(r.Downtime), migrators(r.Migrator))
	for _, text := range r.Not {
		fmt.Fprintf(w, "  - %s\n", text)
	}
	if r.Kept {
		fmt.Fprintf(w, "\nthe clone %s is kept; delete it with: berth rehearse --clean\n", r.Clone)
	} else if r.Deleted {
		fmt.Fprintf(w, "\nthe clone %s is deleted, with its data\n", r.Clone)
	}
	if r.Arrived {
		fmt.Fprintf(w, "next: berth upgrade --to %s --plan shows these times\n", r.To)
	}
}

func stopped(r *rehearse.Report) []rehearse.Stage {
	if r.Stopped == nil {
		return nil
	}
	return []rehearse.Stage{*r.Stopped}
}

// sizes are those of the databases, as they were dumped and at the end.
func sizes(w io.Writer, r *rehearse.Report) {
	if len(r.Before) > 0 {
		fmt.Fprintln(w, "\ndatabases")
	}
	for i, d := range r.Before {
		fmt.Fprintf(w, "  %-16s %s, Postgres %d", d.Name, mebibytes(d.Bytes), d.Major())
		if i < len(r.After) {
			fmt.Fprintf(w, " -> %s, Postgres %d", mebibytes(r.After[i].Bytes), r.After[i].Major())
		}
		fmt.Fprintln(w)
	}
}

func mebibytes(n int64) string {
	if n >= 10<<30 {
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}

// took is a number of seconds that were measured.
func took(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	if d < time.Minute {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
