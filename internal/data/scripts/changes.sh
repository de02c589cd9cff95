# Writes what was written since the last round as statements for the other side: the rows that were changed, as they are at one moment. So each round leads
# from one consistent state to a later one, whatever happened between, and may be applied twice. ROUND names it; APPLIED is the one before it that the
# other side has. MODE is "changes", "compare" to sum up all tables on both sides as well, or "last": then it waits for a word, and lets nobody write from then on.
use "$DATABASE"
echo "$forms"
has berth_moving.shape || { echo "nothing notes any more which rows of $DATABASE are written" >&2; exit 5; }
noting A || { echo "some tables of $DATABASE have no trigger any more that notes which rows are written" >&2; exit 5; }
[ "$(shape)" = "$(ask --command 'SELECT shape FROM berth_moving.shape')" ] || { echo "the tables of $DATABASE were changed since the move began: columns, indexes or constraints" >&2; exit 5; }
noted=$(ask --command "SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class WHERE relnamespace = 'berth_moving'::regnamespace AND relkind = 'r'")
[ "$noted" -le "$LIMIT" ] || { echo "the notes about written rows of $DATABASE take $((noted >> 20)) MiB" >&2; exit 7; }
[ -z "$APPLIED" ] || ask --set applied="$APPLIED" <<'SQL'
SELECT format('DELETE FROM berth_moving.%s WHERE txid_visible_in_snapshot(%s, (SELECT snapshot FROM berth_moving.rounds WHERE id = %L))', t, c, :'applied')
  FROM (SELECT 'rows_' || id, 'berth_tx' FROM berth_moving.touched() UNION ALL VALUES ('emptied', 'tx')) all_of (t, c) \gexec
SQL
ask --command "SELECT format('ANALYZE berth_moving.rows_%s;', id) FROM berth_moving.touched()" | ask
if [ "$MODE" = last ]; then
  # All is ready; people see the page when there is a word. Without one, berth was killed.
  echo '-- ready'
  read -r word
  # From here on, nobody writes: Sourcegraph's services still run, and are stopped when people work at the destination.
  fence
  waited=0
  while [ "$(ask --command "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_xid IS NOT NULL")" != 0 ]; do
    [ "$waited" -lt 100 ] || { echo "somebody still writes to $DATABASE" >&2; exit 6; }
    waited=$((waited + 1))
    sleep 0.1
  done
fi
script=$(mktemp)
ask --set round="$ROUND" --set mode="$MODE" --set db="$DATABASE" --set sums=" ${SUMS:-} " --set script="$script" <<'SQL'
SET row_security = off; SET extra_float_digits = 3; SET bytea_output = hex; SET "TimeZone" = 'UTC'; SET "DateStyle" = 'ISO'; SET intervalstyle = postgres;
SELECT :'mode' = 'compare' AS comparing, :'mode' = 'last' AS ending \gset
-- say is the psql command that writes a line.
CREATE FUNCTION pg_temp.say(text) RETURNS text LANGUAGE sql AS $$ SELECT '\echo ''' || replace(replace($1, '\', '\\'), '''', '''''') || '''' $$;
BEGIN ISOLATION LEVEL REPEATABLE READ;
CREATE TEMP TABLE berth_work ON COMMIT DROP AS
  SELECT id, name, :'db' || '.' || plain AS plain, array_to_string(columns, ', ') AS columns, 'berth_t.' || array_to_string(columns, ', berth_t.') AS of_table,
    EXISTS (SELECT FROM berth_moving.emptied e WHERE e.id = w.id) AS whole,
    coalesce(array_to_string(keys, ', '), 'berth_row') AS keys,
    coalesce((SELECT string_agg(format('berth_t.%s = berth_k.%1$s', k), ' AND ') FROM unnest(keys) k), 'berth_t::text = berth_k.berth_row') AS same,
    keys IS NULL AS keyless,
    -- A planner that sees many keys reads the whole table, in a time that grows with it. Only a table without a key has to be read as a whole.
    format('SET LOCAL enable_hashjoin = %s; SET LOCAL enable_mergejoin = %1$s;', keys IS NULL) AS by_key, $$count(*), coalesce(sum(('x' || substr(md5(berth_t::text), 1, 16))::bit(64)::bigint), 0)$$ AS measure FROM berth_moving.touched() w;
ALTER TABLE berth_work ADD here text, ADD there text;
UPDATE berth_work SET
  here = CASE WHEN whole THEN format('%s berth_t', name) ELSE format('%s berth_t JOIN (SELECT DISTINCT %s FROM berth_moving.rows_%s) berth_k ON %s', name, keys, id, same) END,
  there = CASE WHEN whole THEN format('%s berth_t', name) ELSE format('%s berth_t JOIN berth_k_%s berth_k ON %s', name, id, same) END;
\o :script
-- First all that was changed goes, then it comes as it is now: no two rows of different moments meet.
SELECT concat_ws(E'\n', pg_temp.say(by_key), CASE WHEN NOT whole THEN concat_ws(E'\n',
    pg_temp.say(CASE WHEN keyless THEN format('CREATE TEMP TABLE berth_k_%s (berth_row text) ON COMMIT DROP;', id)
      ELSE format('CREATE TEMP TABLE berth_k_%s ON COMMIT DROP AS SELECT %s FROM %s WITH NO DATA;', id, keys, name) END),
    pg_temp.say(format('COPY berth_k_%s FROM stdin;', id)),
    format('COPY (SELECT DISTINCT %s FROM berth_moving.rows_%s) TO STDOUT;', keys, id), pg_temp.say('\.'), pg_temp.say(format('ANALYZE berth_k_%s;', id))) END,
    pg_temp.say(format('WITH gone AS (DELETE FROM %s berth_t%s RETURNING berth_t), d (n, s) AS (SELECT %s FROM gone) UPDATE berth_moving.tables t SET n = t.n - d.n, s = t.s - d.s FROM d WHERE name = %L;',
      name, CASE WHEN NOT whole THEN format(' USING berth_k_%s berth_k WHERE %s', id, same) ELSE '' END, measure, plain))) FROM berth_work ORDER BY id;
SELECT concat_ws(E'\n', by_key, pg_temp.say(by_key), pg_temp.say(format('COPY %s (%s) FROM stdin;', name, columns)), format('COPY (SELECT %s FROM %s) TO STDOUT;', of_table, here), pg_temp.say('\.'),
    format('SELECT n || '' '' || s AS found FROM (SELECT %s FROM %s) d (n, s) \gset', measure, here),
    pg_temp.say(format('WITH d (n, s) AS MATERIALIZED (SELECT %s FROM %s), kept AS (UPDATE berth_moving.tables t SET n = t.n + d.n, s = t.s + d.s FROM d WHERE name = %L) SELECT pg_temp.same(%3$L, n || '' '' || s,',
      measure, there, plain)), '\echo :''found''', pg_temp.say(') FROM d;')) FROM berth_work ORDER BY id;
\o
\i :script
-- What no trigger notes: sequences, and at the end large objects and views that hold data.
\o :script
SELECT format($f$SELECT format('SELECT setval(%%L, %%s, %%L);', %L, last_value, is_called) FROM %I.%I;$f$, format('%I.%I', schemaname, sequencename), schemaname, sequencename)
  FROM pg_sequences WHERE schemaname NOT LIKE 'pg\_%' AND schemaname <> 'berth_moving';
\o
\i :script
\if :comparing
\echo DELETE FROM berth_moving.tables;
\o :script
SELECT concat_ws(E'\n', format('SELECT n || '' '' || coalesce(s::text, ''-'') AS found FROM (SELECT %s FROM %s berth_t) d (n, s) \gset', measure, name),
    pg_temp.say(format('WITH d (n, s) AS MATERIALIZED (SELECT %s FROM %s berth_t), kept AS (INSERT INTO berth_moving.tables SELECT %L, n, s FROM d) SELECT pg_temp.same(%3$L, n || '' '' || coalesce(s::text, ''-''),', measure, name, plain)),
    '\echo :''found''', pg_temp.say(') FROM d;'))
  FROM (SELECT name, :'db' || '.' || plain AS plain, 'count(*), ' || CASE WHEN strpos(:'sums', ' ' || :'db' || '.' || relname || ' ') > 0
      THEN $$coalesce(sum(('x' || substr(md5(berth_t::text), 1, 16))::bit(64)::bigint), 0)$$ ELSE 'NULL::numeric' END AS measure FROM berth_moving.watched) w ORDER BY name;
\o
\i :script
\endif
\if :ending
-- From here on Sourcegraph writes at the destination.
\echo 'SELECT format(''ALTER ROLE CURRENT_USER IN DATABASE %I RESET default_transaction_read_only'', current_database()) \\gexec'
\o :script
SELECT pg_temp.say(format('REFRESH MATERIALIZED VIEW %I.%I;', schemaname, matviewname)) FROM pg_matviews WHERE ispopulated AND schemaname NOT LIKE 'pg\_%' AND schemaname <> 'berth_moving';
SELECT concat_ws(E'\n', pg_temp.say('CREATE TEMP TABLE berth_pages (id oid, page int, content bytea) ON COMMIT DROP;'), pg_temp.say('COPY berth_pages FROM stdin;'),
    'COPY (SELECT loid, pageno, data FROM pg_largeobject) TO STDOUT;', pg_temp.say('\.'), pg_temp.say('SELECT lo_unlink(oid) FROM pg_largeobject_metadata;'),
    $$SELECT format('SELECT lo_create(%s);', oid) FROM pg_largeobject_metadata;$$,
    pg_temp.say('SELECT lo_put(id, page * 2048::bigint, content) FROM berth_pages ORDER BY id, page;')) FROM (SELECT FROM pg_largeobject_metadata LIMIT 1) one;
\o
\i :script
\endif
INSERT INTO berth_moving.rounds VALUES (:'round', txid_current_snapshot());
COMMIT;
\echo COMMIT;
\echo '\\echo APPLIED' :round
SQL
rm -f "$script"
if [ "$MODE" = last ]; then
  # That nobody wrote is proven, and not only assumed: the triggers note what comes after the moment of this round.
  after=$(ask --set round="$ROUND" <<SQL
SELECT format('SELECT %L FROM berth_moving.rows_%s WHERE NOT txid_visible_in_snapshot(berth_tx, (SELECT snapshot FROM berth_moving.rounds WHERE id = %L)) LIMIT 1;', name, id, :'round')
  FROM berth_moving.touched() \gexec
SELECT 'a session that began before' FROM ($older to_timestamp($since)) o (n) WHERE n > 0;
SQL
)
  [ -z "$after" ] || { echo "somebody still writes to $DATABASE: $after" >&2; exit 6; }
fi
