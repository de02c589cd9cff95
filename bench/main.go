// Command bench measures berth beside the tools that people use today: side by side, in turns, in one run, since machines are noisy.
// It prints the tables of docs/performance.md. Ratios count; times are this machine's.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// contest is one comparison: two command lines that do the same work.
type contest struct {
	what         string
	ours, theirs command
	rounds       int
	goal         float64       // theirs / ours must be at least this; 0: only shown
	most         time.Duration // ours must take less; 0: as long as it takes
	prepare      func() error  // before the first round
}

// bound is something that must not grow beyond a limit.
type bound struct {
	what, unit string
	most       float64
	measure    func() (float64, error)
}

// command is a way to do the work once. before is not measured.
type command struct {
	name   string
	before func() error
	do     func() error
	takes  *time.Duration // what counts, when it is not how long do takes; set by it
}

func run(w io.Writer) error {
	bench, err := newBench()
	if err != nil {
		return err
	}
	defer bench.close()
	contests, err := bench.contests(os.Args[1:])
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "| what | berth | against | takes | ratio | goal |\n|---|---|---|---|---|---|\n")
	failed := false
	for _, c := range contests {
		if c.prepare != nil {
			if err := c.prepare(); err != nil {
				return fmt.Errorf("prepare %s: %w", c.what, err)
			}
		}
		ours, theirs, err := race(c)
		if err != nil {
			return fmt.Errorf("%s: %w", c.what, err)
		}
		ratio := float64(theirs) / float64(ours)
		verdict := ""
		if ratio < c.goal || c.most > 0 && ours >= c.most {
			verdict, failed = " **missed**", true
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %.2f | %s%s |\n", c.what, show(ours), c.theirs.name, show(theirs), ratio, c.goals(), verdict)
	}
	for _, l := range bench.bounds {
		is, err := l.measure()
		if err != nil {
			return fmt.Errorf("%s: %w", l.what, err)
		}
		verdict := ""
		if is > l.most {
			verdict, failed = " **missed**", true
		}
		fmt.Fprintf(w, "| %s | %s %s | | | | under %.0f%s |\n", l.what, number(is), l.unit, l.most, verdict)
	}
	if failed {
		return errors.New("a goal was missed")
	}
	return nil
}

// goals are what is asked of a contest, in words.
func (c contest) goals() string {
	var all []string
	if c.goal > 0 {
		all = append(all, fmt.Sprintf("%.2f", c.goal))
	}
	if c.most > 0 {
		all = append(all, "under "+show(c.most))
	}
	return strings.Join(all, ", ")
}

// race runs both in turns and gives the medians.
func race(c contest) (ours, theirs time.Duration, err error) {
	var a, b []time.Duration
	for range c.rounds {
		for _, side := range []struct {
			command
			times *[]time.Duration
		}{{c.ours, &a}, {c.theirs, &b}} {
			if side.before != nil {
				if err := side.before(); err != nil {
					return 0, 0, fmt.Errorf("before %s: %w", side.name, err)
				}
			}
			start := time.Now()
			if err := side.do(); err != nil {
				return 0, 0, fmt.Errorf("%s: %w", side.name, err)
			}
			took := time.Since(start)
			if side.takes != nil {
				took = *side.takes
			}
			*side.times = append(*side.times, took)
		}
	}
	return median(a), median(b), nil
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// number shows what is small with one decimal.
func number(is float64) string {
	if is < 10 {
		return fmt.Sprintf("%.1f", is)
	}
	return fmt.Sprintf("%.0f", is)
}

func show(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

// shell is a command line that must end well.
func shell(dir, name string, args ...string) command {
	return command{name: strings.Join(append([]string{filepath.Base(name)}, args...), " "), do: func() error {
		var stderr bytes.Buffer
		cmd := exec.Command(name, args...)
		cmd.Dir, cmd.Stderr = dir, &stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%w: %s", err, stderr.String())
		}
		return nil
	}}
}
