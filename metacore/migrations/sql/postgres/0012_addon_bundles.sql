-- The archives that addons came from, by digest; who owns a model, who needs whom, and the secret
-- before the current one.
-- +goose Up
CREATE TABLE metacore_bundles (
    digest text PRIMARY KEY NOT NULL,
    addon_key text NOT NULL,
    version text NOT NULL,
    archive bytea NOT NULL,
    signature text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL
);
CREATE INDEX idx_metacore_bundles_addon ON metacore_bundles (addon_key, created_at);

CREATE TABLE metacore_bundle_files (
    digest text NOT NULL,
    path text NOT NULL,
    sha256 text NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (digest, path)
);

CREATE TABLE metacore_addon_models (
    model_key text PRIMARY KEY NOT NULL,
    addon_key text NOT NULL
);
CREATE INDEX idx_metacore_addon_models_addon ON metacore_addon_models (addon_key);

CREATE TABLE metacore_addon_requires (
    addon_key text NOT NULL,
    required_key text NOT NULL,
    PRIMARY KEY (addon_key, required_key)
);
CREATE INDEX idx_metacore_addon_requires_required ON metacore_addon_requires (required_key);

ALTER TABLE metacore_installations ADD COLUMN previous_secret_hash text NOT NULL DEFAULT '';
ALTER TABLE metacore_installations ADD COLUMN previous_secret_enc text NOT NULL DEFAULT '';
ALTER TABLE metacore_installations ADD COLUMN previous_secret_until timestamptz;
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
