package store

import (
	"bufio"
	"bytes"
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

	"berth/internal/state"
)

// journalFile is the journal of the last run.
const journalFile = "journal.jsonl"

// Add adds a record to the history, and gives it its number.
func (d Dir) Add(ctx context.Context, r *state.Record) error {
	names, err := d.records()
	if err != nil {
		return err
	}
	r.Number = 1
	if len(names) > 0 {
		last, err := d.record(names[len(names)-1])
		if err != nil {
			return err
		}
		if last.Result == state.Killed {
			if err := d.Save(ctx, &last); err != nil {
				return err
			}
		}
		r.Number = last.Number + 1 // not their count: old ones may have been cleared away
	}
	return d.Save(ctx, r)
}

// Save writes a record of the history again.
func (d Dir) Save(_ context.Context, r *state.Record) error {
	return d.writeJSON(filepath.Join("history", fmt.Sprintf("%04d.json", r.Number)), r, 0o600)
}

// record reads a record, with what the journal knows of it.
func (d Dir) record(name string) (r state.Record, err error) {
	if err := d.readJSON(filepath.Join("history", name), &r); err != nil {
		return r, err
	}
	r.Number, _ = strconv.Atoi(strings.TrimSuffix(name, ".json"))
	if r.Result == state.Killed {
		entries, err := d.journal()
		if err != nil {
			return r, err
		}
		r.Replay(entries)
	}
	return r, nil
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
func (d Dir) History(context.Context) ([]state.Record, error) {
	names, err := d.records()
	if err != nil {
		return nil, err
	}
	runs := make([]state.Record, len(names))
	for i, name := range names {
		if runs[i], err = d.record(name); err != nil {
			return nil, err
		}
	}
	return runs, nil
}

// journal reads the journal of the last run. A line that is not whole was being written when its run was killed.
func (d Dir) journal() (entries []state.Entry, err error) {
	text, err := os.ReadFile(filepath.Join(d.path, journalFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		var e state.Entry
		if json.Unmarshal(lines.Bytes(), &e) == nil {
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// fileJournal is a journal in a file.
type fileJournal struct{ file *os.File }

// Journal opens the journal of a run.
func (d Dir) Journal(_ context.Context, run int) (state.Journal, error) {
	entries, err := d.journal()
	if err != nil {
		return nil, err
	}
	how := os.O_TRUNC
	if len(entries) > 0 && entries[0].Run == run {
		how = os.O_APPEND
	}
	f, err := os.OpenFile(filepath.Join(d.path, journalFile), os.O_RDWR|os.O_CREATE|how, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	return &fileJournal{f}, endLine(f)
}

// endLine ends a line that is not whole, so that the next one is.
func endLine(f *os.File) error {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, info.Size()-1); err != nil || last[0] == '\n' {
		return err
	}
	_, err = f.WriteString("\n")
	return err
}

// Add writes entries; they are on disk when Add returns.
func (j *fileJournal) Add(entries ...state.Entry) error {
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
