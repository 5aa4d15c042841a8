-- What every addon declares, and which of its migrations a schema has seen.
-- +goose Up
CREATE TABLE metacore_addons (
    addon_key TEXT PRIMARY KEY NOT NULL,
    version TEXT NOT NULL,
    digest TEXT NOT NULL,
    manifest TEXT NOT NULL,
    updated_at TEXT NOT NULL
);

CREATE TABLE metacore_addon_migrations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    schema_name TEXT NOT NULL,
    addon_key TEXT NOT NULL,
    version TEXT NOT NULL,
    checksum TEXT NOT NULL,
    applied_at TEXT NOT NULL
);
CREATE UNIQUE INDEX idx_addon_ver ON metacore_addon_migrations (schema_name, version);

-- +goose Down
DROP TABLE metacore_addon_migrations;
DROP TABLE metacore_addons;
