-- Work that was promised in a transaction and is done after it: who has read how far in the event
-- log, jobs, and the times at which jobs are made.
-- +goose Up
CREATE TABLE outbox_cursors (
    consumer TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    sequence INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    next_try_at TEXT,
    last_error TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (consumer, organization_id)
);
CREATE INDEX idx_outbox_cursors_organization_id ON outbox_cursors (organization_id);
-- due_at: when it may be taken: of a pending job its time, of a running one its lease's end, of one
-- that is over NULL.
CREATE TABLE outbox_jobs (
    id TEXT PRIMARY KEY NOT NULL,
    organization_id TEXT NOT NULL,
    created_by_id TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT,
    dedupe_key TEXT,
    status TEXT NOT NULL DEFAULT 'pending',
    due_at TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    max_attempts INTEGER NOT NULL,
    fence INTEGER NOT NULL DEFAULT 0,
    last_error TEXT NOT NULL DEFAULT ''
);
CREATE INDEX idx_outbox_jobs_due_at ON outbox_jobs (due_at) WHERE due_at IS NOT NULL;
CREATE UNIQUE INDEX idx_outbox_jobs_dedupe ON outbox_jobs (organization_id, kind, dedupe_key)
    WHERE dedupe_key IS NOT NULL AND due_at IS NOT NULL;
CREATE INDEX idx_outbox_jobs_org_status ON outbox_jobs (organization_id, status, id);
CREATE INDEX idx_outbox_jobs_over ON outbox_jobs (status, updated_at) WHERE due_at IS NULL;
CREATE TABLE outbox_schedules (
    id TEXT PRIMARY KEY NOT NULL,
    organization_id TEXT NOT NULL,
    created_by_id TEXT,
    created_at TEXT NOT NULL,
    name TEXT NOT NULL,
    cron TEXT NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT,
    next_run_at TEXT NOT NULL
);
CREATE UNIQUE INDEX idx_outbox_schedules_name ON outbox_schedules (organization_id, name);
CREATE INDEX idx_outbox_schedules_next ON outbox_schedules (next_run_at);

-- +goose Down
DROP TABLE outbox_schedules;
DROP TABLE outbox_jobs;
DROP TABLE outbox_cursors;
