-- People. An address is theirs while the account exists; a deleted account gives it back.
-- token_version and disabled_at end every session at once.
-- +goose Up
CREATE TABLE users (
    id uuid PRIMARY KEY NOT NULL DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    created_by_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    name text NOT NULL DEFAULT '',
    email text NOT NULL,
    password_hash text NOT NULL DEFAULT '',
    role text NOT NULL DEFAULT 'agent',
    avatar text NOT NULL DEFAULT '',
    last_login_at timestamptz,
    token_version integer NOT NULL DEFAULT 1,
    disabled_at timestamptz
);
CREATE UNIQUE INDEX idx_users_email ON users (email) WHERE deleted_at IS NULL;
CREATE INDEX idx_users_org_id ON users (organization_id) WHERE deleted_at IS NULL;
CREATE INDEX idx_users_role ON users (role);
CREATE INDEX idx_users_deleted_at ON users (deleted_at);
CREATE INDEX idx_users_created_by_id ON users (created_by_id);

-- +goose Down
DROP TABLE users;
