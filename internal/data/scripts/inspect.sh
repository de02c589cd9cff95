# What an upgrade needs to know of the databases: one line of JSON for each fact.
fact() { echo "FACT $1 $(ask --command "$2")"; }

for database in $databases; do
  use "$database" || continue
  fact database "SELECT json_build_object('name', '$database', 'server', current_setting('server_version_num')::int,
    'bytes', pg_database_size(current_database()))"
  if has migration_logs; then
    fact unfinished "SELECT coalesce(json_agg(json_build_object('database', '$database', 'migration', version::text)), '[]') FROM (
      SELECT DISTINCT ON (schema, version) version, success, finished_at FROM migration_logs WHERE up ORDER BY schema, version, id DESC) last
      WHERE finished_at IS NULL OR success IS NOT TRUE"
  fi
done

use pgsql
if has versions; then
  fact release "SELECT json_build_object('version', version) FROM versions WHERE service = 'frontend'"
fi
if has out_of_band_migrations; then
  fact background "SELECT coalesce(json_agg(json_build_object('id', id, 'component', component, 'description', description,
    'progress', progress, 'deprecated', CASE WHEN deprecated_version_major IS NULL THEN ''
      ELSE deprecated_version_major || '.' || deprecated_version_minor END) ORDER BY id), '[]') FROM out_of_band_migrations"
fi
if has gitserver_repos; then
  fact clones "SELECT json_build_object('repositories', count(*), 'bytes', coalesce(sum((to_jsonb(g)->>'repo_size_bytes')::bigint), 0)) FROM gitserver_repos g WHERE clone_status = 'cloned'"
fi
echo FACTS END
