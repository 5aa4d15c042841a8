-- +goose Up
CREATE TABLE push_subscriptions (
    id TEXT PRIMARY KEY NOT NULL DEFAULT (gen_random_uuid()),
    organization_id TEXT NOT NULL,
    created_by_id TEXT,
    created_at TEXT NOT NULL DEFAULT (now()),
    updated_at TEXT NOT NULL DEFAULT (now()),
    deleted_at TEXT,
    user_id TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    p256_dh TEXT NOT NULL DEFAULT '',
    auth TEXT NOT NULL DEFAULT '',
    device_type TEXT NOT NULL DEFAULT '',
    user_agent TEXT NOT NULL DEFAULT '',
    last_used_at TEXT
);
CREATE UNIQUE INDEX idx_push_subscriptions_endpoint ON push_subscriptions (endpoint)
    WHERE deleted_at IS NULL;
CREATE INDEX idx_push_subscriptions_user_id ON push_subscriptions (user_id);
CREATE INDEX idx_push_subscriptions_org_id ON push_subscriptions (organization_id);
CREATE INDEX idx_push_subscriptions_deleted_at ON push_subscriptions (deleted_at);

-- +goose Down
DROP TABLE push_subscriptions;
