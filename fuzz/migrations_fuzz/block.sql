-- +goose Up
-- +goose StatementBegin
CREATE TRIGGER t BEGIN SELECT 1; END;
-- +goose StatementEnd
-- +goose Down
DROP TRIGGER t; -- gone
