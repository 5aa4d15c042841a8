-- Who may what, in each organization. Taking a grant back deletes its row.
-- +goose Up
CREATE TABLE permission_role_grants (
    id TEXT PRIMARY KEY NOT NULL DEFAULT (gen_random_uuid()),
    organization_id TEXT NOT NULL,
    created_by_id TEXT,
    created_at TEXT NOT NULL DEFAULT (now()),
    updated_at TEXT NOT NULL DEFAULT (now()),
    deleted_at TEXT,
    role TEXT NOT NULL,
    capability TEXT NOT NULL
);
CREATE UNIQUE INDEX idx_role_perm ON permission_role_grants (organization_id, role, capability);

CREATE TABLE permission_user_grants (
    id TEXT PRIMARY KEY NOT NULL DEFAULT (gen_random_uuid()),
    organization_id TEXT NOT NULL,
    created_by_id TEXT,
    created_at TEXT NOT NULL DEFAULT (now()),
    updated_at TEXT NOT NULL DEFAULT (now()),
    deleted_at TEXT,
    user_id TEXT NOT NULL,
    capability TEXT NOT NULL
);
CREATE UNIQUE INDEX idx_user_perm ON permission_user_grants (organization_id, user_id, capability);

-- +goose Down
DROP TABLE permission_user_grants;
DROP TABLE permission_role_grants;
