# Dumps the databases, each as of one moment, into a folder that gets its name when all of it is there and was restored once.
to=$DIR/$BACKUP
part=$to.part
rm -rf "$DIR"/*.part # of one that was killed
mkdir -p "$part"
bin=$(dirname "$(command -v initdb || ls /usr/lib/postgresql/*/bin/initdb /usr/local/bin/initdb 2>/dev/null | tail -1)")
export PATH="$PATH:$bin"

for database in $databases; do
  use "$database" || continue
  echo "dumping $database ($(ask --command 'SELECT pg_size_pretty(pg_database_size(current_database()))'))"
  # The counts are of the very moment that the dump is of: another's writes can't come between.
  export PART=$part DB=$database
  every du -h "$part/$database.dump"
  ask --set part="$part" --set db="$database" <<'SQL'
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT pg_export_snapshot() AS snapshot \gset
\setenv SNAPSHOT :snapshot
\! pg_dump --format=custom --no-owner --no-acl --snapshot="$SNAPSHOT" --file="$PART/$DB.dump" && touch "$PART/$DB.done"
\set rows :part '/' :db '.rows'
\o :rows
SELECT format('SELECT %L || count(*) FROM %I.%I', n.nspname || '.' || c.relname || ' ', n.nspname, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_toast%' ORDER BY 1 \gexec
COMMIT;
SQL
  kill "$ticker"
  [ -f "$part/$database.done" ] || { echo "pg_dump of $database failed"; exit 1; }
done

echo "restoring the dumps into a scratch server, to test them"
scratch=$part/scratch
trap 'pg_ctl --pgdata="$scratch" stop --mode=immediate >/dev/null 2>&1 || true' EXIT
initdb --pgdata="$scratch" --username=postgres --auth=trust --encoding=UTF8 --locale=C >/dev/null
unset PGPASSWORD PGPORT PGSSLMODE
# A socket's path may not be long.
sock=$(mktemp -d /tmp/berth-XXXXXX)
pg_ctl --pgdata="$scratch" --wait --log="$part/scratch.log" \
  --options="-c listen_addresses='' -c unix_socket_directories='$sock' -c fsync=off -c full_page_writes=off" start >/dev/null
for database in $databases; do
  [ -f "$part/$database.dump" ] || continue
  export PGHOST=$sock PGUSER=postgres PGDATABASE=postgres
  createdb "$database"
  PGDATABASE=$database pg_restore --exit-on-error --no-owner --no-acl --dbname="$database" "$part/$database.dump"
  export PGDATABASE=$database
  ask --set rows="$part/$database.restored" <<'SQL'
\o :rows
SELECT format('SELECT %L || count(*) FROM %I.%I', n.nspname || '.' || c.relname || ' ', n.nspname, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_toast%' ORDER BY 1 \gexec
SQL
  cmp "$part/$database.rows" "$part/$database.restored" || { echo "$database differs after the restore"; exit 1; }
  echo "$database: $(wc -l <"$part/$database.rows") tables, $(awk '{ n += $NF } END { print n + 0 }' "$part/$database.rows") rows, restored and counted"
done
pg_ctl --pgdata="$scratch" stop --mode=immediate >/dev/null
trap - EXIT
rm -rf "$scratch" "$sock" "$part"/*.restored "$part"/*.done "$part/scratch.log"
echo "SIZE $(du -sk "$part" | cut -f1)"
mv "$part" "$to"
sync
