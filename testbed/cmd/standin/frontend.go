package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sort"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"

	"berth/testbed/internal/contract"
	"berth/testbed/internal/jsonc"
	"berth/testbed/internal/schema"
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
	blocked      atomic.Pointer[string] // why the databases are not used yet; nil when they are
}

func runFrontend(ctx context.Context, s *service) error {
	if err := contract.Distinct(schema.Databases, s.env); err != nil {
		return err
	}
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
	f.block("still starting")
	ctx, refuse := context.WithCancelCause(ctx)
	defer refuse(nil)
	go f.boot(ctx, refuse, services, settings)
	err = s.serve(ctx, map[string]http.Handler{
		address(s.env("SRC_HTTP_ADDR"), ":3080"):          f.web(),
		address(s.env("SRC_HTTP_ADDR_INTERNAL"), ":3090"): f.internal(),
		":6060": s.debug(f.ready),
	})
	if why := context.Cause(ctx); why != nil && !errors.Is(why, context.Canceled) {
		return why
	}
	return err
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
		out[db+" database"] = func(ctx context.Context) error { return f.db.ping(ctx, db) }
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
	if why := f.blocked.Load(); why != nil {
		bad = append(bad, *why)
	}
	if len(bad) > 0 {
		return errors.New(strings.Join(bad, "\n"))
	}
	return f.faulty(ctx)
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

// begin writes the files' content into the database, once it differs from what that has.
func (f *frontend) begin(ctx context.Context, services map[string][]json.RawMessage, settings string) error {
	db := f.db.frontend()
	if settings != "" {
		if _, err := db.Exec(ctx, `INSERT INTO settings (contents) SELECT $1 WHERE $1 IS DISTINCT FROM
			(SELECT contents FROM settings WHERE user_id IS NULL AND org_id IS NULL ORDER BY id DESC LIMIT 1)`, settings); err != nil {
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
			if err := f.addService(ctx, kind, fmt.Sprintf("%s #%d", kind, n+1), string(c)); err != nil {
				return err
			}
			if err := f.addOther(ctx, kind, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// addService adds a code host, or gives one its new settings. Several frontends do so at once: the lock lets them take turns.
func (f *frontend) addService(ctx context.Context, kind, name, config string) error {
	tx, err := f.db.frontend().Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }() // does nothing after the commit
	if _, err := tx.Exec(ctx, "LOCK TABLE external_services IN SHARE ROW EXCLUSIVE MODE"); err != nil {
		return err
	}
	tag, err := tx.Exec(ctx, "UPDATE external_services SET config = $3, updated_at = now() WHERE kind = $1 AND display_name = $2", kind, name, config)
	if err == nil && tag.RowsAffected() == 0 {
		_, err = tx.Exec(ctx, "INSERT INTO external_services (kind, display_name, config) VALUES ($1, $2, $3)", kind, name, config)
	}
	if err != nil {
		return err
	}
	return tx.Commit(ctx)
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

// siteConfig merges the files that SITE_CONFIG_FILE names; later ones win. They are read each time, as the real ones are watched.
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
	m.HandleFunc("GET /sign-in", f.home)
	m.HandleFunc("GET /search", f.search)
	m.HandleFunc("GET /.api/search/stream", f.stream)
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
	m.HandleFunc("GET /api/spoiled", f.spoiled)
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
		err := f.db.frontend().QueryRow(r.Context(), "SELECT bundle FROM standin_repos JOIN repo ON repo.id = repo_id WHERE name = $1 AND bundle IS NOT NULL",
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
		if _, err := f.db.frontend().Exec(r.Context(), `WITH at AS (UPDATE standin_repos SET commit = $6 FROM repo WHERE repo.id = repo_id AND name = $1)
			UPDATE gitserver_repos SET clone_status = $2, shard_id = $3, repo_size_bytes = $4, last_error = $5, updated_at = now(), last_fetched = now()
			FROM repo WHERE repo.id = repo_id AND name = $1`, c.Name, status, c.Shard, c.Bytes, c.Error, c.Commit); err != nil {
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
