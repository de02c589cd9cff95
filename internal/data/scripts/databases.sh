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

export PGOPTIONS='-c client_min_messages=warning'
databases='pgsql codeintel-db codeinsights-db'
ask() { psql --no-psqlrc --quiet --no-align --tuples-only --set ON_ERROR_STOP=1 "$@"; }

# every COMMAND tells what it prints, every half a minute until: kill "$ticker"
every() {
  while sleep 30; do echo "$("$@")"; done &
  ticker=$!
}

# has TABLE tells whether there is such a table.
has() { [ "$(ask --command "SELECT to_regclass('$1') IS NOT NULL")" = t ]; }
