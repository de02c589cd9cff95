-- Deletes: people and their sessions
DROP TABLE sessions, people;
