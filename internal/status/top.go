package status

import (
	"context"
	"slices"

	"berth/internal/installation"
)

// Top is what instances use, beside what they may use.
type Top struct {
	Installation string       `json:"installation"`
	Loads        []Load       `json:"instances"`
	Shared       []SharedDisk `json:"sharedDisks"`
	Problems     []TopProblem `json:"unknown,omitempty"` // what could not be measured, and why
}

// Load is what one instance uses.
type Load struct {
	installation.Usage
	Service     string             `json:"service"`
	State       installation.State `json:"state"`
	CPULimit    float64            `json:"cpuLimit,omitempty"`    // cores; 0: none
	MemoryLimit int64              `json:"memoryLimit,omitempty"` // bytes; 0: none
	Restarts    int                `json:"restarts"`
}

// SharedDisk is a file system that several instances keep their data on.
type SharedDisk struct {
	Device    string   `json:"device"`
	Node      string   `json:"node,omitempty"`
	Size      int64    `json:"size"` // bytes
	Used      int64    `json:"used"`
	Free      int64    `json:"free"`
	Instances []string `json:"instances"`
}

// TopProblem is something that could not be measured.
type TopProblem struct {
	Why       string   `json:"why"`
	Instances []string `json:"instances"`
}

// TopOf measures some instances. Those that ended on purpose are left out.
func TopOf(ctx context.Context, i *installation.Installation, of []installation.Instance) (*Top, error) {
	of = slices.DeleteFunc(slices.Clone(of), func(i installation.Instance) bool { return (i.Once || i.Init) && !i.Up() })
	usage, err := i.Usage(ctx, of)
	if err != nil {
		return nil, err
	}
	t := &Top{Installation: i.Stack.Name, Loads: []Load{}, Shared: []SharedDisk{}}
	for n, one := range of {
		u := usage[n]
		t.Loads = append(t.Loads, Load{Usage: u, Service: one.Service, State: one.State, CPULimit: one.CPUs, MemoryLimit: one.Memory, Restarts: one.Restarts})
		if u.Problem != "" && one.Up() {
			t.unknown(u.Problem, one.Name)
		}
		for _, d := range u.Disks {
			t.share(one, d)
		}
	}
	t.Shared = slices.DeleteFunc(t.Shared, func(d SharedDisk) bool { return len(d.Instances) < 2 })
	return t, nil
}

func (t *Top) unknown(why, instance string) {
	at := slices.IndexFunc(t.Problems, func(p TopProblem) bool { return p.Why == why })
	if at < 0 {
		t.Problems, at = append(t.Problems, TopProblem{Why: why}), len(t.Problems)
	}
	t.Problems[at].Instances = append(t.Problems[at].Instances, instance)
}

// share notes who keeps data on a file system: a device has the same name on different nodes.
func (t *Top) share(i installation.Instance, d installation.Disk) {
	at := slices.IndexFunc(t.Shared, func(s SharedDisk) bool { return s.Device == d.Device && s.Node == i.Node && s.Size == d.Size })
	if at < 0 {
		t.Shared, at = append(t.Shared, SharedDisk{Device: d.Device, Node: i.Node, Size: d.Size, Used: d.Used, Free: d.Free}), len(t.Shared)
	}
	if s := &t.Shared[at]; !slices.Contains(s.Instances, i.Name) {
		s.Instances = append(s.Instances, i.Name)
	}
}

// Alone are the disks of an instance that no other one shares.
func (t *Top) Alone(l Load) (disks []installation.Disk) {
	for _, d := range l.Disks {
		if !slices.ContainsFunc(t.Shared, func(s SharedDisk) bool {
			return s.Device == d.Device && s.Size == d.Size && slices.Contains(s.Instances, l.Instance)
		}) {
			disks = append(disks, d)
		}
	}
	return disks
}
