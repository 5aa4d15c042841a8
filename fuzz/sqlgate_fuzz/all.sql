CREATE TABLE t (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL, n numeric(10,2) DEFAULT 1.50, s varchar(20) UNIQUE CHECK (s <> ''), b boolean DEFAULT true, r uuid REFERENCES t (id) ON DELETE CASCADE, UNIQUE (n, s));
CREATE UNIQUE INDEX x ON t (lower(s)) WHERE b;
ALTER TABLE t ADD COLUMN d date DEFAULT current_date;
INSERT INTO t (n) VALUES (1), (-2.5);
DROP TABLE IF EXISTS u;
