-- A sign-in and its rotating refresh token, kept as a hash; and the first start's setup links.
-- +goose Up
CREATE TABLE auth_sessions (
    id TEXT PRIMARY KEY NOT NULL,
    user_id TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    refresh_hash TEXT NOT NULL,
    previous_hash TEXT,
    created_at TEXT NOT NULL,
    last_used_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    revoked_at TEXT
);
CREATE UNIQUE INDEX idx_auth_sessions_refresh_hash ON auth_sessions (refresh_hash);
CREATE INDEX idx_auth_sessions_previous_hash ON auth_sessions (previous_hash);
CREATE INDEX idx_auth_sessions_user_id ON auth_sessions (user_id);
CREATE INDEX idx_auth_sessions_expires_at ON auth_sessions (expires_at);

CREATE TABLE auth_setup_tokens (
    id TEXT PRIMARY KEY NOT NULL,
    token_hash TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    used_at TEXT
);
CREATE UNIQUE INDEX idx_auth_setup_tokens_token_hash ON auth_setup_tokens (token_hash);

-- +goose Down
DROP TABLE auth_setup_tokens;
DROP TABLE auth_sessions;
