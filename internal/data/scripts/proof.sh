# What dumps and proofs share.

# scratch FOLDER starts a server of its own on an empty folder, that psql and its kin reach from then on.
scratch() {
  data=$1/scratch
  rm -rf "$data"
  bin=$(dirname "$(command -v initdb || ls /usr/lib/postgresql/*/bin/initdb /usr/local/bin/initdb 2>/dev/null | tail -1)")
  export PATH="$PATH:$bin"
  trap 'pg_ctl --pgdata="$data" stop --mode=immediate >/dev/null 2>&1 || true' EXIT
  initdb --pgdata="$data" --username=postgres --auth=trust --encoding=UTF8 --locale=C >/dev/null
  unset PGPASSWORD PGPORT PGSSLMODE PGSSLROOTCERT PGSSLCERT PGSSLKEY
  sock=$(mktemp -d /tmp/berth-XXXXXX) # a socket's path may not be long
  pg_ctl --pgdata="$data" --wait --log="$1/scratch.log" \
    --options="-c listen_addresses='' -c unix_socket_directories='$sock' -c fsync=off -c full_page_writes=off" start >/dev/null
  export PGHOST=$sock PGUSER=postgres PGDATABASE=postgres
}

# prove FOLDER restores the dumps of a folder into a server of its own, and compares.
prove() {
  echo "restoring the dumps into a scratch server, to test them"
  scratch "$1"
  for database in $databases; do
    archive=$(archive "$1" "$database") || continue
    createdb --template=template0 "$database"
    export PGDATABASE=$database
    pg_restore --jobs=2 --exit-on-error --no-owner --no-acl --dbname="$database" "$archive"
    compare "$database" "$1/$database.rows" "$1/$database.restored" || { echo "$database differs after the restore"; exit 1; }
    echo "$database: $(wc -l <"$1/$database.rows") tables, $(awk '{ n += $(NF - 1) } END { print n + 0 }' "$1/$database.rows") rows, restored and compared"
    export PGDATABASE=postgres
  done
  pg_ctl --pgdata="$data" stop --mode=immediate >/dev/null
  trap - EXIT
  rm -rf "$data" "$sock" "$1"/*.restored "$1/scratch.log"
}
