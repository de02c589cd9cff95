package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/internal/diag"
	"berth/internal/plan"
)

// Results of a run.
const (
	Done        = "done"
	Failed      = "failed"
	Interrupted = "interrupted"
	Killed      = "killed" // it never said its end
)

// Record is what somebody asked for, as history keeps it. It holds no secrets: neither config nor plan has any.
type Record struct {
	Number  int         `json:"number"`
	Action  plan.Action `json:"action"`
	Who     Holder      `json:"who"`
	Started time.Time   `json:"started"`
	Ended   time.Time   `json:"ended,omitzero"`
	Result  string      `json:"result"`
	From    string      `json:"from,omitempty"` // the release before, where the action goes to another one
	Release string      `json:"release"`        // that it leads to
	Config  string      `json:"config"`         // the file's text that it leads to
	// Plan is what was carried out; nil where there were several plans, as in an upgrade: then Parts tell of them.
	Plan     *plan.Plan `json:"plan,omitempty"`
	Steps    []StepTime `json:"steps"` // that were begun, in the order of their end
	Parts    []Part     `json:"parts,omitempty"`
	Restores int        `json:"restores,omitempty"` // number of the record whose config a revert goes back to
	Problems diag.List  `json:"problems,omitempty"`
}

// StepTime is how long a step took.
type StepTime struct {
	Step    int     `json:"step"`
	Object  string  `json:"object"`
	Seconds float64 `json:"seconds"`
	Done    bool    `json:"done"`
}

// Part is a stage of an action that has several.
type Part struct {
	Name    string    `json:"name"` // "6.0.0 to 7.5.4453: close"
	Ended   time.Time `json:"ended"`
	Seconds float64   `json:"seconds"`
	Note    string    `json:"note,omitempty"` // what was found, in a few words
}

// NewRecord is the record of an action that begins. It counts as killed until Ended is called: that is what it is if nothing more is heard of it.
func NewRecord(action plan.Action, release, config string, now time.Time) *Record {
	return &Record{Action: action, Who: Self(string(action), now), Started: now, Result: Killed, Release: release, Config: config, Steps: []StepTime{}}
}

// End notes how an action ended.
func (r *Record) End(result string, problems diag.List, now time.Time) {
	r.Result, r.Problems, r.Ended = result, problems, now
}

// Resume notes that an action goes on that was stopped or killed.
func (r *Record) Resume() {
	r.Result, r.Problems, r.Ended = Killed, nil, time.Time{}
}

// Add adds a record to the history, and gives it its number.
func (d Dir) Add(_ context.Context, r *Record) error {
	names, err := d.records()
	if err != nil {
		return err
	}
	last := 0
	if len(names) > 0 {
		// Not their count: old ones may have been cleared away.
		last, _ = strconv.Atoi(strings.TrimSuffix(names[len(names)-1], ".json"))
	}
	r.Number = last + 1
	return d.save(r)
}

// Save writes a record of the history again.
func (d Dir) Save(_ context.Context, r *Record) error { return d.save(r) }

func (d Dir) save(r *Record) error {
	return d.writeJSON(filepath.Join("history", fmt.Sprintf("%04d.json", r.Number)), r, 0o600)
}

func (d Dir) records() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(d.path, "history"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the history: %w", err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".json") {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// History gives all records, oldest first.
func (d Dir) History(context.Context) ([]Record, error) {
	names, err := d.records()
	if err != nil {
		return nil, err
	}
	runs := make([]Record, len(names))
	for i, name := range names {
		if err := d.readJSON(filepath.Join("history", name), &runs[i]); err != nil {
			return nil, err
		}
	}
	return runs, nil
}

// fileJournal is a journal in a file.
type fileJournal struct{ file *os.File }

// Entry is one line of a journal.
type Entry struct {
	Time  time.Time `json:"time"`
	Event string    `json:"event"` // "begin", "end", "failed"
	Step  int       `json:"step"`
	Verb  plan.Verb `json:"verb"`
	What  string    `json:"what"`
}

// Journal begins the journal of a run, in place of that of the run before.
func (d Dir) Journal(context.Context) (Journal, error) {
	f, err := os.OpenFile(filepath.Join(d.path, "journal.jsonl"), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	return &fileJournal{f}, nil
}

// Add writes entries; they are on disk when Add returns.
func (j *fileJournal) Add(entries ...Entry) error {
	var lines []byte
	for _, e := range entries {
		text, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("write the journal: %w", err)
		}
		lines = append(append(lines, text...), '\n')
	}
	if len(lines) == 0 {
		return nil
	}
	_, err := j.file.Write(lines)
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}

// Close closes the file.
func (j *fileJournal) Close() error { return j.file.Close() }
