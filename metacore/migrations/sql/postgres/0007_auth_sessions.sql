-- A sign-in and its rotating refresh token, kept as a hash; and the first start's setup links.
-- +goose Up
CREATE TABLE auth_sessions (
    id uuid PRIMARY KEY NOT NULL,
    user_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    refresh_hash text NOT NULL,
    previous_hash text,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE UNIQUE INDEX idx_auth_sessions_refresh_hash ON auth_sessions (refresh_hash);
CREATE INDEX idx_auth_sessions_previous_hash ON auth_sessions (previous_hash);
CREATE INDEX idx_auth_sessions_user_id ON auth_sessions (user_id);
CREATE INDEX idx_auth_sessions_expires_at ON auth_sessions (expires_at);

CREATE TABLE auth_setup_tokens (
    id uuid PRIMARY KEY NOT NULL,
    token_hash text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE UNIQUE INDEX idx_auth_setup_tokens_token_hash ON auth_setup_tokens (token_hash);

-- +goose Down
DROP TABLE auth_setup_tokens;
DROP TABLE auth_sessions;
