#!/bin/sh
# The exporter itself only warns about a file of queries that isn't there; here that is an error.
set -eu
if [ -z "${DATA_SOURCE_NAME:-}${DATA_SOURCE_URI:-}" ]; then
  echo "postgres_exporter: DATA_SOURCE_NAME is not set" >&2
  exit 1
fi
if [ -n "${PG_EXPORTER_EXTEND_QUERY_PATH:-}" ] && [ ! -r "$PG_EXPORTER_EXTEND_QUERY_PATH" ]; then
  echo "postgres_exporter: PG_EXPORTER_EXTEND_QUERY_PATH names $PG_EXPORTER_EXTEND_QUERY_PATH, which is not there" >&2
  exit 1
fi
# Debian 12's exporter is older than the databases' PostgreSQL 17, which has these figures in another place.
exec prometheus-postgres-exporter --no-collector.bgwriter "$@"
