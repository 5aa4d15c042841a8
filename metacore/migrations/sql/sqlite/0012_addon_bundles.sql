-- The archives that addons came from, by digest; who owns a model, who needs whom, and the secret
-- before the current one.
-- +goose Up
CREATE TABLE metacore_bundles (
    digest TEXT PRIMARY KEY NOT NULL,
    addon_key TEXT NOT NULL,
    version TEXT NOT NULL,
    archive BLOB NOT NULL,
    signature TEXT NOT NULL DEFAULT '',
    created_at TEXT NOT NULL
);
CREATE INDEX idx_metacore_bundles_addon ON metacore_bundles (addon_key, created_at);

CREATE TABLE metacore_bundle_files (
    digest TEXT NOT NULL,
    path TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (digest, path)
);

CREATE TABLE metacore_addon_models (
    model_key TEXT PRIMARY KEY NOT NULL,
    addon_key TEXT NOT NULL
);
CREATE INDEX idx_metacore_addon_models_addon ON metacore_addon_models (addon_key);

CREATE TABLE metacore_addon_requires (
    addon_key TEXT NOT NULL,
    required_key TEXT NOT NULL,
    PRIMARY KEY (addon_key, required_key)
);
CREATE INDEX idx_metacore_addon_requires_required ON metacore_addon_requires (required_key);

ALTER TABLE metacore_installations ADD COLUMN previous_secret_hash TEXT NOT NULL DEFAULT '';
ALTER TABLE metacore_installations ADD COLUMN previous_secret_enc TEXT NOT NULL DEFAULT '';
ALTER TABLE metacore_installations ADD COLUMN previous_secret_until TEXT;
CREATE INDEX idx_metacore_installations_addon ON metacore_installations (addon_key);

-- +goose Down
DROP INDEX idx_metacore_installations_addon;
ALTER TABLE metacore_installations DROP COLUMN previous_secret_until;
ALTER TABLE metacore_installations DROP COLUMN previous_secret_enc;
ALTER TABLE metacore_installations DROP COLUMN previous_secret_hash;
DROP TABLE metacore_addon_requires;
DROP TABLE metacore_addon_models;
DROP TABLE metacore_bundle_files;
DROP TABLE metacore_bundles;
