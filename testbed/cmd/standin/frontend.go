package main

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/jackc/pgx/v5"

	"berth/testbed/internal/contract"
	"berth/testbed/internal/jsonc"
	"berth/testbed/internal/schema"
	"berth/testbed/internal/shard"
)

// frontend is the web application and the internal API; both run in every frontend container.
type frontend struct {
	*service
	dsn          map[string]string
	db           pools
	cache, store *redis.Pool
	objects      objects
	git, zoekt   []string
	searchers    []string
}

func runFrontend(ctx context.Context, s *service) error {
	f := &frontend{service: s, dsn: dsns(s.env), objects: objects{contract.UploadOf(s.env)},
		cache: redisPool(redisURL("cache", s.env)), store: redisPool(redisURL("store", s.env))}
	var err error
	for _, l := range []struct {
		name string
		into *[]string
	}{{"SRC_GIT_SERVERS", &f.git}, {"INDEXED_SEARCH_SERVERS", &f.zoekt}, {"SEARCHER_URL", &f.searchers}} {
		if *l.into, err = contract.List(l.name, s.env); err != nil {
			return err
		}
	}
	if f.db, err = open(ctx, f.dsn); err != nil {
		return err
	}
	if _, err := f.siteConfig(); err != nil {
		return fmt.Errorf("SITE_CONFIG_FILE: %w", err)
	}
	services, settings, err := f.files()
	if err != nil {
		return err
	}
	go s.every(ctx, 2*time.Second, func(ctx context.Context) error {
		if err := f.ready(ctx); err != nil {
			return fmt.Errorf("not ready: %w", err)
		}
		return f.begin(ctx, services, settings)
	})
	return s.serve(ctx, map[string]http.Handler{
		address(s.env("SRC_HTTP_ADDR"), ":3080"):          f.web(),
		address(s.env("SRC_HTTP_ADDR_INTERNAL"), ":3090"): f.internal(),
		":6060": s.debug(f.ready),
	})
}

func address(set, standard string) string {
	if set != "" {
		return set
	}
	return standard
}

// checks are all that the frontend can't work without.
func (f *frontend) checks() map[string]check {
	out := map[string]check{
		"redis-cache": func(ctx context.Context) error { _, err := redisDo(ctx, f.cache, "PING"); return err },
		"redis-store": func(ctx context.Context) error { _, err := redisDo(ctx, f.store, "PING"); return err },
		"blobstore":   f.objects.ready,
	}
	for db := range f.db {
		out[db+" database"] = func(ctx context.Context) error {
			if err := f.db.ping(ctx, db); err != nil {
				return err
			}
			return schema.Ready(ctx, f.db[db], db, f.minor)
		}
	}
	return out
}

// ready names everything that isn't.
func (f *frontend) ready(ctx context.Context) error {
	all := f.checks()
	type result struct {
		name string
		err  error
	}
	results := make(chan result, len(all))
	for name, c := range all {
		go func() { results <- result{name, c(ctx)} }()
	}
	var bad []string
	for range all {
		if r := <-results; r.err != nil {
			bad = append(bad, r.name+": "+r.err.Error())
		}
	}
	sort.Strings(bad)
	if len(bad) > 0 {
		return errors.New(strings.Join(bad, "\n"))
	}
	return f.apart(ctx)
}

// apart refuses one database for both purposes, as the real frontend does.
func (f *frontend) apart(ctx context.Context) error {
	id := func(db string) (s string, err error) {
		err = f.db[db].QueryRow(ctx, "SELECT system_identifier::text || '/' || current_database() FROM pg_control_system()").Scan(&s)
		return s, err
	}
	a, err := id("frontend")
	if err != nil {
		return err
	}
	b, err := id("codeintel")
	if err != nil {
		return err
	}
	if a == b {
		return errors.New("PGHOST and CODEINTEL_PGHOST lead to one database; they have to be two")
	}
	return nil
}

// files reads what EXTSVC_CONFIG_FILE and GLOBAL_SETTINGS_FILE name.
func (f *frontend) files() (services map[string][]json.RawMessage, settings string, err error) {
	if p := f.env("EXTSVC_CONFIG_FILE"); p != "" {
		if err := jsonc.DecodeFile(p, &services); err != nil {
			return nil, "", fmt.Errorf("EXTSVC_CONFIG_FILE: %w", err)
		}
	}
	if p := f.env("GLOBAL_SETTINGS_FILE"); p != "" {
		var v map[string]any
		if err := jsonc.DecodeFile(p, &v); err != nil {
			return nil, "", fmt.Errorf("GLOBAL_SETTINGS_FILE: %w", err)
		}
		text, err := os.ReadFile(p)
		return services, string(text), err
	}
	return services, "", nil
}

// begin writes this release and the files' content into the database, once they differ from what it has.
func (f *frontend) begin(ctx context.Context, services map[string][]json.RawMessage, settings string) error {
	db := f.db.frontend()
	have, err := schema.Version(ctx, db)
	if err != nil {
		return err
	}
	if have != f.version {
		if _, err := db.Exec(ctx, schema.SetVersion, f.version); err != nil {
			return err
		}
	}
	if settings != "" {
		if _, err := db.Exec(ctx, `INSERT INTO settings (contents) SELECT $1
			WHERE $1 IS DISTINCT FROM (SELECT contents FROM settings ORDER BY id DESC LIMIT 1)`, settings); err != nil {
			return err
		}
	}
	config, err := f.siteConfig()
	if err != nil {
		return err
	}
	text, err := json.Marshal(config)
	if err != nil {
		return err
	}
	if _, err := db.Exec(ctx, `INSERT INTO critical_and_site_config (type, contents) SELECT 'site', $1
		WHERE $1 IS DISTINCT FROM (SELECT contents FROM critical_and_site_config ORDER BY id DESC LIMIT 1)`, string(text)); err != nil {
		return err
	}
	for kind, configs := range services {
		for n, c := range configs {
			if _, err := db.Exec(ctx, `INSERT INTO external_services (kind, display_name, config) VALUES ($1, $2, $3)
				ON CONFLICT (display_name) DO UPDATE SET config = excluded.config`, kind, fmt.Sprintf("%s #%d", kind, n+1), string(c)); err != nil {
				return err
			}
			if err := f.addOther(ctx, kind, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// addOther adds the repositories of a code host of kind OTHER, the only kind whose list needs no request to a code host.
func (f *frontend) addOther(ctx context.Context, kind string, config json.RawMessage) error {
	var c struct {
		URL   string   `json:"url"`
		Repos []string `json:"repos"`
	}
	if kind != "OTHER" {
		return nil
	}
	if err := json.Unmarshal(config, &c); err != nil {
		return fmt.Errorf("EXTSVC_CONFIG_FILE: OTHER: %w", err)
	}
	for _, r := range c.Repos {
		from := strings.TrimSuffix(c.URL, "/") + "/" + strings.TrimPrefix(r, "/")
		_, name, _ := strings.Cut(from, "://")
		name = strings.TrimSuffix(strings.Trim(name, "/"), ".git")
		if err := f.addRepo(ctx, name, from, nil, false); err != nil {
			return err
		}
	}
	return nil
}

// siteConfig merges the files that SITE_CONFIG_FILE names; later ones win. They are read anew each time, as the real ones are watched.
func (f *frontend) siteConfig() (map[string]any, error) {
	out := map[string]any{}
	for _, p := range strings.Split(f.env("SITE_CONFIG_FILE"), ":") {
		if p == "" {
			continue
		}
		if err := jsonc.DecodeFile(p, &out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (f *frontend) web() http.Handler {
	m := f.mux(f.ready)
	m.HandleFunc("GET /{$}", f.home)
	m.HandleFunc("GET /search", f.search)
	m.HandleFunc("GET /api/status", f.status)
	m.HandleFunc("POST /api/site-init", f.siteInit)
	m.HandleFunc("POST /api/sign-in", f.signIn)
	m.HandleFunc("GET /api/me", f.me)
	m.HandleFunc("GET /api/users", f.users)
	m.HandleFunc("GET /api/repos", f.repos)
	m.HandleFunc("POST /api/repos", f.postRepo)
	// The name of a repository has slashes, so it can't be one segment in the middle of a pattern.
	m.HandleFunc("POST /api/repos/{rest...}", f.postBundle)
	m.HandleFunc("GET /api/settings", f.getSettings)
	m.HandleFunc("PUT /api/settings", f.putSettings)
	m.HandleFunc("GET /api/site-config", f.getSiteConfig)
	m.HandleFunc("GET /api/external-services", f.externalServices)
	m.HandleFunc("POST /api/uploads", f.postUpload)
	m.HandleFunc("GET /api/uploads", f.uploads)
	m.HandleFunc("GET /api/uploads/{id}", f.upload)
	m.HandleFunc("POST /api/insights", f.postInsight)
	m.HandleFunc("GET /api/insights", f.insights)
	return m
}

func (f *frontend) internal() http.Handler {
	m := f.mux(f.ready)
	m.HandleFunc("GET /internal/config", func(w http.ResponseWriter, r *http.Request) {
		reply(w, internalConfig{Version: f.version, Gitservers: f.git, Zoekts: f.zoekt, Searchers: f.searchers, DSN: f.dsn})
	})
	m.HandleFunc("GET /internal/repos", func(w http.ResponseWriter, r *http.Request) {
		all, err := f.listRepos(r.Context())
		if err != nil {
			refuse(w, http.StatusServiceUnavailable, err)
			return
		}
		out := []repoInfo{}
		git, zoekt := r.FormValue("gitserver"), r.FormValue("zoekt")
		for _, i := range all {
			if (git == "" || git == i.Gitserver) && (zoekt == "" || zoekt == i.Zoekt) {
				out = append(out, i)
			}
		}
		reply(w, out)
	})
	m.HandleFunc("GET /internal/bundle", func(w http.ResponseWriter, r *http.Request) {
		var bundle []byte
		err := f.db.frontend().QueryRow(r.Context(), "SELECT bundle FROM repo_bundles JOIN repo ON repo.id = repo_id WHERE name = $1",
			r.FormValue("repo")).Scan(&bundle)
		if err != nil {
			refuse(w, http.StatusNotFound, err)
			return
		}
		_, _ = w.Write(bundle) // a gitserver that went away asks again
	})
	m.HandleFunc("POST /internal/cloned", func(w http.ResponseWriter, r *http.Request) {
		var c cloned
		if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
			refuse(w, http.StatusBadRequest, err)
			return
		}
		status := "cloned"
		if c.Error != "" {
			status = "not_cloned"
		}
		if _, err := f.db.frontend().Exec(r.Context(), `INSERT INTO gitserver_repos (repo_id, clone_status, shard_id, repo_size_bytes, last_error, commit)
			SELECT id, $2, $3, $4, $5, $6 FROM repo WHERE name = $1 ON CONFLICT (repo_id) DO UPDATE SET clone_status = $2, shard_id = $3,
			repo_size_bytes = $4, last_error = $5, commit = $6, updated_at = now()`, c.Name, status, c.Shard, c.Bytes, c.Error, c.Commit); err != nil {
			refuse(w, http.StatusInternalServerError, err)
		}
	})
	return m
}

// status tells of each part whether it works, the peers included, which /healthz leaves out.
func (f *frontend) status(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	out := map[string]string{}
	for name, c := range f.checks() {
		out[name] = "ok"
		if err := c(ctx); err != nil {
			out[name] = err.Error()
		}
	}
	var peers []string
	for _, a := range append(append([]string{}, f.git...), f.zoekt...) {
		peers = append(peers, "http://"+a)
	}
	for _, u := range append(peers, f.searchers...) {
		b, err := call(ctx, "GET", u+"/healthz", nil)
		if err != nil {
			out[u] = err.Error()
			continue
		}
		b.Close()
		out[u] = "ok"
	}
	reply(w, map[string]any{"version": f.version, "parts": out})
}

func hash(password string, salt []byte) (string, error) {
	key, err := pbkdf2.Key(sha256.New, password, salt, 50_000, 32)
	return hex.EncodeToString(salt) + "$" + hex.EncodeToString(key), err
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

// form reads a request's fields from JSON or from a browser's form. What it is shows in the text: curl calls everything a form.
func form(r *http.Request, names ...string) (map[string]string, error) {
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	if strings.HasPrefix(strings.TrimSpace(string(text)), "{") {
		return out, json.Unmarshal(text, &out)
	}
	fields, err := url.ParseQuery(string(text))
	for _, n := range names {
		out[n] = fields.Get(n)
	}
	return out, err
}

func (f *frontend) siteInit(w http.ResponseWriter, r *http.Request) {
	in, err := form(r, "username", "email", "password")
	if err != nil || in["username"] == "" || in["email"] == "" || in["password"] == "" {
		refuse(w, http.StatusBadRequest, errors.New("site-init needs email, username and password"))
		return
	}
	passwd, err := hash(in["password"], random(16))
	if err != nil {
		refuse(w, http.StatusInternalServerError, err)
		return
	}
	tag, err := f.db.frontend().Exec(r.Context(), `INSERT INTO users (username, email, passwd, site_admin)
		SELECT $1, $2, $3, true WHERE NOT EXISTS (SELECT FROM users)`, in["username"], in["email"], passwd)
	switch {
	case err != nil:
		refuse(w, http.StatusServiceUnavailable, err)
	case tag.RowsAffected() == 0:
		refuse(w, http.StatusConflict, errors.New("the site is initialized already"))
	default:
		f.session(w, r, in["username"])
	}
}

func (f *frontend) signIn(w http.ResponseWriter, r *http.Request) {
	in, err := form(r, "username", "password")
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	var passwd string
	err = f.db.frontend().QueryRow(r.Context(), "SELECT passwd FROM users WHERE username = $1", in["username"]).Scan(&passwd)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		refuse(w, http.StatusServiceUnavailable, err)
		return
	}
	salt, _, _ := strings.Cut(passwd, "$")
	raw, saltErr := hex.DecodeString(salt)
	given, hashErr := hash(in["password"], raw)
	if err != nil || saltErr != nil || hashErr != nil || given != passwd {
		refuse(w, http.StatusUnauthorized, errors.New("wrong username or password"))
		return
	}
	f.session(w, r, in["username"])
}

// session signs somebody in. Sessions are in redis-store, so that they outlive every frontend.
func (f *frontend) session(w http.ResponseWriter, r *http.Request, user string) {
	id := hex.EncodeToString(random(16))
	if _, err := redisDo(r.Context(), f.store, "SET", "session_"+id, user, "EX", 90*24*3600); err != nil {
		refuse(w, http.StatusServiceUnavailable, err)
		return
	}
	http.SetCookie(w, &http.Cookie{Name: "sgs", Value: id, Path: "/", HttpOnly: true, MaxAge: 90 * 24 * 3600})
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	reply(w, map[string]any{"username": user, "siteAdmin": true})
}

func (f *frontend) me(w http.ResponseWriter, r *http.Request) {
	c, err := r.Cookie("sgs")
	if err != nil {
		refuse(w, http.StatusUnauthorized, errors.New("not signed in"))
		return
	}
	user, err := redis.String(redisDo(r.Context(), f.store, "GET", "session_"+c.Value))
	if err != nil {
		refuse(w, http.StatusUnauthorized, errors.New("no such session"))
		return
	}
	reply(w, map[string]string{"username": user})
}

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
	f.rows(w, r, "frontend", `SELECT id, username, email, site_admin AS "siteAdmin", created_at AS "createdAt" FROM users ORDER BY id`)
}

func (f *frontend) externalServices(w http.ResponseWriter, r *http.Request) {
	f.rows(w, r, "frontend", `SELECT id, kind, display_name AS "displayName" FROM external_services ORDER BY id`)
}

func (f *frontend) listRepos(ctx context.Context) ([]repoInfo, error) {
	rows, err := f.db.frontend().Query(ctx, `SELECT name, uri, revision, coalesce(commit, '') FROM repo
		LEFT JOIN gitserver_repos ON repo_id = repo.id AND clone_status = 'cloned' ORDER BY name`)
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
	f.rows(w, r, "frontend", `SELECT name, uri AS "cloneURL", coalesce(clone_status, 'not_cloned') AS "cloneStatus", shard_id AS "gitserver",
		commit, repo_size_bytes AS "bytes", last_error AS "lastError" FROM repo LEFT JOIN gitserver_repos ON repo_id = repo.id ORDER BY name`)
}

var repoName = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$`)

// addRepo adds a repository or, with again, makes gitserver clone it anew.
func (f *frontend) addRepo(ctx context.Context, name, uri string, bundle []byte, again bool) error {
	if !repoName.MatchString(name) || strings.Contains(name, "..") {
		return fmt.Errorf("%q is no name of a repository, such as github.com/owner/name", name)
	}
	tx, err := f.db.frontend().Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }() // does nothing after the commit
	sql := "INSERT INTO repo (name, uri) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING"
	if again {
		sql = `INSERT INTO repo (name, uri) VALUES ($1, $2)
			ON CONFLICT (name) DO UPDATE SET uri = excluded.uri, revision = repo.revision + 1, updated_at = now()`
	}
	if _, err := tx.Exec(ctx, sql, name, uri); err != nil {
		return err
	}
	if bundle != nil {
		if _, err := tx.Exec(ctx, `INSERT INTO repo_bundles (repo_id, bundle) SELECT id, $2 FROM repo WHERE name = $1
			ON CONFLICT (repo_id) DO UPDATE SET bundle = excluded.bundle`, name, bundle); err != nil {
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
	err := f.db.frontend().QueryRow(r.Context(), "SELECT contents FROM settings ORDER BY id DESC LIMIT 1").Scan(&text)
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
	if err := f.db.frontend().QueryRow(r.Context(), `INSERT INTO lsif_uploads (repository, object_key, sha256, size) VALUES ($1, $2, $3, $4)
		RETURNING id`, repository, key, digest, len(content)).Scan(&id); err != nil {
		refuse(w, http.StatusServiceUnavailable, err)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	reply(w, map[string]any{"id": id, "sha256": digest})
}

func (f *frontend) uploads(w http.ResponseWriter, r *http.Request) {
	f.rows(w, r, "frontend", `SELECT id, repository, state, sha256, size, failure_message AS "failure" FROM lsif_uploads ORDER BY id`)
}

// upload gives the content back as the blob store has it now.
func (f *frontend) upload(w http.ResponseWriter, r *http.Request) {
	var key string
	id, err := strconv.Atoi(r.PathValue("id"))
	if err == nil {
		err = f.db.frontend().QueryRow(r.Context(), "SELECT object_key FROM lsif_uploads WHERE id = $1", id).Scan(&key)
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
	f.rows(w, r, "codeinsights", `INSERT INTO insight_series (series_id, query) VALUES ($1, $2) RETURNING series_id AS "id", query`,
		hex.EncodeToString(random(8)), in["query"])
}

func (f *frontend) insights(w http.ResponseWriter, r *http.Request) {
	f.rows(w, r, "codeinsights", `SELECT s.series_id AS "id", query, count(p.value) AS "points", max(p.value) AS "max"
		FROM insight_series s LEFT JOIN series_points p USING (series_id) GROUP BY s.id, s.series_id, query ORDER BY s.id`)
}
