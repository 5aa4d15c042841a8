-- Organizations take turns: the next one that has a job of a kind, and that one's job.
-- +goose Up
CREATE INDEX idx_outbox_jobs_turn ON outbox_jobs (kind, organization_id, due_at)
    WHERE due_at IS NOT NULL;

-- +goose Down
DROP INDEX idx_outbox_jobs_turn;
