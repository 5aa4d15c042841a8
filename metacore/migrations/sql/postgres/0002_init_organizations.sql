-- +goose Up
CREATE TABLE organizations (
    id uuid PRIMARY KEY NOT NULL DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    created_by_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    name text NOT NULL DEFAULT '',
    slug text NOT NULL DEFAULT '',
    country text NOT NULL DEFAULT '',
    currency text NOT NULL DEFAULT '',
    timezone text NOT NULL DEFAULT '',
    logo text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX idx_organizations_slug ON organizations (slug) WHERE deleted_at IS NULL;
CREATE INDEX idx_organizations_org_id ON organizations (organization_id) WHERE deleted_at IS NULL;
CREATE INDEX idx_organizations_deleted_at ON organizations (deleted_at);
CREATE INDEX idx_organizations_created_by_id ON organizations (created_by_id);

-- +goose Down
DROP TABLE organizations;
