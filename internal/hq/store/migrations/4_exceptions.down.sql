-- Deletes: requests for exceptions, with votes and decisions
DROP TABLE requests;
