package size

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"berth/catalogue"
)

// TestJudge: limits are in the order in which they are met, and only with history; what is too large is said only where days show it, and never to go
// below what the release ships.
func TestJudge(t *testing.T) {
	tables := Tables{Sizing: catalogue.Embedded().Sizing(), Scaling: catalogue.Embedded().Scaling()}
	shipped := func(service string) int64 {
		return map[string]int64{"gitserver": 8 * gib, "searcher": 2 * gib}[service]
	}
	content := &Content{People: 900, NewPeople: 50, Repositories: 3000, NewRepositories: 70, Days: 400}
	for _, c := range []struct {
		name  string
		seen  Seen
		size  string
		first string
		wrong []string
	}{
		{"nothing known", Seen{}, "", "", nil},
		{"people first", Seen{Content: content, Disks: []Disk{{Name: "d", Size: 100 * gib, Free: 90 * gib, PerDay: gib, Days: 5}}}, "S", "its people outgrow size S in 60 days", nil},
		{"the disk first", Seen{Content: content, Disks: []Disk{{Name: "d", Size: 100 * gib, Free: 41 * gib, PerDay: gib, Days: 5}}}, "S", "the disk d is full in 41 days", nil},
		{"no history yet", Seen{Disks: []Disk{{Name: "d", Size: 100 * gib, Free: gib, PerDay: gib, Days: 1.5}}}, "", "", nil},
		{"it empties", Seen{Disks: []Disk{{Name: "d", Size: 100 * gib, Free: gib, PerDay: -gib, Days: 9}}}, "", "", nil},
		{"a young one has no pace", Seen{Content: &Content{People: 450, NewPeople: 450, Repositories: 10, Days: 9}}, "XS", "", nil},
		{"more than all figures", Seen{Content: &Content{People: 90000, NewPeople: 450, Repositories: 900000, Days: 900}}, "3XL", "", nil},
		{"too small", Seen{Services: []Peak{{Service: "gitserver", Memory: 7.6 * gib, MemoryLimit: 8 * gib}}}, "", "", []string{"gitserver too small: it used 7.6 of 8.0 GiB at most 12"}},
		{"too large", Seen{Services: []Peak{{Service: "searcher", Memory: 2 * gib, MemoryLimit: 16 * gib, Days: 8}}}, "", "", []string{"searcher larger than needed: it used 2.0 of 16.0 GiB at most 3"}},
		{"too large for a day is nothing", Seen{Services: []Peak{{Service: "searcher", Memory: 2 * gib, MemoryLimit: 16 * gib, Days: 2}}}, "", "", nil},
		{"as shipped is never too large", Seen{Services: []Peak{{Service: "gitserver", Memory: gib, MemoryLimit: 8 * gib, Days: 9}}}, "", "", nil},
		{"not below what is shipped", Seen{Services: []Peak{{Service: "gitserver", Memory: gib, MemoryLimit: 32 * gib, Days: 9}}}, "", "", []string{"gitserver larger than needed: it used 1.0 of 32.0 GiB at most 8"}},
		{"no limit, not known", Seen{Services: []Peak{{Service: "worker", Memory: gib}, {Service: "caddy", Memory: -1, MemoryLimit: gib}}}, "", "", nil},
	} {
		m := tables.Judge(c.seen, shipped)
		first := ""
		if len(m.Limits) > 0 {
			first = m.Limits[0].String()
		}
		var wrong []string
		for _, w := range m.Wrong {
			wrong = append(wrong, strings.Join([]string{w.Service, w.Why, strconv.Itoa(w.Memory)}, " "))
		}
		if m.Size != c.size || !strings.HasPrefix(first, c.first) || c.first == "" && first != "" || !slices.Equal(wrong, c.wrong) {
			t.Errorf("%s: size %q, first %q, wrong %q", c.name, m.Size, first, wrong)
		}
	}
}
