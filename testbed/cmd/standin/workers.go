package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"berth/testbed/internal/contract"
	"berth/testbed/internal/schema"
)

// work is a background service: it gets the databases from the frontend and is healthy once it has them.
func (s *service) work(ctx context.Context, on []string, pause time.Duration, turn func(context.Context, pools) error) error {
	var ready atomic.Bool
	health := func(context.Context) error {
		if !ready.Load() {
			return errors.New("waiting for the frontend")
		}
		return nil
	}
	go func() {
		c, err := s.config(ctx)
		if err != nil {
			return
		}
		db, err := open(ctx, c.DSN)
		if err != nil {
			s.logf("%v", err)
			return
		}
		ready.Store(true)
		s.every(ctx, pause, func(ctx context.Context) error { return turn(ctx, db) })
	}()
	listen := map[string]http.Handler{":6060": s.debug(health)}
	for _, a := range on {
		listen[a] = s.mux(health)
	}
	return s.serve(ctx, listen)
}

// runWorker moves background migrations ahead and counts what insights ask for.
func runWorker(ctx context.Context, s *service) error {
	const pause = time.Second
	return s.work(ctx, []string{":3189", ":6996"}, pause, func(ctx context.Context, db pools) error {
		if _, err := schema.Advance(ctx, db.frontend(), nil, s.minor, pause, s.pace()); err != nil {
			return err
		}
		if db["codeinsights"] == nil {
			return nil
		}
		var repos int
		if err := db.frontend().QueryRow(ctx, "SELECT count(*) FROM repo").Scan(&repos); err != nil {
			return err
		}
		_, err := db["codeinsights"].Exec(ctx, `INSERT INTO series_points (series_id, value) SELECT series_id, $1 FROM insight_series s
			WHERE NOT EXISTS (SELECT FROM series_points p WHERE p.series_id = s.series_id AND p.time > now() - interval '1 minute')`, float64(repos))
		return err
	})
}

// runPreciseWorker takes uploads from the queue, checks what the store kept, and records them in codeintel-db.
func runPreciseWorker(ctx context.Context, s *service) error {
	store := objects{contract.UploadOf(s.env)}
	return s.work(ctx, []string{":3188"}, time.Second, func(ctx context.Context, db pools) error {
		tx, err := db.frontend().Begin(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback(ctx) }() // does nothing after the commit
		var id int
		var key, want string
		err = tx.QueryRow(ctx, `SELECT id, object_key, sha256 FROM lsif_uploads WHERE state = 'queued' ORDER BY id LIMIT 1
			FOR UPDATE SKIP LOCKED`).Scan(&id, &key, &want)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		content, err := store.get(ctx, key)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		if got := hex.EncodeToString(sum[:]); got != want {
			_, err = tx.Exec(ctx, "UPDATE lsif_uploads SET state = 'failed', failure_message = $2 WHERE id = $1", id,
				fmt.Sprintf("the store has %s, and %s was uploaded", got, want))
			return errors.Join(err, tx.Commit(ctx))
		}
		if _, err := db["codeintel"].Exec(ctx, `INSERT INTO codeintel_scip_metadata (upload_id, tool_name, size) VALUES ($1, 'stand-in', $2)
			ON CONFLICT (upload_id) DO NOTHING`, id, len(content)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "UPDATE lsif_uploads SET state = 'completed' WHERE id = $1", id); err != nil {
			return err
		}
		return tx.Commit(ctx)
	})
}

// runSyntacticWorker has nothing to do; it is healthy when it reaches the databases.
func runSyntacticWorker(ctx context.Context, s *service) error {
	return s.work(ctx, []string{address(s.env("SYNTACTIC_CODE_INTEL_WORKER_ADDR"), ":3188")}, 10*time.Second,
		func(ctx context.Context, db pools) error { return db.ping(ctx, "codeintel") })
}
