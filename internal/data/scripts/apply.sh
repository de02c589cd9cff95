# Does to a database what the other side wrote since the last round: in one transaction, or not at all. A stream that ends early ends without its COMMIT.
use "$DATABASE"
{
  cat <<'SQL'
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.same(name text, here text, there text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF here IS DISTINCT FROM there THEN RAISE EXCEPTION '% differs: the source has %, and here are %', name, there, here; END IF;
END $$;
BEGIN;
-- One that a killed berth left may still be at work.
SELECT pg_advisory_xact_lock(hashtext('berth_moving'));
SET LOCAL session_replication_role = replica;
CREATE SCHEMA IF NOT EXISTS berth_moving;
CREATE TABLE IF NOT EXISTS berth_moving.tables (name text PRIMARY KEY, n bigint NOT NULL, s numeric);
SQL
  cat
  if [ "$MODE" = last ]; then echo "$renewed"; fi
} | ask --output=/dev/null
