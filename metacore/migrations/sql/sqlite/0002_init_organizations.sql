-- +goose Up
CREATE TABLE organizations (
    id TEXT PRIMARY KEY NOT NULL DEFAULT (gen_random_uuid()),
    organization_id TEXT NOT NULL,
    created_by_id TEXT,
    created_at TEXT NOT NULL DEFAULT (now()),
    updated_at TEXT NOT NULL DEFAULT (now()),
    deleted_at TEXT,
    name TEXT NOT NULL DEFAULT '',
    slug TEXT NOT NULL DEFAULT '',
    country TEXT NOT NULL DEFAULT '',
    currency TEXT NOT NULL DEFAULT '',
    timezone TEXT NOT NULL DEFAULT '',
    logo TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX idx_organizations_slug ON organizations (slug) WHERE deleted_at IS NULL;
CREATE INDEX idx_organizations_org_id ON organizations (organization_id) WHERE deleted_at IS NULL;
CREATE INDEX idx_organizations_deleted_at ON organizations (deleted_at);
CREATE INDEX idx_organizations_created_by_id ON organizations (created_by_id);

-- +goose Down
DROP TABLE organizations;
