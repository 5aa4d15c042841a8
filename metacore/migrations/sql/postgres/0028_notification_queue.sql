-- What people are told by channels: each entry is for one channel and one receiver. holds_key: no
-- other entry of its dedup_key is taken while it does.
-- +goose Up
CREATE TABLE notification_queue_entries (
    id uuid PRIMARY KEY NOT NULL,
    organization_id uuid NOT NULL,
    created_by_id uuid,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    source_type text NOT NULL DEFAULT '',
    source_id uuid,
    source_name text NOT NULL DEFAULT '',
    event text NOT NULL,
    channel text NOT NULL,
    target text NOT NULL DEFAULT '',
    user_id uuid,
    subject text NOT NULL DEFAULT '',
    message text NOT NULL,
    html text NOT NULL DEFAULT '',
    data jsonb NOT NULL DEFAULT '{}',
    context_ref text NOT NULL DEFAULT '',
    handler_hint text NOT NULL DEFAULT '',
    status text NOT NULL DEFAULT 'pending',
    attempts integer NOT NULL DEFAULT 0,
    max_retries integer NOT NULL DEFAULT 3,
    error text NOT NULL DEFAULT '',
    sent_at timestamptz,
    next_retry timestamptz,
    dedup_key text NOT NULL DEFAULT '',
    holds_key boolean NOT NULL DEFAULT false,
    job_id uuid
);
CREATE INDEX idx_notification_queue_entries_org ON notification_queue_entries (organization_id, id);
CREATE INDEX idx_notification_queue_entries_open ON notification_queue_entries (organization_id, channel)
    WHERE status IN ('pending', 'processing');
CREATE INDEX idx_notification_queue_entries_over ON notification_queue_entries (updated_at)
    WHERE status NOT IN ('pending', 'processing');
CREATE UNIQUE INDEX idx_notification_queue_entries_key ON notification_queue_entries (organization_id, dedup_key)
    WHERE holds_key;
CREATE INDEX idx_notifications_created_at ON notifications (created_at);
-- An organization's own words for an event; addon_key: they came with an addon, and go with it.
CREATE TABLE notification_templates (
    id uuid PRIMARY KEY NOT NULL,
    organization_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    updated_by_id uuid,
    event text NOT NULL,
    lang text NOT NULL DEFAULT '',
    addon_key text NOT NULL DEFAULT '',
    label text NOT NULL DEFAULT '',
    title text NOT NULL,
    message text NOT NULL DEFAULT '',
    html text NOT NULL DEFAULT '',
    link text NOT NULL DEFAULT '',
    icon text NOT NULL DEFAULT '',
    type text NOT NULL DEFAULT 'info',
    channels jsonb NOT NULL DEFAULT '[]',
    is_mandatory boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX idx_notification_templates_event ON notification_templates (organization_id, event, lang, addon_key);
-- What somebody wants to be told by which channel; event '*': all that is not named.
CREATE TABLE notification_preferences (
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,
    event text NOT NULL,
    channel text NOT NULL,
    is_on boolean NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, user_id, event, channel)
);

-- +goose Down
DROP TABLE notification_preferences;
DROP TABLE notification_templates;
DROP INDEX idx_notifications_created_at;
DROP TABLE notification_queue_entries;
