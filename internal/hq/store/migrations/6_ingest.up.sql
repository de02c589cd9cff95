-- Thousands of reports a second. One report of an installation in a second is all that there is. Those of a week lie beside each other in the index, so that what is
-- written today stays in memory, however many years are kept. Only whoever has the lock of Take writes here, and knows the installation and the kind: so
-- nothing refers to another table, which would be looked up for every row.
ALTER TABLE reports RENAME TO old;
CREATE TABLE reports (
  installation int NOT NULL,
  kind         int NOT NULL,
  made         timestamptz NOT NULL
);
INSERT INTO reports SELECT DISTINCT ON (installation, date_trunc('second', made)) installation, kind, date_trunc('second', made) FROM old ORDER BY installation, date_trunc('second', made), id DESC;
CREATE UNIQUE INDEX reports_key ON reports (date_bin('7 days', made, 'epoch'), installation, made);
DROP TABLE old;
-- A stay that goes on is changed in its place: what changes is in no index, and pages have room.
ALTER TABLE stays DROP CONSTRAINT stays_pkey, DROP CONSTRAINT stays_installation_fkey, DROP CONSTRAINT stays_kind_fkey;
UPDATE stays SET first = date_trunc('second', first), last = date_trunc('second', last) WHERE first <> date_trunc('second', first) OR last <> date_trunc('second', last);
DELETE FROM stays a USING stays b WHERE a.installation = b.installation AND a.first = b.first AND (a.last, a.kind) < (b.last, b.kind);
ALTER TABLE stays ADD PRIMARY KEY (installation, first), SET (fillfactor = 70);
-- said is a hash of what the newest report says beside its kind. The next one most often says the same, and then nothing of it is written. It is the newest one
-- that counts, so nothing has to say when a run was seen.
ALTER TABLE installations DROP COLUMN newest, ADD COLUMN said bigint NOT NULL DEFAULT 0, SET (fillfactor = 80);
ALTER TABLE runs DROP COLUMN seen, DROP CONSTRAINT runs_installation_fkey;
