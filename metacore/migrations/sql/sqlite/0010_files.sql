-- What was uploaded: whose it is, what it is, and under which key its bytes are kept.
-- +goose Up
CREATE TABLE metacore_files (
    id TEXT PRIMARY KEY NOT NULL,
    organization_id TEXT NOT NULL,
    created_by_id TEXT NOT NULL,
    created_at TEXT NOT NULL,
    name TEXT NOT NULL,
    folder TEXT NOT NULL DEFAULT '',
    content_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    storage_key TEXT NOT NULL
);
CREATE UNIQUE INDEX idx_metacore_files_storage_key ON metacore_files (storage_key);
CREATE INDEX idx_metacore_files_org ON metacore_files (organization_id, created_at, id);

-- +goose Down
DROP TABLE metacore_files;
