-- What one person of one organization is told.
-- +goose Up
CREATE TABLE notifications (
    id TEXT PRIMARY KEY NOT NULL,
    organization_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    created_by_id TEXT,
    created_at TEXT NOT NULL,
    title TEXT NOT NULL,
    message TEXT NOT NULL DEFAULT '',
    type TEXT NOT NULL DEFAULT 'info',
    is_read INTEGER NOT NULL DEFAULT 0,
    read_at TEXT,
    link TEXT NOT NULL DEFAULT '',
    icon TEXT NOT NULL DEFAULT '',
    image TEXT NOT NULL DEFAULT '',
    metadata TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX idx_notifications_user ON notifications (organization_id, user_id, created_at, id);

-- +goose Down
DROP TABLE notifications;
