-- codeinsights-db, with the names, columns and keys of Sourcegraph's. Source of the names: internal/database/schema.codeinsights.md in
-- https://github.com/sourcegraph/sourcegraph-public-snapshot. Each column stands at the beginning of a line of its own.
CREATE EXTENSION IF NOT EXISTS citext;
DO $$ BEGIN
  CREATE TYPE time_unit AS ENUM ('HOUR', 'DAY', 'WEEK', 'MONTH', 'YEAR');
  CREATE TYPE presentation_type_enum AS ENUM ('LINE', 'PIE');
  CREATE TYPE series_sort_mode_enum AS ENUM ('RESULT_COUNT', 'LEXICOGRAPHICAL', 'DATE_ADDED');
  CREATE TYPE series_sort_direction_enum AS ENUM ('ASC', 'DESC');
EXCEPTION WHEN duplicate_object THEN NULL;
END $$;
CREATE TABLE IF NOT EXISTS insight_series (
  id serial PRIMARY KEY,
  series_id text NOT NULL,
  query text NOT NULL,
  created_at timestamp NOT NULL DEFAULT current_timestamp,
  oldest_historical_at timestamp NOT NULL DEFAULT current_timestamp - interval '1 year',
  last_recorded_at timestamp NOT NULL DEFAULT current_timestamp - interval '10 years',
  next_recording_after timestamp NOT NULL DEFAULT current_timestamp,
  deleted_at timestamp,
  backfill_queued_at timestamp,
  last_snapshot_at timestamp DEFAULT current_timestamp - interval '10 years',
  next_snapshot_after timestamp DEFAULT current_timestamp,
  repositories text[],
  sample_interval_unit time_unit NOT NULL DEFAULT 'MONTH',
  sample_interval_value integer NOT NULL DEFAULT 1,
  generated_from_capture_groups boolean NOT NULL DEFAULT false,
  generation_method text NOT NULL,
  just_in_time boolean NOT NULL DEFAULT false,
  group_by text,
  backfill_attempts integer NOT NULL DEFAULT 0,
  needs_migration boolean,
  backfill_completed_at timestamp
);
CREATE UNIQUE INDEX IF NOT EXISTS insight_series_series_id_unique_idx ON insight_series (series_id);
CREATE INDEX IF NOT EXISTS insight_series_next_recording_after_idx ON insight_series (next_recording_after);
CREATE TABLE IF NOT EXISTS insight_view (
  id serial PRIMARY KEY,
  title text,
  description text,
  unique_id text NOT NULL,
  default_filter_include_repo_regex text,
  default_filter_exclude_repo_regex text,
  other_threshold double precision,
  presentation_type presentation_type_enum NOT NULL DEFAULT 'LINE',
  is_frozen boolean NOT NULL DEFAULT false,
  default_filter_search_contexts text[],
  series_sort_mode series_sort_mode_enum,
  series_sort_direction series_sort_direction_enum,
  series_limit integer
);
CREATE UNIQUE INDEX IF NOT EXISTS insight_view_unique_id_unique_idx ON insight_view (unique_id);
CREATE TABLE IF NOT EXISTS insight_view_series (
  insight_view_id integer NOT NULL REFERENCES insight_view (id) ON DELETE CASCADE,
  insight_series_id integer NOT NULL REFERENCES insight_series (id),
  label text,
  stroke text,
  PRIMARY KEY (insight_view_id, insight_series_id)
);
CREATE TABLE IF NOT EXISTS insight_view_grants (
  id serial PRIMARY KEY,
  insight_view_id integer NOT NULL REFERENCES insight_view (id) ON DELETE CASCADE,
  user_id integer,
  org_id integer,
  global boolean
);
CREATE TABLE IF NOT EXISTS dashboard (
  id serial PRIMARY KEY,
  title text,
  created_at timestamp NOT NULL DEFAULT now(),
  created_by_user_id integer,
  last_updated_at timestamp NOT NULL DEFAULT now(),
  deleted_at timestamp,
  save boolean NOT NULL DEFAULT false,
  type text NOT NULL DEFAULT 'standard'
);
CREATE TABLE IF NOT EXISTS dashboard_grants (
  id serial PRIMARY KEY,
  dashboard_id integer NOT NULL REFERENCES dashboard (id) ON DELETE CASCADE,
  user_id integer,
  org_id integer,
  global boolean
);
CREATE TABLE IF NOT EXISTS dashboard_insight_view (
  id serial PRIMARY KEY,
  dashboard_id integer NOT NULL REFERENCES dashboard (id) ON DELETE CASCADE,
  insight_view_id integer NOT NULL REFERENCES insight_view (id) ON DELETE CASCADE,
  CONSTRAINT unique_dashboard_id_insight_view_id UNIQUE (dashboard_id, insight_view_id)
);
CREATE TABLE IF NOT EXISTS metadata (
  id bigserial PRIMARY KEY,
  metadata jsonb NOT NULL
);
CREATE TABLE IF NOT EXISTS repo_names (
  id bigserial PRIMARY KEY,
  name citext NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS series_points (
  series_id text NOT NULL,
  "time" timestamptz NOT NULL,
  value double precision NOT NULL,
  metadata_id integer REFERENCES metadata (id) ON DELETE CASCADE DEFERRABLE,
  repo_id integer,
  repo_name_id integer REFERENCES repo_names (id) ON DELETE CASCADE DEFERRABLE,
  original_repo_name_id integer REFERENCES repo_names (id) ON DELETE CASCADE DEFERRABLE,
  capture text
);
CREATE INDEX IF NOT EXISTS series_points_series_id_repo_id_time_idx ON series_points (series_id, repo_id, "time");
CREATE TABLE IF NOT EXISTS series_points_snapshots (
  series_id text NOT NULL,
  "time" timestamptz NOT NULL,
  value double precision NOT NULL,
  metadata_id integer,
  repo_id integer,
  repo_name_id integer,
  original_repo_name_id integer,
  capture text
);
CREATE TABLE IF NOT EXISTS insight_series_recording_times (
  series_id text,
  recording_time timestamptz,
  UNIQUE (series_id, recording_time)
);
CREATE TABLE IF NOT EXISTS insight_dirty_queries (
  id serial PRIMARY KEY,
  insight_series_id integer REFERENCES insight_series (id) ON DELETE CASCADE,
  query text NOT NULL,
  dirty_at timestamp NOT NULL DEFAULT current_timestamp,
  reason text NOT NULL,
  for_time timestamp NOT NULL
);
