-- Nonces of signed requests that were used, until they could not be replayed any more.
-- +goose Up
CREATE TABLE metacore_nonces (
    installation_id TEXT NOT NULL,
    nonce TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    PRIMARY KEY (installation_id, nonce)
);
CREATE INDEX idx_metacore_nonces_expires_at ON metacore_nonces (expires_at);

-- +goose Down
DROP TABLE metacore_nonces;
