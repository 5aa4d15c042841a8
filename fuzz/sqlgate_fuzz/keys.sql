CREATE TABLE t (id uuid PRIMARY KEY, up uuid REFERENCES t ON DELETE CASCADE, n numeric(9,2) DEFAULT '1.0' CHECK (n > 0), organization_id uuid, c text UNIQUE, deleted_at timestamptz, UNIQUE (c, n));
CREATE UNIQUE INDEX IF NOT EXISTS i ON t (lower(c) DESC) WHERE c <> '' OR n::int > 2;
