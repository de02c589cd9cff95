-- Each version of the sheet of options. The newest one counts.
CREATE TABLE sheets (
  number int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at     timestamptz NOT NULL,
  person text NOT NULL,
  sheet  text NOT NULL
);
