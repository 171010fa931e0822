-- The key that this one follows: what its owner takes back is taken back of the earlier keys too.
ALTER TABLE owner ADD COLUMN previous TEXT REFERENCES owner (key_id);
