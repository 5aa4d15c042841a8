-- SPDX-License-Identifier: Apache-2.0
-- Documents that nothing looks into are kept as they came: jsonb would sort their keys.
-- +goose Up
ALTER TABLE metacore_installations ALTER COLUMN settings DROP DEFAULT;
ALTER TABLE metacore_installations ALTER COLUMN settings TYPE json USING settings::json;
ALTER TABLE metacore_installations ALTER COLUMN settings SET DEFAULT '{}';
ALTER TABLE metacore_addons ALTER COLUMN manifest TYPE json USING manifest::json;
ALTER TABLE notifications ALTER COLUMN metadata DROP DEFAULT;
ALTER TABLE notifications ALTER COLUMN metadata TYPE json USING metadata::json;
ALTER TABLE notifications ALTER COLUMN metadata SET DEFAULT '{}';
ALTER TABLE eventlog_events ALTER COLUMN data TYPE json USING data::json;
ALTER TABLE outbox_jobs ALTER COLUMN payload TYPE json USING payload::json;
ALTER TABLE outbox_schedules ALTER COLUMN payload TYPE json USING payload::json;
-- +goose Down
ALTER TABLE outbox_schedules ALTER COLUMN payload TYPE jsonb USING payload::jsonb;
ALTER TABLE outbox_jobs ALTER COLUMN payload TYPE jsonb USING payload::jsonb;
ALTER TABLE eventlog_events ALTER COLUMN data TYPE jsonb USING data::jsonb;
ALTER TABLE notifications ALTER COLUMN metadata DROP DEFAULT;
ALTER TABLE notifications ALTER COLUMN metadata TYPE jsonb USING metadata::jsonb;
ALTER TABLE notifications ALTER COLUMN metadata SET DEFAULT '{}';
ALTER TABLE metacore_addons ALTER COLUMN manifest TYPE jsonb USING manifest::jsonb;
ALTER TABLE metacore_installations ALTER COLUMN settings DROP DEFAULT;
ALTER TABLE metacore_installations ALTER COLUMN settings TYPE jsonb USING settings::jsonb;
ALTER TABLE metacore_installations ALTER COLUMN settings SET DEFAULT '{}';
