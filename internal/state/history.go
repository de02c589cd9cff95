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

// Record is one run, as history keeps it. It holds no secrets: neither config nor plan has any.
type Record struct {
	Number   int         `json:"number"`
	Action   plan.Action `json:"action"`
	Who      Holder      `json:"who"`
	Started  time.Time   `json:"started"`
	Ended    time.Time   `json:"ended,omitzero"`
	Result   string      `json:"result"`
	Release  string      `json:"release"`
	Config   string      `json:"config"` // the file's text
	Plan     *plan.Plan  `json:"plan"`
	Steps    []StepTime  `json:"steps"` // that were begun, in the order of their end
	Problems diag.List   `json:"problems,omitempty"`
}

// StepTime is how long a step took.
type StepTime struct {
	Step    int     `json:"step"`
	Seconds float64 `json:"seconds"`
	Done    bool    `json:"done"`
}

// NewRecord is the record of a run that begins. Until it is finished it counts as killed: that is what it is if nothing more is heard of it.
func NewRecord(number int, action plan.Action, config []byte, p *plan.Plan, now time.Time) *Record {
	return &Record{Number: number, Action: action, Who: Self(string(action), now), Started: now, Result: Killed,
		Release: p.Release, Config: string(config), Plan: p, Steps: []StepTime{}}
}

// End notes how a run ended.
func (r *Record) End(result string, problems diag.List, now time.Time) {
	r.Result, r.Problems, r.Ended = result, problems, now
}

// Begin adds a run to the history.
func (d Dir) Begin(_ context.Context, action plan.Action, config []byte, p *plan.Plan, now time.Time) (*Record, error) {
	names, err := d.records()
	if err != nil {
		return nil, err
	}
	last := 0
	if len(names) > 0 {
		// Not their count: old ones may have been cleared away.
		last, _ = strconv.Atoi(strings.TrimSuffix(names[len(names)-1], ".json"))
	}
	r := NewRecord(last+1, action, config, p, now)
	return r, d.save(r)
}

// Finish writes a run's end.
func (d Dir) Finish(_ context.Context, r *Record, result string, problems diag.List, now time.Time) error {
	r.End(result, problems, now)
	return d.save(r)
}

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

// History gives all runs, oldest first.
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
