# Shared by the scripts of tasks: it goes before each of them. The variables are those that Sourcegraph's migrator has.
set -eu

# use NAME points psql and its kin to one of the three databases.
use() {
  name=$1
  case $name in
    pgsql) p= ;;
    codeintel-db) p=CODEINTEL_ ;;
    codeinsights-db) p=CODEINSIGHTS_ ;;
  esac
  eval "h=\${${p}PGHOST:-}"
  [ -n "$h" ] || return 1
  for v in PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE PGSSLMODE; do
    eval "value=\${first_$p$v:-}"
    eval "export $v=\"\$value\""
  done
  [ -n "$PGPORT" ] || unset PGPORT
  [ -n "$PGSSLMODE" ] || unset PGSSLMODE
  # What the database before this one needed may be wrong here: the system's authorities are refused beside every other sslmode.
  if [ -n "$own_authority" ]; then export PGSSLROOTCERT="$own_authority"; else unset PGSSLROOTCERT; fi
  case ${PGSSLMODE:-}$own_authority in
    verify-ca | verify-full) if [ "$(psql --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/')" -ge 16 ]; then export PGSSLROOTCERT=system PGSSLMODE=verify-full; fi ;;
  esac
  answers
}

# answers waits until the database takes questions: one that converts its data counts as healthy before it does. WAIT is for how many seconds.
answers() {
  began=$(date +%s)
  told=$began
  until why=$(psql --no-psqlrc --command 'SELECT 1' 2>&1); do
    now=$(date +%s)
    if [ $((now - began)) -ge "${WAIT:-60}" ]; then
      echo "$name does not answer: $why"
      exit 3
    fi
    if [ $((now - told)) -ge 15 ]; then
      echo "$name does not answer since $((now - began)) s: $why"
      told=$now
    fi
    sleep 1
  done
}

# The first database has the names that psql itself reads, so all are put aside once.
for p in '' CODEINTEL_ CODEINSIGHTS_; do
  for v in PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE PGSSLMODE; do
    eval "first_$p$v=\${$p$v:-}"
  done
done

# psql takes a key only if nobody else can read it.
if [ -n "${PGSSLKEY:-}" ]; then
  key=$(mktemp)
  cat "$PGSSLKEY" >"$key"
  export PGSSLKEY=$key
fi
# Sourcegraph trusts the certificates of its system where no others are named; psql does from 16 on, if a variable says so.
own_authority=${PGSSLROOTCERT:-}

# Where a move lets sessions only read, those of berth still write.
export PGOPTIONS='-c client_min_messages=warning -c default_transaction_read_only=off'
databases='pgsql codeintel-db codeinsights-db'
ask() { psql --no-psqlrc --quiet --no-align --tuples-only --set ON_ERROR_STOP=1 "$@"; }

# every COMMAND tells what it prints, every half a minute until: kill "$ticker"
every() {
  while sleep 30; do echo "$("$@")"; done 7>&- 8>&- 9>&- & # the snapshots of a dump end with the dump
  ticker=$!
}

# has TABLE tells whether there is such a table.
has() { [ "$(ask --command "SELECT to_regclass('$1') IS NOT NULL")" = t ]; }

# holds says how many tables and views the database in use has, but for those of extensions, and of a restore that was not complete.
holds() {
  ask --command "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm')
    AND n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'berth_moving')
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
    AND NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'berth_restoring')"
}

# archive FOLDER DATABASE is the dump of a database in a backup's folder: a folder, or one file in backups of older releases of berth.
archive() {
  for a in "$1/$2" "$1/$2.dump"; do
    if [ -e "$a" ]; then echo "$a" && return 0; fi
  done
  return 1
}

# count DATABASE FILE [SNAPSHOT] writes a line for each table: its name, its rows, and the sum of their hashes for tables of SUMS. A text has one form
# whatever the server's settings are.
count() {
  ask --set rows="$2" --set snapshot="${3:-}" --set db="$1" --set sums=" ${SUMS:-} " <<'SQL'
SET row_security = off;
SET extra_float_digits = 3;
SET bytea_output = hex;
SET "TimeZone" = 'UTC';
SET "DateStyle" = 'ISO';
SET intervalstyle = postgres;
SELECT :'snapshot' <> '' AS given \gset
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
\if :given
SET TRANSACTION SNAPSHOT :'snapshot';
\endif
\o :rows
SELECT format('SELECT %L || count(*) || %s FROM %I.%I t', n.nspname || '.' || c.relname || ' ',
    CASE WHEN strpos(:'sums', ' ' || :'db' || '.' || c.relname || ' ') > 0
      THEN $$' ' || coalesce(sum(('x' || substr(md5(t::text), 1, 16))::bit(64)::bigint), 0)$$ ELSE $$' -'$$ END, n.nspname, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'berth_restoring', 'berth_moving') AND n.nspname NOT LIKE 'pg_toast%' ORDER BY 1 \gexec
COMMIT;
SQL
}

# compare DATABASE WAS NOW counts what is there now, and compares it with what was. Backups of older releases of berth have no sums.
compare() {
  count "$1" "$3"
  if ! grep -q ' [0-9]* [-0-9][0-9]*$' "$2"; then
    sed 's/ [^ ]*$//' "$3" >"$3.counts" && mv "$3.counts" "$3"
  fi
  diff "$2" "$3" >"$3.difference" && { rm -f "$3.difference"; return 0; }
  head -20 "$3.difference"
  return 1
}
