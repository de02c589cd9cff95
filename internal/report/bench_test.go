package report

import "testing"

// BenchmarkOpen proves and reads a report with a history of 12 runs: what each one costs who collects them, before anything is written.
func BenchmarkOpen(b *testing.B) {
	f := facts(NewKey("a").Installation())
	first := f.Records[0]
	f.Records = nil
	for n := range 12 {
		first.Number = n + 1
		f.Records = append(f.Records, first)
	}
	s, err := NewKey("a").Sign(Of(f))
	if err != nil {
		b.Fatal(err)
	}
	text, err := s.Text()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, problems := Open(text, now); problems.Failed() {
			b.Fatal(problems)
		}
	}
}
