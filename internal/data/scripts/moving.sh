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

# noting MODE tells whether every table in the database in use has the triggers that note its rows, as MODE: A for always, O for all but what rounds write.
noting() {
  has berth_moving.shape && [ "$(ask --command "SELECT count(*) = 2 * (SELECT count(*) FROM berth_moving.watched)
    FROM pg_trigger WHERE tgname IN ('00_berth_moving', '00_berth_emptied') AND tgenabled = '$1'")" = t ]
}

# fence lets all sessions of Sourcegraph's user in the database in use only read, but for those that say that they write, as berth's do. It takes a moment,
# while it takes long to stop all services; it lasts when berth is killed, until unfence.
fence() { setting 'SET default_transaction_read_only = on'; }

# unfence takes back what fence did, if it did.
unfence() {
  [ "$(ask --command "SELECT EXISTS (SELECT FROM pg_db_role_setting WHERE setrole = (SELECT oid FROM pg_roles WHERE rolname = current_user)
    AND setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()) AND 'default_transaction_read_only=on' = ANY (setconfig))")" = f ] ||
    setting 'RESET default_transaction_read_only'
}

# older counts sessions of Sourcegraph's user that began before some time, and ends them.
older="SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user AND backend_type = 'client backend'
    AND pid <> pg_backend_pid() AND backend_start <="

# renewed is the statement that ends the sessions of Sourcegraph's user that began before now: a session keeps the settings that it began with. Sourcegraph opens others.
renewed="DO \$do\$
DECLARE
  since timestamptz := clock_timestamp();
  n int;
BEGIN
  FOR tries IN 1..200 LOOP
    PERFORM pg_stat_clear_snapshot();
    $older since INTO n;
    IF n = 0 THEN RETURN; END IF;
    PERFORM pg_sleep(0.05);
  END LOOP;
  RAISE EXCEPTION 'sessions of Sourcegraph do not end';
END \$do\$;"

# setting changes a setting of Sourcegraph's user in the database in use. since is then a time after which each session has it.
setting() {
  since=$(ask <<SQL
SELECT format('ALTER ROLE CURRENT_USER IN DATABASE %I $1', current_database()) \gexec
SELECT extract(epoch FROM clock_timestamp());
$renewed
SQL
)
}

# unwatch ends the noting of rows in the database in use, and leaves nothing of it.
unwatch() {
  unfence
  untrigger
  ask --command 'DROP SCHEMA IF EXISTS berth_moving CASCADE'
}

untrigger() {
  patiently "SELECT format('DROP TRIGGER %I ON %s', tgname, tgrelid::regclass) FROM pg_trigger WHERE tgname IN ('00_berth_moving', '00_berth_emptied')"
}

# unnote is unwatch at the destination: what the rounds count stays.
unnote() {
  untrigger
  ask <<'SQL'
SELECT format('DROP TABLE berth_moving.%I CASCADE', relname) FROM pg_class WHERE relnamespace = to_regnamespace('berth_moving') AND relkind = 'r' AND relname <> 'tables' \gexec
SQL
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
