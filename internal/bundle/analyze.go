package bundle

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"berth/internal/diag"
	"berth/internal/doctor"
)

// The programs that make bundles.
const (
	OfBerth        = "berth"
	OfTroubleshoot = "troubleshoot"
	OfSrc          = "src debug"
	OfNobodyKnown  = "unknown"
)

// Analysis is what a bundle says.
type Analysis struct {
	File         string     `json:"file"`
	By           string     `json:"by"` // the program that made it
	Installation string     `json:"installation,omitempty"`
	Release      string     `json:"release,omitempty"`
	Made         string     `json:"made,omitempty"`
	Files        int        `json:"files"`
	Bytes        int64      `json:"bytes"`
	Instances    []Instance `json:"instances"`
	Errors       []Repeated `json:"errors"`  // lines of logs, most frequent first
	Missing      []Missing  `json:"missing"` // what could not be collected, or not be read here
	// Report is what today's checks find in the evidence of then; nil: the bundle has none.
	Report *doctor.Report `json:"report,omitempty"`
	Paths  []string       `json:"-"`
}

// Instance is how a container was.
type Instance struct {
	Name      string `json:"name"`
	State     string `json:"state"`
	Reason    string `json:"reason,omitempty"`
	Restarts  int    `json:"restarts"`
	Exit      int    `json:"exitCode"`
	OOMKilled bool   `json:"oomKilled,omitempty"`
	Image     string `json:"image,omitempty"`
}

// Well reports whether nothing is to be said of it.
func (i Instance) Well() bool {
	switch i.State {
	case "healthy", "running", "Running", "Completed", "Succeeded":
		return i.Restarts == 0 && !i.OOMKilled
	case "stopped", "exited":
		return i.Exit == 0
	}
	return false
}

// Repeated is a line of a log that is there often, with what differs left out.
type Repeated struct {
	Log   string `json:"log"`
	Text  string `json:"text"`
	Times int    `json:"times"`
}

const (
	mostJSON   = 128 << 20 // of a file that is read whole
	mostErrors = 5         // of one log
	mostKinds  = 20_000    // of lines of one log, before the search is given up
	longest    = 200       // signs of a line that are shown
)

// Analyze reads a bundle of berth, of troubleshoot or of src debug, as far as it goes.
func Analyze(file string) (*Analysis, error) {
	a := &Analysis{File: file, By: OfNobodyKnown, Instances: []Instance{}, Errors: []Repeated{}, Missing: []Missing{}}
	err := each(file, func(name string, content io.Reader) error {
		a.Files++
		n := new(count)
		defer func() { a.Bytes += int64(*n) }()
		if err := a.take(name, io.TeeReader(content, n)); err != nil {
			a.Missing = append(a.Missing, Missing{name, err.Error()})
		}
		a.Paths = append(a.Paths, name)
		_, err := io.Copy(n, content)
		return err
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, diag.List{{Code: "BERTH4434", Severity: diag.Error, Subject: file, Summary: "there is no such file", Hint: "name a bundle: berth bundle analyze FILE"}}
	case err != nil && a.Files == 0:
		return nil, diag.List{{Code: "BERTH4434", Severity: diag.Error, Subject: file, Summary: "the bundle can't be read", Detail: []string{err.Error()},
			Hint: "it can be a .tar.gz, .tar or .zip file, or a folder"}}
	case err != nil:
		a.Missing = append(a.Missing, Missing{"the rest of the bundle", err.Error()})
	}
	folder := below(a.Paths)
	for i, name := range a.Paths {
		a.Paths[i] = strings.TrimPrefix(name, folder)
	}
	for i := range a.Errors {
		a.Errors[i].Log = strings.TrimPrefix(a.Errors[i].Log, folder)
	}
	slices.SortFunc(a.Instances, func(x, y Instance) int { return cmp.Compare(x.Name, y.Name) })
	slices.SortStableFunc(a.Errors, func(x, y Repeated) int { return cmp.Or(y.Times-x.Times, cmp.Compare(x.Log, y.Log)) })
	return a, nil
}

// take reads one file.
func (a *Analysis) take(name string, content io.Reader) error {
	base, dir := path.Base(name), "/"+path.Dir(name)+"/"
	switch {
	case base == ManifestFile:
		return a.manifest(content)
	case strings.HasSuffix("/"+name, "/"+InstancesFile):
		return decode(content, &a.Instances)
	case strings.HasSuffix("/"+name, "/"+EvidenceFile):
		var e doctor.Evidence
		if err := decode(content, &e); err != nil {
			return err
		}
		a.Report = doctor.Examine(&e, doctor.Request{})
	case base == "version.yaml" && a.By == OfNobodyKnown:
		a.By = OfTroubleshoot
	case strings.HasSuffix(path.Dir(name), "cluster-resources/pods") && strings.HasSuffix(base, ".json") && a.By != OfBerth:
		a.By = OfTroubleshoot
		return a.pods(content)
	case base == "getPods.txt":
		a.By = OfSrc
		return a.table(content)
	case base == "docker-ps.txt":
		a.By = OfSrc
		return a.containers(content)
	case strings.HasSuffix(base, ".log") || strings.Contains(dir, "/logs/") && strings.HasSuffix(base, ".txt"):
		return a.log(name, content)
	}
	return nil
}

func decode(content io.Reader, out any) error {
	text, err := io.ReadAll(io.LimitReader(content, mostJSON))
	if err != nil {
		return err
	}
	return json.Unmarshal(text, out)
}

func (a *Analysis) manifest(content io.Reader) error {
	var m Manifest
	if err := decode(content, &m); err != nil {
		return err
	}
	a.By, a.Installation, a.Release, a.Made = OfBerth, m.Installation, m.Release, m.Ended.UTC().Format("2006-01-02 15:04:05 UTC")
	a.Missing = append(a.Missing, m.Missing...)
	return nil
}

// pods reads a list of pods, as the API server gives it.
func (a *Analysis) pods(content io.Reader) error {
	type state struct {
		Waiting    *struct{ Reason string }
		Running    *struct{}
		Terminated *struct {
			Reason   string
			ExitCode int
		}
	}
	var list struct {
		Items []struct {
			Metadata struct{ Name string }
			Status   struct {
				Phase             string
				ContainerStatuses []struct {
					Name, Image      string
					Ready            bool
					RestartCount     int
					State, LastState state
				}
			}
		}
	}
	if err := decode(content, &list); err != nil {
		return err
	}
	for _, pod := range list.Items {
		if len(pod.Status.ContainerStatuses) == 0 {
			a.Instances = append(a.Instances, Instance{Name: pod.Metadata.Name, State: pod.Status.Phase})
		}
		for _, c := range pod.Status.ContainerStatuses {
			one := Instance{Name: pod.Metadata.Name + "/" + c.Name, State: "running", Restarts: c.RestartCount, Image: c.Image}
			ended := cmp.Or(c.State.Terminated, c.LastState.Terminated)
			if ended != nil {
				one.Exit, one.Reason, one.OOMKilled = ended.ExitCode, ended.Reason, ended.Reason == "OOMKilled"
			}
			switch {
			case c.State.Waiting != nil:
				one.State, one.Reason = "waiting", c.State.Waiting.Reason
			case c.State.Terminated != nil:
				one.State = "stopped"
			case !c.Ready:
				one.State = "unhealthy"
			}
			a.Instances = append(a.Instances, one)
		}
	}
	return nil
}

// table reads what kubectl get pods prints.
func (a *Analysis) table(content io.Reader) error {
	lines := bufio.NewScanner(content)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) > 0 && f[0] == "NAMESPACE" || len(f) < 4 || f[0] == "NAME" {
			continue
		}
		ready := slices.IndexFunc(f, func(s string) bool { return strings.Contains(s, "/") })
		if ready < 1 || len(f) < ready+3 {
			continue
		}
		one := Instance{Name: f[ready-1], State: f[ready+1]}
		one.Restarts, _ = strconv.Atoi(f[ready+2]) // "5 (3h ago)" has more fields
		if have, want, _ := strings.Cut(f[ready], "/"); one.State == "Running" && have != want {
			one.State = "unhealthy"
		}
		a.Instances = append(a.Instances, one)
	}
	return lines.Err()
}

var psStatus = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\b(Up\b|Exited \((\d+)\)|Restarting \((\d+)\)|Created\b|Paused\b|Dead\b)[^\n]*?(\((healthy|unhealthy|health: starting)\))?(\s{2,}|$)`)
})

// containers reads what docker ps prints.
func (a *Analysis) containers(content io.Reader) error {
	lines := bufio.NewScanner(content)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		m := psStatus().FindStringSubmatch(line)
		f := strings.Fields(line)
		if m == nil || len(f) < 3 || f[0] == "CONTAINER" {
			continue
		}
		one := Instance{Name: f[len(f)-1], Image: f[1], State: "running"}
		one.Exit, _ = strconv.Atoi(cmp.Or(m[2], m[3], "0")) // digits
		switch {
		case m[5] == "unhealthy":
			one.State = "unhealthy"
		case strings.HasPrefix(m[1], "Exited"):
			one.State = "stopped"
		case strings.HasPrefix(m[1], "Restarting"):
			one.State = "crashing"
		case m[1] != "Up":
			one.State = strings.ToLower(m[1])
		}
		a.Instances = append(a.Instances, one)
	}
	return lines.Err()
}

// wrong are words of lines that report a problem: of Sourcegraph's own logs in both forms, of Postgres, of Go.
var wrong = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`"SeverityText":"(?:ERROR|FATAL)"|\blvl=(?:eror|crit)\b|\blevel=(?:error|fatal)\b|\b(?:ERROR|FATAL|PANIC)\b|^panic:`)
})

// log counts the lines of a log that report a problem.
func (a *Analysis) log(name string, content io.Reader) error {
	times, whole := map[string]int{}, map[string]string{}
	lines := bufio.NewReaderSize(content, 64<<10)
	for {
		line, more, err := lines.ReadLine()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		for rest := more; rest; {
			if _, rest, err = lines.ReadLine(); err != nil {
				break
			}
		}
		if !wrong().Match(line) || len(times) > mostKinds {
			continue
		}
		text := string(line)
		kind := same(text)
		if times[kind]++; times[kind] == 1 {
			whole[kind] = text
		}
	}
	kinds := slices.SortedFunc(maps.Keys(times), func(x, y string) int { return cmp.Or(times[y]-times[x], cmp.Compare(x, y)) })
	for _, kind := range kinds[:min(mostErrors, len(kinds))] {
		text := whole[kind]
		if len(text) > longest {
			text = text[:longest] + "..."
		}
		a.Errors = append(a.Errors, Repeated{Log: strings.TrimSuffix(name, ".log"), Text: text, Times: times[kind]})
	}
	return nil
}

var differs = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`[0-9a-f]{8,}|\d+`)
})

// same is a line without what differs from one to the next: times, numbers, identities.
func same(line string) string {
	if len(line) > 4*longest {
		line = line[:4*longest]
	}
	return differs().ReplaceAllString(line, "N")
}

// Difference is what differs between two bundles.
type Difference struct {
	Releases  [2]string  `json:"releases"`
	Instances []Change   `json:"instances"`
	Errors    []Repeated `json:"errors"`  // that only the second has
	Gone      []Repeated `json:"gone"`    // that only the first has
	Added     []string   `json:"added"`   // files that only the second has
	Removed   []string   `json:"removed"` // files that only the first has
}

// Change is how an instance differs.
type Change struct {
	Name   string `json:"name"`
	Before string `json:"before"` // "": it was not there
	After  string `json:"after"`  // "": it is not there
}

// Diff compares two bundles.
func Diff(before, after *Analysis) *Difference {
	d := &Difference{Releases: [2]string{before.Release, after.Release}, Instances: []Change{}, Errors: []Repeated{}, Gone: []Repeated{}, Added: []string{}, Removed: []string{}}
	first, second := map[string]string{}, map[string]string{}
	for _, i := range before.Instances {
		first[i.Name] = i.Describe()
	}
	for _, i := range after.Instances {
		second[i.Name] = i.Describe()
	}
	names := maps.Clone(first)
	maps.Copy(names, second)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if first[name] != second[name] {
			d.Instances = append(d.Instances, Change{name, first[name], second[name]})
		}
	}
	d.Errors, d.Gone = onlyIn(after.Errors, before.Errors), onlyIn(before.Errors, after.Errors)
	for _, p := range after.Paths {
		if !slices.Contains(before.Paths, p) {
			d.Added = append(d.Added, p)
		}
	}
	for _, p := range before.Paths {
		if !slices.Contains(after.Paths, p) {
			d.Removed = append(d.Removed, p)
		}
	}
	return d
}

// onlyIn are errors of one list that another has not.
func onlyIn(all, others []Repeated) []Repeated {
	out := []Repeated{}
	for _, e := range all {
		if !slices.ContainsFunc(others, func(o Repeated) bool { return same(o.Text) == same(e.Text) }) {
			out = append(out, e)
		}
	}
	return out
}

// Describe is how an instance is, in a few words.
func (i Instance) Describe() string {
	text := i.State
	if i.Reason != "" {
		text += " (" + i.Reason + ")"
	}
	if i.Restarts > 0 {
		text += fmt.Sprintf(", %d restarts", i.Restarts)
	}
	if i.Exit != 0 {
		text += fmt.Sprintf(", exit code %d", i.Exit)
	}
	return text
}
