-- +goose Up
CREATE TABLE webhooks (
    id TEXT PRIMARY KEY NOT NULL DEFAULT (gen_random_uuid()),
    organization_id TEXT NOT NULL,
    created_by_id TEXT,
    created_at TEXT NOT NULL DEFAULT (now()),
    updated_at TEXT NOT NULL DEFAULT (now()),
    deleted_at TEXT,
    name TEXT NOT NULL DEFAULT '',
    url TEXT NOT NULL DEFAULT '',
    events TEXT NOT NULL DEFAULT '',
    secret TEXT NOT NULL DEFAULT '',
    active INTEGER NOT NULL DEFAULT 1,
    retry_max INTEGER NOT NULL DEFAULT 3,
    timeout_sec INTEGER NOT NULL DEFAULT 15,
    owner_type TEXT NOT NULL DEFAULT '',
    owner_id TEXT NOT NULL DEFAULT '',
    last_triggered_at TEXT,
    failure_count INTEGER NOT NULL DEFAULT 0,
    success_count INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX idx_webhooks_org_id ON webhooks (organization_id);
CREATE INDEX idx_webhooks_owner_type ON webhooks (owner_type);
CREATE INDEX idx_webhooks_owner_id ON webhooks (owner_id);
CREATE INDEX idx_webhooks_deleted_at ON webhooks (deleted_at);
CREATE INDEX idx_webhooks_created_by_id ON webhooks (created_by_id);

CREATE TABLE webhook_deliveries (
    id TEXT PRIMARY KEY NOT NULL DEFAULT (gen_random_uuid()),
    organization_id TEXT NOT NULL,
    created_by_id TEXT,
    created_at TEXT NOT NULL DEFAULT (now()),
    updated_at TEXT NOT NULL DEFAULT (now()),
    deleted_at TEXT,
    webhook_id TEXT NOT NULL REFERENCES webhooks (id),
    event TEXT NOT NULL DEFAULT '',
    payload TEXT NOT NULL DEFAULT '',
    request_headers TEXT,
    response_status INTEGER NOT NULL DEFAULT 0,
    response_body TEXT NOT NULL DEFAULT '',
    response_headers TEXT,
    attempt_count INTEGER NOT NULL DEFAULT 0,
    succeeded INTEGER NOT NULL DEFAULT 0,
    error_message TEXT NOT NULL DEFAULT '',
    delivered_at TEXT,
    next_attempt_at TEXT
);
CREATE INDEX idx_webhook_deliveries_webhook_id ON webhook_deliveries (webhook_id);
CREATE INDEX idx_webhook_deliveries_event ON webhook_deliveries (event);
CREATE INDEX idx_webhook_deliveries_succeeded ON webhook_deliveries (succeeded);
CREATE INDEX idx_webhook_deliveries_next_attempt_at ON webhook_deliveries (next_attempt_at);
CREATE INDEX idx_webhook_deliveries_deleted_at ON webhook_deliveries (deleted_at);

-- +goose Down
DROP TABLE webhook_deliveries;
DROP TABLE webhooks;
