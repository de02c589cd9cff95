-- Deletes: which reports arrived already
ALTER TABLE runs ADD COLUMN seen timestamptz, ADD FOREIGN KEY (installation) REFERENCES installations;
UPDATE runs SET seen = (SELECT max(last) FROM stays WHERE stays.installation = runs.installation);
ALTER TABLE runs ALTER COLUMN seen SET NOT NULL;
ALTER TABLE installations DROP COLUMN said, ADD COLUMN newest timestamptz NOT NULL DEFAULT '-infinity', RESET (fillfactor);
UPDATE installations SET newest = last FROM (SELECT installation, max(last) AS last FROM stays GROUP BY installation) s WHERE s.installation = id;
ALTER TABLE stays DROP CONSTRAINT stays_pkey, ADD PRIMARY KEY (installation, first, last, kind), ADD FOREIGN KEY (installation) REFERENCES installations, ADD FOREIGN KEY (kind) REFERENCES kinds, RESET (fillfactor);
-- The hash of a report is not known any more. One that arrives again is then there twice, which changes no stay.
DROP INDEX reports_key;
ALTER TABLE reports ADD COLUMN received timestamptz, ADD COLUMN id bytea NOT NULL DEFAULT '', ADD FOREIGN KEY (installation) REFERENCES installations, ADD FOREIGN KEY (kind) REFERENCES kinds, ADD PRIMARY KEY (installation, made, id);
UPDATE reports SET received = made;
ALTER TABLE reports ALTER COLUMN received SET NOT NULL, ALTER COLUMN id DROP DEFAULT;
