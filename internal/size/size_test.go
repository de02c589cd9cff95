package size

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"berth/catalogue"
	"pgregory.net/rapid"
)

func tables() Tables {
	return Tables{catalogue.Embedded().Sizing(), catalogue.Embedded().Scaling()}
}

// TestWorkedCases: what the estimator printed for 14 loads, service by service. What differs is a fixed defect, which scaling.yaml names.
func TestWorkedCases(t *testing.T) {
	text, err := os.ReadFile("testdata/cases.txt")
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]catalogue.ScalingPoint
	var load string
	cases, services := 0, 0
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0 || f[0] == "#":
		case f[0] == "load":
			cases++
			load = strings.TrimSpace(line)
			l, want := loadOf(t, f[1:])
			size, _ := tables().size(l)
			if size.Name != want.Name || size.Cores != want.Cores || size.Memory != want.Memory {
				t.Errorf("%s: size %s with %d cores and %d GB", load, size.Name, size.Cores, size.Memory)
			}
			got = map[string]catalogue.ScalingPoint{}
			needs, _ := tables().needs(l)
			for _, s := range needs {
				got[s.Name] = s.ScalingPoint
			}
		default:
			services++
			want := fmt.Sprint(numbers(t, f[1:]))
			p := got[f[0]]
			have := fmt.Sprint([]float64{p.Replicas, p.CPURequest, p.CPU, p.MemoryRequest, p.Memory, p.EphemeralRequest, p.Ephemeral, p.Disk})
			if want != have && tables().Scaling.Fixes[f[0]] == "" {
				t.Errorf("%s\n%s: %s, want %s", load, f[0], have, want)
			}
		}
	}
	if cases != 14 || services < 14*15 {
		t.Errorf("%d cases with %d services were read", cases, services)
	}
}

func loadOf(t *testing.T, pairs []string) (l Load, want catalogue.Size) {
	t.Helper()
	for _, p := range pairs {
		key, value, _ := strings.Cut(p, "=")
		n, _ := strconv.ParseFloat(value, 64)
		switch key {
		case "target":
			// The estimator prints the same for both: what an instance needs.
		case "people":
			l.People = int(n)
		case "repositories":
			l.Repositories = int(n)
		case "total":
			l.Total = n
		case "largestRepository":
			l.LargestRepository = n
		case "largestIndex":
			l.LargestIndex = n
		case "insights":
			l.Insights = value == "true"
		case "size":
			want.Name = value
		case "cores":
			want.Cores = int(n)
		case "memory":
			want.Memory = int(n)
		default:
			t.Fatalf("unknown %s", key)
		}
	}
	return l, want
}

func numbers(t *testing.T, fields []string) (out []float64) {
	t.Helper()
	for _, f := range fields {
		n, err := strconv.ParseFloat(f, 64)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, n)
	}
	return out
}

// TestEstimates: for any load, requests are at most limits, everything is positive, a larger load never gets a smaller machine, and singletons
// stay alone.
func TestEstimates(t *testing.T) {
	release, err := catalogue.Embedded().Release("7.5.4453", catalogue.Kubernetes)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		l := Load{People: rapid.IntRange(1, 60000).Draw(t, "people"), Repositories: rapid.IntRange(1, 6000000).Draw(t, "repositories"),
			Total: float64(rapid.IntRange(1, 100000).Draw(t, "total")), LargestRepository: float64(rapid.IntRange(0, 500).Draw(t, "largest")),
			LargestIndex: float64(rapid.IntRange(0, 100).Draw(t, "index")), Insights: rapid.Bool().Draw(t, "insights")}
		on := rapid.SampledFrom([]catalogue.Target{catalogue.Compose, catalogue.Kubernetes}).Draw(t, "target")
		e := tables().For(l, release, on)
		for _, s := range e.Services {
			if s.CPURequest > s.CPU || s.MemoryRequest > s.Memory || s.EphemeralRequest > s.Ephemeral && s.Ephemeral > 0 {
				t.Errorf("%s asks for more than it may use: %+v", s.Name, s.ScalingPoint)
			}
			if s.Replicas < 1 || s.CPU <= 0 || s.Memory <= 0 {
				t.Errorf("%s: %+v", s.Name, s.ScalingPoint)
			}
			for _, alone := range []string{"pgsql", "codeintel-db", "codeinsights-db", "redis-cache", "redis-store", "worker", "blobstore"} {
				if s.Name == alone && s.Replicas != 1 || on == catalogue.Compose && s.Replicas != 1 {
					t.Errorf("%s has %v replicas", s.Name, s.Replicas)
				}
			}
		}
		for _, d := range e.Depends {
			if d.Cores < 0 || d.Memory < 0 || d.Disk < 0 {
				t.Errorf("more of %s need less: %+v", d.Input, d)
			}
		}
	})
}

// TestRanges: the estimate of a range is that of the most, and says what the least needs. A number with a range is compared between its ends, any other
// one with its double.
func TestRanges(t *testing.T) {
	release, err := catalogue.Embedded().Release("7.5.4453", catalogue.Compose)
	if err != nil {
		t.Fatal(err)
	}
	least := Load{People: 1000, Repositories: 20000, Total: 300, LargestRepository: 20, LargestIndex: 1, Insights: true}
	most := least
	most.People, most.Total = 12000, 2000
	e, one := tables().Between(least, most, release, catalogue.Compose), tables().For(most, release, catalogue.Compose)
	if e.Size != "XL" || e.Least == nil || e.Least.Size != "M" || e.Disk != one.Disk || one.Least != nil {
		t.Errorf("size %s, at least %+v, disk %g", e.Size, e.Least, e.Disk)
	}
	for i, want := range []struct {
		from, to string
		cores    int
		disk     float64
	}{{"1000", "12000", 64, 0}, {"20000", "40000", 0, 0}, {"300 GB", "2000 GB", 0, 3230}, {"20 GB", "40 GB", 0, 0}, {"1 GB", "2 GB", 0, 1}} {
		d := e.Depends[i]
		if d.Amount(d.From) != want.from || d.Amount(d.To) != want.to || d.Cores != want.cores || d.Disk != want.disk {
			t.Errorf("%s from %s to %s: %+v", d.Input, d.Amount(d.From), d.Amount(d.To), d)
		}
	}
}

// TestGoneServices: a service that a release does not have is not estimated.
func TestGoneServices(t *testing.T) {
	for version, there := range map[string]bool{"6.0.0": true, "7.5.4453": false} {
		release, err := catalogue.Embedded().Release(version, catalogue.Kubernetes)
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, s := range tables().For(Load{People: 100, Repositories: 100, Total: 10, LargestIndex: 1}, release, catalogue.Kubernetes).Services {
			found = found || s.Name == "symbols"
		}
		if found != there {
			t.Errorf("%s: symbols is estimated: %v", version, found)
		}
	}
}

// TestNodesHaveRoom: the nodes that a size names have room for what its pods ask for, whatever the size needs.
func TestNodesHaveRoom(t *testing.T) {
	c := catalogue.Embedded()
	r, err := c.Release("7.5.4453", catalogue.Kubernetes)
	if err != nil {
		t.Fatal(err)
	}
	tables := Tables{Sizing: c.Sizing(), Scaling: c.Scaling()}
	for _, s := range slices.Concat(tables.Sizing.Sizes, tables.Scaling.Larger) {
		e, _ := tables.Named(s.Name, r, catalogue.Kubernetes)
		cores := 0.0
		for _, v := range e.Services {
			if v.Memory <= float64(e.Machine.Memory) && v.CPU <= float64(e.Machine.Cores) {
				cores += asked(r, v) * v.Replicas
			}
		}
		if room := float64(e.Nodes * e.Machine.Cores); cores > room {
			t.Errorf("%s: its pods ask for %g cores, and its %d nodes have %g", s.Name, cores, e.Nodes, room)
		}
	}
}
