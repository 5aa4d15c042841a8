-- +goose Up
CREATE TABLE push_subscriptions (
    id uuid PRIMARY KEY NOT NULL DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    created_by_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    user_id uuid NOT NULL,
    endpoint text NOT NULL,
    p256_dh text NOT NULL DEFAULT '',
    auth text NOT NULL DEFAULT '',
    device_type text NOT NULL DEFAULT '',
    user_agent text NOT NULL DEFAULT '',
    last_used_at timestamptz
);
CREATE UNIQUE INDEX idx_push_subscriptions_endpoint ON push_subscriptions (endpoint)
    WHERE deleted_at IS NULL;
CREATE INDEX idx_push_subscriptions_user_id ON push_subscriptions (user_id);
CREATE INDEX idx_push_subscriptions_org_id ON push_subscriptions (organization_id);
CREATE INDEX idx_push_subscriptions_deleted_at ON push_subscriptions (deleted_at);

-- +goose Down
DROP TABLE push_subscriptions;
