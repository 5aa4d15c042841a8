UPDATE t AS u SET b = s.n FROM (SELECT a, count(*) AS n FROM t GROUP BY a) s WHERE s.a = u.a
