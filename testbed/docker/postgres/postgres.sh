#!/bin/bash
# Make the database on the first start, take the mounted settings on every start, become postgres.
set -euo pipefail

conf=/conf/postgresql.conf
if [ ! -r "$conf" ]; then
  echo "postgres: $conf is not there or can't be read: mount the folder with postgresql.conf at /conf" >&2
  exit 1
fi

# Releases before 5.10 kept the data of PostgreSQL 12 in pgdata-12. Releases 5.10 to 6.x convert it on their first start; from 7.0
# on the images can't. This is one PostgreSQL, so that to convert is to rename.
old=$(dirname "$PGDATA")/pgdata-12
if [ "$PGDATA" != "$old" ] && [ ! -s "$PGDATA/PG_VERSION" ] && [ -s "$old/PG_VERSION" ]; then
  if [ "${STANDIN_VERSION%%.*}" -ge 7 ]; then
    echo "postgres: $old has data of PostgreSQL 12, and release $STANDIN_VERSION can't convert it: upgrade to a 5.10 to 6.x release first" >&2
    exit 1
  fi
  echo "postgres: convert $old to $PGDATA" >&2
  mv "$old" "$PGDATA"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  if [ -n "${POSTGRES_PASSWORD:-}" ]; then auth=scram-sha-256; else auth=trust; fi
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

cp "$conf" "$PGDATA/postgresql.conf"
exec postgres -D "$PGDATA"
