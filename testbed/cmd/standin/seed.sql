-- What standin seed writes. A part begins with "-- = NAME"; the parts "bulk" run again and again until the database is of its size. The numbers
-- of people and repositories grow with each run.
-- = frontend
INSERT INTO permissions (namespace, action) VALUES ('BATCH_CHANGES', 'READ'), ('BATCH_CHANGES', 'WRITE') ON CONFLICT DO NOTHING;
INSERT INTO roles (name, system) VALUES ('USER', true), ('SITE_ADMINISTRATOR', true) ON CONFLICT DO NOTHING;
INSERT INTO role_permissions (role_id, permission_id) SELECT r.id, p.id FROM roles r, permissions p ON CONFLICT DO NOTHING;
-- = frontend bulk
DO $$
DECLARE
  first integer := coalesce((SELECT max(id) FROM users), 0);
  firstRepo integer := coalesce((SELECT max(id) FROM repo), 0);
  the_org integer;
  the_service bigint;
  the_spec bigint;
  the_change bigint;
BEGIN
  INSERT INTO users (username, display_name, passwd) SELECT 'user-' || n, 'User ' || n, md5(n::text) || md5(random()::text)
    FROM generate_series(first + 1, first + 100) n;
  INSERT INTO names (name, user_id) SELECT username, id FROM users WHERE id > first;
  INSERT INTO user_emails (user_id, email, verified_at, is_primary) SELECT id, username || '@example.com', now(), true FROM users WHERE id > first;
  INSERT INTO user_external_accounts (user_id, service_type, service_id, account_id, client_id, auth_data, account_data)
    SELECT id, 'github', 'https://github.example.com/', id::text, 'client', '{"token": "' || md5(random()::text) || '"}', '{"login": "' || username || '"}'
    FROM users WHERE id > first;
  INSERT INTO access_tokens (subject_user_id, creator_user_id, value_sha256, note, scopes) SELECT id, id, sha256(convert_to(random()::text || id, 'UTF8')), 'seed', '{user:all}'
    FROM users WHERE id > first;
  INSERT INTO user_roles (user_id, role_id) SELECT u.id, r.id FROM users u, roles r WHERE u.id > first AND r.name = 'USER';
  INSERT INTO orgs (name, display_name) VALUES ('org-' || first, 'Organization ' || first) RETURNING id INTO the_org;
  INSERT INTO names (name, org_id) VALUES ('org-' || first, the_org);
  INSERT INTO org_members (org_id, user_id) SELECT the_org, id FROM users WHERE id > first;
  INSERT INTO settings (user_id, author_user_id, contents) SELECT id, id, '{"theme": "dark", "seed": "' || md5(random()::text) || '"}' FROM users WHERE id > first;
  INSERT INTO saved_searches (description, query, user_id) SELECT 'seed', 'repo:' || md5(random()::text), id FROM users WHERE id > first;
  INSERT INTO notebooks (title, blocks, public, creator_user_id, namespace_user_id)
    SELECT 'Notebook', jsonb_build_array(jsonb_build_object('type', 'md', 'text', 'notes of ' || username)), true, id, id FROM users WHERE id > first;

  INSERT INTO external_services (kind, display_name, config) VALUES ('GITHUB', 'seed ' || firstRepo, '{"url": "https://github.example.com/"}') RETURNING id INTO the_service;
  INSERT INTO repo (name, uri, external_id, external_service_type, external_service_id, private, metadata)
    SELECT n, n, n, 'github', 'https://github.example.com/', true, jsonb_build_object('description', repeat(md5(n), 8))
    FROM (SELECT 'github.example.com/seed/repository-' || i AS n FROM generate_series(firstRepo + 1, firstRepo + 1000) i) all_names;
  INSERT INTO external_service_repos (external_service_id, repo_id, clone_url) SELECT the_service, id, 'https://' || name FROM repo WHERE id > firstRepo;
  INSERT INTO user_repo_permissions (user_id, repo_id, user_external_account_id)
    SELECT a.user_id, r.id, a.id FROM user_external_accounts a, repo r WHERE a.user_id > first AND r.id > firstRepo AND (a.user_id + r.id) % 20 = 0;
  INSERT INTO lsif_uploads (commit, repository_id, indexer, num_parts, uploaded_parts, state, upload_size)
    SELECT md5(id::text) || '01234567', id, 'scip-typescript', 1, '{0}', 'completed', 1000000 FROM repo WHERE id > firstRepo AND id % 10 = 0;

  INSERT INTO batch_specs (rand_id, raw_spec, namespace_user_id, user_id) VALUES ('seed-' || first, 'name: seed', first + 1, first + 1) RETURNING id INTO the_spec;
  INSERT INTO batch_changes (name, namespace_user_id, creator_id, batch_spec_id) VALUES ('seed-' || first, first + 1, first + 1, the_spec) RETURNING id INTO the_change;
  UPDATE batch_specs SET batch_change_id = the_change WHERE id = the_spec;
  INSERT INTO changeset_specs (rand_id, batch_spec_id, repo_id, user_id, type, diff, title)
    SELECT 'seed-' || id, the_spec, id, first + 1, 'branch', convert_to((SELECT string_agg(md5(random()::text || r.id || n), E'\n') FROM generate_series(1, 200) n), 'UTF8'), 'A change'
    FROM repo r WHERE id > firstRepo AND id % 4 = 0;
  INSERT INTO changesets (repo_id, external_service_type, external_id, current_spec_id, owned_by_batch_change_id, batch_change_ids)
    SELECT repo_id, 'github', id::text, id, the_change, jsonb_build_object(the_change::text, '{}'::jsonb) FROM changeset_specs WHERE batch_spec_id = the_spec;
  INSERT INTO changeset_events (changeset_id, kind, key, metadata)
    SELECT c.id, 'github:commented', n::text, jsonb_build_object('body', md5(random()::text)) FROM changesets c, generate_series(1, 5) n
    WHERE owned_by_batch_change_id = the_change;
  INSERT INTO event_logs (name, url, user_id, anonymous_user_id, source, argument, version, "timestamp")
    SELECT 'SearchSubmitted', 'https://sourcegraph.example.com/search?q=' || md5(random()::text), first + 1 + n % 100, md5(n::text), 'WEB',
      jsonb_build_object('q', md5(random()::text)), '7.5.4453', now() - n * interval '1 second' FROM generate_series(1, 20000) n;
END $$;
-- = codeintel
-- = codeintel bulk
DO $$
DECLARE
  upload integer := coalesce((SELECT max(upload_id) FROM codeintel_scip_metadata), 0) + 1;
  last bigint := coalesce((SELECT max(id) FROM codeintel_scip_documents), 0);
  bytes bytea := decode((SELECT string_agg(md5(random()::text || n), '') FROM generate_series(1, 512) n), 'hex');
BEGIN
  INSERT INTO codeintel_scip_metadata (upload_id, tool_name, tool_version, tool_arguments, text_document_encoding, protocol_version)
    VALUES (upload, 'scip-typescript', '0.4.0', '{}', 'UTF8', 0);
  -- What is kept of documents is compressed already: random bytes, turned in another way for each.
  INSERT INTO codeintel_scip_documents (payload_hash, schema_version, raw_scip_payload)
    SELECT sha256(content), 1, content FROM (SELECT int4send(upload) || int4send(d) || substr(bytes, d * 8) || substr(bytes, 1, d * 8 - 1) AS content
      FROM generate_series(1, 1000) d) all_contents;
  INSERT INTO codeintel_scip_document_lookup (upload_id, document_path, document_id) SELECT upload, 'src/file-' || id || '.ts', id
    FROM codeintel_scip_documents WHERE id > last;
  INSERT INTO codeintel_scip_symbol_names (id, upload_id, name_segment) SELECT n, upload, md5(n::text) FROM generate_series(1, 5000) n;
  INSERT INTO codeintel_scip_symbols (upload_id, document_lookup_id, schema_version, definition_ranges, symbol_id)
    SELECT upload, l.id, 1, decode(md5(l.id || ' ' || n), 'hex'), 1 + (l.id * 5 + n) % 5000 FROM codeintel_scip_document_lookup l, generate_series(1, 5) n
    WHERE l.upload_id = upload;
END $$;
-- = codeinsights
-- = codeinsights bulk
DO $$
DECLARE
  series text := 'seed-' || coalesce((SELECT max(id) FROM insight_series), 0);
  view integer;
  board integer;
BEGIN
  INSERT INTO repo_names (name) SELECT 'github.example.com/seed/repository-' || n FROM generate_series(1, 1000) n ON CONFLICT DO NOTHING;
  INSERT INTO insight_series (series_id, query, generation_method) VALUES (series, 'TODO', 'search');
  INSERT INTO insight_view (title, unique_id) VALUES ('Seed', series) RETURNING id INTO view;
  INSERT INTO insight_view_series (insight_view_id, insight_series_id) SELECT view, id FROM insight_series WHERE series_id = series;
  INSERT INTO insight_view_grants (insight_view_id, global) VALUES (view, true);
  INSERT INTO dashboard (title) VALUES (series) RETURNING id INTO board;
  INSERT INTO dashboard_insight_view (dashboard_id, insight_view_id) VALUES (board, view);
  INSERT INTO insight_series_recording_times (series_id, recording_time) SELECT series, date_trunc('day', now()) - n * interval '7 days' FROM generate_series(1, 52) n;
  INSERT INTO series_points (series_id, "time", value, repo_id, repo_name_id, original_repo_name_id)
    SELECT series, date_trunc('day', now()) - w * interval '7 days', floor(random() * 100), r.id, r.id, r.id
    FROM generate_series(1, 52) w, repo_names r;
END $$;
