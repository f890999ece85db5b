-- Precision and scale of every operation, rounding, sums and averages, and comparisons between scales.
CREATE OR REFRESH STREAMING TABLE amounts AS
SELECT id, a, b, c, a + b AS plus, a - b AS minus, a * b AS times, try_divide(a, b) AS quotient, a % nullif(b, 0) AS rest, -a AS negative, abs(a) AS absolute,
  a + 1 AS plus_one, a * 1.5 AS half_more, a + c AS mixed, a > b AS greater, a = b AS equal, a + CAST(0.1 AS DOUBLE) AS as_double,
  round(a, 1) AS rounded, round(a) AS whole, bround(a, 1) AS bankers, ceil(a) AS up, floor(a) AS down, round(a, -2) AS hundreds,
  try_cast(a AS DECIMAL(10,1)) AS narrow, CAST(a AS BIGINT) AS integer, CAST(a AS STRING) AS text, coalesce(a, c, 0) AS first,
  greatest(a, b) AS most, CASE WHEN a > 0 THEN a ELSE 0 END AS positive, a IN (1.50, 2) AS listed
FROM STREAM read_files('in/t', format => 'json', schema => 'id INT, k STRING, a DECIMAL(12,2), b DECIMAL(9,4), c DECIMAL(20,0)');

CREATE OR REFRESH MATERIALIZED VIEW totals AS
SELECT id % 2 AS odd, sum(a) AS a, sum(b) AS b, sum(c) AS c, avg(a) AS avg_a, avg(b) AS avg_b, min(a) AS min_a, max(b) AS max_b, sum(a * b) AS product,
  sum(DISTINCT a) AS different, count(a) AS n, try_sum(c) AS c_again, round(avg(a), 2) AS mean, sum(a) / count(*) AS by_hand
FROM amounts GROUP BY id % 2;

CREATE OR REFRESH MATERIALIZED VIEW mixed AS
SELECT a FROM amounts UNION SELECT b FROM amounts UNION SELECT c FROM amounts UNION SELECT 7;
