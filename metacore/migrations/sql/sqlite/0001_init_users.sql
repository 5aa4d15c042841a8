-- People. An address is theirs while the account exists; a deleted account gives it back.
-- token_version and disabled_at end every session at once.
-- +goose Up
CREATE TABLE users (
    id TEXT PRIMARY KEY NOT NULL DEFAULT (gen_random_uuid()),
    organization_id TEXT NOT NULL,
    created_by_id TEXT,
    created_at TEXT NOT NULL DEFAULT (now()),
    updated_at TEXT NOT NULL DEFAULT (now()),
    deleted_at TEXT,
    name TEXT NOT NULL DEFAULT '',
    email TEXT NOT NULL,
    password_hash TEXT NOT NULL DEFAULT '',
    role TEXT NOT NULL DEFAULT 'agent',
    avatar TEXT NOT NULL DEFAULT '',
    last_login_at TEXT,
    token_version INTEGER NOT NULL DEFAULT 1,
    disabled_at TEXT
);
CREATE UNIQUE INDEX idx_users_email ON users (email) WHERE deleted_at IS NULL;
CREATE INDEX idx_users_org_id ON users (organization_id) WHERE deleted_at IS NULL;
CREATE INDEX idx_users_role ON users (role);
CREATE INDEX idx_users_deleted_at ON users (deleted_at);
CREATE INDEX idx_users_created_by_id ON users (created_by_id);

-- +goose Down
DROP TABLE users;
