-- What people are told by channels: each entry is for one channel and one receiver. holds_key: no
-- other entry of its dedup_key is taken while it does.
-- +goose Up
CREATE TABLE notification_queue_entries (
    id TEXT PRIMARY KEY NOT NULL,
    organization_id TEXT NOT NULL,
    created_by_id TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    deleted_at TEXT,
    source_type TEXT NOT NULL DEFAULT '',
    source_id TEXT,
    source_name TEXT NOT NULL DEFAULT '',
    event TEXT NOT NULL,
    channel TEXT NOT NULL,
    target TEXT NOT NULL DEFAULT '',
    user_id TEXT,
    subject TEXT NOT NULL DEFAULT '',
    message TEXT NOT NULL,
    html TEXT NOT NULL DEFAULT '',
    data TEXT NOT NULL DEFAULT '{}',
    context_ref TEXT NOT NULL DEFAULT '',
    handler_hint TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL DEFAULT 'pending',
    attempts INTEGER NOT NULL DEFAULT 0,
    max_retries INTEGER NOT NULL DEFAULT 3,
    error TEXT NOT NULL DEFAULT '',
    sent_at TEXT,
    next_retry TEXT,
    dedup_key TEXT NOT NULL DEFAULT '',
    holds_key INTEGER NOT NULL DEFAULT 0,
    job_id TEXT
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
    id TEXT PRIMARY KEY NOT NULL,
    organization_id TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    updated_by_id TEXT,
    event TEXT NOT NULL,
    lang TEXT NOT NULL DEFAULT '',
    addon_key TEXT NOT NULL DEFAULT '',
    label TEXT NOT NULL DEFAULT '',
    title TEXT NOT NULL,
    message TEXT NOT NULL DEFAULT '',
    html TEXT NOT NULL DEFAULT '',
    link TEXT NOT NULL DEFAULT '',
    icon TEXT NOT NULL DEFAULT '',
    type TEXT NOT NULL DEFAULT 'info',
    channels TEXT NOT NULL DEFAULT '[]',
    is_mandatory INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX idx_notification_templates_event ON notification_templates (organization_id, event, lang, addon_key);
-- What somebody wants to be told by which channel; event '*': all that is not named.
CREATE TABLE notification_preferences (
    organization_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    event TEXT NOT NULL,
    channel TEXT NOT NULL,
    is_on INTEGER NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (organization_id, user_id, event, channel)
);

-- +goose Down
DROP TABLE notification_preferences;
DROP TABLE notification_templates;
DROP INDEX idx_notifications_created_at;
DROP TABLE notification_queue_entries;
