-- What organizations asked a hub for, and what became of it.
-- +goose Up
CREATE TABLE marketplace_installations (
    id uuid PRIMARY KEY NOT NULL,
    organization_id uuid NOT NULL,
    addon_key text NOT NULL,
    name text NOT NULL DEFAULT '',
    category text NOT NULL DEFAULT '',
    version text NOT NULL DEFAULT '',
    bundle_url text NOT NULL DEFAULT '',
    status text NOT NULL DEFAULT 'requested',
    error_message text NOT NULL DEFAULT '',
    requested_by_id uuid NOT NULL,
    requested_at timestamptz NOT NULL,
    completed_at timestamptz
);
CREATE INDEX idx_marketplace_installations_org
    ON marketplace_installations (organization_id, requested_at, id);

-- +goose Down
DROP TABLE marketplace_installations;
