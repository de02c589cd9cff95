#!/bin/bash
# Alive when ready, and while data are being converted, which Kubernetes must not interrupt. So it is healthy on Compose, too.
old=$(dirname "$PGDATA")/pgdata-12
if [ -s "$old/PG_VERSION" ] && [ ! -s "$old.upgraded" ]; then
  echo "[INFO] Postgres is upgrading"
  exit 0
fi
exec /ready.sh
