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
  # Extensions that an admin made for a user who may not: they stay, and so does the schema that they are in. All else in it goes.
  given="FROM pg_extension WHERE extname <> 'plpgsql' AND NOT pg_has_role(extowner, 'USAGE')"
  for extension in $(ask --command "SELECT extname $given"); do
    grep -v -e " EXTENSION - $extension " -e " EXTENSION $extension " "$now/list" >"$now/rest"
    mv "$now/rest" "$now/list"
  done
  ask >"$now/text.sql" <<SQL
SELECT format('DROP SCHEMA %I CASCADE;', nspname) $schemas AND oid NOT IN (SELECT extnamespace $given);
SELECT format('DROP %s IF EXISTS %s CASCADE;', kind, name) FROM (
  SELECT 'pg_class'::regclass, oid, relnamespace, CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END,
    oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'c')
  UNION ALL SELECT 'pg_proc'::regclass, oid, pronamespace, 'ROUTINE', oid::regprocedure::text FROM pg_proc
  UNION ALL SELECT 'pg_type'::regclass, oid, typnamespace, 'TYPE', oid::regtype::text FROM pg_type WHERE typtype IN ('e', 'd')) o (class, oid, namespace, kind, name)
  WHERE namespace IN (SELECT extnamespace $given) AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = class AND d.objid = o.oid AND d.deptype = 'e');
SQL
  echo 'CREATE SCHEMA IF NOT EXISTS public;' >>"$now/text.sql"
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
