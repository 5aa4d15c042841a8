-- Which organization has which addon.
-- +goose Up
CREATE TABLE metacore_installations (
    id uuid PRIMARY KEY NOT NULL DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    addon_key text NOT NULL,
    version text NOT NULL DEFAULT '',
    status text NOT NULL DEFAULT 'enabled',
    source text NOT NULL DEFAULT '',
    secret_hash text NOT NULL DEFAULT '',
    secret_enc text NOT NULL DEFAULT '',
    settings jsonb NOT NULL DEFAULT '{}',
    installed_at timestamptz NOT NULL DEFAULT now(),
    enabled_at timestamptz,
    disabled_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);
CREATE UNIQUE INDEX idx_metacore_installations_org_addon
    ON metacore_installations (organization_id, addon_key) WHERE deleted_at IS NULL;
CREATE INDEX idx_metacore_installations_deleted_at ON metacore_installations (deleted_at);

-- +goose Down
DROP TABLE metacore_installations;
