CREATE TABLE made (a int);
ALTER TABLE made DROP COLUMN nothing