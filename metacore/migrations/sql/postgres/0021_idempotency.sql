-- Requests that were answered once: the same again, while their key lives, gets the same answer.
-- http_status 0: in progress until locked_until.
-- +goose Up
CREATE TABLE idempotency_keys (
    organization_id uuid NOT NULL,
    key text NOT NULL,
    fingerprint text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    locked_until timestamptz NOT NULL,
    http_status integer NOT NULL DEFAULT 0,
    content_type text NOT NULL DEFAULT '',
    etag text NOT NULL DEFAULT '',
    location text NOT NULL DEFAULT '',
    body bytea,
    PRIMARY KEY (organization_id, key)
);
CREATE INDEX idx_idempotency_keys_expires_at ON idempotency_keys (expires_at);

-- +goose Down
DROP TABLE idempotency_keys;
