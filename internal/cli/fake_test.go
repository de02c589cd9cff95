package cli

import (
	"bytes"
	"context"
	"flag"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"berth/catalogue"
	"berth/internal/installation"
	"berth/internal/installation/fake"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/rogpeppe/go-internal/testscript"
)

// TestScriptsOnAFake runs what people type on an engine or a cluster in memory. A script is the spec of what a person sees.
//
// In a script, run runs what a person types and writes what it prints to the file out. A number before berth is the exit code that it must end with, 0
// without. world changes the target: see changes. What a person answers on a terminal is in ANSWER, with \n between several lines.
func TestScriptsOnAFake(t *testing.T) {
	s := &scripts{worlds: map[string]*fake.World{}}
	testscript.Run(t, testscript.Params{
		Dir:           filepath.Join("testdata", "fake"),
		UpdateScripts: flag.Lookup("update").Value.String() == "true",
		Cmds:          map[string]func(*testscript.TestScript, bool, []string){"run": s.run, "world": s.change, "registry": ownRegistry},
	})
}

// scripts are the worlds of scripts, by their folders: scripts run at the same time.
type scripts struct {
	mu     sync.Mutex
	worlds map[string]*fake.World
}

func (s *scripts) world(ts *testscript.TestScript) *fake.World {
	s.mu.Lock()
	defer s.mu.Unlock()
	dir := ts.Getenv("WORK")
	if s.worlds[dir] == nil {
		s.worlds[dir] = fake.New()
	}
	return s.worlds[dir]
}

// run runs a command: run [EXIT] berth WORDS. run killed N berth WORDS kills it at its Nth effect.
func (s *scripts) run(ts *testscript.TestScript, _ bool, args []string) {
	want, killAt := 0, 0
	number := func(text string) int {
		n, err := strconv.Atoi(text)
		ts.Check(err)
		return n
	}
	switch {
	case args[0] == "killed":
		killAt, args = number(args[1]), args[2:]
	case args[0] != "berth":
		want, args = number(args[0]), args[1:]
	}
	args = args[1:]
	at := environment{dir: ts.MkAbs("."), getenv: ts.Getenv}
	if answer := ts.Getenv("ANSWER"); answer != "" {
		at.answer = strings.ReplaceAll(answer, `\n`, "\n")
	}
	text, result, code := onWorld(s.world(ts), killAt, at, args)
	if killAt == 0 && code != want {
		ts.Fatalf("berth %s: exit %d, want %d\n%s", strings.Join(args, " "), code, want, text)
	}
	if slices.Contains(args, "--json") && killAt == 0 {
		ts.Check(valid(result))
	}
	ts.Check(os.WriteFile(ts.MkAbs("out"), []byte(steady(text)), 0o600))
}

// environment is where somebody types a command.
type environment struct {
	dir    string
	getenv func(string) string
	answer string // to what berth asks; "": there is no terminal
	seen   bool   // what somebody types is part of what is printed, as on a screen
}

// keyboard gives one line at a time, and shows it on the screen.
type keyboard struct {
	lines  []string
	screen io.Writer
}

func (k *keyboard) Read(b []byte) (int, error) {
	if len(k.lines) == 0 {
		return 0, io.EOF
	}
	n := copy(b, k.lines[0])
	_, _ = k.screen.Write(b[:n]) // into memory
	if k.lines[0] = k.lines[0][n:]; k.lines[0] == "" {
		k.lines = k.lines[1:]
	}
	return n, nil
}

// onWorld types a command on a world: what it prints, its standard output alone, and its exit code. It is killed at the effect killAt, unless that is 0.
func onWorld(w *fake.World, killAt int, at environment, args []string) (text string, result []byte, code int) {
	w.Process(killAt)
	var out, stdout bytes.Buffer
	e := &Env{Stdout: io.MultiWriter(&out, &stdout), Targets: Targets{Open: w.Open, Named: w.OpenNamed, Stored: w.OpenNamed},
		Environment: installation.Environment{Stdin: strings.NewReader(at.answer + "\n"), Interactive: at.answer != "", Stderr: &out, Dir: at.dir,
			Getenv: at.getenv, Now: w.Now}}
	if at.seen && at.answer != "" {
		e.Stdin = &keyboard{slices.Collect(strings.Lines(at.answer + "\n")), &out}
	}
	code = Run(context.Background(), e, args)
	return out.String(), stdout.Bytes(), code
}

// What differs from run to run: how long things took, the order of what is done at once, and what is said meanwhile.
var (
	duration   = regexp.MustCompile(`\b([0-9]+m)?[0-9]+(\.[0-9]+)? ?(ms|s|min)\b`)
	moment     = regexp.MustCompile(`\b2026-[0-9]{2}-[0-9]{2} [0-9:]+|\b2026[0-9]{4}-[0-9]{6}`)
	meanwhile  = regexp.MustCompile(`(?m)^(pulling|waiting) .*\n`)
	stepLines  = regexp.MustCompile(`(?m)(^([-+~.!]|  \|) .*\n)+`) // and what a task says beside them
	column     = regexp.MustCompile(` {2,}TIME\b`)                 // as wide as the longest time needs
	ports      = regexp.MustCompile(`127\.0\.0\.1:[0-9]+`)
	workFolder = regexp.MustCompile(`/\S*/script-[a-z-]+/`)
	examined   = regexp.MustCompile(`\b[0-9]+ checks, nothing found`) // a new check is none of these scripts' business
	taken      = regexp.MustCompile(`  TIME  \S+\n`)
	packed     = regexp.MustCompile(`\b[1-9][0-9]* kB\b`) // with the times that are in it
)

// A new release in the catalogue changes these: names of plans, and what is about the newest release.
var (
	offered  = regexp.MustCompile(`(?m)^newest    .*\n`) // what an upgrade there would cost
	planName = regexp.MustCompile(`\bplan [0-9a-f]{6}\b`)
	newest   = regexp.MustCompile(`(migrator |^|; )(` + regexp.QuoteMeta(catalogue.Embedded().Newest(catalogue.Compose)) + "|" +
		regexp.QuoteMeta(catalogue.Embedded().Newest(catalogue.Kubernetes)) + `)(:| waits| is the newest)`)
	broken = regexp.MustCompile(`(NEWEST: upgrade \S+ \S+)\s+services\s+that\s+read\s+no\s+schema\s+start\s+meanwhile`) // where its length breaks the line
)

// steady is output without what differs from run to run, or with the next release.
func steady(text string) string {
	text = newest.ReplaceAllString(planName.ReplaceAllString(offered.ReplaceAllString(text, ""), "plan NAME"), "${1}NEWEST$3")
	text = broken.ReplaceAllString(text, "$1 services that read no schema start meanwhile")
	text = duration.ReplaceAllString(moment.ReplaceAllString(meanwhile.ReplaceAllString(text, ""), "WHEN"), "TIME")
	text = examined.ReplaceAllString(workFolder.ReplaceAllString(text, "DIR/"), "N checks, nothing found")
	text = packed.ReplaceAllString(ports.ReplaceAllString(text, "REGISTRY"), "SIZE")
	text = taken.ReplaceAllString(column.ReplaceAllString(text, "  TIME"), "  TIME  WHO\n")
	return stepLines.ReplaceAllStringFunc(text, func(block string) string {
		lines := slices.Collect(strings.Lines(block))
		slices.SortStableFunc(lines, func(a, b string) int {
			switch said := []bool{strings.HasPrefix(a, " "), strings.HasPrefix(b, " ")}; {
			case said[0] && said[1]:
				return 0 // in the order of the task
			case said[0]:
				return -1
			case said[1]:
				return 1
			}
			return strings.Compare(a, b)
		})
		return strings.Join(lines, "")
	})
}

// changes are what the world does, by name.
var changes = map[string]func(w *fake.World, name string){
	"fails":     func(w *fake.World, name string) { w.Failing[name] = true },        // a task fails
	"works":     func(w *fake.World, name string) { delete(w.Failing, name) },       // and does not any more
	"breaks":    func(w *fake.World, name string) { w.Unhealthy[name] = true },      // a service gets unhealthy
	"heals":     func(w *fake.World, name string) { delete(w.Unhealthy, name) },     // and healthy
	"writes":    func(w *fake.World, name string) { w.Write("sourcegraph", name) },  // people work
	"elsewhere": func(w *fake.World, name string) { w.Write("moved", name) },        // people work at the destination of a move
	"deletes":   func(w *fake.World, name string) { w.Delete("sourcegraph", name) }, // somebody deletes a container
	"stops":     func(w *fake.World, name string) { w.Stop("sourcegraph", name) },   // or stops it
	"hangs":     func(w *fake.World, name string) { w.Hanging[name] = true },        // a service is not ready until it is restarted
	"ages":      func(w *fake.World, name string) { w.Age(name) },                   // its C library is another one
	"searches":  func(w *fake.World, name string) { w.Searchable = name == "on" },   // a search has results
	"converts":  func(w *fake.World, name string) { w.Converting[name] = 6 },        // a database converts its data for two hours
	"pooler":    func(w *fake.World, name string) { w.Pooler = name == "on" },
	"crashes":   crashed, // it ran out of memory, and runs again
}

// crashed plants a service that ran out of memory a while ago.
func crashed(w *fake.World, name string) {
	at := time.Date(2026, 11, 1, 1, 0, 0, 0, time.UTC)
	line := func(after time.Duration, text string) installation.LogLine {
		return installation.LogLine{Time: at.Add(after), Text: text}
	}
	w.Plant(name, fake.Planted{Restarts: 1, Exit: 137, OOMKilled: true, Reason: "OOMKilled",
		Before: []installation.LogLine{line(0, `{"SeverityText":"WARN","Body":"cloning a large repository"}`), line(time.Second, `{"SeverityText":"ERROR","Body":"out of memory"}`), line(time.Second, "goroutine 1 [running]:")},
		Log: []installation.LogLine{line(time.Minute, `{"SeverityText":"INFO","Body":"started"}`), line(2*time.Minute, `{"SeverityText":"ERROR","Body":"repository <b> is corrupt"}`),
			line(3*time.Minute, `{"SeverityText":"INFO","Body":"cloned"}`)}})
}

func (s *scripts) change(ts *testscript.TestScript, _ bool, args []string) {
	change := changes[args[0]]
	if change == nil || len(args) != 2 {
		ts.Fatalf("the world has no %v", args)
	}
	change(s.world(ts), args[1])
}

// ownRegistry makes a registry that has other images than Sourcegraph's of some releases, and a config that names it: registry RELEASE...
func ownRegistry(ts *testscript.TestScript, _ bool, releases []string) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	ts.Defer(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	image, err := random.Image(16, 1)
	ts.Check(err)
	for _, version := range releases {
		release, err := catalogue.Embedded().Release(version, catalogue.Compose)
		ts.Check(err)
		for _, ref := range release.Images {
			tagged, _, _ := strings.Cut(ref, "@")
			to, err := name.ParseReference(host + "/sourcegraph" + tagged[strings.LastIndexByte(tagged, '/'):])
			ts.Check(err)
			ts.Check(remote.Write(to, image))
		}
	}
	config := "target: compose\nrelease: " + releases[0] + "\nurl: http://localhost\nimages: {registry: " + host + "/sourcegraph}\n"
	ts.Check(os.WriteFile(ts.MkAbs(DefaultConfig), []byte(config), 0o600))
}
