-- Requests for exceptions, each with its votes, its decision and the file that was signed. id is the name of the file.
CREATE TABLE requests (
  number  int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id      text NOT NULL UNIQUE,
  request jsonb NOT NULL
);
