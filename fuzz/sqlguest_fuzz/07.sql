SELECT CASE WHEN f THEN d - interval '1 day' ELSE now() END, c * 1.5 FROM t WHERE a LIKE '%x_'
