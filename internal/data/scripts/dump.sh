# Dumps the databases, all as of one moment, into a folder that gets its name when all of it is there. With PROVE it is restored once before.
to=$DIR/$BACKUP
part=$to.part
rm -rf "$DIR"/*.part # of one that was killed
mkdir -p "$part"

# hold DATABASE FD opens a transaction that keeps the snapshot of its moment until FD is closed.
hold() {
  export PART=$part DB=$1
  mkfifo "$part/$1.hold"
  ask --set part="$part" --set db="$1" <"$part/$1.hold" >/dev/null &
  eval "exec $2>\"$part/$1.hold\""
  cat >"$part/hold.sql" <<'SQL'
\set snapshot :part '/' :db '.snapshot'
\set fact :part '/' :db '.fact'
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT pg_export_snapshot() \g :snapshot
SELECT json_build_object('name', :'db', 'server', current_setting('server_version_num')::int, 'bytes', pg_database_size(current_database()),
  'snapshot', pg_current_snapshot()::text, 'lsn', CASE WHEN pg_is_in_recovery() THEN '' ELSE pg_current_wal_lsn()::text END,
  'encoding', pg_encoding_to_char(encoding), 'collation', datcollate, 'characters', datctype,
  'extensions', (SELECT json_object_agg(extname, extversion) FROM pg_extension)) FROM pg_database WHERE datname = current_database() \g :fact
SQL
  # Servers before 13 have the older name.
  [ "$(ask --command "SELECT current_setting('server_version_num')::int >= 130000")" = t ] || sed -i 's/pg_current_snapshot/txid_current_snapshot/' "$part/hold.sql"
  eval "cat \"$part/hold.sql\" >&$2"
}

# The snapshots are taken before the first dump begins: pgsql refers to what codeintel-db has.
fd=6
for database in $databases; do
  use "$database" || continue
  fd=$((fd + 1))
  hold "$database" "$fd"
done
for database in $databases; do
  [ -p "$part/$database.hold" ] || continue
  waited=0
  until [ -s "$part/$database.fact" ]; do
    [ "$waited" -lt 600 ] || { echo "$database gives no snapshot"; exit 1; }
    waited=$((waited + 1))
    sleep 0.1
  done
done

for database in $databases; do
  [ -p "$part/$database.hold" ] || continue
  use "$database"
  echo "dumping $database ($(ask --command 'SELECT pg_size_pretty(pg_database_size(current_database()))'))"
  snapshot=$(cat "$part/$database.snapshot")
  every du -sh "$part/$database"
  count "$database" "$part/$database.rows" "$snapshot" &
  counting=$!
  pg_dump --format=directory --jobs=2 --compress="$COMPRESS" --no-owner --no-acl --no-sync --exclude-schema=berth_moving --snapshot="$snapshot" --file="$part/$database" ||
    { echo "pg_dump of $database failed"; exit 1; }
  wait "$counting" || { echo "the rows of $database could not be counted"; exit 1; }
  kill "$ticker"
done
{
  for database in $databases; do
    [ ! -s "$part/$database.fact" ] || echo "FACT database $(cat "$part/$database.fact")"
  done
  use pgsql
  has versions && echo "FACT release $(ask --command "SELECT json_build_object('version', version) FROM versions WHERE service = 'frontend'")"
  echo "FACT proven $([ -n "$PROVE" ] && echo true || echo false)"
  echo FACTS END
} >"$part/facts"
exec 7>&- 8>&- 9>&-
rm -f "$part"/*.hold "$part"/*.snapshot "$part"/*.fact "$part/hold.sql"

if [ -n "$PROVE" ]; then prove "$part"; fi
mv "$part" "$to"
sync
