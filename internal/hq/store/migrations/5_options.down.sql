-- Deletes: the sheets of deployment options
DROP TABLE sheets;
