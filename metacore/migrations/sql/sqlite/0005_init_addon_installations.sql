-- Which organization has which addon.
-- +goose Up
CREATE TABLE metacore_installations (
    id TEXT PRIMARY KEY NOT NULL DEFAULT (gen_random_uuid()),
    organization_id TEXT NOT NULL,
    addon_key TEXT NOT NULL,
    version TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL DEFAULT 'enabled',
    source TEXT NOT NULL DEFAULT '',
    secret_hash TEXT NOT NULL DEFAULT '',
    secret_enc TEXT NOT NULL DEFAULT '',
    settings TEXT NOT NULL DEFAULT '{}',
    installed_at TEXT NOT NULL DEFAULT (now()),
    enabled_at TEXT,
    disabled_at TEXT,
    created_at TEXT NOT NULL DEFAULT (now()),
    updated_at TEXT NOT NULL DEFAULT (now()),
    deleted_at TEXT
);
CREATE UNIQUE INDEX idx_metacore_installations_org_addon
    ON metacore_installations (organization_id, addon_key) WHERE deleted_at IS NULL;
CREATE INDEX idx_metacore_installations_deleted_at ON metacore_installations (deleted_at);

-- +goose Down
DROP TABLE metacore_installations;
