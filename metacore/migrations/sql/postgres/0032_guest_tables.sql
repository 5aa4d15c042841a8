-- What addons' code counts with, and the credentials that an organization keeps for it.
-- +goose Up
CREATE TABLE metacore_sequences (
    organization_id uuid NOT NULL,
    model text NOT NULL,
    key text NOT NULL,
    value bigint NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, model, key)
);
CREATE TABLE metacore_connectors (
    organization_id uuid NOT NULL,
    connector_key text NOT NULL,
    credentials text NOT NULL,
    updated_by_id uuid,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, connector_key)
);

-- +goose Down
DROP TABLE metacore_connectors;
DROP TABLE metacore_sequences;
