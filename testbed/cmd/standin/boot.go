package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"berth/testbed/internal/schema"
)

// boot waits for the databases, refuses those that this release may not use, records the release, and keeps the files' content up to date.
// Once it is admitted nothing is refused any more: the next release's migrator may work on the schemas while this one runs.
func (f *frontend) boot(ctx context.Context, refuse context.CancelCauseFunc, services map[string][]json.RawMessage, settings string) {
	var told sync.Once
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
		if err := f.harm(ctx); err != nil {
			return err
		}
		told.Do(func() {
			fmt.Println("✱ Sourcegraph is ready at: http://127.0.0.1" + address(f.env("SRC_HTTP_ADDR"), ":3080"))
		})
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
	if f.env("SRC_DISABLE_OOBMIGRATION_VALIDATION") == "" { // any value lets it, as in Sourcegraph
		if err := schema.Unfinished(ctx, db, f.minor); err != nil {
			return &refusal{fmt.Errorf("ERROR: %w", err)}
		}
	}
	if err := f.spoil(ctx, schema.Skipped(before, f.minor)); err != nil {
		return err
	}
	if err := f.harm(ctx); err != nil {
		return err
	}
	_, err = db.Exec(ctx, schema.SetVersion, f.version)
	return err
}

// harm looks for a schema that this release can't read. The real frontend starts on one and stays, and fails or damages data later.
func (f *frontend) harm(ctx context.Context) error {
	for name, db := range f.db {
		harm, err := schema.Spoiled(ctx, db, name, f.minor)
		if err == nil {
			err = f.spoil(ctx, harm)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// spoil notes harm where tests see it: in a table of pgsql, and once in the log.
func (f *frontend) spoil(ctx context.Context, harm string) error {
	if harm == "" {
		return nil
	}
	fresh, err := schema.Spoil(ctx, f.db.frontend(), f.version, harm)
	if fresh {
		fmt.Printf("STANDIN SPOILED: %s %s\n", f.version, harm)
	}
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
