-- Deletes: the log of issues, the audit log, and all roles but admin and reader
DROP TABLE audit, issues;
UPDATE people SET role = 'reader' WHERE role <> 'admin';
ALTER TABLE people DROP CONSTRAINT people_role_check, ADD CONSTRAINT people_role_check CHECK (role IN ('reader', 'admin'));
