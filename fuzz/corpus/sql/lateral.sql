SELECT a, e, p FROM t LATERAL VIEW OUTER posexplode(l) v AS p, e LATERAL VIEW explode(m) AS k, v WHERE e > 1;
SELECT posexplode_outer(l) AS (p, e), s.* FROM t WHERE a IN (1, 2);
SELECT * FROM t, LATERAL explode(t.l) AS u(e), LATERAL (SELECT t.a + e AS z FROM t AS q WHERE q.b = t.b) AS w;
SELECT inline(r), stack(2, 1, 'a', 2) FROM t NATURAL LEFT JOIN t AS u;
CREATE STREAMING TABLE q AS SELECT a, explode(split(b, ',')) AS w FROM STREAM t WHERE a > 0;
TABLE t
;
SELECT * FROM t PIVOT (sum(a) AS s, count(*) FOR (b, d) IN (('x', DATE '2026-01-05') AS one, (NULL, NULL)));
SELECT * FROM t UNPIVOT INCLUDE NULLS ((v, w) FOR n IN ((a, b) AS ab, (b, a))) AS u UNPIVOT (x FOR y IN (v, w))
