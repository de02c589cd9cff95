# Whether the admin's own databases answer, and whether their user may do there what the migrator does: one line of JSON for each. ASK has their names,
# each with the extensions that it needs: pgsql:citext,hstore.
export PGCONNECT_TIMEOUT=5
json() { printf '%s' "$1" | tr '\n\t' '  ' | sed 's/\\/\\\\/g; s/"/\\"/g'; }

for item in $ASK; do
  database=${item%%:*}
  if ! why=$(use "$database"); then
    echo "FACT reach {\"name\": \"$database\", \"why\": \"$(json "${why#*: }")\"}"
    continue
  fi
  use "$database"
  # Those that may make extensions at Amazon, Google and Azure are no superusers.
  echo "FACT reach $(ask --set name="$database" --set extensions="${item#*:}" <<'SQL'
WITH missing AS (SELECT wanted FROM unnest(string_to_array(:'extensions', ',')) wanted WHERE wanted NOT IN (SELECT extname FROM pg_extension)),
may AS (SELECT has_database_privilege(current_database(), 'CREATE') AS extend, coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS make,
  EXISTS (SELECT FROM pg_roles WHERE rolname = current_user AND rolsuper
    OR rolname IN ('rds_superuser', 'cloudsqlsuperuser', 'azure_pg_admin') AND pg_has_role(oid, 'MEMBER')) AS everything)
SELECT json_build_object('name', :'name', 'server', current_setting('server_version_num')::int, 'create', make,
  'owner', coalesce((SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
    AND NOT pg_has_role(relowner, 'USAGE') AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e') LIMIT 1), ''),
  'absent', (SELECT coalesce(json_agg(wanted ORDER BY wanted), '[]') FROM missing WHERE wanted NOT IN (SELECT name FROM pg_available_extensions)),
  'refused', (SELECT coalesce(json_agg(wanted ORDER BY wanted), '[]') FROM missing WHERE NOT everything AND wanted IN (SELECT name FROM pg_available_extensions)
    AND NOT (extend AND EXISTS (SELECT FROM pg_available_extension_versions v WHERE v.name = wanted
      AND (NOT v.superuser OR to_jsonb(v) ->> 'trusted' = 'true')))))
FROM may
SQL
)"
done
echo FACTS END
