package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"berth/testbed/internal/jsonc"
	"berth/testbed/internal/shard"
)

// rows answers a query as a list of objects.
func (f *frontend) rows(w http.ResponseWriter, r *http.Request, db, sql string, args ...any) {
	if f.db[db] == nil {
		refuse(w, http.StatusNotFound, fmt.Errorf("the %s database is turned off", db))
		return
	}
	q, err := f.db[db].Query(r.Context(), sql, args...)
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, err)
		return
	}
	out, err := pgx.CollectRows(q, pgx.RowToMap)
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, err)
		return
	}
	if out == nil {
		out = []map[string]any{}
	}
	reply(w, out)
}

func (f *frontend) users(w http.ResponseWriter, r *http.Request) {
	f.rows(w, r, "frontend", `SELECT id, username::text, email::text, site_admin AS "siteAdmin", users.created_at AS "createdAt" FROM users
		LEFT JOIN user_emails ON user_id = id AND is_primary ORDER BY id`)
}

func (f *frontend) externalServices(w http.ResponseWriter, r *http.Request) {
	f.rows(w, r, "frontend", `SELECT id, kind, display_name AS "displayName" FROM external_services ORDER BY id`)
}

func (f *frontend) listRepos(ctx context.Context) ([]repoInfo, error) {
	rows, err := f.db.frontend().Query(ctx, `SELECT name::text, clone_url, revision, CASE clone_status WHEN 'cloned' THEN coalesce(commit, '') ELSE '' END
		FROM repo JOIN standin_repos s ON s.repo_id = repo.id JOIN gitserver_repos g ON g.repo_id = repo.id ORDER BY name::text`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []repoInfo
	for rows.Next() {
		var i repoInfo
		if err := rows.Scan(&i.Name, &i.URI, &i.Revision, &i.Commit); err != nil {
			return nil, err
		}
		i.Gitserver, i.Zoekt = shard.Owner(i.Name, f.git), shard.Owner(i.Name, f.zoekt)
		out = append(out, i)
	}
	return out, rows.Err()
}

func (f *frontend) repos(w http.ResponseWriter, r *http.Request) {
	f.rows(w, r, "frontend", `SELECT name::text, clone_url AS "cloneURL", clone_status AS "cloneStatus", nullif(shard_id, '') AS "gitserver", commit,
		repo_size_bytes AS "bytes", last_error AS "lastError"
		FROM repo JOIN standin_repos s ON s.repo_id = repo.id JOIN gitserver_repos g ON g.repo_id = repo.id ORDER BY name::text`)
}

var repoName = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$`)

// addRepo adds a repository or, with again, makes gitserver clone it once more.
func (f *frontend) addRepo(ctx context.Context, name, uri string, bundle []byte, again bool) error {
	if !repoName.MatchString(name) || strings.Contains(name, "..") {
		return fmt.Errorf("%q is no name of a repository, such as github.com/owner/name", name)
	}
	tx, err := f.db.frontend().Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }() // does nothing after the commit
	// The name is unique only at the end of a transaction, so that ON CONFLICT does not know it: frontends take turns.
	if _, err := tx.Exec(ctx, "LOCK TABLE standin_repos IN SHARE ROW EXCLUSIVE MODE"); err != nil {
		return err
	}
	var id int
	switch err := tx.QueryRow(ctx, "SELECT id FROM repo WHERE name = $1", name).Scan(&id); {
	case errors.Is(err, pgx.ErrNoRows):
		if err := tx.QueryRow(ctx, `INSERT INTO repo (name, uri, external_id, external_service_type, external_service_id, updated_at)
			VALUES ($1::text, $1::text, $1::text, 'other', $2, now()) RETURNING id`, name, uri).Scan(&id); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "INSERT INTO standin_repos (repo_id, clone_url, bundle) VALUES ($1, $2, $3)", id, uri, bundle); err != nil {
			return err
		}
	case err != nil:
		return err
	case again:
		if _, err := tx.Exec(ctx, `UPDATE standin_repos SET clone_url = $2, bundle = coalesce($3, bundle), revision = revision + 1
			WHERE repo_id = $1`, id, uri, bundle); err != nil {
			return err
		}
	}
	return tx.Commit(ctx)
}

func (f *frontend) postRepo(w http.ResponseWriter, r *http.Request) {
	in, err := form(r, "name", "cloneURL")
	if err != nil || in["name"] == "" || in["cloneURL"] == "" {
		refuse(w, http.StatusBadRequest, errors.New("a repository needs name and cloneURL"))
		return
	}
	if err := f.addRepo(r.Context(), in["name"], in["cloneURL"], nil, true); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	w.WriteHeader(http.StatusCreated)
	reply(w, map[string]string{"name": in["name"], "gitserver": shard.Owner(in["name"], f.git), "zoekt": shard.Owner(in["name"], f.zoekt)})
}

// postBundle takes a repository as a git bundle. The bundle stays in the database, which is the code host of such a repository.
func (f *frontend) postBundle(w http.ResponseWriter, r *http.Request) {
	name, last := path.Split(r.PathValue("rest"))
	name = strings.TrimSuffix(name, "/")
	bundle, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 256<<20))
	if err != nil || last != "bundle" || len(bundle) == 0 {
		refuse(w, http.StatusBadRequest, errors.New("POST a git bundle to /api/repos/NAME/bundle"))
		return
	}
	if err := f.addRepo(r.Context(), name, "bundle:", bundle, true); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	w.WriteHeader(http.StatusCreated)
	reply(w, map[string]string{"name": name, "gitserver": shard.Owner(name, f.git), "zoekt": shard.Owner(name, f.zoekt)})
}

func (f *frontend) getSettings(w http.ResponseWriter, r *http.Request) {
	var text string
	err := f.db.frontend().QueryRow(r.Context(), "SELECT contents FROM settings WHERE user_id IS NULL AND org_id IS NULL ORDER BY id DESC LIMIT 1").Scan(&text)
	if errors.Is(err, pgx.ErrNoRows) {
		text, err = "{}", nil
	}
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, text)
}

func (f *frontend) putSettings(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	var v map[string]any
	if err == nil {
		err = jsonc.Decode(text, &v)
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, fmt.Errorf("settings: %w", err))
		return
	}
	if f.env("GLOBAL_SETTINGS_FILE") != "" && f.env("GLOBAL_SETTINGS_ALLOW_EDITS") != "true" {
		refuse(w, http.StatusForbidden, errors.New("the settings come from GLOBAL_SETTINGS_FILE and can't be edited"))
		return
	}
	if _, err := f.db.frontend().Exec(r.Context(), "INSERT INTO settings (contents) VALUES ($1)", string(text)); err != nil {
		refuse(w, http.StatusServiceUnavailable, err)
	}
}

// getSiteConfig shows what the files say, with the license cut down to its end.
func (f *frontend) getSiteConfig(w http.ResponseWriter, r *http.Request) {
	c, err := f.siteConfig()
	if err != nil {
		refuse(w, http.StatusInternalServerError, err)
		return
	}
	out := map[string]any{"externalURL": c["externalURL"], "licenseKey": nil, "keys": keys(c)}
	if l, ok := c["licenseKey"].(string); ok && l != "" {
		out["licenseKey"] = "…" + l[max(0, len(l)-4):]
	}
	reply(w, out)
}

func keys(m map[string]any) []string {
	out := []string{}
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// postUpload keeps a code intelligence upload: its row in pgsql, its content in the blob store, its digest in codeintel-db later.
func (f *frontend) postUpload(w http.ResponseWriter, r *http.Request) {
	content, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 256<<20))
	repository := r.URL.Query().Get("repository")
	if err != nil || repository == "" || len(content) == 0 {
		refuse(w, http.StatusBadRequest, errors.New("POST a file to /api/uploads?repository=NAME"))
		return
	}
	sum := sha256.Sum256(content)
	digest := hex.EncodeToString(sum[:])
	key := "upload-" + hex.EncodeToString(random(8)) + ".scip"
	if err := f.objects.put(r.Context(), key, content); err != nil {
		refuse(w, http.StatusServiceUnavailable, err)
		return
	}
	var id int
	if err := f.db.frontend().QueryRow(r.Context(), `WITH upload AS (INSERT INTO lsif_uploads
			(repository_id, commit, indexer, num_parts, uploaded_parts, upload_size, content_type, queued_at)
			VALUES (coalesce((SELECT id FROM repo WHERE name = $1::text::citext), 0), left($3::text, 40), 'stand-in', 1, '{0}', $4, 'application/x-protobuf+scip', now())
			RETURNING id)
		INSERT INTO standin_uploads (upload_id, repository, object_key, sha256) SELECT id, $1::text, $2, $3::text FROM upload RETURNING upload_id`,
		repository, key, digest, len(content)).Scan(&id); err != nil {
		refuse(w, http.StatusServiceUnavailable, err)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	reply(w, map[string]any{"id": id, "sha256": digest})
}

func (f *frontend) uploads(w http.ResponseWriter, r *http.Request) {
	f.rows(w, r, "frontend", `SELECT id, repository, state, sha256, upload_size AS "size", failure_message AS "failure"
		FROM lsif_uploads JOIN standin_uploads ON upload_id = id ORDER BY id`)
}

// upload gives the content back as the blob store has it now.
func (f *frontend) upload(w http.ResponseWriter, r *http.Request) {
	var key string
	id, err := strconv.Atoi(r.PathValue("id"))
	if err == nil {
		err = f.db.frontend().QueryRow(r.Context(), "SELECT object_key FROM standin_uploads WHERE upload_id = $1", id).Scan(&key)
	}
	if err != nil {
		refuse(w, http.StatusNotFound, err)
		return
	}
	content, err := f.objects.get(r.Context(), key)
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, err)
		return
	}
	_, _ = w.Write(content) // a client that went away needs no answer
}

func (f *frontend) postInsight(w http.ResponseWriter, r *http.Request) {
	in, err := form(r, "query")
	if err != nil || in["query"] == "" {
		refuse(w, http.StatusBadRequest, errors.New("an insight needs query"))
		return
	}
	f.rows(w, r, "codeinsights", `INSERT INTO insight_series (series_id, query, generation_method) VALUES ($1, $2, 'search')
		RETURNING series_id AS "id", query`,
		hex.EncodeToString(random(8)), in["query"])
}

func (f *frontend) insights(w http.ResponseWriter, r *http.Request) {
	f.rows(w, r, "codeinsights", `SELECT s.series_id AS "id", query, count(p.value) AS "points", max(p.value) AS "max"
		FROM insight_series s LEFT JOIN series_points p USING (series_id) GROUP BY s.id, s.series_id, query ORDER BY s.id`)
}

// spoiled lists the harm that was noted in these databases: tests look at it after all that changes releases.
func (f *frontend) spoiled(w http.ResponseWriter, r *http.Request) {
	var exists bool
	if err := f.db.frontend().QueryRow(r.Context(), "SELECT to_regclass('standin_spoiled') IS NOT NULL").Scan(&exists); err != nil {
		refuse(w, http.StatusServiceUnavailable, err)
		return
	}
	if !exists {
		reply(w, []string{})
		return
	}
	f.rows(w, r, "frontend", "SELECT release, harm, noted FROM standin_spoiled ORDER BY noted, harm")
}
