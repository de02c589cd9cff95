package backup

import "time"

// Keep says which backups are kept.
type Keep struct {
	Count int // the newest so many; 0: all
	Days  int // those that are younger; 0: all
}

// unfinished is how long a backup that is not whole is left alone: it may be under way, from another host.
const unfinished = 24 * time.Hour

// Expired are the backups that are not kept, of a list that is ordered by time. A backup goes when it is beyond the count or the age. The newest whole one
// and the last proven one always stay. What is not whole goes after a day.
func (k Keep) Expired(all []Listed, now time.Time) []Listed {
	var out []Listed
	newer := 0 // whole ones after the current one
	proven := -1
	for i, l := range all {
		if l.Whole && !l.Proven.IsZero() {
			proven = i
		}
	}
	for i := len(all) - 1; i >= 0; i-- {
		l := all[i]
		age := now.Sub(l.Began)
		switch {
		case !l.Whole:
			if age > unfinished {
				out = append(out, l)
			}
			continue
		case newer > 0 && i != proven && (k.Count > 0 && newer >= k.Count || k.Days > 0 && age > time.Duration(k.Days)*24*time.Hour):
			out = append(out, l)
		}
		newer++
	}
	return out
}
