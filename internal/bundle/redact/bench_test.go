package redact

import (
	"bytes"
	"fmt"
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
	for _, n := range []int{0, 1000, 100_000} {
		b.Run(fmt.Sprintf("known, patterns and %d names", n), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			p := pseudonyms(Name{Kind: Hosts, Text: "acme.example", Below: true})
			for _, name := range redacttest.Names(n) {
				p.Names = append(p.Names, Name{Kind: Repositories, Text: "github.com/acme/" + name}, Name{Kind: Users, Text: name})
			}
			names := set.WithNames(p).WithPatterns()
			begin := used()
			defer func() {
				b.ReportMetric(float64((used()-begin).Nanoseconds())/float64(b.N)/float64(len(text)), "cpu-ns/B")
			}()
			for b.Loop() {
				if _, err := New(names).Copy(io.Discard, bytes.NewReader(text)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
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
