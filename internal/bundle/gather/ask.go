package gather

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"berth/internal/bundle"
	"berth/internal/config"
	"berth/internal/data"
	"berth/internal/installation"
	"berth/internal/secret"
)

// looks reports a variable that may be a secret.
func looks(name, value string) bool {
	_, found := secret.Looks(name, value)
	return found
}

// ask runs a program in an instance, and gives what it writes.
func ask(ctx context.Context, i *installation.Installation, one installation.Instance, input string, args ...string) ([]byte, error) {
	var out, complaint bytes.Buffer
	exit, err := i.Exec(ctx, one, installation.Command{Args: args, Stdin: strings.NewReader(input), Stdout: &out, Stderr: &complaint})
	if err == nil && exit != 0 {
		first, _, _ := strings.Cut(strings.TrimSpace(complaint.String()), "\n")
		err = fmt.Errorf("%s ended with exit code %d: %s", args[0], exit, first)
	}
	return out.Bytes(), err
}

// answering is how long a database may take for all of its answer. A task to ask an external one starts within it.
const answering = time.Minute

// query asks a database: a bundled one in its own container, where no password is needed, and an external one from a task. Each line of the answer is JSON.
func query(ctx context.Context, e *installation.Environment, i *installation.Installation, all []installation.Instance, database, sql string) ([]json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, answering)
	defer cancel()
	sql = "SET default_transaction_read_only = on; SET statement_timeout = '20s';\n" + sql
	args := []string{"--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--file", "-"}
	if external := i.Doc.Config.Databases[database].External; external != nil {
		return queryExternal(ctx, e, i, external, data.Session{Database: database}, sql, args)
	}
	one, err := running(all, database)
	if err != nil {
		return nil, err
	}
	store := i.Release.Relations.Stores.Postgres.Databases[database]
	out, err := ask(ctx, i, one, sql, append([]string{"psql", "--username", store.User, "--dbname", store.Database}, args...)...)
	return rowsOf(out), err
}

// queryExternal asks an external database from beside the installation. The answer comes through the task, not from its log, which a cluster may ship to others.
func queryExternal(ctx context.Context, e *installation.Environment, i *installation.Installation, external *config.ExternalDatabase, s data.Session, sql string, args []string) (rows []json.RawMessage, err error) {
	if external.Beside() {
		return nil, errors.New(s.Database + " is reached through a container beside each service, where berth can't query it")
	}
	err = i.Session(ctx, e, s, func(in installation.Instance) error {
		out, err := ask(ctx, i, in, sql, s.Outside(args...)...)
		rows = rowsOf(out)
		return err
	})
	return rows, err
}

// rowsOf are the lines of an answer that are JSON.
func rowsOf(out []byte) (rows []json.RawMessage) {
	for line := range bytes.Lines(out) {
		if line = bytes.TrimSpace(line); len(line) > 0 && json.Valid(line) {
			rows = append(rows, json.RawMessage(bytes.Clone(line)))
		}
	}
	return rows
}

// heldQuery asks for what has secrets: connections to code hosts, and the last texts of the site configuration. A row is taken as it is, since releases
// differ in its columns.
const heldQuery = `SELECT json_build_object('kind', e.kind, 'text', e.config, 'key', to_jsonb(e)->>'encryption_key_id') FROM external_services e WHERE deleted_at IS NULL;
SELECT json_build_object('kind', '', 'text', contents) FROM critical_and_site_config WHERE type = 'site' ORDER BY id DESC LIMIT 20;
`

// databases adds the secrets that Sourcegraph holds in its site configuration and code hosts.
func (k *keeper) databases(ctx context.Context, all []installation.Instance) {
	const what = "secrets that Sourcegraph holds in its site configuration and code hosts"
	rows, err := query(ctx, k.env, k.at, all, "pgsql", heldQuery)
	if err != nil {
		k.missed(what, err)
		return
	}
	known := k.env.Catalogue().Configuration()
	encrypted, unread := 0, 0
	for _, row := range rows {
		var r struct{ Kind, Text, Key string }
		bad := json.Unmarshal(row, &r) != nil
		k.told = append(k.told, told{r.Kind, r.Text})
		switch {
		case bad:
			unread++
		case r.Key != "":
			encrypted++
		case r.Kind == "" && !k.siteConfig(known, r.Text), r.Kind != "" && !k.codeHost(known, r.Kind, r.Text):
			unread++
		}
	}
	if encrypted > 0 {
		k.missed(what, fmt.Errorf("%d connections are encrypted in the database", encrypted))
	}
	if unread > 0 {
		k.missed(what, fmt.Errorf("%d texts are no JSON", unread))
	}
}

// stateQuery are the questions about each database: which release and server, migrations that did not end well, locks, sizes.
const stateQuery = `SELECT json_build_object('what', 'server', 'version', version(), 'bytes', pg_database_size(current_database()), 'connections', (SELECT count(*) FROM pg_stat_activity),
  'most', current_setting('max_connections'), 'collation', (SELECT datcollate FROM pg_database WHERE datname = current_database()), 'recovery', pg_is_in_recovery());
SELECT json_build_object('what', 'setting', 'name', name, 'value', setting) FROM pg_settings WHERE source NOT IN ('default', 'override', 'client');
SELECT json_build_object('what', 'waiting', 'seconds', extract(epoch FROM now() - query_start)::int, 'state', state, 'wait', wait_event_type, 'query', left(query, 200))
  FROM pg_stat_activity WHERE state <> 'idle' AND query_start < now() - interval '30 seconds' AND pid <> pg_backend_pid();
SELECT json_build_object('what', 'invalid index', 'name', indexrelid::regclass::text) FROM pg_index WHERE NOT indisvalid;
SELECT json_build_object('what', 'table', 'name', relid::regclass::text, 'bytes', pg_total_relation_size(relid), 'rows', n_live_tup, 'dead', n_dead_tup, 'vacuumed', last_autovacuum)
  FROM pg_stat_user_tables ORDER BY pg_total_relation_size(relid) DESC LIMIT 30;
SELECT json_build_object('what', 'migration', 'row', to_jsonb(m)) FROM (SELECT * FROM migration_logs ORDER BY id DESC LIMIT 50) m;
`

// release are the questions about Sourcegraph's own release, which pgsql answers.
const release = `SELECT json_build_object('what', 'release', 'row', to_jsonb(v)) FROM versions v;
SELECT json_build_object('what', 'background migration', 'row', to_jsonb(m)) FROM out_of_band_migrations m;
`

// databases collects how the databases are.
func databases(e *installation.Environment, i *installation.Installation, all []installation.Instance) (out []bundle.Collector) {
	for database := range i.Release.Relations.Stores.Postgres.Databases {
		sql := stateQuery
		if database == "pgsql" {
			sql += release
		}
		out = append(out, bundle.Collector{Name: "database " + database, Collect: func(ctx context.Context, out *bundle.Out) error {
			rows, err := query(ctx, e, i, all, database, sql)
			if len(rows) > 0 {
				out.JSON("databases/"+database+".json", rows)
			}
			return err
		}})
	}
	return out
}

// prometheusQueries are what is asked of Prometheus over the time of the logs.
var prometheusQueries = []struct{ name, query string }{
	{"alerts", `ALERTS{alertstate="firing"}`},
	{"down", `up == 0`},
	{"memory", `max by (name, pod, container) (container_memory_working_set_bytes / container_spec_memory_limit_bytes > 0.5 < Inf)`},
	{"throttled", `sum by (name, pod, container) (rate(container_cpu_cfs_throttled_seconds_total[5m])) > 0.1`},
	{"disk", `max by (mount, device, instance) (1 - node_filesystem_avail_bytes / node_filesystem_size_bytes > 0.7)`},
}

// points is how many values a range has at most.
const points = 200

// metrics collects ranges of key metrics from Prometheus.
func metrics(i *installation.Installation, all []installation.Instance, since time.Time) []bundle.Collector {
	return []bundle.Collector{{Name: "metrics", Collect: func(ctx context.Context, out *bundle.Out) error {
		one, err := running(all, "prometheus")
		if err != nil {
			return err
		}
		end := time.Now()
		step := max(60, int(end.Sub(since).Seconds())/points)
		for _, q := range prometheusQueries {
			values := url.Values{"query": {q.query}, "start": {strconv.FormatInt(since.Unix(), 10)}, "end": {strconv.FormatInt(end.Unix(), 10)}, "step": {strconv.Itoa(step)}}
			text, err := ask(ctx, i, one, "", "wget", "-q", "-O", "-", "http://127.0.0.1:9090/api/v1/query_range?"+values.Encode())
			if err != nil {
				return err
			}
			out.File("metrics/"+q.name+".json", bytes.NewReader(text))
		}
		return nil
	}}}
}
