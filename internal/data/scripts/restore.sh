# Puts the databases back as a backup has them. What holds data is replaced in one transaction, so that a restore that is killed leaves what was there.
# What is empty is filled by several connections; it is marked meanwhile, so that one that is killed begins again.
from=$DIR/$BACKUP
[ -d "$from" ] || { echo "there is no backup $BACKUP"; exit 1; }
now=$DIR/restoring
schemas="FROM pg_namespace WHERE nspname NOT LIKE 'pg\_%' AND nspname NOT IN ('information_schema', 'berth_restoring')"
export PGOPTIONS="$PGOPTIONS -c synchronous_commit=off -c maintenance_work_mem=128MB"
rm -rf "$now" && mkdir -p "$now"
for database in $databases; do
  archive=$(archive "$from" "$database") || continue
  pg_restore --list "$archive" | grep -v ' 00_berth_' >"$now/list" # triggers of a move, which lead to what is in no dump
  use "$database"
  every ask --command "SELECT 'so far ' || pg_size_pretty(pg_database_size(current_database()))"
  ask --command "SELECT format('DROP SCHEMA %I CASCADE;', nspname) $schemas" >"$now/text.sql"
  echo 'CREATE SCHEMA public;' >>"$now/text.sql"
  echo 'SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata;' >>"$now/text.sql"
  if [ "$(holds)" = 0 ]; then
    echo "restoring $database, which is empty"
    ask --command 'CREATE SCHEMA IF NOT EXISTS berth_restoring'
    ask --single-transaction --output=/dev/null --file="$now/text.sql"
    pg_restore --use-list="$now/list" --jobs=2 --exit-on-error --no-owner --no-acl --dbname="$PGDATABASE" "$archive"
  else
    echo "restoring $database in place of what it holds"
    pg_restore --use-list="$now/list" --no-owner --no-acl --file=- "$archive" >>"$now/text.sql"
    ask --single-transaction --output=/dev/null --file="$now/text.sql"
  fi
  kill "$ticker"
  compare "$database" "$from/$database.rows" "$now/$database.rows" || { echo "$database differs after the restore"; exit 1; }
  ask --command 'DROP SCHEMA IF EXISTS berth_restoring' --command ANALYZE
  echo "$database: $(wc -l <"$from/$database.rows") tables, restored and compared"
done
rm -rf "$now"
