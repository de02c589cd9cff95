# After the system under the databases changed: checks what their collations order, and lets the planner learn again. They are servers of their own, so all
# of them are checked at the same time.
check() {
  stale=$(ask --command "SELECT datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid) FROM pg_database WHERE datname = current_database()" 2>/dev/null || echo f)
  if [ "$stale" = t ]; then
    echo "$name: its collation has a new version; rebuilding indexes"
    ask --command "REINDEX DATABASE \"$PGDATABASE\""
    ask --command "ALTER DATABASE \"$PGDATABASE\" REFRESH COLLATION VERSION"
  fi
  if [ "$(ask --command "SELECT count(*) FROM pg_available_extensions WHERE name = 'amcheck'")" = 1 ]; then
    ask --output=/dev/null --command "CREATE EXTENSION IF NOT EXISTS amcheck" --command "SELECT bt_index_check(c.oid) FROM pg_class c
      JOIN pg_index i ON i.indexrelid = c.oid JOIN pg_am am ON am.oid = c.relam JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE am.amname = 'btree' AND i.indisready AND i.indisvalid AND c.relpersistence = 'p' AND n.nspname = 'public'"
    echo "$name: indexes are sound"
  fi
  ask --command ANALYZE
  echo "$name: analyzed"
}
checks='' status=0
for database in $databases; do
  use "$database" || continue
  check &
  checks="$checks $!"
done
for one in $checks; do wait "$one" || status=$?; done
exit "$status"
