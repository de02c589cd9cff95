-- Deletes: when installations began, and how long their first search took
-- What a report says is written again when it is another one than before, so nothing counts as said: after a way forward, the next report brings the start back.
UPDATE installations SET said = 0 WHERE began IS NOT NULL;
ALTER TABLE installations DROP COLUMN began, DROP COLUMN seconds;
