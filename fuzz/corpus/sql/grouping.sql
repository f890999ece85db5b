SELECT a, b, count(*), grouping(a), grouping_id() FROM t GROUP BY ROLLUP(a, (b, d)), CUBE(x) HAVING grouping(b) = 0;
SELECT a, sum(n) FROM t GROUP BY a, b GROUPING SETS ((a), (b, a), ());
SELECT a FROM t GROUP BY GROUPING SETS (ROLLUP(a, b), CUBE(a), GROUPING SETS ((a), ())), d;
SELECT a, b FROM t GROUP BY a, b WITH ROLLUP ORDER BY ALL DESC NULLS LAST;
SELECT grouping(a) FROM t GROUP BY ALL QUALIFY rank() OVER w = 1 WINDOW w AS (PARTITION BY b ORDER BY a)
