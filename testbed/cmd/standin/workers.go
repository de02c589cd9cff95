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
	"github.com/jackc/pgx/v5/pgxpool"

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
		return addPoints(ctx, db)
	})
}

// addPoints gives each insight the number of repositories, once a minute.
func addPoints(ctx context.Context, db pools) error {
	if db["codeinsights"] == nil {
		return nil
	}
	var repos int
	if err := db.frontend().QueryRow(ctx, "SELECT count(*) FROM repo").Scan(&repos); err != nil {
		return err
	}
	_, err := db["codeinsights"].Exec(ctx, `INSERT INTO series_points (series_id, "time", value) SELECT series_id, now(), $1 FROM insight_series s
		WHERE NOT EXISTS (SELECT FROM series_points p WHERE p.series_id = s.series_id AND p."time" > now() - interval '1 minute')`, float64(repos))
	return err
}

// runPreciseWorker takes uploads from the queue.
func runPreciseWorker(ctx context.Context, s *service) error {
	store := objects{contract.UploadOf(s.env)}
	return s.work(ctx, []string{":3188"}, time.Second, func(ctx context.Context, db pools) error { return takeUpload(ctx, db, store) })
}

// takeUpload takes one upload from the queue, checks what the store kept, and records it in codeintel-db.
func takeUpload(ctx context.Context, db pools, store objects) error {
	tx, err := db.frontend().Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }() // does nothing after the commit
	var id int
	var key, want string
	err = tx.QueryRow(ctx, `SELECT id, object_key, sha256 FROM lsif_uploads JOIN standin_uploads ON upload_id = id
		WHERE state = 'queued' ORDER BY id LIMIT 1 FOR UPDATE OF lsif_uploads SKIP LOCKED`).Scan(&id, &key, &want)
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
	if err := keepIndex(ctx, db["codeintel"], id, content); err != nil {
		return err
	}
	// There is one complete upload of a commit: it takes the place of the one before.
	if _, err := tx.Exec(ctx, `UPDATE lsif_uploads o SET state = 'deleted' FROM lsif_uploads n WHERE n.id = $1 AND o.state = 'completed'
		AND (o.repository_id, o.commit, o.root, o.indexer) = (n.repository_id, n.commit, n.root, n.indexer)`, id); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "UPDATE lsif_uploads SET state = 'completed', finished_at = now() WHERE id = $1", id); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// keepIndex writes an upload into codeintel-db, once. The whole upload is one document: the stand-in does not read what is in it.
func keepIndex(ctx context.Context, db *pgxpool.Pool, id int, content []byte) error {
	tx, err := db.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }() // does nothing after the commit
	tag, err := tx.Exec(ctx, `INSERT INTO codeintel_scip_metadata (upload_id, tool_name, tool_version, tool_arguments, text_document_encoding, protocol_version)
		SELECT $1, 'stand-in', '', '{}', 'UTF8', 0 WHERE NOT EXISTS (SELECT FROM codeintel_scip_metadata WHERE upload_id = $1)`, id)
	if err != nil || tag.RowsAffected() == 0 {
		return err
	}
	sum := sha256.Sum256(content)
	if _, err := tx.Exec(ctx, `INSERT INTO codeintel_scip_documents (payload_hash, schema_version, raw_scip_payload) VALUES ($1, 1, $2)
		ON CONFLICT (payload_hash) DO NOTHING`, sum[:], content); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO codeintel_scip_document_lookup (upload_id, document_path, document_id)
		SELECT $1, 'index.scip', id FROM codeintel_scip_documents WHERE payload_hash = $2`, id, sum[:]); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// runSyntacticWorker has nothing to do; it is healthy when it reaches the databases.
func runSyntacticWorker(ctx context.Context, s *service) error {
	return s.work(ctx, []string{address(s.env("SYNTACTIC_CODE_INTEL_WORKER_ADDR"), ":3188")}, 10*time.Second,
		func(ctx context.Context, db pools) error { return db.ping(ctx, "codeintel") })
}
