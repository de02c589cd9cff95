package fake

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"berth/internal/state"
)

// Lock keeps others away until release is called, or the process ends.
func (p *place) Lock(ctx context.Context, command string, now func() time.Time) (context.Context, func(), error) {
	err := p.world.effect(func() error {
		if p.held != "" {
			return state.Self(p.held, p.world.clock).AtWork()
		}
		p.held = command
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return ctx, func() {
		p.world.mu.Lock()
		defer p.world.mu.Unlock()
		p.held = ""
	}, nil
}

// Forget deletes the state.
func (p *place) Forget(context.Context) error {
	return p.world.effect(func() error {
		p.forget()
		return nil
	})
}

func (p *place) forget() {
	p.secrets, p.notes, p.history, p.journal, p.original = map[string]string{}, map[string][]byte{}, nil, nil, ""
}

// Generated gives the passwords.
func (p *place) Generated(context.Context) (map[string]string, error) {
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	return copied[map[string]string](p.secrets), nil
}

// Generate makes the passwords that are not there yet.
func (p *place) Generate(ctx context.Context, names []string) (map[string]string, error) {
	missing := false
	for _, name := range names {
		missing = missing || p.secrets[name] == ""
	}
	if missing {
		err := p.world.effect(func() error {
			for _, name := range names {
				if p.secrets[name] == "" {
					p.secrets[name] = "generated-" + name
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return p.Generated(ctx)
}

// Note reads a note.
func (p *place) Note(_ context.Context, name string, out any) error {
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	if p.notes[name] == nil {
		return nil
	}
	return json.Unmarshal(p.notes[name], out)
}

// SetNote writes a note.
func (p *place) SetNote(_ context.Context, name string, note any) error {
	text, err := json.Marshal(note)
	if err != nil {
		return err
	}
	return p.world.effect(func() error {
		p.notes[name] = text
		return nil
	})
}

// Add adds a record to the history.
func (p *place) Add(ctx context.Context, r *state.Record) error {
	records, err := p.History(ctx)
	if err != nil {
		return err
	}
	if n := len(records); n > 0 && records[n-1].Result == state.Killed {
		if err := p.Save(ctx, &records[n-1]); err != nil {
			return err
		}
	}
	return p.world.effect(func() error {
		r.Number = len(p.history) + 1
		p.history = append(p.history, nil)
		return p.save(r)
	})
}

// Save writes a record again.
func (p *place) Save(_ context.Context, r *state.Record) error {
	return p.world.effect(func() error { return p.save(r) })
}

func (p *place) save(r *state.Record) (err error) {
	if r.Number < 1 || r.Number > len(p.history) {
		return fmt.Errorf("there is no record %d", r.Number)
	}
	p.history[r.Number-1], err = json.Marshal(r)
	return err
}

// History gives all records.
func (p *place) History(context.Context) ([]state.Record, error) {
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	records := make([]state.Record, len(p.history))
	for i, text := range p.history {
		if err := json.Unmarshal(text, &records[i]); err != nil {
			return nil, err
		}
		if records[i].Result == state.Killed {
			records[i].Replay(p.journal)
		}
	}
	return records, nil
}

// Journal opens the journal of a run.
func (p *place) Journal(_ context.Context, run int) (state.Journal, error) {
	return journal{p}, p.world.effect(func() error {
		if len(p.journal) > 0 && p.journal[0].Run != run {
			p.journal = nil
		}
		return nil
	})
}

type journal struct{ place *place }

// Add writes entries.
func (j journal) Add(entries ...state.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	return j.place.world.effect(func() error {
		j.place.journal = append(j.place.journal, entries...)
		return nil
	})
}

// Close ends the journal.
func (journal) Close() error { return nil }
