# Notes from now on which rows are written, in a schema of its own: triggers put the keys of the rows that a statement touches into a table for each table.
# Writers wait for none of it but the moment in which a trigger is made. That needs neither a replication slot nor another wal_level, so the server
# is not restarted, and keeps no WAL for it. With BESIDE it notes what Sourcegraph writes at the destination before that opens, and not what rounds write.
for database in $databases; do
  use "$database" || continue
  if [ -n "$BESIDE" ]; then
    unfence
    if noting O; then continue; fi
    unnote # nothing was written there until all of it was noted
  else
    unwatch
  fi
  ask --single-transaction <<'SQL'
CREATE SCHEMA IF NOT EXISTS berth_moving;
CREATE TABLE berth_moving.rounds (id text PRIMARY KEY, snapshot txid_snapshot NOT NULL);
CREATE TABLE berth_moving.emptied (id bigint NOT NULL, tx bigint NOT NULL DEFAULT txid_current());
-- A table's key is what finds a row by an index: the primary key, or another one without nulls. A table without any is found by all that a row has.
CREATE TABLE berth_moving.watched AS
  SELECT c.oid::bigint AS id, format('%I.%I', n.nspname, c.relname) AS name, n.nspname || '.' || c.relname AS plain, c.relname AS relname,
    (SELECT array_agg(format('%I', attname) ORDER BY attnum) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '') AS columns,
    (SELECT array_agg(format('%I', a.attname) ORDER BY k.n) FROM (
      SELECT indkey, indnkeyatts FROM pg_index i WHERE indrelid = c.oid AND indisunique AND indisvalid AND indimmediate AND indpred IS NULL AND indexprs IS NULL
        AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attnum = ANY (i.indkey) AND NOT attnotnull)
      ORDER BY indisprimary DESC, indexrelid::regclass::text LIMIT 1) i
      CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY k (attnum, n) JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum WHERE k.n <= i.indnkeyatts) AS keys
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'berth_moving', 'berth_restoring')
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e');
DELETE FROM berth_moving.watched WHERE columns IS NULL;

CREATE OR REPLACE FUNCTION berth_moving.emptied() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO berth_moving.emptied (id) VALUES (TG_RELID);
  RETURN NULL;
END $$;

-- The tables of which something was noted.
CREATE FUNCTION berth_moving.touched() RETURNS SETOF berth_moving.watched LANGUAGE plpgsql STABLE AS $$
DECLARE
  w berth_moving.watched;
  yes boolean;
BEGIN
  FOR w IN SELECT * FROM berth_moving.watched ORDER BY id LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM berth_moving.rows_%s) OR EXISTS (SELECT FROM berth_moving.emptied WHERE id = %1$s)', w.id) INTO yes;
    IF yes THEN RETURN NEXT w; END IF;
  END LOOP;
END $$;

SELECT CASE WHEN keys IS NULL THEN format('CREATE TABLE berth_moving.rows_%s (berth_row text)', id)
  ELSE format('CREATE TABLE berth_moving.rows_%s AS SELECT %s FROM %s WITH NO DATA', id, array_to_string(keys, ', '), name) END FROM berth_moving.watched \gexec
SELECT format('ALTER TABLE berth_moving.rows_%s ADD berth_tx bigint NOT NULL DEFAULT txid_current()', id) FROM berth_moving.watched \gexec
-- What the session that writes has set changes no text of a row.
SELECT format($f$CREATE OR REPLACE FUNCTION berth_moving.note_%1$s() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  SET extra_float_digits = 3 SET bytea_output = hex SET "TimeZone" = 'UTC' SET "DateStyle" = 'ISO' SET intervalstyle = postgres AS $note$
BEGIN
  IF TG_OP <> 'INSERT' THEN INSERT INTO berth_moving.rows_%1$s VALUES (%2$s); END IF;
  IF TG_OP = 'INSERT' OR TG_OP = 'UPDATE' AND (%3$s) THEN INSERT INTO berth_moving.rows_%1$s VALUES (%4$s); END IF;
  RETURN NULL;
END $note$$f$, id, coalesce('OLD.' || array_to_string(keys, ', OLD.'), 'OLD::text'),
  coalesce((SELECT string_agg(format('OLD.%s::text <> NEW.%1$s::text', k), ' OR ') FROM unnest(keys) k), 'OLD::text <> NEW::text'),
  coalesce('NEW.' || array_to_string(keys, ', NEW.'), 'NEW::text')) FROM berth_moving.watched \gexec
SQL
  ask --command "CREATE TABLE berth_moving.shape AS SELECT '$(shape)' AS shape"
  always=$([ -n "$BESIDE" ] || echo 'ALTER TABLE %1$s ENABLE ALWAYS TRIGGER "00_berth_moving", ENABLE ALWAYS TRIGGER "00_berth_emptied"')
  patiently "SELECT format('CREATE TRIGGER \"00_berth_moving\" AFTER INSERT OR UPDATE OR DELETE ON %1\$s FOR EACH ROW EXECUTE FUNCTION berth_moving.note_%2\$s();
      CREATE TRIGGER \"00_berth_emptied\" AFTER TRUNCATE ON %1\$s FOR EACH STATEMENT EXECUTE FUNCTION berth_moving.emptied();
      $always', name, id) FROM berth_moving.watched"
  echo "$database: $(ask --command "SELECT count(*) || ' tables, ' || count(*) FILTER (WHERE keys IS NULL) || ' of them without a key' FROM berth_moving.watched")"
done
