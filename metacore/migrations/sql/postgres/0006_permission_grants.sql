-- Who may what, in each organization. Taking a grant back deletes its row.
-- +goose Up
CREATE TABLE permission_role_grants (
    id uuid PRIMARY KEY NOT NULL DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    created_by_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    role text NOT NULL,
    capability text NOT NULL
);
CREATE UNIQUE INDEX idx_role_perm ON permission_role_grants (organization_id, role, capability);

CREATE TABLE permission_user_grants (
    id uuid PRIMARY KEY NOT NULL DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    created_by_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    user_id uuid NOT NULL,
    capability text NOT NULL
);
CREATE UNIQUE INDEX idx_user_perm ON permission_user_grants (organization_id, user_id, capability);

-- +goose Down
DROP TABLE permission_user_grants;
DROP TABLE permission_role_grants;
