INSERT INTO t (a, b) VALUES ($1, 2) ON CONFLICT (id) DO UPDATE SET b = t.b + excluded.b RETURNING id
