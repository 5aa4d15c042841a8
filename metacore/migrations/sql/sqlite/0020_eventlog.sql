-- What happened in each organization, in order: its numbers have no gaps and are never given twice.
-- The row grows at the table's end and has one index: every write of a row pays for it.
-- +goose Up
CREATE TABLE eventlog_events (
    id TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    created_by_id TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT GENERATED ALWAYS AS (created_at) VIRTUAL,
    deleted_at TEXT,
    sequence_num INTEGER NOT NULL,
    event_type TEXT NOT NULL,
    tags TEXT,
    data TEXT
);
CREATE UNIQUE INDEX idx_eventlog_org_seq ON eventlog_events (organization_id, sequence_num);
CREATE TABLE eventlog_counters (
    organization_id TEXT PRIMARY KEY NOT NULL,
    last_sequence INTEGER NOT NULL,
    oldest_sequence INTEGER NOT NULL DEFAULT 1
) WITHOUT ROWID;

-- +goose Down
DROP TABLE eventlog_counters;
DROP TABLE eventlog_events;
