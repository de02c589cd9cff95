#!/bin/bash
# Converts the data that the images before 5.10 left, before the first start of the newer server.
#
# It does what Sourcegraph's images did at an earlier change of the major, whose script is public: the old folder stays; a marker beside it says that
# it was converted. When this is interrupted there are two folders and no marker, and a person has to decide. Where the image has pg_upgrade, that
# does it, after the old server started and stopped once, so that its data are sound; PG_UPGRADE_EXTRA_ARGS goes to it, and without --link there is
# a copy. PostgreSQL 16 has none here: the old server's databases are dumped and restored.
set -euo pipefail

old=$(dirname "$PGDATA")/pgdata-12
marker=$old.upgraded
is=$(postgres --version | sed -E 's/.* ([0-9]+).*/\1/')

# The folder of codeinsights-db has one name in all releases: what is in it goes aside.
if [ -s "$PGDATA/PG_VERSION" ] && [ "$(cat "$PGDATA/PG_VERSION")" -lt "$is" ] && [ ! -e "$old" ] && [ "${STANDIN_VERSION%%.*}" -lt 7 ]; then
  mv "$PGDATA" "$old"
fi
if [ ! -s "$old/PG_VERSION" ] || [ -s "$marker" ]; then exit 0; fi
was=$(cat "$old/PG_VERSION")

if [ -s "$PGDATA/PG_VERSION" ]; then
  echo "[FATAL] Detected an interrupted upgrade: $old/PG_VERSION and $PGDATA/PG_VERSION exist, but $marker does not." >&2
  echo "Either remove $PGDATA, and the upgrade begins again, or go back to the image of before." >&2
  exit 1
fi
if [ "${STANDIN_VERSION%%.*}" -ge 7 ]; then
  echo "FATAL:  database files are incompatible with server" >&2
  echo "DETAIL:  The data directory $old was initialized by PostgreSQL version $was, which is not compatible with this version $is." >&2
  echo "HINT:  Images from 7.0 on don't upgrade it: start one of a 6.x release first." >&2
  exit 1
fi

run=/var/run/postgresql # on Kubernetes the only other folder that can be written
server() { # server MAJOR FOLDER PORT ARGUMENTS OF pg_ctl...
  local major=$1 folder=$2 port=$3
  shift 3
  "/usr/lib/postgresql/$major/bin/pg_ctl" --pgdata="$folder" --silent -w -l "$run/$major.log" \
    -o "-c listen_addresses='' -c unix_socket_directories=$run -p $port" "$@" || { cat "$run/$major.log" >&2; exit 1; }
}

# by_dump restores what the old server dumps, database by database. The new cluster has the user and the database "postgres" already.
by_dump() {
  local database to
  [ -z "${PG_UPGRADE_EXTRA_ARGS:-}" ] || echo "[INFO] PG_UPGRADE_EXTRA_ARGS is not used: this image has no pg_upgrade" >&2
  # Of the old server's settings only the extensions that it loads may be missed by its data.
  server "$was" "$old" 5431 start
  server "$is" "$PGDATA" 5430 start
  pg_dumpall -h "$run" -p 5431 -U "$POSTGRES_USER" --roles-only | grep -v "^CREATE ROLE \"\?$POSTGRES_USER\"\?;" |
    psql --no-psqlrc -q -o /dev/null -v ON_ERROR_STOP=1 -h "$run" -p 5430 -U "$POSTGRES_USER" -d postgres
  psql --no-psqlrc -qAt -h "$run" -p 5431 -U "$POSTGRES_USER" -d postgres \
    -c "SELECT datname FROM pg_database WHERE datallowconn AND datname <> 'template1' ORDER BY 1" | while read -r database; do
    to=(--create --dbname=postgres)
    [ "$database" != postgres ] || to=(--dbname=postgres)
    pg_dump -h "$run" -p 5431 -U "$POSTGRES_USER" --format=custom --compress=0 "$database" |
      pg_restore -h "$run" -p 5430 -U "$POSTGRES_USER" --exit-on-error "${to[@]}"
  done
  server "$is" "$PGDATA" 5430 -m fast stop
  server "$was" "$old" 5431 -m fast stop
}

by_pg_upgrade() {
  server "$was" "$old" 5431 start
  server "$was" "$old" 5431 -m fast stop
  cd "$run"
  # shellcheck disable=SC2086  # several words are several arguments
  pg_upgrade --old-bindir="/usr/lib/postgresql/$was/bin" --new-bindir="/usr/lib/postgresql/$is/bin" --old-datadir="$old" \
    --new-datadir="$PGDATA" --username="$POSTGRES_USER" --socketdir="$run" ${PG_UPGRADE_EXTRA_ARGS:-} >&2
}

echo "[INFO] Upgrading data files in $old from PostgreSQL $was to $is in $PGDATA. Do not interrupt this." >&2
# A server that was killed leaves its number, which in another container is another program's.
rm -f "$old/postmaster.pid"
initdb --pgdata="$PGDATA" --username="$POSTGRES_USER" --encoding=UTF8 --locale=en_US.utf8 --auth-local=trust --auth-host=trust >/dev/null
if [ -x "/usr/lib/postgresql/$is/bin/pg_upgrade" ]; then by_pg_upgrade; else by_dump; fi
cp "$old/pg_hba.conf" "$PGDATA/pg_hba.conf"
sync -f "$PGDATA"
date >"$marker"
echo "[INFO] Upgraded. $old is no longer needed." >&2
