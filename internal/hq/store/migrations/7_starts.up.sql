-- How a new installation began, by its newest report. seconds are those until its first search had a result; 0: none had one yet.
ALTER TABLE installations ADD COLUMN began timestamptz, ADD COLUMN seconds int;
