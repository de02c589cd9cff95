package installation

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/target/inside"
)

// Insider looks into what runs of an installation, and works in it. Nothing of it changes the installation itself.
type Insider interface {
	// Instances are all containers of the installation, whether they run or not, by name.
	Instances(ctx context.Context) ([]Instance, error)
	// Log gives lines of an instance's log, in their order. It ends where the log ends, or with ctx. A log that is not there, such as the one
	// before a first restart, has no lines.
	Log(ctx context.Context, i Instance, q LogQuery, line func(LogLine)) error
	// Exec runs a command in an instance, and gives its exit code. NotRunning says that the instance does not run.
	Exec(ctx context.Context, i Instance, c Command) (exit int, err error)
	// Usage measures what instances use, in their order. What can't be measured is -1; why is in Problem.
	Usage(ctx context.Context, all []Instance) ([]Usage, error)
}

// Instance is one container of an installation.
type Instance struct {
	Service   string    `json:"service"`             // "gitserver"; the name of a container of the admin's own
	Name      string    `json:"name"`                // "gitserver-0"; in a cluster the pod, and the container where it is not the pod's service
	Container string    `json:"container"`           // its name at the engine, or in its pod
	Pod       string    `json:"pod,omitempty"`       // in a cluster
	Workload  string    `json:"workload,omitempty"`  // in a cluster, whose pod it is: "StatefulSet/gitserver"
	Node      string    `json:"node,omitempty"`      // of a cluster, as far as the pod has one
	Own       bool      `json:"own,omitempty"`       // a container of the admin's own, or a sidecar
	Init      bool      `json:"init,omitempty"`      // an init container, which ends before the others begin
	Once      bool      `json:"once,omitempty"`      // runs to its end, such as the migrator
	Image     string    `json:"image"`               // with its tag and digest, as far as the target has them
	Release   string    `json:"release,omitempty"`   // "" of containers of the admin's own
	State     State     `json:"state"`               // of now
	Reason    string    `json:"reason,omitempty"`    // why it waits or ended, in the target's words: "CrashLoopBackOff", "OOMKilled"
	Restarts  int       `json:"restarts"`            // by the target, in place
	Exit      int       `json:"exitCode"`            // of its end, or of its last end where it runs again; 0 when it never ended
	OOMKilled bool      `json:"oomKilled,omitempty"` // that end was for want of memory
	Started   time.Time `json:"started,omitzero"`
	CPUs      float64   `json:"cpus,omitempty"`   // the limit; 0: none
	Memory    int64     `json:"memory,omitempty"` // the limit in bytes; 0: none
	Mounts    []Mount   `json:"mounts,omitempty"` // with data that outlives the container
}

// Mount is a volume or folder in a container.
type Mount struct {
	Path   string `json:"path"`
	Source string `json:"source"` // a volume, a claim or a folder of the host
}

// State is how an instance is. These are the words of plans, and one more.
type State = plan.Status

// Waiting is an instance that did not start yet, since its image is missing, a node is, or the program before it runs.
const Waiting State = "waiting"

// Up reports whether a command can run in the instance.
func (i Instance) Up() bool {
	switch i.State {
	case plan.Running, plan.Starting, plan.Healthy, plan.Unhealthy:
		return true
	}
	return false
}

// LogQuery says how much of a log is wanted.
type LogQuery struct {
	Since    time.Time // zero: from the beginning
	Tail     int       // this many lines from the end; 0: all
	Follow   bool      // go on until the instance ends
	Previous bool      // of the instance's run before this one
}

// LogLine is one line of a log.
type LogLine struct {
	Time time.Time
	Text string // without its line break
}

// Command is a command to run in an instance.
type Command struct {
	Args   []string
	Env    map[string]string // no secrets: where the target has no variables for commands, they become arguments
	Stdin  io.Reader         // nil: none
	Stdout io.Writer
	Stderr io.Writer // unused with a terminal, which has one stream
	Sizes  <-chan Size
	TTY    bool
}

// Size is the size of a terminal, in characters.
type Size = inside.Size

// NotRunning is the error of Exec in an instance that does not run.
type NotRunning struct {
	Instance string
	State    State
}

func (e *NotRunning) Error() string { return e.Instance + " does not run: it is " + string(e.State) }

// Usage is what an instance uses.
type Usage struct {
	Instance string  `json:"instance"`
	CPUs     float64 `json:"cpus"`   // cores, over the last moments; -1: not known
	Memory   int64   `json:"memory"` // bytes that can't be freed; -1: not known
	Disks    []Disk  `json:"disks,omitempty"`
	Problem  string  `json:"problem,omitempty"` // why something is not known
}

// Disk is the file system behind a mount.
type Disk struct {
	Mount
	Device string `json:"device"` // two with the same one share the room
	Size   int64  `json:"size"`   // bytes
	Used   int64  `json:"used"`
	Free   int64  `json:"free"` // for who may not use the reserve
}

// asking is how long an instance may take to say how full its disks are: a network file system that hangs never answers.
const asking = 5 * time.Second

// Disks asks an instance how full the file systems behind its mounts are. problem says why that is not known.
func Disks(ctx context.Context, in Insider, i Instance) (disks []Disk, problem string) {
	if len(i.Mounts) == 0 || !i.Up() {
		return nil, ""
	}
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	args := []string{"df", "-Pk"}
	for _, m := range i.Mounts {
		args = append(args, m.Path)
	}
	var said, complaint bytes.Buffer
	var problems diag.List
	exit, err := in.Exec(ctx, i, Command{Args: args, Stdout: &said, Stderr: &complaint})
	switch {
	case ctx.Err() != nil:
		return nil, "its disks do not answer within " + asking.String()
	case errors.As(err, &problems) && len(problems) > 0:
		return nil, "disks can't be measured: " + problems[0].Summary
	case err != nil:
		return nil, "disks can't be measured: " + err.Error()
	}
	if disks = parseDisks(&said, i.Mounts); len(disks) != len(i.Mounts) {
		first, _, _ := strings.Cut(strings.TrimSpace(complaint.String()), "\n")
		return disks, "df ended with exit code " + strconv.Itoa(exit) + " in the container: " + first
	}
	return disks, ""
}

// parseDisks reads the output of POSIX df for some mounts, which it lists in their order, by what they are mounted on or the folder above.
//
// Source: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/df.html
func parseDisks(output io.Reader, mounts []Mount) (disks []Disk) {
	text, err := io.ReadAll(output)
	if err != nil {
		return nil
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	for _, line := range lines[1:] { // a heading
		f := strings.Fields(line)
		if len(f) < 6 || len(disks) == len(mounts) {
			continue
		}
		// A device may have spaces in its name, numbers have none.
		n := len(f) - 5
		size, bad1 := strconv.ParseInt(f[n], 10, 64)
		used, bad2 := strconv.ParseInt(f[n+1], 10, 64)
		free, bad3 := strconv.ParseInt(f[n+2], 10, 64)
		if bad1 != nil || bad2 != nil || bad3 != nil {
			continue
		}
		disks = append(disks, Disk{Mount: mounts[len(disks)], Device: strings.Join(f[:n], " "), Size: size << 10, Used: used << 10, Free: free << 10})
	}
	return disks
}

// Witness reports what support needs that can't look here itself. Nothing of it changes anything.
type Witness interface {
	// Evidence is what the target can tell, each asked by itself, so that what does not answer stops nothing else.
	Evidence() []Evidence
	// Held are secrets that the target holds for the installation, besides those that berth knows: they must not be in anything that is given away.
	Held(ctx context.Context) ([]string, error)
}

// Evidence is one thing that a target can tell.
type Evidence struct {
	Path string                                 // of its file in a bundle
	Ask  func(ctx context.Context) (any, error) // a string is a text, everything else becomes JSON
}
