-- What was uploaded: whose it is, what it is, and under which key its bytes are kept.
-- +goose Up
CREATE TABLE metacore_files (
    id uuid PRIMARY KEY NOT NULL,
    organization_id uuid NOT NULL,
    created_by_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    name text NOT NULL,
    folder text NOT NULL DEFAULT '',
    content_type text NOT NULL,
    size bigint NOT NULL,
    sha256 text NOT NULL,
    storage_key text NOT NULL
);
CREATE UNIQUE INDEX idx_metacore_files_storage_key ON metacore_files (storage_key);
CREATE INDEX idx_metacore_files_org ON metacore_files (organization_id, created_at, id);

-- +goose Down
DROP TABLE metacore_files;
