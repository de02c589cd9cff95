#!/bin/bash
# Converts the data that the images of PostgreSQL "12" left, with the real pg_upgrade, before the first start of the newer server.
#
# It does what Sourcegraph's images did at an earlier change of the major, whose script is public: the old server starts and stops once,
# so that its data are sound; the old folder stays; a marker beside it says that it was converted. When this is interrupted there are
# two folders and no marker, and a person has to decide. PG_UPGRADE_EXTRA_ARGS goes to pg_upgrade; without --link there is a copy.
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
  echo "Either remove $PGDATA, and the upgrade begins anew, or go back to the image of before." >&2
  exit 1
fi
if [ "${STANDIN_VERSION%%.*}" -ge 7 ]; then
  echo "FATAL:  database files are incompatible with server" >&2
  echo "DETAIL:  The data directory $old was initialized by PostgreSQL version $was, which is not compatible with this version $is." >&2
  echo "HINT:  Images from 7.0 on don't upgrade it: start one of a 6.x release first." >&2
  exit 1
fi

run=/var/run/postgresql # on Kubernetes the only other folder that can be written
options="-c listen_addresses='' -c unix_socket_directories=$run"
server() { "/usr/lib/postgresql/$was/bin/pg_ctl" --pgdata="$old" --silent -w -o "$options" -l "$run/old.log" "$@"; }
echo "[INFO] Upgrading data files in $old from PostgreSQL $was to $is in $PGDATA. Do not interrupt this." >&2
# A server that was killed leaves its number, which in another container is another program's.
rm -f "$old/postmaster.pid"
server start || { cat "$run/old.log" >&2; exit 1; }
server -m fast stop
initdb --pgdata="$PGDATA" --username="$POSTGRES_USER" --encoding=UTF8 --locale=en_US.utf8 --auth-local=trust --auth-host=trust >/dev/null
cd "$run"
# shellcheck disable=SC2086  # several words are several arguments
pg_upgrade --old-bindir="/usr/lib/postgresql/$was/bin" --new-bindir="/usr/lib/postgresql/$is/bin" --old-datadir="$old" \
  --new-datadir="$PGDATA" --username="$POSTGRES_USER" --socketdir="$run" ${PG_UPGRADE_EXTRA_ARGS:-} >&2
cp "$old/pg_hba.conf" "$PGDATA/pg_hba.conf"
sync -f "$PGDATA"
date >"$marker"
echo "[INFO] Upgraded. $old is no longer needed." >&2
