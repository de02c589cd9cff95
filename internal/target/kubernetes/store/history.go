package store

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"berth/internal/diag"
	"berth/internal/plan"
	"berth/internal/state"
	"berth/internal/target/kubernetes"
	"berth/internal/tree"
)

const (
	// remembered is how many runs are kept: a cluster's own store is no archive.
	remembered = 30
	// big is from which size a record is compressed: no object may be larger than 1 MiB.
	big = 500_000

	// labelAction is on a record: what was done.
	labelAction = "dev.berth/action"

	recordKey     = "record.json"
	compressedKey = "record.json.gz"
)

// runs lists the objects that keep runs, oldest first.
func (s *Store) runs(ctx context.Context, metadata bool) ([]configMap, error) {
	found, err := kubernetes.Items[configMap](ctx, s.client, kubernetes.Query{APIVersion: "v1", Kind: "ConfigMap", Namespace: s.namespace,
		Labels: LabelInstallation + "=" + s.name + "," + LabelState + "=run", Metadata: metadata})
	if err != nil {
		return nil, s.explain("read the history", err)
	}
	slices.SortFunc(found, func(a, b configMap) int { return cmp.Compare(s.number(a), s.number(b)) })
	return found, nil
}

// number is the number of the run that an object keeps.
func (s *Store) number(c configMap) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(c.Metadata.Name, s.configMap("-run-").Name))
	return n
}

func (s *Store) run(number int) kubernetes.Ref { return s.configMap(fmt.Sprintf("-run-%04d", number)) }

// Add adds a record to the history, gives it its number, and forgets the oldest ones.
func (s *Store) Add(ctx context.Context, r *state.Record) error {
	before, err := s.runs(ctx, true)
	if err != nil {
		return err
	}
	r.Number = 1
	if len(before) > 0 {
		last, err := s.record(ctx, before[len(before)-1])
		if err != nil {
			return err
		}
		if last.Result == state.Killed {
			if err := s.Save(ctx, &last); err != nil {
				return err
			}
		}
		r.Number = last.Number + 1
	}
	if err := s.Save(ctx, r); err != nil {
		return err
	}
	for _, old := range forgettable(before) {
		if err := s.client.Delete(ctx, s.run(s.number(old)), kubernetes.DeleteOptions{}); err != nil && !kubernetes.NotFound(err) {
			return s.explain("forget old runs", err)
		}
	}
	return nil
}

// forgettable are the records that are too old to keep. Those of upgrades and rollbacks are counted apart: they know what can be rolled back.
func forgettable(records []configMap) (old []configMap) {
	counted := map[bool]int{}
	for _, r := range slices.Backward(records) {
		action := plan.Action(strings.ReplaceAll(r.Metadata.Labels[labelAction], "-", " "))
		promises := action == plan.Upgrade || action == plan.Rollback || action == plan.Finish
		if counted[promises]++; counted[promises] >= remembered {
			old = append(old, r)
		}
	}
	return old
}

// Save writes a record of the history again.
func (s *Store) Save(ctx context.Context, r *state.Record) error {
	content, err := packed(r)
	if err == nil {
		obj := s.object(s.run(r.Number), "run", content)
		tree.At(obj, "metadata", "labels")[labelAction] = strings.ReplaceAll(string(r.Action), " ", "-")
		err = s.put(ctx, obj)
	}
	if err != nil {
		return s.explain("write the history", err)
	}
	return nil
}

// packed is a record as a ConfigMap keeps it.
func packed(r *state.Record) (map[string]any, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	if len(text) <= big {
		return map[string]any{"data": map[string]any{recordKey: string(text)}}, nil
	}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err = w.Write(text)
	if err == nil {
		err = w.Close()
	}
	return map[string]any{"binaryData": map[string]any{compressedKey: base64.StdEncoding.EncodeToString(b.Bytes())}}, err
}

func unpacked(c configMap) (r state.Record, err error) {
	text := []byte(c.Data[recordKey])
	if compressed, ok := c.Binary[compressedKey]; ok {
		reader, err := gzip.NewReader(bytes.NewReader(compressed))
		if err != nil {
			return r, err
		}
		if text, err = io.ReadAll(reader); err != nil {
			return r, err
		}
	}
	return r, json.Unmarshal(text, &r)
}

// record reads a record by what is known of its object, with what the journal knows of it.
func (s *Store) record(ctx context.Context, c configMap) (r state.Record, err error) {
	ref := s.run(s.number(c))
	if c.Data == nil && c.Binary == nil {
		if err := s.client.Read(ctx, ref, &c); err != nil {
			return r, s.explain("read the history", err)
		}
	}
	if r, err = unpacked(c); err != nil {
		return r, s.unreadable(ref, err)
	}
	r.Number = s.number(c)
	if r.Result == state.Killed {
		entries, err := s.Written(ctx)
		if err != nil {
			return r, err
		}
		r.Replay(entries)
	}
	return r, nil
}

// History gives the runs that are remembered, oldest first.
func (s *Store) History(ctx context.Context) ([]state.Record, error) {
	found, err := s.runs(ctx, false)
	if err != nil {
		return nil, err
	}
	records := make([]state.Record, len(found))
	for i, c := range found {
		if records[i], err = s.record(ctx, c); err != nil {
			return nil, err
		}
	}
	return records, nil
}

// journal is a journal in a ConfigMap. Each call adds a key, so that what stands there is not sent again.
type journal struct {
	store  *Store
	ctx    context.Context // of the run; what was done is written down even when it is cancelled
	mu     sync.Mutex
	calls  int
	nested []string // keys of what a step of the plan consists of, which nobody needs once that one is done: an object has its limit
}

// Journal opens the journal of a run.
func (s *Store) Journal(ctx context.Context, run int) (state.Journal, error) {
	keys, entries, err := s.written(ctx)
	if err != nil {
		return nil, err
	}
	j := &journal{store: s, ctx: context.WithoutCancel(ctx)}
	if len(entries) > 0 && entries[0].Run == run {
		j.calls, _ = strconv.Atoi(keys[len(keys)-1])
		return j, nil
	}
	if err := s.put(ctx, s.object(s.configMap("-journal"), "journal", nil)); err != nil {
		return nil, s.explain("begin the journal", err)
	}
	return j, nil
}

// Add writes entries; they are in the cluster when Add returns. The error is a diag.List.
func (j *journal) Add(entries ...state.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	var lines strings.Builder
	encoder := json.NewEncoder(&lines) // a line each
	for _, e := range entries {
		if err := encoder.Encode(e); err != nil {
			return fmt.Errorf("write the journal: %w", err)
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.calls++
	key := fmt.Sprintf("%06d", j.calls)
	data := map[string]any{key: lines.String()}
	if entries[0].In != 0 {
		j.nested = append(j.nested, key)
	} else {
		for _, old := range j.nested {
			data[old] = nil
		}
		j.nested = nil
	}
	_, err := j.store.client.Patch(j.ctx, j.store.configMap("-journal"), map[string]any{"data": data}, manager)
	return asProblem(err, diag.Diagnostic{Code: "BERTH3202", Subject: "journal", Summary: "the journal can't be written to namespace " + j.store.namespace,
		Hint: "check that the cluster answers (kubectl get configmaps -n " + j.store.namespace + ")"})
}

// Close ends the journal. It stays to be read.
func (j *journal) Close() error { return nil }

// Written gives what the journal of the last run has.
func (s *Store) Written(ctx context.Context) ([]state.Entry, error) {
	_, entries, err := s.written(ctx)
	return entries, err
}

func (s *Store) written(ctx context.Context) (keys []string, entries []state.Entry, err error) {
	var c configMap
	if err := s.client.Read(ctx, s.configMap("-journal"), &c); kubernetes.NotFound(err) {
		return nil, nil, nil
	} else if err != nil {
		return nil, nil, s.explain("read the journal", err)
	}
	keys = slices.Sorted(maps.Keys(c.Data))
	for _, k := range keys {
		for d := json.NewDecoder(strings.NewReader(c.Data[k])); d.More(); {
			var e state.Entry
			if err := d.Decode(&e); err != nil {
				return nil, nil, s.unreadable(s.configMap("-journal"), err)
			}
			entries = append(entries, e)
		}
	}
	return keys, entries, nil
}

// State gives it as the state of an installation.
func (s *Store) State() state.Store { return state.Store{Locker: s, Secrets: s, Log: s, Notes: s} }
