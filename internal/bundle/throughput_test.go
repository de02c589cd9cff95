package bundle

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"berth/internal/bundle/redact"
	"berth/internal/bundle/redact/redacttest"
)

// TestThroughput collects 500 MB of logs, and compares with tar --zstd of the same files: less than three times its time, in less than 200 MB of memory.
// With pseudonyms it measures only. It takes some seconds on a machine that does nothing else: make bundle-bench runs it.
func TestThroughput(t *testing.T) {
	if os.Getenv("BERTH_THROUGHPUT") == "" {
		t.Skip("it needs a quiet machine: make bundle-bench")
	}
	t.Run("secrets", func(t *testing.T) { throughput(t, nil) })
	for _, n := range []int{1000, 20_000} {
		p := &redact.Pseudonyms{Key: []byte("key"), Kinds: redact.Kinds, Stays: func(redact.Kind, string) bool { return false },
			Names: []redact.Name{{Kind: redact.Hosts, Text: "corp.example", Below: true}, {Kind: redact.Repositories, Text: "git.corp.example", Path: true}}}
		for _, name := range redacttest.Names(n) {
			p.Names = append(p.Names, redact.Name{Kind: redact.Users, Text: name}, redact.Name{Kind: redact.Repositories, Text: "github.com/acme/" + name})
		}
		t.Run(fmt.Sprintf("secrets, %d users and as many repositories", n), func(t *testing.T) { throughput(t, p) })
	}
}

func throughput(t *testing.T, p *redact.Pseudonyms) {
	folder := t.TempDir()
	var logs []string
	for n := range 5 {
		log := filepath.Join(folder, fmt.Sprintf("service-%d.log", n))
		if err := os.WriteFile(log, redacttest.Logs(uint64(n), 100<<20), 0o600); err != nil {
			t.Fatal(err)
		}
		logs = append(logs, log)
	}
	runtime.GC()
	debug.FreeOSMemory()
	r := request()
	r.Pseudonyms = p
	for _, log := range logs {
		r.Collectors = append(r.Collectors, Collector{Name: log, Patience: 10 * time.Minute, Collect: func(_ context.Context, out *Out) error {
			f, err := os.Open(log)
			if err != nil {
				return err
			}
			defer f.Close()
			out.File("logs/"+filepath.Base(log), io.LimitReader(f, 1<<40))
			return nil
		}})
	}
	for i := range 40 {
		r.Known = append(r.Known, known[0])
		r.Known[len(r.Known)-1].Text = fmt.Sprintf("Zk3vQ9xT1mB7yR5w%016x", uint64(i)*0x9e3779b97f4a7c15)
	}
	begin := time.Now()
	before := used(syscall.RUSAGE_SELF)
	var most atomic.Int64
	go func() {
		for ; ; time.Sleep(20 * time.Millisecond) {
			if n := resident(); n > most.Load() {
				most.Store(n)
			}
		}
	}()
	m, file := made(t, r)
	took, ours := time.Since(begin), used(syscall.RUSAGE_SELF)-before
	begin, children := time.Now(), used(syscall.RUSAGE_CHILDREN)
	if out, err := exec.Command("tar", "--zstd", "-cf", filepath.Join(t.TempDir(), "logs.tar.zst"), folder).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	zstd, theirs := time.Since(begin), used(syscall.RUSAGE_CHILDREN)-children
	info, _ := os.Stat(file)
	peak := most.Load()
	t.Logf("%d MB in %s (%s of processors), tar --zstd in %s (%s); %d MB of archive, %d MB of memory, %d processors", m.Manifest.Bytes()>>20,
		took.Round(time.Millisecond), ours.Round(time.Millisecond), zstd.Round(time.Millisecond), theirs.Round(time.Millisecond), info.Size()>>20, peak>>20, runtime.NumCPU())
	if p != nil {
		return
	}
	// On a machine that does other things, too, only the time of processors says something: tar --zstd uses one at a time, a bundle all of them.
	idle := time.Duration(float64(ours) / float64(min(runtime.NumCPU(), parallel)))
	if idle > 3*theirs {
		t.Errorf("it would take %s on an idle machine, more than three times the %s of tar --zstd", idle, theirs)
	}
	if peak > 200<<20 {
		t.Errorf("it used %d MB of memory", peak>>20)
	}
}

// used is how long this process, or its children, used processors.
func used(who int) time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(who, &u) // Linux has it
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// resident is how much memory this process has now, in bytes.
func resident() int64 {
	text, _ := os.ReadFile("/proc/self/statm")
	var size, pages int64
	_, _ = fmt.Sscan(string(text), &size, &pages)
	return pages * int64(os.Getpagesize())
}
