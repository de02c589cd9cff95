-- What reports say of an installation. There are few kinds of installations, and many reports: so a report names its kind.
CREATE TABLE kinds (
  id    int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  facts jsonb NOT NULL UNIQUE
);
CREATE TABLE installations (
  id     int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name   text NOT NULL UNIQUE,
  newest timestamptz NOT NULL DEFAULT '-infinity', -- when its newest report was made, of which the next two are
  doctor jsonb NOT NULL DEFAULT '[]',
  exceptions jsonb NOT NULL DEFAULT '[]'
);
-- Every report that was taken: so one that arrives twice is seen, and stays can be made again.
CREATE TABLE reports (
  installation int NOT NULL REFERENCES installations,
  kind         int NOT NULL REFERENCES kinds,
  made         timestamptz NOT NULL,
  received     timestamptz NOT NULL,
  id           bytea NOT NULL,
  PRIMARY KEY (installation, made, id)
);
-- Reports that say the same, joined. Figures are counted from these.
CREATE TABLE stays (
  installation int NOT NULL REFERENCES installations,
  kind         int NOT NULL REFERENCES kinds,
  first        timestamptz NOT NULL,
  last         timestamptz NOT NULL,
  PRIMARY KEY (installation, first, last, kind)
);
-- What was done to installations. seen is when the report was made that says it.
CREATE TABLE runs (
  installation int NOT NULL REFERENCES installations,
  number       int NOT NULL,
  seen         timestamptz NOT NULL,
  run          jsonb NOT NULL,
  PRIMARY KEY (installation, number)
);
CREATE INDEX runs_upgrades ON runs (installation, number) WHERE run ->> 'action' = 'upgrade';
CREATE TABLE refusals (
  day   date NOT NULL,
  code  text NOT NULL,
  count bigint NOT NULL,
  PRIMARY KEY (day, code)
);
