package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"berth/testbed/internal/contract"
	"berth/testbed/internal/schema"
	"berth/testbed/internal/scip"
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
	index, err := scip.Parse(content)
	if err != nil {
		_, err = tx.Exec(ctx, "UPDATE lsif_uploads SET state = 'failed', failure_message = $2, finished_at = now() WHERE id = $1", id, err.Error())
		return errors.Join(err, tx.Commit(ctx))
	}
	if err := keepIndex(ctx, db["codeintel"], id, index); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "UPDATE lsif_uploads SET indexer = $2, indexer_version = $3 WHERE id = $1", id, index.Tool, index.ToolVersion); err != nil {
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

// keepIndex writes an upload into codeintel-db, once.
func keepIndex(ctx context.Context, db *pgxpool.Pool, id int, index scip.Index) error {
	tx, err := db.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }() // does nothing after the commit
	tag, err := tx.Exec(ctx, `INSERT INTO codeintel_scip_metadata (upload_id, tool_name, tool_version, tool_arguments, text_document_encoding, protocol_version)
		SELECT $1, $2, $3, $4, $5, $6 WHERE NOT EXISTS (SELECT FROM codeintel_scip_metadata WHERE upload_id = $1)`,
		id, index.Tool, index.ToolVersion, append([]string{}, index.Arguments...), index.Encoding, index.Protocol)
	if err != nil || tag.RowsAffected() == 0 {
		return err
	}
	names := map[string]int{}
	for _, d := range index.Documents {
		if err := keepDocument(ctx, tx, id, d, names); err != nil {
			return fmt.Errorf("%s: %w", d.Path, err)
		}
	}
	return tx.Commit(ctx)
}

// keepDocument writes one file of an index. names has the ids of the symbols so far. Sourcegraph cuts names into the segments of a tree and packs
// ranges tighter; here a name is one segment, and a range's numbers are varints.
func keepDocument(ctx context.Context, tx pgx.Tx, id int, d scip.Document, names map[string]int) error {
	var payload bytes.Buffer
	zip := gzip.NewWriter(&payload)
	if _, err := zip.Write(d.Raw); err != nil {
		return err
	}
	if err := zip.Close(); err != nil {
		return err
	}
	sum := sha256.Sum256(d.Raw)
	if _, err := tx.Exec(ctx, `INSERT INTO codeintel_scip_documents (payload_hash, schema_version, raw_scip_payload) VALUES ($1, 1, $2)
		ON CONFLICT (payload_hash) DO NOTHING`, sum[:], payload.Bytes()); err != nil {
		return err
	}
	var lookup int64
	if err := tx.QueryRow(ctx, `INSERT INTO codeintel_scip_document_lookup (upload_id, document_path, document_id)
		SELECT $1, $2, id FROM codeintel_scip_documents WHERE payload_hash = $3 RETURNING id`, id, d.Path, sum[:]).Scan(&lookup); err != nil {
		return err
	}
	for _, s := range d.Symbols {
		if strings.HasPrefix(s.Name, "local ") { // those of one document have no row
			continue
		}
		n, known := names[s.Name]
		if !known {
			n = len(names) + 1
			names[s.Name] = n
			if _, err := tx.Exec(ctx, "INSERT INTO codeintel_scip_symbol_names (id, upload_id, name_segment) VALUES ($1, $2, $3)", n, id, s.Name); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `INSERT INTO codeintel_scip_symbols (upload_id, document_lookup_id, schema_version, symbol_id, definition_ranges, reference_ranges)
			VALUES ($1, $2, 1, $3, $4, $5)`, id, lookup, n, packed(s.Definitions), packed(s.References)); err != nil {
			return err
		}
	}
	return nil
}

// packed are numbers as varints, or nothing when there are none.
func packed(numbers []int32) (out []byte) {
	for _, n := range numbers {
		out = binary.AppendUvarint(out, uint64(n))
	}
	return out
}

// runSyntacticWorker has nothing to do; it is healthy when it reaches the databases.
func runSyntacticWorker(ctx context.Context, s *service) error {
	return s.work(ctx, []string{address(s.env("SYNTACTIC_CODE_INTEL_WORKER_ADDR"), ":3188")}, 10*time.Second,
		func(ctx context.Context, db pools) error { return db.ping(ctx, "codeintel") })
}
