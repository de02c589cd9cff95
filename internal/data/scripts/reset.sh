# Writes which rows Sourcegraph wrote at the destination when it started there, as statements that note them at the source as well: the next round takes them
# back, and compares them. From here on Sourcegraph only reads at the destination, until the last round.
use "$DATABASE"
noting O || { echo "some tables of $DATABASE have no trigger any more that notes which rows are written" >&2; exit 5; }
fence
script=$(mktemp)
ask --set round="$ROUND" --set db="$DATABASE" --set sums=" ${SUMS:-} " --set script="$script" <<'SQL'
SET row_security = off; SET extra_float_digits = 3; SET bytea_output = hex; SET "TimeZone" = 'UTC'; SET "DateStyle" = 'ISO'; SET intervalstyle = postgres;
-- say is the psql command that writes a line.
CREATE FUNCTION pg_temp.say(text) RETURNS text LANGUAGE sql AS $$ SELECT '\echo ''' || replace(replace($1, '\', '\\'), '''', '''''') || '''' $$;
BEGIN ISOLATION LEVEL REPEATABLE READ;
-- The rounds count what they change themselves; a table that somebody else changed is counted again.
SELECT format('WITH d (n, s) AS (SELECT count(*), %s FROM %s berth_t) UPDATE berth_moving.tables t SET n = d.n, s = d.s FROM d WHERE name = %L',
    CASE WHEN strpos(:'sums', ' ' || :'db' || '.' || relname || ' ') > 0 THEN $$coalesce(sum(('x' || substr(md5(berth_t::text), 1, 16))::bit(64)::bigint), 0)$$ ELSE 'NULL::numeric' END,
    name, :'db' || '.' || plain) FROM berth_moving.touched() \gexec
\echo BEGIN;
\o :script
SELECT concat_ws(E'\n',
    pg_temp.say(CASE WHEN keys IS NULL THEN format('CREATE TEMP TABLE berth_n_%s (berth_row text) ON COMMIT DROP;', id)
      ELSE format('CREATE TEMP TABLE berth_n_%s ON COMMIT DROP AS SELECT %s FROM %s WITH NO DATA;', id, array_to_string(keys, ', '), name) END),
    pg_temp.say(format('COPY berth_n_%s FROM stdin;', id)),
    format('COPY (SELECT DISTINCT %s FROM berth_moving.rows_%s) TO STDOUT;', coalesce(array_to_string(keys, ', '), 'berth_row'), id), pg_temp.say('\.'),
    pg_temp.say(format($f$SELECT format('INSERT INTO berth_moving.rows_%%s SELECT * FROM berth_n_%s', id) FROM berth_moving.watched WHERE name = %L \gexec$f$, id, name)),
    pg_temp.say(format('INSERT INTO berth_moving.emptied (id) SELECT id FROM berth_moving.watched WHERE name = %L AND %L;', name,
      EXISTS (SELECT FROM berth_moving.emptied e WHERE e.id = w.id)))) FROM berth_moving.touched() w;
\o
\i :script
COMMIT;
\echo COMMIT;
\echo '\\echo APPLIED' :round
SQL
rm -f "$script"
