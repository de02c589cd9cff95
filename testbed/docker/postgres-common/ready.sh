#!/bin/bash
# Ready when a query is answered.
set -euo pipefail
[ "${STANDIN_FAIL:-}" != unhealthy ] || { echo "STANDIN_FAIL=unhealthy: not ready, as asked" >&2; exit 1; }
PGPASSWORD=${POSTGRES_PASSWORD:-} PGCONNECT_TIMEOUT=10 exec psql --no-psqlrc --no-password -qtA -h 127.0.0.1 -U "$POSTGRES_USER" \
  -d "$POSTGRES_DB" -c 'select 1' >/dev/null
