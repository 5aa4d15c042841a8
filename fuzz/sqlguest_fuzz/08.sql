SELECT greatest(b, 1), due.x FROM (SELECT d::date AS x FROM t) due LEFT JOIN t ON f IS NOT TRUE
