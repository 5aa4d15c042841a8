-- What addons' code counts with, and the credentials that an organization keeps for it.
-- +goose Up
CREATE TABLE metacore_sequences (
    organization_id TEXT NOT NULL,
    model TEXT NOT NULL,
    key TEXT NOT NULL,
    value INTEGER NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (organization_id, model, key)
);
CREATE TABLE metacore_connectors (
    organization_id TEXT NOT NULL,
    connector_key TEXT NOT NULL,
    credentials TEXT NOT NULL,
    updated_by_id TEXT,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (organization_id, connector_key)
);

-- +goose Down
DROP TABLE metacore_connectors;
DROP TABLE metacore_sequences;
