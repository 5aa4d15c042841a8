-- What organizations asked a hub for, and what became of it.
-- +goose Up
CREATE TABLE marketplace_installations (
    id TEXT PRIMARY KEY NOT NULL,
    organization_id TEXT NOT NULL,
    addon_key TEXT NOT NULL,
    name TEXT NOT NULL DEFAULT '',
    category TEXT NOT NULL DEFAULT '',
    version TEXT NOT NULL DEFAULT '',
    bundle_url TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL DEFAULT 'requested',
    error_message TEXT NOT NULL DEFAULT '',
    requested_by_id TEXT NOT NULL,
    requested_at TEXT NOT NULL,
    completed_at TEXT
);
CREATE INDEX idx_marketplace_installations_org
    ON marketplace_installations (organization_id, requested_at, id);

-- +goose Down
DROP TABLE marketplace_installations;
