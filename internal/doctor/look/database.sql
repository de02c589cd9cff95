-- What the doctor asks each database. Each statement prints one line of JSON, whose names are the fields of doctor.Database; some print nothing where
-- there is nothing to say. Where a server lacks what a statement is about, it fails alone. Tables that only some databases have are looked for first, so
-- that the server's log has no errors of ours.
SELECT json_build_object('server', current_setting('server_version_num')::int, 'bytes', pg_database_size(current_database()),
  'now', extract(epoch FROM clock_timestamp()), 'readOnly', (SELECT reset_val = 'on' FROM pg_settings WHERE name = 'default_transaction_read_only'), 'recovery', pg_is_in_recovery(),
  'maxConnections', current_setting('max_connections')::int,
  'connections', (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()),
  'age', (SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database()));
SELECT json_build_object('system', system_identifier::text || '/' || current_database()) FROM pg_control_system();
SELECT json_build_object('collation', coalesce(pg_database_collation_actual_version(oid), 'none') || ', built with ' || coalesce(datcollversion, 'none'))
  FROM pg_database WHERE datname = current_database() AND datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid);
SELECT json_build_object('invalid', json_agg(indexrelid::regclass::text ORDER BY 1)) FROM pg_index
  WHERE NOT indisvalid AND indexrelid NOT IN (SELECT index_relid FROM pg_stat_progress_create_index) HAVING count(*) > 0;
SELECT json_build_object('longest', extract(epoch FROM clock_timestamp() - xact_start)::int,
  'query', 'pid ' || pid || ', ' || usename || coalesce(', ' || nullif(application_name, ''), '') || ', ' || state || ': '
    || regexp_replace(left(query, 100), '''[^'']*(''|$)', '''?''', 'g'))
  FROM pg_stat_activity WHERE xact_start IS NOT NULL AND backend_type = 'client backend' AND pid <> pg_backend_pid()
    AND query !~* '^\s*(vacuum|create\s+(unique\s+)?index|reindex|copy|analyze)' ORDER BY xact_start LIMIT 1;
SELECT json_build_object('waiting', extract(epoch FROM max(clock_timestamp() - query_start))::int) FROM pg_stat_activity
  WHERE wait_event_type = 'Lock' HAVING count(*) > 0;
SELECT json_build_object('dead', n_dead_tup, 'live', n_live_tup, 'table', relid::regclass::text) FROM pg_stat_user_tables ORDER BY n_dead_tup DESC LIMIT 1;
SELECT json_build_object('checksums', checksum_failures) FROM pg_stat_database WHERE datname = current_database() AND checksum_failures > 0;
SELECT to_regclass('migration_logs') IS NOT NULL AS migrated, to_regclass('versions') IS NOT NULL AS released,
  to_regclass('out_of_band_migrations_errors') IS NOT NULL AS background \gset
\if :migrated
SELECT json_build_object('unfinished', json_agg(version::text ORDER BY version)) FROM (
  SELECT DISTINCT ON (schema, version) version, success, started_at, finished_at FROM migration_logs WHERE up ORDER BY schema, version, id DESC) last
  WHERE success IS FALSE OR finished_at IS NULL AND started_at < clock_timestamp() - interval '1 minute' HAVING count(*) > 0;
\endif
\if :released
SELECT json_build_object('release', version) FROM versions WHERE service = 'frontend';
\endif
\if :background
SELECT json_build_object('background', json_agg(m.id || ': ' || left(e.message, 120) ORDER BY m.id)) FROM out_of_band_migrations m,
  LATERAL (SELECT message FROM out_of_band_migrations_errors WHERE migration_id = m.id AND created > now() - interval '1 day' ORDER BY created DESC LIMIT 1) e
  WHERE m.progress < 1 HAVING count(*) > 0;
\endif
