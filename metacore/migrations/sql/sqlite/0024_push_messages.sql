-- +goose Up
CREATE TABLE push_messages (
    id TEXT PRIMARY KEY NOT NULL,
    organization_id TEXT NOT NULL,
    subscription_id TEXT NOT NULL REFERENCES push_subscriptions (id),
    payload text NOT NULL,
    created_at TEXT NOT NULL,
    next_attempt_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    attempt_count integer NOT NULL DEFAULT 0,
    lease_id TEXT
);
CREATE INDEX idx_push_messages_due ON push_messages (next_attempt_at);
CREATE INDEX idx_push_messages_expires ON push_messages (expires_at);
CREATE INDEX idx_push_messages_subscription ON push_messages (subscription_id);

-- +goose Down
DROP TABLE push_messages;
