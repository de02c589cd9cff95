package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"berth/testbed/internal/schema"
)

// boot waits for the databases, refuses those that this release may not use, records the release, and keeps the files' content up to date.
// Once it is admitted the schemas are not looked at again: the next release's migrator may work on them while this one runs.
func (f *frontend) boot(ctx context.Context, refuse context.CancelCauseFunc, services map[string][]json.RawMessage, settings string) {
	f.every(ctx, 2*time.Second, func(ctx context.Context) error {
		if f.blocked.Load() != nil {
			var no *refusal
			if err := f.admit(ctx); errors.As(err, &no) {
				refuse(no)
				return nil
			} else if err != nil {
				f.block(err.Error())
				return fmt.Errorf("not ready: %w", err)
			}
			f.blocked.Store(nil)
		}
		if err := f.ready(ctx); err != nil {
			return fmt.Errorf("not ready: %w", err)
		}
		return f.begin(ctx, services, settings)
	})
}

func (f *frontend) block(why string) { f.blocked.Store(&why) }

// refusal is why a frontend will never run on these databases. The process ends with it, and whoever started it starts it again.
type refusal struct{ error }

// admit checks what the real frontend checks before it starts, in that order, and records this release as the instance's. Another error
// than a refusal means that the databases are not there yet.
func (f *frontend) admit(ctx context.Context) error {
	for name, db := range f.db {
		if err := f.db.ping(ctx, name); err != nil {
			return fmt.Errorf("%s database: %w", name, err)
		}
		if err := schema.TooOld(ctx, db, f.minor); errors.Is(err, schema.ErrTooOld) {
			return &refusal{fmt.Errorf("failed to connect to %s database: %w", name, err)}
		} else if err != nil {
			return err
		}
	}
	db := f.db.frontend()
	before, _, err := schema.Version(ctx, db)
	if err != nil {
		return err
	}
	if err := schema.NotAllowed(before, f.minor, f.version); err != nil {
		return &refusal{err}
	}
	for name, db := range f.db {
		if err := schema.Ready(ctx, db, name, f.minor); err != nil {
			return err
		}
	}
	if err := schema.SyncOutOfBand(ctx, db, f.minor); err != nil {
		return err
	}
	if f.env("SRC_DISABLE_OOBMIGRATION_VALIDATION") != "true" {
		if err := schema.Unfinished(ctx, db, f.minor); err != nil {
			return &refusal{fmt.Errorf("ERROR: %w", err)}
		}
	}
	_, err = db.Exec(ctx, schema.SetVersion, f.version)
	return err
}

// faulty keeps a frontend unhealthy when a test wants that of its release: the fault frontend_unhealthy, with a version or a minor.
func (f *frontend) faulty(ctx context.Context) error {
	faults, err := schema.ReadFaults(ctx, f.db.frontend())
	if err != nil {
		return err
	}
	if v := faults["frontend_unhealthy"]; v != "" && (v == f.version || v == f.minor.String()) {
		return fmt.Errorf("fault frontend_unhealthy=%s", v)
	}
	return nil
}
