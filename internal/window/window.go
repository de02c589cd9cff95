// Package window knows windows of the week, such as "Sun 02:00-05:00 Europe/Berlin": the hours in which the agent may start an upgrade.
// Pure: the time comes from the caller. A window follows the local time of its zone, so it begins at 02:00 in winter and in summer.
package window

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // small images have no time zone data: 0.4 MB, and nothing at process start
)

// Window is some hours of some days of the week. The zero Window is never open.
type Window struct {
	text  string
	days  [7]bool // on which it begins, from Sunday on
	begin minute
	end   minute // at or before begin: on the day after
	zone  *time.Location
}

// minute is a local time of the day, in minutes from 0 to 1440.
type minute int

const day minute = 24 * 60

// Shortest is the least length of a window: the agent runs once an hour.
const Shortest = time.Hour

// Error says which part of a window's text is wrong, and what to write instead.
type Error struct {
	Problem string
	Instead string // an edit, or the known names
}

func (e *Error) Error() string { return e.Problem }

// Form describes how a window is written.
const Form = "DAYS BEGIN-END ZONE, such as  Sun 02:00-05:00 Europe/Berlin"

// Parse reads DAYS BEGIN-END ZONE: "Sun", "Sat,Sun", "Mon-Fri" or "daily"; two times of the day, the second on the next day when it is not
// after the first; the name of a time zone. Errors are of type *Error.
func Parse(text string) (Window, error) {
	fields := strings.Fields(text)
	if len(fields) != 3 {
		what := "a window has days, hours and a time zone"
		if len(fields) == 2 {
			what = "the window has no time zone"
		}
		return Window{}, &Error{what, "write  " + Form}
	}
	w := Window{text: strings.Join(fields, " ")}
	var err error
	if w.days, err = parseDays(fields[0]); err != nil {
		return Window{}, err
	}
	if w.begin, w.end, err = parseHours(fields[1]); err != nil {
		return Window{}, err
	}
	if w.zone, err = parseZone(fields[2]); err != nil {
		return Window{}, err
	}
	return w, nil
}

var names = []string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}

func parseDays(text string) (days [7]bool, err error) {
	if strings.EqualFold(text, "daily") {
		return [7]bool{true, true, true, true, true, true, true}, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		first, last, ranged := strings.Cut(part, "-")
		if !ranged {
			last = first
		}
		from, err := parseDay(first)
		if err != nil {
			return days, err
		}
		to, err := parseDay(last)
		if err != nil {
			return days, err
		}
		for d := from; ; d = (d + 1) % 7 {
			days[d] = true
			if d == to {
				break
			}
		}
	}
	return days, nil
}

func parseDay(text string) (int, error) {
	for i, name := range names {
		if strings.EqualFold(text, name) {
			return i, nil
		}
	}
	return 0, &Error{fmt.Sprintf("%q is not a day of the week", text), "write Mon, Tue, Wed, Thu, Fri, Sat or Sun, several as Sat,Sun or Mon-Fri, or daily"}
}

func parseHours(text string) (begin, end minute, err error) {
	first, last, ok := strings.Cut(text, "-")
	if !ok {
		return 0, 0, &Error{fmt.Sprintf("%q has no begin and end", text), "write both, such as 02:00-05:00"}
	}
	if begin, err = parseMinute(first); err != nil {
		return 0, 0, err
	}
	if end, err = parseMinute(last); err != nil {
		return 0, 0, err
	}
	if begin == end || begin == day {
		return 0, 0, &Error{fmt.Sprintf("%q is an empty time", text), "for the whole day write 00:00-24:00"}
	}
	if length := (end - begin + day) % day; begin+day != end && time.Duration(length)*time.Minute < Shortest {
		return 0, 0, &Error{fmt.Sprintf("%q is too short: the agent runs once an hour", text), "make it at least one hour, better three"}
	}
	return begin, end, nil
}

func parseMinute(text string) (minute, error) {
	if text == "24:00" {
		return day, nil
	}
	t, err := time.Parse("15:04", text)
	if err != nil || len(text) != len("15:04") {
		return 0, &Error{fmt.Sprintf("%q is not a time of the day", text), "write it as 02:00, from 00:00 to 24:00"}
	}
	return minute(t.Hour()*60 + t.Minute()), nil
}

func parseZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || strings.EqualFold(name, "local") {
		return nil, &Error{fmt.Sprintf("%q is not a time zone", name), "write a name of the tz database, such as UTC, Europe/Berlin or America/New_York"}
	}
	return zone, nil
}

// String is the window as it was written.
func (w Window) String() string { return w.text }

// Open reports whether a time lies in the window.
func (w Window) Open(t time.Time) bool {
	if w.zone == nil {
		return false
	}
	t = t.In(w.zone)
	today, yesterday := t.Weekday(), (t.Weekday()+6)%7
	at := minute(t.Hour()*60 + t.Minute())
	if w.begin < w.end {
		return w.days[today] && w.begin <= at && at < w.end
	}
	return w.days[today] && w.begin <= at || w.days[yesterday] && at < w.end
}

// Closes is when a window that is open at a time ends. One that never closes ends after the horizon.
func (w Window) Closes(t time.Time) time.Time { return w.turn(t, true) }

// Opens is when a window that is closed at a time begins next.
func (w Window) Opens(t time.Time) time.Time { return w.turn(t, false) }

// horizon is how far a search looks ahead: two weeks, because a window in the hour that a change of the clock skips does not open that
// week.
const horizon = 15 * 24 * time.Hour

// turn is the next time at which the window changes from open, or from closed.
func (w Window) turn(t time.Time, open bool) time.Time {
	if w.zone == nil {
		return t.Add(horizon)
	}
	for end := t.Add(horizon); t.Before(end) && w.Open(t) == open; {
		t = w.step(t)
	}
	return t
}

// step is the next time at which the window may change: its begin, its end, midnight, or a change of the clock.
func (w Window) step(t time.Time) time.Time {
	t = t.In(w.zone)
	now := time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second + time.Duration(t.Nanosecond())
	next := time.Duration(day) * time.Minute
	for _, m := range []minute{w.begin, w.end} {
		if at := time.Duration(m) * time.Minute; now < at && at < next {
			next = at
		}
	}
	then := t.Add(next - now)
	if _, change := t.ZoneBounds(); !change.IsZero() && change.Before(then) {
		return change
	}
	return then
}
