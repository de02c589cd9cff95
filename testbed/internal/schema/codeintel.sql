-- codeintel-db, with the names, columns and keys of Sourcegraph's. Source of the names: migrations/codeintel in
-- https://github.com/sourcegraph/sourcegraph-public-snapshot. Each column stands at the beginning of a line of its own.
CREATE TABLE IF NOT EXISTS codeintel_scip_metadata (
  id bigserial PRIMARY KEY,
  upload_id integer NOT NULL,
  tool_name text NOT NULL,
  tool_version text NOT NULL,
  tool_arguments text[] NOT NULL,
  text_document_encoding text NOT NULL,
  protocol_version integer NOT NULL
);
CREATE INDEX IF NOT EXISTS codeintel_scip_metadata_upload_id ON codeintel_scip_metadata (upload_id);
CREATE TABLE IF NOT EXISTS codeintel_scip_documents (
  id bigserial PRIMARY KEY,
  payload_hash bytea NOT NULL UNIQUE,
  schema_version integer NOT NULL,
  raw_scip_payload bytea NOT NULL
);
CREATE TABLE IF NOT EXISTS codeintel_scip_document_lookup (
  id bigserial PRIMARY KEY,
  upload_id integer NOT NULL,
  document_path text NOT NULL,
  document_id bigint NOT NULL REFERENCES codeintel_scip_documents (id),
  UNIQUE (upload_id, document_path)
);
CREATE INDEX IF NOT EXISTS codeintel_scip_document_lookup_document_id ON codeintel_scip_document_lookup USING hash (document_id);
CREATE TABLE IF NOT EXISTS codeintel_scip_document_lookup_schema_versions (
  upload_id integer PRIMARY KEY,
  min_schema_version integer,
  max_schema_version integer
);
CREATE TABLE IF NOT EXISTS codeintel_scip_documents_dereference_logs (
  id bigserial PRIMARY KEY,
  document_id bigint NOT NULL,
  last_removal_time timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS codeintel_scip_symbol_names (
  id integer NOT NULL,
  upload_id integer NOT NULL,
  name_segment text NOT NULL,
  prefix_id integer,
  PRIMARY KEY (upload_id, id)
);
CREATE TABLE IF NOT EXISTS codeintel_scip_symbols (
  upload_id integer NOT NULL,
  document_lookup_id bigint NOT NULL REFERENCES codeintel_scip_document_lookup (id) ON DELETE CASCADE,
  schema_version integer NOT NULL,
  definition_ranges bytea,
  reference_ranges bytea,
  implementation_ranges bytea,
  type_definition_ranges bytea,
  symbol_id integer NOT NULL,
  descriptor_id integer,
  descriptor_no_suffix_id integer,
  PRIMARY KEY (upload_id, symbol_id, document_lookup_id)
);
CREATE INDEX IF NOT EXISTS codeintel_scip_symbols_document_lookup_id ON codeintel_scip_symbols (document_lookup_id);
CREATE TABLE IF NOT EXISTS codeintel_scip_symbols_schema_versions (
  upload_id integer PRIMARY KEY,
  min_schema_version integer,
  max_schema_version integer
);
CREATE TABLE IF NOT EXISTS codeintel_scip_symbols_lookup (
  id bigint NOT NULL,
  upload_id integer NOT NULL,
  name text NOT NULL,
  scip_name_type text NOT NULL,
  parent_id integer
);
CREATE UNIQUE INDEX IF NOT EXISTS codeintel_scip_symbols_lookup_unique_precise ON codeintel_scip_symbols_lookup (upload_id, id);
CREATE TABLE IF NOT EXISTS codeintel_last_reconcile (
  dump_id integer NOT NULL UNIQUE,
  last_reconcile_at timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS rockskip_repos (
  id serial PRIMARY KEY,
  repo text NOT NULL UNIQUE,
  last_accessed_at timestamptz NOT NULL
);

-- Statement triggers keep two tables up to date, as Sourcegraph's do: a restore of data alone must not run them.
CREATE OR REPLACE FUNCTION update_codeintel_scip_document_lookup_schema_versions_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO codeintel_scip_document_lookup_schema_versions AS v
  SELECT n.upload_id, min(d.schema_version), max(d.schema_version)
  FROM added n JOIN codeintel_scip_documents d ON d.id = n.document_id GROUP BY n.upload_id
  ON CONFLICT (upload_id) DO UPDATE SET min_schema_version = least(v.min_schema_version, excluded.min_schema_version),
    max_schema_version = greatest(v.max_schema_version, excluded.max_schema_version);
  RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS codeintel_scip_document_lookup_schema_versions_insert ON codeintel_scip_document_lookup;
CREATE TRIGGER codeintel_scip_document_lookup_schema_versions_insert AFTER INSERT ON codeintel_scip_document_lookup
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION update_codeintel_scip_document_lookup_schema_versions_insert();
CREATE OR REPLACE FUNCTION update_codeintel_scip_documents_dereference_logs_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO codeintel_scip_documents_dereference_logs (document_id) SELECT document_id FROM removed;
  RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS codeintel_scip_documents_dereference_logs_insert ON codeintel_scip_document_lookup;
CREATE TRIGGER codeintel_scip_documents_dereference_logs_insert AFTER DELETE ON codeintel_scip_document_lookup
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION update_codeintel_scip_documents_dereference_logs_delete();
