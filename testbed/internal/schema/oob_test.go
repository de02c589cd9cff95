package schema

import (
	"fmt"
	"testing"

	"berth/testbed/internal/release"
)

// The first row is the example that Sourcegraph's documentation prints for 3.41 to 4.5.
func TestSchedule(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"3.41", "4.5", "[{3.43 [1 2 4 5 7 13 14 15 16]} {4.3 [17 18]}]"},
		{"4.5", "5.0", "[{4.5 [19]}]"},
		{"5.0", "7.5", "[{5.2 [24]} {5.8 [1001]} {6.5 [1002]} {7.1 [1003]} {7.4 [1004]}]"},
		{"6.0", "7.5", "[{6.5 [1002]} {7.1 [1003]} {7.4 [1004]}]"},
		{"7.4", "7.5", "[{7.4 [1004]}]"},
		{"7.5", "7.6", "[]"},
		{"7.5", "7.4", "[{7.5 [1005]}]"},
		{"7.5", "6.0", "[{7.5 [1005]} {7.3 [1004]} {6.9 [1003]} {6.2 [1002]}]"},
	} {
		if got := fmt.Sprint(Schedule(OutOfBands, release.Must(c.from), release.Must(c.to))); got != c.want {
			t.Errorf("%s to %s: got %s, want %s", c.from, c.to, got, c.want)
		}
	}
}

// Two migrations that overlap are waited for at one stop, the latest that both have.
func TestScheduleChoosesTheFewestStops(t *testing.T) {
	all := []OutOfBand{oob(1, "", "", "5.0", "5.6"), oob(2, "", "", "5.3", "5.9"), oob(3, "", "", "5.7", "5.9"), oob(4, "", "", "5.0", "")}
	if got := fmt.Sprint(Schedule(all, release.Must("5.0"), release.Must("5.11"))); got != "[{5.5 [1]} {5.8 [2 3]}]" {
		t.Errorf("got %s", got)
	}
}
