package redact

import (
	"bytes"
	"io"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"berth/internal/bundle/redact/redacttest"
)

func known(n int) (out []Value) {
	r := rand.New(rand.NewPCG(3, 4))
	for range n {
		b := make([]byte, 32)
		for i := range b {
			b[i] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"[r.IntN(62)]
		}
		out = append(out, Value{Text: string(b), What: "secret"})
	}
	return out
}

// used is how long this process has used a processor.
func used() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkCopy(b *testing.B) {
	text := redacttest.Logs(1, 32<<20)
	set := Known(known(60))
	b.Run("known and patterns", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		begin := used()
		defer func() {
			b.ReportMetric(float64((used()-begin).Nanoseconds())/float64(b.N)/float64(len(text)), "cpu-ns/B")
		}()
		for b.Loop() {
			if _, err := New(set.WithPatterns()).Copy(io.Discard, bytes.NewReader(text)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("known", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		begin := used()
		defer func() {
			b.ReportMetric(float64((used()-begin).Nanoseconds())/float64(b.N)/float64(len(text)), "cpu-ns/B")
		}()
		for b.Loop() {
			if _, err := New(set).Has(bytes.NewReader(text)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
