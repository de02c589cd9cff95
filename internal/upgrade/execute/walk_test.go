package journey

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"berth/internal/diag"
	"berth/internal/run"
	"berth/internal/stack"
	"berth/internal/upgrade"
)

// world is an installation in memory, for faults that real ones have too rarely. What it does is in e2e with real ones.
type world struct {
	running  string // config that runs
	front    stack.Front
	file     string
	schema   string // release of the databases
	data     string
	backups  map[string]string // data and schema by name
	notes    map[string][]byte
	mu       sync.Mutex // of calls, log and what tasks change: some run at once
	calls    int
	dieAt    int                  // the call at which the process is killed; 0: never
	fail     map[string]diag.List // by "deploy TEXT" or task name
	exit     map[string]int       // of tasks
	log      []string             // what was done
	migrated int                  // how often the migrator changed something
	page     string
	indexed  string // image that the indexes were checked with
	free     int64  // bytes
	atWork   string // a task that goes on while nobody watches it
	between  bool   // the schemas are between two releases; the version is still the one before
}

var errKilled = errors.New("killed")

func (w *world) call(what string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	if w.killed() {
		return errKilled
	}
	w.log = append(w.log, what)
	return nil
}

// killed is true from the call on that the process was to die at.
func (w *world) killed() bool { return w.dieAt > 0 && w.calls >= w.dieAt }

func (w *world) Note(_ context.Context, name string, out any) error {
	if w.notes[name] == nil {
		return nil
	}
	return json.Unmarshal(w.notes[name], out)
}

func (w *world) SetNote(_ context.Context, name string, v any) error {
	if w.killed() {
		return errKilled // a dead process writes nothing
	}
	text, err := json.Marshal(v)
	w.notes[name] = text
	return err
}

func (w *world) Ready(_ context.Context, config string, _ stack.Front) error {
	return errors.Join(w.call("ready"), w.fail["ready "+config].Err())
}
func (w *world) Fetch(context.Context, string, stack.Front) error { return w.call("fetch") }

func (w *world) Deploy(_ context.Context, config string, front stack.Front, page string) error {
	if err := w.call("deploy " + config + " " + string(front)); err != nil {
		return err
	}
	w.running, w.front, w.page = config, front, page
	if p := w.fail["deploy "+config+" "+string(front)]; p != nil {
		return p
	}
	if p := w.fail["deploy "+config]; p != nil && front != stack.Closed {
		return p
	}
	return nil
}

// Roll is as in a cluster.
func (w *world) Roll(ctx context.Context, config string) error {
	if err := w.Deploy(ctx, config, stack.Held, ""); err != nil {
		return err
	}
	return w.Deploy(ctx, config, stack.Open, "")
}

func (w *world) SetAside(context.Context, string, string) error {
	if err := w.call("set aside"); err != nil {
		return err
	}
	w.data, w.schema = "", ""
	return nil
}
func (w *world) Image(config, service string) (string, error) { return service + ":" + config, nil }
func (w *world) Migrator(release string) (string, error)      { return "migrator:" + release, nil }
func (w *world) Forget(_ context.Context, task string) error {
	if task == w.atWork {
		w.atWork = ""
	}
	return nil
}
func (w *world) Space(context.Context) (Space, error) { return Space{Free: w.free}, nil }
func (w *world) Write(config string) error {
	if err := w.call("write"); err != nil {
		return err
	}
	w.file = config
	return nil
}
func (w *world) Search(context.Context, string, bool) (string, error) {
	return "a search was answered", w.call("search")
}

func (w *world) Task(_ context.Context, t run.Task, line func(string)) (int, error) {
	if err := w.call("task " + t.Name); err != nil {
		return 0, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if code := w.exit[t.Name]; code != 0 {
		line("it does not work")
		return code, nil
	}
	switch t.Name {
	case "inspect":
		line(`FACT database {"name": "pgsql", "server": 160004, "bytes": 1000}`)
		line(`FACT release {"version": "` + w.schema + `"}`)
		line(`FACT background []`)
		line("FACTS END")
	case "backup":
		w.backups[t.Env["BACKUP"]] = w.schema + " " + w.data
	case "restore":
		w.schema, w.data, _ = strings.Cut(w.backups[t.Env["BACKUP"]], " ")
	case "migrate":
		if w.atWork == t.Name {
			w.between = true
			return 0, context.Canceled
		}
		if t.Command[0] == "up" {
			w.schema = strings.TrimPrefix(t.Image, "migrator:")
			return 0, nil
		}
		from, to := strings.TrimPrefix(t.Command[1], "--from=v"), strings.TrimPrefix(t.Command[2], "--to=v")
		if same(from, to) {
			line("invalid range (from=" + from + " >= to=" + to + ")")
			return 1, nil
		}
		if from != w.schema {
			line("version assertion failed: " + w.schema + " != " + from)
			return 1, nil
		}
		w.schema = to
		w.migrated++
	case "indexes":
		w.indexed = t.Image
	case "downgrade":
		if from := strings.TrimPrefix(t.Command[1], "--from=v"); from != w.schema && !slices.Contains(t.Command, "--skip-version-check") {
			line("version assertion failed: " + w.schema + " != " + from)
			return 1, nil
		}
		w.schema, w.between = strings.TrimPrefix(t.Command[2], "--to=v"), false
	}
	return 0, nil
}

func newWorld() *world {
	return &world{free: 1 << 40, running: "release: 6.0.0", file: "release: 6.0.0", schema: "6.0.0", data: "rows", backups: map[string]string{}, notes: map[string][]byte{},
		fail: map[string]diag.List{}, exit: map[string]int{}}
}

func (w *world) walker() *Walker {
	at := time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)
	return &Walker{Site: w, Notes: w, Now: func() time.Time { at = at.Add(time.Second); return at }, Tell: func(Event) {}, Patience: time.Minute}
}

func twoHops() *Journey {
	return New("release: 6.0.0", []Hop{
		{Hop: upgrade.Hop{From: "6.0.0", To: "6.12.5040", Kind: upgrade.MultiVersion, Migrator: "7.5.4453"}, Config: "release: 6.12.5040"},
		{Hop: upgrade.Hop{From: "6.12.5040", To: "7.0.2852", Kind: upgrade.Standard, Migrator: "7.0.2852"}, Config: "release: 7.0.2852"},
	}, "", time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC))
}

// TestKilledAtEveryCall kills the process at each thing that a journey does to the installation, goes on, and expects the same end.
func TestKilledAtEveryCall(t *testing.T) {
	ctx := context.Background()
	whole := newWorld()
	if err := whole.walker().Walk(ctx, twoHops()); err != nil {
		t.Fatal(err)
	}
	if whole.calls < 20 {
		t.Fatalf("only %d calls: the test reaches little", whole.calls)
	}
	for die := 1; die <= whole.calls; die++ {
		w := newWorld()
		w.dieAt = die
		j := twoHops()
		if err := w.walker().Walk(ctx, j); !errors.Is(err, errKilled) {
			t.Fatalf("call %d: %v", die, err)
		}
		w.dieAt = 0
		if j, err := Load(ctx, w); err != nil {
			t.Fatal(err)
		} else if j == nil {
			j = twoHops() // it was killed before it wrote anything
			if err := w.walker().Walk(ctx, j); err != nil {
				t.Errorf("killed at call %d: %v", die, err)
			}
		} else if err := w.walker().Walk(ctx, j); err != nil {
			t.Errorf("killed at call %d: %v", die, err)
		}
		if w.running != whole.running || w.front != stack.Open || w.file != whole.file || w.data != "rows" || w.schema != whole.schema {
			t.Errorf("killed at call %d, it ends as %+v", die, w)
		}
		if j, _ := Load(ctx, w); j.Status != Arrived {
			t.Errorf("killed at call %d, the journey is %s", die, j.Status)
		}
	}
}

func TestFailingHopThatRollsGoesBack(t *testing.T) {
	ctx := context.Background()
	w := newWorld()
	w.fail["deploy release: 7.0.2852"] = diag.List{{Code: "BERTH3204", Severity: diag.Error, Summary: "not healthy"}}
	j := twoHops()
	err := w.walker().Walk(ctx, j)
	var problems diag.List
	if !errors.As(err, &problems) || problems[len(problems)-1].Code != "BERTH3710" {
		t.Fatalf("got %v", err)
	}
	if w.running != "release: 6.12.5040" || w.front != stack.Open || w.file != "release: 6.12.5040" {
		t.Errorf("it does not serve the release before: %+v", w)
	}
	if j.Status != Stopped || j.At != (Place{1, Check}) {
		t.Errorf("the journey is %s at %v", j.Status, j.At)
	}
	delete(w.fail, "deploy release: 7.0.2852")
	if err := w.walker().Walk(ctx, j); err != nil || w.running != "release: 7.0.2852" {
		t.Errorf("it does not go on: %v, %s", err, w.running)
	}
}

func TestFailingMigratorLeavesThePageWithTheReason(t *testing.T) {
	ctx := context.Background()
	w := newWorld()
	w.exit["migrate"] = 1
	j := twoHops()
	err := w.walker().Walk(ctx, j)
	var problems diag.List
	if !errors.As(err, &problems) || problems[0].Code != "BERTH3705" || !slices.Contains(problems[0].Detail, "  | it does not work") {
		t.Fatalf("got %v", err)
	}
	if w.front != stack.Closed || !strings.Contains(w.page, "BERTH3705") {
		t.Errorf("front %q, page %s", w.front, w.page)
	}
	way, none := j.Back()
	if none != nil || !slices.Equal(way.Stages, []Stage{Undo, Redeploy}) {
		t.Errorf("the way back is %+v, %v", way, none)
	}
	w.exit["migrate"] = 0
	if err := w.walker().Walk(ctx, j); err != nil || w.running != "release: 7.0.2852" || w.migrated != 1 {
		t.Errorf("it does not go on: %v, %+v", err, w)
	}
}

// TestPatchToAnotherSystem: a patch whose database images order text in another way. The indexes are checked behind the page; the migrator has no
// upgrade within a minor release, and its up runs when the release is deployed.
func TestPatchToAnotherSystem(t *testing.T) {
	ctx := context.Background()
	patch := func() *Journey {
		return New("release: 6.0.0", []Hop{{Hop: upgrade.Hop{From: "6.0.0", To: "6.0.12741", Kind: upgrade.MultiVersion, Migrator: "6.0.12741", Reindexes: true},
			Config: "release: 6.0.12741"}}, "", time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC))
	}
	whole, j := newWorld(), patch()
	if err := whole.walker().Walk(ctx, j); err != nil {
		t.Fatal(err)
	}
	closed, indexed, opened := slices.Index(whole.log, "deploy release: 6.0.0 closed"), slices.Index(whole.log, "task indexes"), slices.Index(whole.log, "deploy release: 6.0.12741 "+string(stack.Open))
	if closed < 0 || indexed < closed || opened < indexed || slices.Contains(whole.log, "task migrate") {
		t.Errorf("it went: %q", whole.log)
	}
	if whole.indexed != "pgsql:release: 6.0.12741" || len(whole.backups) != 1 {
		t.Errorf("indexes checked with %q, backups %v", whole.indexed, whole.backups)
	}
	for die := 1; die <= whole.calls; die++ {
		w := newWorld()
		w.dieAt = die
		if err := w.walker().Walk(ctx, patch()); !errors.Is(err, errKilled) {
			t.Fatalf("call %d: %v", die, err)
		}
		w.dieAt = 0
		j, err := Load(ctx, w)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.walker().Walk(ctx, j); err != nil || w.running != whole.running || w.front != stack.Open || w.file != whole.file || w.indexed != whole.indexed {
			t.Errorf("killed at call %d: %v, %+v", die, err, w)
		}
	}
	p := Planned("sourcegraph", "compose", false, patch(), nil, nil)
	if h := p.Hops[0]; h.NoReturn != "" || !strings.Contains(h.After, "nothing is lost") || h.Downtime == 0 {
		t.Errorf("the plan: point of no return %q, back after it: %s, %.0f s without an answer", h.NoReturn, h.After, h.Downtime)
	}
	if got := (&Hop{Hop: j.Hops[0].Hop}).migration(); !slices.Equal(got, []string{"up"}) {
		t.Errorf("a rehearsal would run the migrator with %q", got)
	}
}

// TestReturnIsKilledAtEveryCall goes back, killed at every call: by a backup, and over databases whose system orders text in another way.
func TestReturnIsKilledAtEveryCall(t *testing.T) {
	for name, c := range map[string]struct {
		hop     func(h *Hop)
		way     []Stage
		data    string // that is there afterwards
		indexed string // the images that the indexes were last checked with
	}{
		"by a backup": {func(h *Hop) {
			h.Hop.Irreversible = []string{"LSIF becomes SCIP"}
			h.ConvertsPostgres = true
		}, []Stage{Restore, Redeploy}, "rows", "pgsql:release: 6.12.5040"},
		"to another system":                {func(h *Hop) { h.Reindexes = true }, []Stage{Undo, Redeploy}, "rows and more", "pgsql:release: 6.0.0"},
		"to another system within a minor": {func(h *Hop) { h.Reindexes, h.To = true, "6.0.12741" }, []Stage{Redeploy}, "rows and more", "pgsql:release: 6.0.0"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			there := func() (*world, *Journey) {
				w := newWorld()
				j := twoHops()
				j.Hops = j.Hops[:1]
				c.hop(&j.Hops[0])
				if err := w.walker().Walk(ctx, j); err != nil {
					t.Fatal(err)
				}
				if w.indexed != "pgsql:release: 6.12.5040" {
					t.Fatalf("the indexes were checked with %q", w.indexed)
				}
				w.data, w.calls = "rows and more", 0
				return w, j
			}
			w, j := there()
			way, none := j.Back()
			if none != nil || !slices.Equal(way.Stages, c.way) || !way.Page {
				t.Fatalf("the way back is %+v, %v", way, none)
			}
			if err := w.walker().Return(ctx, j, way); err != nil {
				t.Fatal(err)
			}
			for die := 1; die <= w.calls; die++ {
				w, j := there()
				w.dieAt = die
				if err := w.walker().Return(ctx, j, way); !errors.Is(err, errKilled) {
					t.Fatalf("call %d: %v", die, err)
				}
				w.dieAt = 0
				j, err := Load(ctx, w)
				if err != nil {
					t.Fatal(err)
				}
				way, _ := j.Back()
				if err := w.walker().Return(ctx, j, way); err != nil {
					t.Errorf("killed at call %d: %v", die, err)
				}
				if w.running != "release: 6.0.0" || w.front != stack.Open || w.file != "release: 6.0.0" || w.data != c.data || w.schema != "6.0.0" || w.indexed != c.indexed {
					t.Errorf("killed at call %d, it ends as %+v", die, w)
				}
			}
		})
	}
}

// TestReturnFromTheMiddleOfAMigration: a migrator that is at work when an upgrade is stopped writes the release at its end only. It is stopped, and the
// schemas are taken back, although the databases say that they are of the release before.
func TestReturnFromTheMiddleOfAMigration(t *testing.T) {
	w, j := newWorld(), twoHops()
	w.atWork = "migrate"
	if err := w.walker().Walk(t.Context(), j); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	way, none := j.Back()
	if none != nil || !slices.Equal(way.Stages, []Stage{Undo, Redeploy}) {
		t.Fatalf("the way back is %+v, %v", way, none)
	}
	if err := w.walker().Return(t.Context(), j, way); err != nil {
		t.Fatal(err)
	}
	if w.atWork != "" || w.between || w.schema != "6.0.0" || w.running != "release: 6.0.0" {
		t.Errorf("it ends as %+v", w)
	}
}

func TestTrustedBackupIsNotMadeAgainNorRestored(t *testing.T) {
	w := newWorld()
	j := twoHops()
	j.Trusted = "vault 7"
	j.Hops[0].Hop.Irreversible = []string{"x"}
	if err := w.walker().Walk(context.Background(), j); err != nil {
		t.Fatal(err)
	}
	if len(w.backups) > 0 {
		t.Error("a backup was made, although the admin has one")
	}
	j.At.Hop = 0
	if _, none := j.Back(); !none.Failed() || !strings.Contains(none[0].Hint, "vault 7") {
		t.Errorf("it does not name the admin's backup: %v", none)
	}
}

func TestNoRoomIsToldBeforeAnythingIsTouched(t *testing.T) {
	w := newWorld()
	w.free = 1 << 20
	err := w.walker().Walk(context.Background(), twoHops())
	var problems diag.List
	if !errors.As(err, &problems) || problems[0].Code != "BERTH3713" || !strings.Contains(problems[0].Summary, "1.0 GiB") {
		t.Fatalf("got %v", err)
	}
	if slices.ContainsFunc(w.log, func(l string) bool { return strings.HasPrefix(l, "deploy") || l == "task backup" }) {
		t.Errorf("something was done: %v", w.log)
	}
	own := Space{Free: -1, Own: map[string]int64{"pgsql": 10 << 30}}
	h := Hop{Hop: upgrade.Hop{ConvertsPostgres: true}}
	f := &Facts{Databases: []Database{{Name: "pgsql", Bytes: 6 << 30}}}
	if got := own.Enough(&h, f, false); len(got) != 1 || !strings.Contains(got[0].Hint, "storage: 19Gi") {
		t.Errorf("a volume that is too small for a conversion: %v", got)
	}
}

// TestReleaseThatWasTried: one that was gone back from may have written itself into the databases, which keeps nobody from trying again; but a
// migrator that is told another release than the databases are of would refuse.
func TestReleaseThatWasTried(t *testing.T) {
	f := &Facts{Release: "7.0.2852"}
	for kind, refused := range map[upgrade.Kind]bool{upgrade.Standard: false, upgrade.MultiVersion: true} {
		if got := Preflight(&Hop{Hop: upgrade.Hop{From: "6.12.5040", To: "7.0.2852", Kind: kind}}, f); got.Failed() != refused {
			t.Errorf("a %s hop: %v", kind, got)
		}
	}
}

// TestExamine: what stands in the way of the first hop is an error, and what later ones would meet a warning.
func TestExamine(t *testing.T) {
	w, j := newWorld(), twoHops()
	p := Planned("sourcegraph", "compose", false, j, nil, nil)
	if err := w.walker().Examine(t.Context(), j, p); err != nil || len(p.Problems) > 0 {
		t.Fatalf("%v, %v", err, p.Problems)
	}
	if !slices.Contains(p.Hops[0].Found, "schema: no drift") || len(p.Hops[1].Found) != 1 {
		t.Errorf("found %q and %q", p.Hops[0].Found, p.Hops[1].Found)
	}
	w.exit["drift-codeintel"] = 1
	p = Planned("sourcegraph", "compose", false, j, nil, nil)
	if err := w.walker().Examine(t.Context(), j, p); err != nil || !p.Problems.Failed() || p.Problems[0].Code != "BERTH3702" {
		t.Errorf("drift: %v, %v", err, p.Problems)
	}
	delete(w.exit, "drift-codeintel")
	for config, failed := range map[string]bool{"release: 6.12.5040": true, "release: 7.0.2852": false} {
		w.fail = map[string]diag.List{"ready " + config: {{Code: "BERTH2105", Severity: diag.Error, Summary: "too little memory"}}}
		p = Planned("sourcegraph", "compose", false, j, nil, nil)
		if err := w.walker().Examine(t.Context(), j, p); err != nil || len(p.Problems) != 1 || p.Problems.Failed() != failed {
			t.Errorf("%s: %v, %v", config, err, p.Problems)
		}
	}
	if slices.ContainsFunc(w.log, func(l string) bool { return strings.HasPrefix(l, "deploy") }) || w.notes[NoteName] != nil {
		t.Errorf("something was touched: %v", w.log)
	}
}

func TestWhatCanNotBeClosedServesOn(t *testing.T) {
	w := newWorld()
	w.fail["deploy release: 6.0.0 closed"] = diag.List{{Code: "BERTH3712", Severity: diag.Error, Summary: "pods do not end"}}
	j, walker := twoHops(), w.walker()
	err := walker.Walk(context.Background(), j)
	var problems diag.List
	if !errors.As(err, &problems) || problems[0].Code != "BERTH3712" {
		t.Fatalf("got %v", err)
	}
	if w.running != "release: 6.0.0" || w.front != stack.Open || w.migrated > 0 {
		t.Errorf("it does not serve as before: %+v", w)
	}
	delete(w.fail, "deploy release: 6.0.0 closed")
	if err := walker.Walk(context.Background(), j); err != nil || len(w.backups) != 2 {
		t.Errorf("it does not go on with a backup of now: %v, %v", err, w.backups)
	}
}
