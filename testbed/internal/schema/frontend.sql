-- pgsql: the tables that hold what must not be lost, with the names, columns and keys of Sourcegraph's, as far as these are public (2024),
-- and what the stand-ins work with. Written for the test bed. Source of the names: migrations/frontend and internal/database/schema.md in
-- https://github.com/sourcegraph/sourcegraph-public-snapshot
--
-- Each column stands at the beginning of a line of its own: the check for drift reads them from here.
CREATE EXTENSION IF NOT EXISTS citext;
CREATE EXTENSION IF NOT EXISTS hstore;

CREATE TABLE IF NOT EXISTS versions (
  service text PRIMARY KEY,
  version text NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  first_version text NOT NULL,
  auto_upgrade boolean NOT NULL DEFAULT false
);
CREATE TABLE IF NOT EXISTS out_of_band_migrations (
  id serial PRIMARY KEY,
  team text NOT NULL,
  component text NOT NULL,
  description text NOT NULL,
  progress double precision NOT NULL DEFAULT 0,
  created timestamptz NOT NULL DEFAULT now(),
  last_updated timestamptz,
  non_destructive boolean NOT NULL,
  apply_reverse boolean NOT NULL DEFAULT false,
  is_enterprise boolean NOT NULL DEFAULT false,
  introduced_version_major integer NOT NULL,
  introduced_version_minor integer NOT NULL,
  deprecated_version_major integer,
  deprecated_version_minor integer,
  metadata jsonb NOT NULL DEFAULT '{}'
);
CREATE TABLE IF NOT EXISTS out_of_band_migrations_errors (
  id serial PRIMARY KEY,
  migration_id integer NOT NULL REFERENCES out_of_band_migrations (id) ON DELETE CASCADE,
  message text NOT NULL CHECK (message <> ''),
  created timestamptz NOT NULL DEFAULT now()
);

-- People.
CREATE TABLE IF NOT EXISTS users (
  id serial PRIMARY KEY,
  username citext NOT NULL CHECK (char_length(username::text) <= 255),
  display_name text CHECK (char_length(display_name) <= 255),
  avatar_url text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz,
  invite_quota integer NOT NULL DEFAULT 100,
  passwd text,
  passwd_reset_code text,
  passwd_reset_time timestamptz,
  site_admin boolean NOT NULL DEFAULT false,
  page_views integer NOT NULL DEFAULT 0,
  search_queries integer NOT NULL DEFAULT 0,
  billing_customer_id text,
  invalidated_sessions_at timestamptz NOT NULL DEFAULT now(),
  tos_accepted boolean NOT NULL DEFAULT false,
  completions_quota integer,
  code_completions_quota integer
);
CREATE UNIQUE INDEX IF NOT EXISTS users_username ON users (username) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX IF NOT EXISTS users_billing_customer_id ON users (billing_customer_id) WHERE deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS users_created_at_idx ON users (created_at);
CREATE OR REPLACE FUNCTION invalidate_session_for_userid_on_password_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.passwd IS DISTINCT FROM NEW.passwd THEN
    NEW.invalidated_sessions_at = now() + interval '1 second';
  END IF;
  RETURN NEW;
END $$;
DROP TRIGGER IF EXISTS trig_invalidate_session_on_password_change ON users;
CREATE TRIGGER trig_invalidate_session_on_password_change BEFORE UPDATE OF passwd ON users
  FOR EACH ROW EXECUTE FUNCTION invalidate_session_for_userid_on_password_change();

CREATE TABLE IF NOT EXISTS user_emails (
  user_id integer NOT NULL REFERENCES users (id),
  email citext NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  verification_code text,
  verified_at timestamptz,
  last_verification_sent_at timestamptz,
  is_primary boolean NOT NULL DEFAULT false,
  CONSTRAINT user_emails_no_duplicates_per_user UNIQUE (user_id, email),
  CONSTRAINT user_emails_unique_verified_email EXCLUDE USING btree (email WITH =) WHERE (verified_at IS NOT NULL)
);
CREATE UNIQUE INDEX IF NOT EXISTS user_emails_user_id_is_primary_idx ON user_emails (user_id, is_primary) WHERE is_primary;

CREATE TABLE IF NOT EXISTS user_external_accounts (
  id serial PRIMARY KEY,
  user_id integer NOT NULL REFERENCES users (id),
  service_type text NOT NULL,
  service_id text NOT NULL,
  account_id text NOT NULL,
  auth_data text,
  account_data text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz,
  client_id text NOT NULL,
  expired_at timestamptz,
  last_valid_at timestamptz,
  encryption_key_id text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX IF NOT EXISTS user_external_accounts_account ON user_external_accounts (service_type, service_id, client_id, account_id)
  WHERE deleted_at IS NULL;

CREATE TABLE IF NOT EXISTS user_credentials (
  id bigserial PRIMARY KEY,
  domain text NOT NULL,
  user_id integer NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  external_service_type text NOT NULL,
  external_service_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  credential bytea NOT NULL,
  ssh_migration_applied boolean NOT NULL DEFAULT false,
  encryption_key_id text NOT NULL DEFAULT '',
  UNIQUE (domain, user_id, external_service_type, external_service_id)
);

CREATE TABLE IF NOT EXISTS access_tokens (
  id bigserial PRIMARY KEY,
  subject_user_id integer NOT NULL REFERENCES users (id),
  value_sha256 bytea NOT NULL UNIQUE,
  note text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz,
  deleted_at timestamptz,
  creator_user_id integer NOT NULL REFERENCES users (id),
  scopes text[] NOT NULL,
  internal boolean DEFAULT false,
  expires_at timestamptz
);
CREATE INDEX IF NOT EXISTS access_tokens_lookup ON access_tokens USING hash (value_sha256) WHERE deleted_at IS NULL;

CREATE TABLE IF NOT EXISTS access_requests (
  id serial PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  name text NOT NULL,
  email text NOT NULL UNIQUE,
  additional_info text,
  status text NOT NULL,
  decision_by_user_id integer REFERENCES users (id) ON DELETE SET NULL
);

CREATE TABLE IF NOT EXISTS orgs (
  id serial PRIMARY KEY,
  name citext NOT NULL CHECK (char_length(name::text) <= 255),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  display_name text CHECK (char_length(display_name) <= 255),
  slack_webhook_url text,
  deleted_at timestamptz
);
CREATE UNIQUE INDEX IF NOT EXISTS orgs_name ON orgs (name) WHERE deleted_at IS NULL;
CREATE TABLE IF NOT EXISTS org_members (
  id serial PRIMARY KEY,
  org_id integer NOT NULL REFERENCES orgs (id) ON DELETE RESTRICT,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  user_id integer NOT NULL REFERENCES users (id) ON DELETE RESTRICT,
  UNIQUE (org_id, user_id)
);
CREATE TABLE IF NOT EXISTS teams (
  id serial PRIMARY KEY,
  name citext NOT NULL UNIQUE,
  display_name text,
  readonly boolean NOT NULL DEFAULT false,
  parent_team_id integer REFERENCES teams (id) ON DELETE CASCADE,
  creator_id integer REFERENCES users (id) ON DELETE SET NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS team_members (
  team_id integer NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
  user_id integer NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (team_id, user_id)
);
CREATE TABLE IF NOT EXISTS names (
  name citext PRIMARY KEY,
  user_id integer REFERENCES users (id) ON UPDATE CASCADE ON DELETE CASCADE,
  org_id integer REFERENCES orgs (id) ON UPDATE CASCADE ON DELETE CASCADE,
  team_id integer REFERENCES teams (id) ON UPDATE CASCADE ON DELETE CASCADE,
  CHECK (user_id IS NOT NULL OR org_id IS NOT NULL OR team_id IS NOT NULL)
);

-- Code hosts and repositories.
CREATE TABLE IF NOT EXISTS external_services (
  id bigserial PRIMARY KEY,
  kind text NOT NULL,
  display_name text NOT NULL,
  config text NOT NULL CHECK (btrim(config) <> ''),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz,
  last_sync_at timestamptz,
  next_sync_at timestamptz,
  unrestricted boolean NOT NULL DEFAULT false,
  cloud_default boolean NOT NULL DEFAULT false,
  encryption_key_id text NOT NULL DEFAULT '',
  has_webhooks boolean,
  token_expires_at timestamptz,
  code_host_id integer,
  creator_id integer REFERENCES users (id) ON DELETE SET NULL,
  last_updater_id integer REFERENCES users (id) ON DELETE SET NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS kind_cloud_default ON external_services (kind, cloud_default) WHERE cloud_default AND deleted_at IS NULL;

CREATE TABLE IF NOT EXISTS repo (
  id serial PRIMARY KEY,
  name citext NOT NULL CHECK (name <> ''),
  description text,
  fork boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz,
  external_id text,
  external_service_type text,
  external_service_id text,
  archived boolean NOT NULL DEFAULT false,
  uri citext,
  deleted_at timestamptz,
  metadata jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
  private boolean NOT NULL DEFAULT false,
  stars integer NOT NULL DEFAULT 0,
  blocked jsonb,
  topics text[],
  CONSTRAINT repo_name_unique UNIQUE (name) DEFERRABLE
);
CREATE UNIQUE INDEX IF NOT EXISTS repo_external_unique_idx ON repo (external_service_type, external_service_id, external_id);
CREATE INDEX IF NOT EXISTS repo_created_at ON repo (created_at);
CREATE INDEX IF NOT EXISTS repo_uri_idx ON repo (uri);

CREATE TABLE IF NOT EXISTS gitserver_repos (
  repo_id integer PRIMARY KEY REFERENCES repo (id) ON DELETE CASCADE,
  clone_status text NOT NULL DEFAULT 'not_cloned',
  shard_id text NOT NULL,
  last_error text,
  updated_at timestamptz NOT NULL DEFAULT now(),
  last_fetched timestamptz NOT NULL DEFAULT now(),
  last_changed timestamptz NOT NULL DEFAULT now(),
  repo_size_bytes bigint,
  corrupted_at timestamptz,
  corruption_logs jsonb NOT NULL DEFAULT '[]',
  cloning_progress text DEFAULT ''
);
CREATE INDEX IF NOT EXISTS gitserver_repos_shard_id ON gitserver_repos (shard_id, repo_id);
CREATE TABLE IF NOT EXISTS zoekt_repos (
  repo_id integer PRIMARY KEY REFERENCES repo (id) ON DELETE CASCADE,
  branches jsonb NOT NULL DEFAULT '[]',
  index_status text NOT NULL DEFAULT 'not_indexed',
  updated_at timestamptz NOT NULL DEFAULT now(),
  created_at timestamptz NOT NULL DEFAULT now(),
  last_indexed_at timestamptz
);
CREATE OR REPLACE FUNCTION func_insert_gitserver_repo() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO gitserver_repos (repo_id, shard_id) VALUES (NEW.id, '');
  RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS trigger_gitserver_repo_insert ON repo;
CREATE TRIGGER trigger_gitserver_repo_insert AFTER INSERT ON repo FOR EACH ROW EXECUTE FUNCTION func_insert_gitserver_repo();
CREATE OR REPLACE FUNCTION func_insert_zoekt_repo() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO zoekt_repos (repo_id) VALUES (NEW.id);
  RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS trig_create_zoekt_repo_on_repo_insert ON repo;
CREATE TRIGGER trig_create_zoekt_repo_on_repo_insert AFTER INSERT ON repo FOR EACH ROW EXECUTE FUNCTION func_insert_zoekt_repo();

CREATE TABLE IF NOT EXISTS external_service_repos (
  external_service_id bigint NOT NULL REFERENCES external_services (id) ON DELETE CASCADE DEFERRABLE,
  repo_id integer NOT NULL REFERENCES repo (id) ON DELETE CASCADE DEFERRABLE,
  clone_url text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT transaction_timestamp(),
  CONSTRAINT external_service_repos_repo_id_external_service_id_unique UNIQUE (repo_id, external_service_id)
);
CREATE SEQUENCE IF NOT EXISTS external_service_sync_jobs_id_seq;
CREATE TABLE IF NOT EXISTS external_service_sync_jobs (
  id integer NOT NULL DEFAULT nextval('external_service_sync_jobs_id_seq'),
  state text NOT NULL DEFAULT 'queued',
  failure_message text,
  started_at timestamptz,
  finished_at timestamptz,
  external_service_id bigint REFERENCES external_services (id) ON DELETE CASCADE,
  queued_at timestamptz DEFAULT now()
);
CREATE TABLE IF NOT EXISTS repo_kvps (
  repo_id integer NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
  key text NOT NULL,
  value text,
  PRIMARY KEY (repo_id, key)
);

-- Settings and the site.
CREATE TABLE IF NOT EXISTS settings (
  id serial PRIMARY KEY,
  org_id integer REFERENCES orgs (id) ON DELETE RESTRICT,
  contents text NOT NULL DEFAULT '{}' CHECK (contents <> ''),
  created_at timestamptz NOT NULL DEFAULT now(),
  user_id integer REFERENCES users (id) ON DELETE RESTRICT,
  author_user_id integer REFERENCES users (id) ON DELETE RESTRICT
);
DO $$ BEGIN
  CREATE TYPE critical_or_site AS ENUM ('critical', 'site');
EXCEPTION WHEN duplicate_object THEN NULL;
END $$;
CREATE TABLE IF NOT EXISTS critical_and_site_config (
  id serial PRIMARY KEY,
  type critical_or_site NOT NULL,
  contents text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  author_user_id integer,
  redacted_contents text
);
CREATE UNIQUE INDEX IF NOT EXISTS critical_and_site_config_unique ON critical_and_site_config (id, type);
CREATE TABLE IF NOT EXISTS global_state (
  site_id uuid PRIMARY KEY,
  initialized boolean NOT NULL DEFAULT false
);
CREATE TABLE IF NOT EXISTS redis_key_value (
  namespace text NOT NULL,
  key text NOT NULL,
  value bytea NOT NULL,
  PRIMARY KEY (namespace, key) INCLUDE (value)
);
CREATE TABLE IF NOT EXISTS feature_flags (
  flag_name text PRIMARY KEY,
  flag_type text NOT NULL,
  bool_value boolean,
  rollout integer,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz
);
CREATE TABLE IF NOT EXISTS temporary_settings (
  id serial PRIMARY KEY,
  user_id integer NOT NULL UNIQUE REFERENCES users (id) ON DELETE CASCADE,
  contents jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

-- What people make for their searches.
CREATE TABLE IF NOT EXISTS saved_searches (
  id serial PRIMARY KEY,
  description text NOT NULL,
  query text NOT NULL,
  created_at timestamptz DEFAULT now(),
  updated_at timestamptz DEFAULT now(),
  notify_owner boolean NOT NULL DEFAULT false,
  notify_slack boolean NOT NULL DEFAULT false,
  user_id integer REFERENCES users (id),
  org_id integer REFERENCES orgs (id),
  slack_webhook_url text,
  CHECK ((user_id IS NULL) <> (org_id IS NULL))
);
CREATE TABLE IF NOT EXISTS search_contexts (
  id bigserial PRIMARY KEY,
  name citext NOT NULL,
  description text NOT NULL,
  public boolean NOT NULL,
  namespace_user_id integer REFERENCES users (id) ON DELETE CASCADE,
  namespace_org_id integer REFERENCES orgs (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz,
  query text
);
CREATE TABLE IF NOT EXISTS search_context_repos (
  search_context_id bigint NOT NULL REFERENCES search_contexts (id) ON DELETE CASCADE,
  repo_id integer NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
  revision text NOT NULL,
  CONSTRAINT search_context_repos_unique UNIQUE (repo_id, search_context_id, revision)
);
CREATE TABLE IF NOT EXISTS search_context_stars (
  search_context_id bigint NOT NULL REFERENCES search_contexts (id) ON DELETE CASCADE DEFERRABLE,
  user_id integer NOT NULL REFERENCES users (id) ON DELETE CASCADE DEFERRABLE,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (search_context_id, user_id)
);
CREATE TABLE IF NOT EXISTS notebooks (
  id bigserial PRIMARY KEY,
  title text NOT NULL,
  blocks jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(blocks) = 'array'),
  public boolean NOT NULL,
  creator_user_id integer REFERENCES users (id) ON DELETE SET NULL DEFERRABLE,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  blocks_tsvector tsvector GENERATED ALWAYS AS (jsonb_to_tsvector('english', blocks, '["string"]')) STORED,
  namespace_user_id integer REFERENCES users (id) ON DELETE SET NULL DEFERRABLE,
  namespace_org_id integer REFERENCES orgs (id) ON DELETE SET NULL DEFERRABLE,
  updater_user_id integer REFERENCES users (id) ON DELETE SET NULL DEFERRABLE
);
CREATE INDEX IF NOT EXISTS notebooks_blocks_tsvector_idx ON notebooks USING gin (blocks_tsvector);
CREATE TABLE IF NOT EXISTS notebook_stars (
  notebook_id integer NOT NULL,
  user_id integer NOT NULL REFERENCES users (id) ON DELETE CASCADE DEFERRABLE,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (notebook_id, user_id)
);

-- Code monitors.
CREATE TABLE IF NOT EXISTS cm_monitors (
  id bigserial PRIMARY KEY,
  created_by integer NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  description text NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT now(),
  changed_by integer NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  enabled boolean NOT NULL DEFAULT true,
  namespace_user_id integer NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  namespace_org_id integer REFERENCES orgs (id) ON DELETE CASCADE
);
CREATE TABLE IF NOT EXISTS cm_queries (
  id bigserial PRIMARY KEY,
  monitor bigint NOT NULL REFERENCES cm_monitors (id) ON DELETE CASCADE,
  query text NOT NULL,
  created_by integer NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  changed_by integer NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  changed_at timestamptz NOT NULL DEFAULT now(),
  next_run timestamptz DEFAULT now(),
  latest_result timestamptz
);
CREATE TABLE IF NOT EXISTS cm_emails (
  id bigserial PRIMARY KEY,
  monitor bigint NOT NULL REFERENCES cm_monitors (id) ON DELETE CASCADE,
  enabled boolean NOT NULL,
  priority text NOT NULL,
  header text NOT NULL,
  created_by integer NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  changed_by integer NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  changed_at timestamptz NOT NULL DEFAULT now(),
  include_results boolean NOT NULL DEFAULT false
);
CREATE TABLE IF NOT EXISTS cm_slack_webhooks (
  id bigserial PRIMARY KEY,
  monitor bigint NOT NULL REFERENCES cm_monitors (id) ON DELETE CASCADE,
  url text NOT NULL,
  enabled boolean NOT NULL,
  created_by integer NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  changed_by integer NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  changed_at timestamptz NOT NULL DEFAULT now(),
  include_results boolean NOT NULL DEFAULT false
);

-- Batch changes.
CREATE TABLE IF NOT EXISTS batch_specs (
  id bigserial PRIMARY KEY,
  rand_id text NOT NULL UNIQUE,
  raw_spec text NOT NULL,
  spec jsonb NOT NULL DEFAULT '{}',
  namespace_user_id integer,
  namespace_org_id integer,
  user_id integer REFERENCES users (id) ON DELETE SET NULL DEFERRABLE,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  created_from_raw boolean NOT NULL DEFAULT false,
  allow_unsupported boolean NOT NULL DEFAULT false,
  allow_ignored boolean NOT NULL DEFAULT false,
  no_cache boolean NOT NULL DEFAULT false,
  batch_change_id bigint,
  CHECK ((namespace_user_id IS NULL) <> (namespace_org_id IS NULL))
);
CREATE TABLE IF NOT EXISTS batch_changes (
  id bigserial PRIMARY KEY,
  name text NOT NULL CHECK (name <> ''),
  description text,
  creator_id integer REFERENCES users (id) ON DELETE SET NULL DEFERRABLE,
  namespace_user_id integer REFERENCES users (id) ON DELETE CASCADE DEFERRABLE,
  namespace_org_id integer REFERENCES orgs (id) ON DELETE CASCADE DEFERRABLE,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  closed_at timestamptz,
  batch_spec_id bigint NOT NULL REFERENCES batch_specs (id) DEFERRABLE,
  last_applier_id bigint REFERENCES users (id) ON DELETE SET NULL DEFERRABLE,
  last_applied_at timestamptz,
  CHECK ((namespace_user_id IS NULL) <> (namespace_org_id IS NULL))
);
DO $$ BEGIN
  ALTER TABLE batch_specs ADD CONSTRAINT batch_specs_batch_change_id_fkey FOREIGN KEY (batch_change_id) REFERENCES batch_changes (id)
    ON DELETE SET NULL DEFERRABLE;
EXCEPTION WHEN duplicate_object THEN NULL;
END $$;
CREATE TABLE IF NOT EXISTS changeset_specs (
  id bigserial PRIMARY KEY,
  rand_id text NOT NULL UNIQUE,
  spec jsonb DEFAULT '{}',
  batch_spec_id bigint REFERENCES batch_specs (id) ON DELETE CASCADE DEFERRABLE,
  repo_id integer NOT NULL REFERENCES repo (id) DEFERRABLE,
  user_id integer REFERENCES users (id) ON DELETE SET NULL DEFERRABLE,
  diff_stat_added integer,
  diff_stat_deleted integer,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  head_ref text,
  title text,
  external_id text,
  fork_namespace citext,
  diff bytea,
  base_rev text,
  base_ref text,
  body text,
  published text,
  commit_message text,
  commit_author_name text,
  commit_author_email text,
  type text NOT NULL
);
CREATE TABLE IF NOT EXISTS changesets (
  id bigserial PRIMARY KEY,
  batch_change_ids jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(batch_change_ids) = 'object'),
  repo_id integer NOT NULL REFERENCES repo (id) ON DELETE CASCADE DEFERRABLE,
  queued_at timestamptz DEFAULT now(),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  metadata jsonb DEFAULT '{}',
  external_id text,
  external_service_type text NOT NULL,
  external_deleted_at timestamptz,
  external_branch text,
  external_updated_at timestamptz,
  external_state text,
  external_review_state text,
  external_check_state text,
  diff_stat_added integer,
  diff_stat_deleted integer,
  sync_state jsonb NOT NULL DEFAULT '{}',
  current_spec_id bigint REFERENCES changeset_specs (id) DEFERRABLE,
  previous_spec_id bigint REFERENCES changeset_specs (id) DEFERRABLE,
  publication_state text DEFAULT 'UNPUBLISHED',
  owned_by_batch_change_id bigint REFERENCES batch_changes (id) ON DELETE SET NULL DEFERRABLE,
  reconciler_state text DEFAULT 'queued',
  failure_message text,
  num_resets integer NOT NULL DEFAULT 0,
  closing boolean NOT NULL DEFAULT false,
  external_title text,
  CONSTRAINT changesets_repo_external_id_unique UNIQUE (repo_id, external_id)
);
CREATE TABLE IF NOT EXISTS changeset_events (
  id bigserial PRIMARY KEY,
  changeset_id bigint NOT NULL REFERENCES changesets (id) ON DELETE CASCADE DEFERRABLE,
  kind text NOT NULL CHECK (kind <> ''),
  key text NOT NULL CHECK (key <> ''),
  created_at timestamptz NOT NULL DEFAULT now(),
  metadata jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT changeset_events_changeset_id_kind_key_unique UNIQUE (changeset_id, kind, key)
);
CREATE TABLE IF NOT EXISTS batch_changes_site_credentials (
  id bigserial PRIMARY KEY,
  external_service_type text NOT NULL,
  external_service_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  credential bytea NOT NULL,
  encryption_key_id text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX IF NOT EXISTS batch_changes_site_credentials_unique ON batch_changes_site_credentials (external_service_type, external_service_id);
CREATE TABLE IF NOT EXISTS executor_secrets (
  id serial PRIMARY KEY,
  key text NOT NULL,
  value bytea NOT NULL,
  scope text NOT NULL,
  encryption_key_id text,
  namespace_user_id integer REFERENCES users (id) ON DELETE CASCADE,
  namespace_org_id integer REFERENCES orgs (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  creator_id integer REFERENCES users (id) ON DELETE SET NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS executor_secrets_unique_key_global ON executor_secrets (key, scope)
  WHERE namespace_user_id IS NULL AND namespace_org_id IS NULL;

-- Webhooks.
CREATE TABLE IF NOT EXISTS webhooks (
  id serial PRIMARY KEY,
  code_host_kind text NOT NULL,
  code_host_urn text NOT NULL,
  secret text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  encryption_key_id text,
  uuid uuid NOT NULL UNIQUE,
  created_by_user_id integer REFERENCES users (id) ON DELETE SET NULL,
  updated_by_user_id integer REFERENCES users (id) ON DELETE SET NULL,
  name text NOT NULL
);
CREATE TABLE IF NOT EXISTS webhook_logs (
  id bigserial PRIMARY KEY,
  received_at timestamptz NOT NULL DEFAULT now(),
  external_service_id integer REFERENCES external_services (id) ON UPDATE CASCADE ON DELETE CASCADE,
  status_code integer NOT NULL,
  request bytea NOT NULL,
  response bytea NOT NULL,
  encryption_key_id text NOT NULL,
  webhook_id integer REFERENCES webhooks (id) ON DELETE CASCADE
);

-- Permissions.
CREATE TABLE IF NOT EXISTS permissions (
  id serial PRIMARY KEY,
  namespace text NOT NULL CHECK (namespace <> ''),
  action text NOT NULL CHECK (action <> ''),
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT permissions_unique_namespace_action UNIQUE (namespace, action)
);
CREATE TABLE IF NOT EXISTS roles (
  id serial PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT now(),
  system boolean NOT NULL DEFAULT false,
  name citext NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS role_permissions (
  role_id integer NOT NULL REFERENCES roles (id) ON DELETE CASCADE DEFERRABLE,
  permission_id integer NOT NULL REFERENCES permissions (id) ON DELETE CASCADE DEFERRABLE,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (permission_id, role_id)
);
CREATE TABLE IF NOT EXISTS user_roles (
  user_id integer NOT NULL REFERENCES users (id) ON DELETE CASCADE DEFERRABLE,
  role_id integer NOT NULL REFERENCES roles (id) ON DELETE CASCADE DEFERRABLE,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, role_id)
);
CREATE TABLE IF NOT EXISTS namespace_permissions (
  id serial PRIMARY KEY,
  namespace text NOT NULL CHECK (namespace <> ''),
  resource_id integer NOT NULL,
  user_id integer NOT NULL REFERENCES users (id) ON DELETE CASCADE DEFERRABLE,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT unique_resource_permission UNIQUE (namespace, resource_id, user_id)
);
CREATE TABLE IF NOT EXISTS user_repo_permissions (
  id bigserial PRIMARY KEY,
  user_id integer REFERENCES users (id) ON DELETE CASCADE,
  repo_id integer NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
  user_external_account_id integer REFERENCES user_external_accounts (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  source text NOT NULL DEFAULT 'sync'
);
CREATE UNIQUE INDEX IF NOT EXISTS user_repo_permissions_perms_unique_idx ON user_repo_permissions (user_id, user_external_account_id, repo_id);
CREATE TABLE IF NOT EXISTS user_permissions (
  user_id integer NOT NULL,
  permission text NOT NULL,
  object_type text NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  synced_at timestamptz,
  object_ids_ints integer[] NOT NULL DEFAULT '{}',
  migrated boolean DEFAULT true,
  CONSTRAINT user_permissions_perm_object_unique UNIQUE (user_id, permission, object_type)
);
CREATE TABLE IF NOT EXISTS repo_permissions (
  repo_id integer NOT NULL,
  permission text NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  synced_at timestamptz,
  user_ids_ints integer[] NOT NULL DEFAULT '{}',
  unrestricted boolean NOT NULL DEFAULT false,
  CONSTRAINT repo_permissions_perm_unique UNIQUE (repo_id, permission)
);
CREATE TABLE IF NOT EXISTS sub_repo_permissions (
  repo_id integer NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
  user_id integer NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  version integer NOT NULL DEFAULT 1,
  updated_at timestamptz NOT NULL DEFAULT now(),
  paths text[]
);
CREATE UNIQUE INDEX IF NOT EXISTS sub_repo_permissions_repo_id_user_id_version_uindex ON sub_repo_permissions (repo_id, user_id, version);
CREATE TABLE IF NOT EXISTS user_public_repos (
  user_id integer NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  repo_uri text NOT NULL,
  repo_id integer NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
  UNIQUE (user_id, repo_id)
);

-- Code intelligence: uploads are here, what they hold is in codeintel-db.
CREATE TABLE IF NOT EXISTS lsif_uploads (
  id serial PRIMARY KEY,
  commit text NOT NULL,
  root text NOT NULL DEFAULT '',
  uploaded_at timestamptz NOT NULL DEFAULT now(),
  state text NOT NULL DEFAULT 'queued',
  failure_message text,
  started_at timestamptz,
  finished_at timestamptz,
  repository_id integer NOT NULL,
  indexer text NOT NULL,
  num_parts integer NOT NULL,
  uploaded_parts integer[] NOT NULL,
  process_after timestamptz,
  num_resets integer NOT NULL DEFAULT 0,
  upload_size bigint,
  num_failures integer NOT NULL DEFAULT 0,
  associated_index_id bigint,
  committed_at timestamptz,
  commit_last_checked_at timestamptz,
  worker_hostname text NOT NULL DEFAULT '',
  last_heartbeat_at timestamptz,
  expired boolean NOT NULL DEFAULT false,
  last_retention_scan_at timestamptz,
  reference_count integer,
  indexer_version text,
  queued_at timestamptz,
  cancel boolean NOT NULL DEFAULT false,
  uncompressed_size bigint,
  content_type text NOT NULL DEFAULT 'application/x-ndjson+lsif',
  should_reindex boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX IF NOT EXISTS lsif_uploads_repository_id_commit_root_indexer ON lsif_uploads (repository_id, commit, root, indexer)
  WHERE state = 'completed';
CREATE INDEX IF NOT EXISTS lsif_uploads_state ON lsif_uploads (state);
CREATE TABLE IF NOT EXISTS lsif_uploads_audit_logs (
  log_timestamp timestamptz DEFAULT clock_timestamp(),
  record_deleted_at timestamptz,
  upload_id integer NOT NULL,
  commit text NOT NULL,
  root text NOT NULL,
  repository_id integer NOT NULL,
  uploaded_at timestamptz NOT NULL,
  indexer text NOT NULL,
  transition_columns hstore[],
  reason text DEFAULT '',
  operation text NOT NULL
);
CREATE TABLE IF NOT EXISTS lsif_indexes (
  id bigserial PRIMARY KEY,
  commit text NOT NULL,
  queued_at timestamptz NOT NULL DEFAULT now(),
  state text NOT NULL DEFAULT 'queued',
  failure_message text,
  started_at timestamptz,
  finished_at timestamptz,
  repository_id integer NOT NULL,
  root text NOT NULL,
  indexer text NOT NULL
);
CREATE TABLE IF NOT EXISTS lsif_configuration_policies (
  id serial PRIMARY KEY,
  repository_id integer,
  name text,
  type text NOT NULL,
  pattern text NOT NULL,
  retention_enabled boolean NOT NULL,
  retention_duration_hours integer,
  retain_intermediate_commits boolean NOT NULL,
  indexing_enabled boolean NOT NULL,
  index_commit_max_age_hours integer,
  index_intermediate_commits boolean NOT NULL,
  protected boolean NOT NULL DEFAULT false,
  repository_patterns text[],
  last_resolved_at timestamptz
);
CREATE TABLE IF NOT EXISTS lsif_nearest_uploads (
  repository_id integer NOT NULL,
  commit_bytea bytea NOT NULL,
  uploads jsonb NOT NULL
);
CREATE TABLE IF NOT EXISTS lsif_uploads_visible_at_tip (
  repository_id integer NOT NULL,
  upload_id integer NOT NULL,
  branch_or_tag_name text NOT NULL DEFAULT '',
  is_default_branch boolean NOT NULL DEFAULT false
);

-- Logs.
CREATE TABLE IF NOT EXISTS event_logs (
  id bigserial PRIMARY KEY,
  name text NOT NULL CHECK (name <> ''),
  url text NOT NULL,
  user_id integer NOT NULL,
  anonymous_user_id text NOT NULL,
  source text NOT NULL CHECK (source <> ''),
  argument jsonb NOT NULL,
  version text NOT NULL CHECK (version <> ''),
  "timestamp" timestamptz NOT NULL,
  feature_flags jsonb,
  cohort_id date,
  public_argument jsonb NOT NULL DEFAULT '{}',
  client text
);
CREATE INDEX IF NOT EXISTS event_logs_timestamp ON event_logs ("timestamp");
CREATE INDEX IF NOT EXISTS event_logs_user_id ON event_logs (user_id);
CREATE TABLE IF NOT EXISTS security_event_logs (
  id bigserial PRIMARY KEY,
  name text NOT NULL CHECK (name <> ''),
  url text NOT NULL,
  user_id integer NOT NULL,
  anonymous_user_id text NOT NULL,
  source text NOT NULL CHECK (source <> ''),
  argument jsonb NOT NULL,
  version text NOT NULL CHECK (version <> ''),
  "timestamp" timestamptz NOT NULL
);

-- What the stand-ins keep beside: clone address, content and commit of a repository, and what an upload was.
CREATE TABLE IF NOT EXISTS standin_repos (
  repo_id integer PRIMARY KEY REFERENCES repo (id) ON DELETE CASCADE,
  clone_url text NOT NULL,
  revision integer NOT NULL DEFAULT 1,
  bundle bytea,
  commit text
);
CREATE TABLE IF NOT EXISTS standin_uploads (
  upload_id integer PRIMARY KEY REFERENCES lsif_uploads (id) ON DELETE CASCADE,
  repository text NOT NULL,
  object_key text NOT NULL,
  sha256 text NOT NULL
);
