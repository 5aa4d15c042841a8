-- +goose Up
ALTER TABLE webhooks ADD COLUMN ordered boolean NOT NULL DEFAULT true;
ALTER TABLE webhooks ADD COLUMN consecutive_failures integer NOT NULL DEFAULT 0;
ALTER TABLE webhooks ADD COLUMN failing_since timestamptz;
ALTER TABLE webhooks ADD COLUMN paused_until timestamptz;
ALTER TABLE webhooks ADD COLUMN disabled_reason text NOT NULL DEFAULT '';
ALTER TABLE webhooks ADD COLUMN secret_previous text NOT NULL DEFAULT '';
ALTER TABLE webhooks ADD COLUMN secret_previous_until timestamptz;

ALTER TABLE webhook_deliveries ADD COLUMN ordinal bigint NOT NULL DEFAULT 0;
ALTER TABLE webhook_deliveries ADD COLUMN record_id uuid;
ALTER TABLE webhook_deliveries ADD COLUMN lease_id uuid;
ALTER TABLE webhook_deliveries ADD COLUMN replay_of uuid;
ALTER TABLE webhook_deliveries ADD COLUMN duration_ms integer NOT NULL DEFAULT 0;
-- What is pending, by webhook; and what of one record goes before.
CREATE INDEX idx_webhook_deliveries_due ON webhook_deliveries (webhook_id, next_attempt_at, ordinal)
    WHERE next_attempt_at IS NOT NULL;
CREATE INDEX idx_webhook_deliveries_record ON webhook_deliveries (webhook_id, record_id, ordinal)
    WHERE next_attempt_at IS NOT NULL;
CREATE INDEX idx_webhook_deliveries_ordinal ON webhook_deliveries (ordinal);
CREATE INDEX idx_webhook_deliveries_log ON webhook_deliveries (webhook_id, created_at, id);
CREATE INDEX idx_webhook_deliveries_leased ON webhook_deliveries (lease_id)
    WHERE lease_id IS NOT NULL;
-- Covered by those above.
DROP INDEX idx_webhook_deliveries_webhook_id;
DROP INDEX idx_webhook_deliveries_succeeded;
DROP INDEX idx_webhook_deliveries_event;
DROP INDEX idx_webhook_deliveries_deleted_at;
DROP INDEX idx_webhook_deliveries_next_attempt_at;
-- Of deliveries that are over, when they may go.
CREATE INDEX idx_webhook_deliveries_over ON webhook_deliveries (updated_at)
    WHERE next_attempt_at IS NULL;

-- +goose Down
DROP INDEX idx_webhook_deliveries_over;
DROP INDEX idx_webhook_deliveries_leased;
DROP INDEX idx_webhook_deliveries_log;
DROP INDEX idx_webhook_deliveries_ordinal;
DROP INDEX idx_webhook_deliveries_record;
DROP INDEX idx_webhook_deliveries_due;
CREATE INDEX idx_webhook_deliveries_webhook_id ON webhook_deliveries (webhook_id);
CREATE INDEX idx_webhook_deliveries_event ON webhook_deliveries (event);
CREATE INDEX idx_webhook_deliveries_succeeded ON webhook_deliveries (succeeded);
CREATE INDEX idx_webhook_deliveries_next_attempt_at ON webhook_deliveries (next_attempt_at);
CREATE INDEX idx_webhook_deliveries_deleted_at ON webhook_deliveries (deleted_at);
ALTER TABLE webhook_deliveries DROP COLUMN duration_ms;
ALTER TABLE webhook_deliveries DROP COLUMN replay_of;
ALTER TABLE webhook_deliveries DROP COLUMN lease_id;
ALTER TABLE webhook_deliveries DROP COLUMN record_id;
ALTER TABLE webhook_deliveries DROP COLUMN ordinal;
ALTER TABLE webhooks DROP COLUMN secret_previous_until;
ALTER TABLE webhooks DROP COLUMN secret_previous;
ALTER TABLE webhooks DROP COLUMN disabled_reason;
ALTER TABLE webhooks DROP COLUMN paused_until;
ALTER TABLE webhooks DROP COLUMN failing_since;
ALTER TABLE webhooks DROP COLUMN consecutive_failures;
ALTER TABLE webhooks DROP COLUMN ordered;
