-- The log of issues. source is where one stands elsewhere: so it is the same one when it is imported again.
CREATE TABLE issues (
  number int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  source text UNIQUE,
  issue  jsonb NOT NULL
);
-- Who changed what. Nothing is ever changed or deleted here.
CREATE TABLE audit (
  number  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at      timestamptz NOT NULL,
  person  text NOT NULL,
  did     text NOT NULL,
  subject text NOT NULL
);
ALTER TABLE people DROP CONSTRAINT people_role_check, ADD CONSTRAINT people_role_check CHECK (role IN ('reader', 'engineer', 'reviewer', 'delivery', 'admin'));
