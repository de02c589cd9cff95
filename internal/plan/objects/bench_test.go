package objects

import (
	"testing"
)

func BenchmarkDifference(b *testing.B) {
	d, c := instance(b)
	for _, tt := range []struct {
		name   string
		change func(*Seen)
	}{
		{"nothing to do", func(*Seen) {}},
		{"an upgrade", func(s *Seen) {
			put(s.Applied, "7.6.0", "metadata", "labels", "dev.berth.release")
			if podsOf(s.Applied) != nil {
				put(s.Applied, "r/any:7.6.0", append(toContainer[:4:4], "image")...)
			}
		}},
	} {
		for key, seen := range c.Seen {
			tt.change(&seen)
			c.Seen[key] = seen
		}
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Difference(d, c)
			}
		})
	}
}
