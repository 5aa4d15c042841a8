-- +goose Up
CREATE TABLE webhooks (
    id uuid PRIMARY KEY NOT NULL DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    created_by_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    name text NOT NULL DEFAULT '',
    url text NOT NULL DEFAULT '',
    events text NOT NULL DEFAULT '',
    secret text NOT NULL DEFAULT '',
    active boolean NOT NULL DEFAULT true,
    retry_max integer NOT NULL DEFAULT 3,
    timeout_sec integer NOT NULL DEFAULT 15,
    owner_type text NOT NULL DEFAULT '',
    owner_id uuid NOT NULL,
    last_triggered_at timestamptz,
    failure_count integer NOT NULL DEFAULT 0,
    success_count integer NOT NULL DEFAULT 0
);
CREATE INDEX idx_webhooks_org_id ON webhooks (organization_id);
CREATE INDEX idx_webhooks_owner_type ON webhooks (owner_type);
CREATE INDEX idx_webhooks_owner_id ON webhooks (owner_id);
CREATE INDEX idx_webhooks_deleted_at ON webhooks (deleted_at);
CREATE INDEX idx_webhooks_created_by_id ON webhooks (created_by_id);

CREATE TABLE webhook_deliveries (
    id uuid PRIMARY KEY NOT NULL DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    created_by_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    webhook_id uuid NOT NULL REFERENCES webhooks (id),
    event text NOT NULL DEFAULT '',
    payload text NOT NULL DEFAULT '',
    request_headers text,
    response_status integer NOT NULL DEFAULT 0,
    response_body text NOT NULL DEFAULT '',
    response_headers text,
    attempt_count integer NOT NULL DEFAULT 0,
    succeeded boolean NOT NULL DEFAULT false,
    error_message text NOT NULL DEFAULT '',
    delivered_at timestamptz,
    next_attempt_at timestamptz
);
CREATE INDEX idx_webhook_deliveries_webhook_id ON webhook_deliveries (webhook_id);
CREATE INDEX idx_webhook_deliveries_event ON webhook_deliveries (event);
CREATE INDEX idx_webhook_deliveries_succeeded ON webhook_deliveries (succeeded);
CREATE INDEX idx_webhook_deliveries_next_attempt_at ON webhook_deliveries (next_attempt_at);
CREATE INDEX idx_webhook_deliveries_deleted_at ON webhook_deliveries (deleted_at);

-- +goose Down
DROP TABLE webhook_deliveries;
DROP TABLE webhooks;
