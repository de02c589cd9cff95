# What Sourcegraph holds of its own configuration: its address, else names only, since the contents have secrets. One line of JSON for each fact.
use pgsql
if has external_services; then
  echo "FACT connections $(ask <<'SQL'
SELECT coalesce(json_agg(json_build_object('kind', kind, 'name', display_name) ORDER BY id), '[]') FROM external_services WHERE deleted_at IS NULL
SQL
)"
fi

# placed QUERY begins a query for what is at the top of a text of JSON with comments. A text is cut into its tokens; a name at the top is a string with
# one open bracket before it, and a colon after it.
placed() {
  cat <<SQL
WITH latest AS ($1),
tokens AS (SELECT found[1] AS token, n FROM latest, regexp_matches(contents,
  '("(?:[^"\\\\]|\\\\.)*"|//[^\n]*|/[*](?:[^*]|[*]+[^*/])*[*]+/|[][{}:,]|[^][{}:,"/[:space:]]+)', 'g') WITH ORDINALITY AS r(found, n)),
plain AS (SELECT token, n FROM tokens WHERE token !~ '^/[/*]'),
placed AS (SELECT token, n, lead(token) OVER (ORDER BY n) AS next, lead(token, 2) OVER (ORDER BY n) AS value,
  sum(CASE WHEN token IN ('{', '[') THEN 1 WHEN token IN ('}', ']') THEN -1 ELSE 0 END) OVER (ORDER BY n) AS depth FROM plain)
SQL
}

# keys FACT QUERY prints the names at the top of such a text.
keys() {
  echo "FACT $1 $({
    placed "$2"
    echo "SELECT coalesce(json_agg(DISTINCT trim(both '\"' from token)), '[]') FROM placed WHERE depth = 1 AND next = ':' AND token LIKE '\"%'"
  } | ask)"
}
site="SELECT contents FROM critical_and_site_config WHERE type = 'site' ORDER BY id DESC LIMIT 1"
if has critical_and_site_config; then
  keys siteConfig "$site"
  # The address is no secret: it is in every page.
  echo "FACT externalURL $({
    placed "$site"
    echo "SELECT coalesce((SELECT value FROM placed WHERE depth = 1 AND next = ':' AND token = '\"externalURL\"' ORDER BY n DESC LIMIT 1), '\"\"')"
  } | ask)"
fi
if has settings; then
  keys settings "SELECT contents FROM settings WHERE user_id IS NULL AND org_id IS NULL ORDER BY id DESC LIMIT 1"
fi
echo FACTS END
