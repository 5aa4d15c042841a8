-- What one person of one organization is told.
-- +goose Up
CREATE TABLE notifications (
    id uuid PRIMARY KEY NOT NULL,
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,
    created_by_id uuid,
    created_at timestamptz NOT NULL,
    title text NOT NULL,
    message text NOT NULL DEFAULT '',
    type text NOT NULL DEFAULT 'info',
    is_read boolean NOT NULL DEFAULT false,
    read_at timestamptz,
    link text NOT NULL DEFAULT '',
    icon text NOT NULL DEFAULT '',
    image text NOT NULL DEFAULT '',
    metadata jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX idx_notifications_user ON notifications (organization_id, user_id, created_at, id);

-- +goose Down
DROP TABLE notifications;
