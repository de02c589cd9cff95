-- Who may see what. Tokens and sessions are random and long, and only their hashes are kept.
CREATE TABLE people (
  id    int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name  text NOT NULL UNIQUE,
  role  text NOT NULL CHECK (role IN ('reader', 'admin')),
  token bytea NOT NULL UNIQUE,
  made  timestamptz NOT NULL,
  used  timestamptz
);
CREATE TABLE sessions (
  key    bytea PRIMARY KEY,
  person int NOT NULL REFERENCES people ON DELETE CASCADE,
  ends   timestamptz NOT NULL
);
