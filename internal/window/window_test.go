package window

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func parsed(t *testing.T, text string) Window {
	t.Helper()
	w, err := Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return w
}

// TestTurns follows a window from a time on: each row is when it opens and when it closes after that.
func TestTurns(t *testing.T) {
	for _, c := range []struct{ name, window, from, opens, closes string }{
		{"a plain one", "Sun 02:00-05:00 UTC", "2026-11-23T12:00:00Z", "2026-11-29T02:00:00Z", "2026-11-29T05:00:00Z"},
		{"another zone", "Sun 02:00-05:00 America/New_York", "2026-11-23T12:00:00Z", "2026-11-29T07:00:00Z", "2026-11-29T10:00:00Z"},
		{"several days", "Mon-Wed,Sat 20:00-22:00 UTC", "2026-11-25T23:00:00Z", "2026-11-28T20:00:00Z", "2026-11-28T22:00:00Z"},
		{"days over the week's end", "Sat-Mon 20:00-22:00 UTC", "2026-11-29T23:00:00Z", "2026-11-30T20:00:00Z", "2026-11-30T22:00:00Z"},
		{"over midnight", "Sat 22:00-03:00 UTC", "2026-11-23T12:00:00Z", "2026-11-28T22:00:00Z", "2026-11-29T03:00:00Z"},
		{"over midnight, only on the night after its day", "Sat 22:00-03:00 UTC", "2026-11-28T02:00:00Z", "2026-11-28T22:00:00Z", "2026-11-29T03:00:00Z"},
		{"to midnight", "daily 22:00-24:00 UTC", "2026-11-23T12:00:00Z", "2026-11-23T22:00:00Z", "2026-11-24T00:00:00Z"},
		{"from midnight", "Sun 00:00-04:00 UTC", "2026-11-23T12:00:00Z", "2026-11-29T00:00:00Z", "2026-11-29T04:00:00Z"},
		{"whole days that touch", "Sat,Sun 00:00-24:00 UTC", "2026-11-23T12:00:00Z", "2026-11-28T00:00:00Z", "2026-11-30T00:00:00Z"},
		{"nights that touch", "daily 12:00-11:00 UTC", "2026-11-23T11:30:00Z", "2026-11-23T12:00:00Z", "2026-11-24T11:00:00Z"},
		{"small letters", "sun 02:00-05:00 UTC", "2026-11-23T12:00:00Z", "2026-11-29T02:00:00Z", "2026-11-29T05:00:00Z"},

		// On 2026-03-29 Berlin's clocks go from 02:00 to 03:00, on 2026-10-25 from 03:00 back to 02:00.
		{"an hour less: it begins when 02:00 would have been", "Sun 02:00-05:00 Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T03:00:00Z"},
		{"an hour that is not there", "Sun 02:00-03:00 Europe/Berlin", "2026-03-28T12:00:00Z", "2026-04-05T00:00:00Z", "2026-04-05T01:00:00Z"},
		{"over the change at night", "Sat 22:00-04:00 Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-28T21:00:00Z", "2026-03-29T02:00:00Z"},
		{"an hour more", "Sun 02:00-05:00 Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:00:00Z", "2026-10-25T04:00:00Z"},
		{"an end in the hour that comes twice", "Sun 01:00-02:30 Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-24T23:00:00Z", "2026-10-25T00:30:00Z"},
		{"and it opens once more", "Sun 01:00-02:30 Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z"},
		{"by the wall, in winter", "Sun 02:00-05:00 Europe/Berlin", "2026-01-01T12:00:00Z", "2026-01-04T01:00:00Z", "2026-01-04T04:00:00Z"},
		{"by the wall, in summer", "Sun 02:00-05:00 Europe/Berlin", "2026-07-01T12:00:00Z", "2026-07-05T00:00:00Z", "2026-07-05T03:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, from := parsed(t, c.window), at(t, c.from)
			if w.Open(from) {
				t.Fatalf("open at %s", c.from)
			}
			opens := w.Opens(from)
			if want := at(t, c.opens); !opens.Equal(want) {
				t.Errorf("opens %s, want %s", opens.UTC().Format(time.RFC3339), c.opens)
			}
			if closes := w.Closes(opens); !closes.Equal(at(t, c.closes)) {
				t.Errorf("closes %s, want %s", closes.UTC().Format(time.RFC3339), c.closes)
			}
		})
	}
}

func TestAlwaysOpen(t *testing.T) {
	w, now := parsed(t, "daily 00:00-24:00 Europe/Berlin"), at(t, "2026-10-24T12:00:00Z")
	if closes := w.Closes(now); closes.Sub(now) < 7*24*time.Hour {
		t.Errorf("closes at %s", closes)
	}
	if (Window{}).Open(now) || !(Window{}).Opens(now).After(now) {
		t.Error("the zero window opens")
	}
}

// TestOpensAndClosesAgreeWithOpen compares Opens and Closes with a call of Open for every minute.
func TestOpensAndClosesAgreeWithOpen(t *testing.T) {
	texts := []string{"Sun 02:00-05:00 Europe/Berlin", "Sat 22:30-03:15 America/New_York", "Mon-Fri 01:00-02:30 Australia/Lord_Howe", "daily 23:00-22:00 America/St_Johns"}
	rapid.Check(t, func(rt *rapid.T) {
		w := parsed(t, rapid.SampledFrom(texts).Draw(rt, "window"))
		start := time.Unix(rapid.Int64Range(1767225600, 1798761600).Draw(rt, "start"), 0).UTC()
		open := w.Open(start)
		got := w.Opens(start)
		if open {
			got = w.Closes(start)
		}
		want := start.Truncate(time.Minute)
		for want = want.Add(time.Minute); w.Open(want) == open; want = want.Add(time.Minute) {
		}
		if !got.Equal(want) {
			rt.Fatalf("%s from %s: %s, want %s", w, start, got.UTC(), want)
		}
	})
}

func TestProblems(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "a window has days, hours and a time zone",
		"Sun 02:00-05:00":                   "the window has no time zone",
		"Sun Mon 02:00-05:00 UTC":           "a window has days, hours and a time zone",
		"Sonntag 02:00-05:00 UTC":           `"Sonntag" is not a day of the week`,
		"Mon-Frei 02:00-05:00 UTC":          `"Frei" is not a day of the week`,
		"Sat, 02:00-05:00 UTC":              `"" is not a day of the week`,
		"Sun 2-5 UTC":                       `"2" is not a time of the day`,
		"Sun 2:00-5:00 UTC":                 `"2:00" is not a time of the day`,
		"Sun 02:00-25:00 UTC":               `"25:00" is not a time of the day`,
		"Sun 02:00 UTC":                     `"02:00" has no begin and end`,
		"Sun 02:00-02:00 UTC":               `"02:00-02:00" is an empty time`,
		"Sun 24:00-02:00 UTC":               `"24:00-02:00" is an empty time`,
		"Sun 02:00-02:59 UTC":               `"02:00-02:59" is too short: the agent runs once an hour`,
		"Sun 23:45-00:15 UTC":               `"23:45-00:15" is too short: the agent runs once an hour`,
		"Sun 02:00-05:00 Berlin":            `"Berlin" is not a time zone`,
		"Sun 02:00-05:00 Local":             `"Local" is not a time zone`,
		"Sun 02:00-05:00 ../../etc/passwd":  `"../../etc/passwd" is not a time zone`,
		"Sun 02:00-05:00 America/Nowhere":   `"America/Nowhere" is not a time zone`,
		"Sun 02:00-05:00 Europe/Berlin CET": "a window has days, hours and a time zone",
	} {
		_, err := Parse(text)
		var e *Error
		if !errors.As(err, &e) || e.Problem != want || e.Instead == "" {
			t.Errorf("%q: %v (%#v), want %s", text, err, e, want)
		}
	}
}
