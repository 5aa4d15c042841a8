-- SPDX-License-Identifier: Apache-2.0
-- Documents are text here, and so kept as they came.
-- +goose Up
SELECT 1;
-- +goose Down
SELECT 1;
