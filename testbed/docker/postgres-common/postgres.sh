#!/bin/bash
# Make the database on the first start, take the mounted settings on every start, become postgres.
set -euo pipefail

conf=/conf/postgresql.conf
if [ ! -r "$conf" ]; then
  echo "postgres: $conf is not there or can't be read: mount the folder with postgresql.conf at /conf" >&2
  exit 1
fi

# Images from 5.10 on look whether an older major left data here.
if [ -x /convert.sh ]; then /convert.sh; fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  # Before 14 the server keeps passwords as md5 unless a setting says otherwise, and the method md5 takes those of scram, too.
  auth=scram-sha-256
  [ "$(postgres --version | sed -E 's/.* ([0-9]+)\..*/\1/')" -ge 14 ] || auth=md5
  [ -n "${POSTGRES_PASSWORD:-}" ] || auth=trust
  # A folder that was interrupted between initdb and the last step has no PG_VERSION yet: all is made beside it and moved in place.
  new=$PGDATA.new
  rm -rf "${new:?}"
  mkdir -p -m 700 "$new"
  initdb --pgdata="$new" --username="$POSTGRES_USER" --encoding=UTF8 --locale=en_US.utf8 --auth-local=trust --auth-host=trust \
    --pwfile=<(printf '%s\n' "${POSTGRES_PASSWORD:-unused}") --no-sync >/dev/null
  echo "host all all all $auth" >>"$new/pg_hba.conf"
  pg_ctl --pgdata="$new" --silent -w -o "-c listen_addresses='' -c unix_socket_directories=/var/run/postgresql" start
  if [ "$POSTGRES_DB" != postgres ]; then
    psql --no-psqlrc -v ON_ERROR_STOP=1 -q -U "$POSTGRES_USER" -d postgres --set db="$POSTGRES_DB" <<<'CREATE DATABASE :"db";'
  fi
  pg_ctl --pgdata="$new" --silent -w -m fast stop
  sync -f "$new"
  if [ -d "$PGDATA" ]; then rmdir "$PGDATA"; fi
  mv "$new" "$PGDATA"
  echo "postgres: made database '$POSTGRES_DB' of user '$POSTGRES_USER' in $PGDATA (host connections: $auth)" >&2
fi

# Where clients look for the socket when nobody says otherwise; the servers from npm have /tmp. A setting of the mounted file wins.
{ echo "unix_socket_directories = '/var/run/postgresql'" && cat "$conf"; } >"$PGDATA/postgresql.conf"
exec postgres -D "$PGDATA"
