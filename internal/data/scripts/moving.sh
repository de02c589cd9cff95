# What the scripts of a move share that carries what is written while Sourcegraph answers.

# patiently QUERY does the statements that a query gives, each in a transaction of its own. They lock tables: each is tried until nobody is in its way, so that
# writers never wait long behind it.
patiently() {
  ask <<SQL
SET lock_timeout = '2s';
DO \$do\$
DECLARE
  statement text;
  tries int;
BEGIN
  FOR statement IN $1 LOOP
    tries := 0;
    LOOP
      BEGIN
        EXECUTE statement;
        EXIT;
      EXCEPTION WHEN lock_not_available THEN
        tries := tries + 1;
        IF tries >= 30 THEN RAISE EXCEPTION 'somebody holds the table: %', statement; END IF;
      END;
      COMMIT;
      PERFORM pg_sleep(1);
    END LOOP;
    COMMIT;
  END LOOP;
END \$do\$;
SQL
}

# unwatch ends the noting of rows in the database in use, and leaves nothing of it.
unwatch() {
  patiently "SELECT format('DROP TRIGGER %I ON %s', tgname, tgrelid::regclass) FROM pg_trigger WHERE tgname IN ('00_berth_moving', '00_berth_emptied')"
  ask --command 'DROP SCHEMA IF EXISTS berth_moving CASCADE'
}

# shape is a sum of what tables are made of: of columns, indexes and constraints.
shape() {
  ask <<'SQL'
SELECT md5(coalesce(string_agg(what, E'\n' ORDER BY what), '')) FROM (
  SELECT format('%s %s %s %s %s', c.oid, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
      AND n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'berth_moving')
  UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname NOT LIKE 'pg\_%' AND schemaname NOT IN ('information_schema', 'berth_moving')
  UNION ALL SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(c.oid) FROM pg_constraint c JOIN pg_namespace n ON n.oid = connamespace
    WHERE nspname NOT LIKE 'pg\_%' AND nspname NOT IN ('information_schema', 'berth_moving')) of_it (what)
SQL
}

# One form of all values, whatever the server's settings are.
forms="SET row_security = off; SET extra_float_digits = 3; SET bytea_output = hex; SET \"TimeZone\" = 'UTC'; SET \"DateStyle\" = 'ISO'; SET intervalstyle = postgres; SET client_min_messages = warning;"
