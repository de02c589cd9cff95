# Puts the databases back as a backup has them: each in one transaction, so that a restore that is killed leaves what was there.
from=$DIR/$BACKUP
[ -d "$from" ] || { echo "there is no backup $BACKUP"; exit 1; }
for database in $databases; do
  [ -f "$from/$database.dump" ] || continue
  use "$database"
  echo "restoring $database"
  text=$DIR/restoring.sql
  ask --command "SELECT format('DROP SCHEMA %I CASCADE;', nspname) FROM pg_namespace
    WHERE nspname NOT LIKE 'pg\_%' AND nspname <> 'information_schema'" >"$text"
  echo 'CREATE SCHEMA public;' >>"$text"
  pg_restore --no-owner --no-acl --file=- "$from/$database.dump" >>"$text"
  every ask --command "SELECT 'so far ' || pg_size_pretty(pg_database_size(current_database()))"
  ask --single-transaction --output=/dev/null --file="$text"
  kill "$ticker"
  rm -f "$text"
  ask --set rows="$DIR/restored.rows" <<'SQL'
\o :rows
SELECT format('SELECT %L || count(*) FROM %I.%I', n.nspname || '.' || c.relname || ' ', n.nspname, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_toast%' ORDER BY 1 \gexec
SQL
  cmp "$from/$database.rows" "$DIR/restored.rows" || { echo "$database differs after the restore"; exit 1; }
  ask --command ANALYZE
  echo "$database: $(wc -l <"$from/$database.rows") tables, restored and counted"
done
