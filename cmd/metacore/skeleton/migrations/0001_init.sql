-- Tables of {{name}}. Once a version is released its migrations do not change any more: what comes
-- later goes into 0002_….sql. Every name without a schema is one of this addon's own.
CREATE TABLE IF NOT EXISTS items (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    title varchar(200) NOT NULL,
    state varchar(20) DEFAULT 'open',
    amount numeric(18, 4),
    due_on date,
    notes text,
    created_by_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);

CREATE INDEX IF NOT EXISTS items_due ON items (organization_id, due_on);
