-- What happened in each organization, in order: its numbers have no gaps and are never given twice.
-- +goose Up
CREATE TABLE eventlog_events (
    id uuid PRIMARY KEY NOT NULL,
    organization_id uuid NOT NULL,
    created_by_id uuid,
    created_at timestamptz NOT NULL,
    updated_at timestamptz GENERATED ALWAYS AS (created_at) STORED,
    deleted_at timestamptz,
    sequence_num bigint NOT NULL,
    event_type varchar(255) NOT NULL,
    tags jsonb,
    data jsonb
);
CREATE UNIQUE INDEX idx_eventlog_org_seq ON eventlog_events (organization_id, sequence_num);
CREATE TABLE eventlog_counters (
    organization_id uuid PRIMARY KEY NOT NULL,
    last_sequence bigint NOT NULL,
    oldest_sequence bigint NOT NULL DEFAULT 1
);

-- +goose Down
DROP TABLE eventlog_counters;
DROP TABLE eventlog_events;
