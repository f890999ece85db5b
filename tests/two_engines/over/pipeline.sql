-- Window functions: ranks, neighbours, frames by rows, ranges and intervals, QUALIFY.
CREATE OR REFRESH STREAMING TABLE bars AS SELECT * FROM STREAM read_files('in/t', format => 'csv', header => true, schema => 'symbol STRING, day DATE, close INT');

CREATE OR REFRESH MATERIALIZED VIEW ranked AS
SELECT symbol, day, close, row_number() OVER w AS rn, rank() OVER (PARTITION BY symbol ORDER BY close) AS r, dense_rank() OVER (PARTITION BY symbol ORDER BY close DESC) AS dr, percent_rank() OVER (ORDER BY close, symbol, day) AS pr,
  cume_dist() OVER (ORDER BY close) AS cd, ntile(3) OVER (ORDER BY symbol, day) AS third, lag(close) OVER w AS before, lag(close, 2, -1) OVER w AS two_before, lead(close) OVER w AS after, lag(close) IGNORE NULLS OVER w AS known_before,
  first_value(close) OVER w AS first, last_value(close, true) OVER w AS last_known, nth_value(close, 2) OVER w AS second
FROM bars WINDOW w AS (PARTITION BY symbol ORDER BY day);

CREATE OR REFRESH MATERIALIZED VIEW frames AS
SELECT symbol, day, sum(close) OVER (PARTITION BY symbol ORDER BY day ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS three, avg(close) OVER (PARTITION BY symbol ORDER BY day ROWS 2 PRECEDING) AS mean,
  sum(close) OVER (ORDER BY close RANGE BETWEEN 5 PRECEDING AND CURRENT ROW) AS close_by, count(*) OVER (PARTITION BY symbol ORDER BY day RANGE BETWEEN INTERVAL 2 DAYS PRECEDING AND CURRENT ROW) AS days,
  max(close) OVER (PARTITION BY symbol) AS high, sum(close) OVER (PARTITION BY symbol ORDER BY day) AS running, collect_list(close) OVER (PARTITION BY symbol ORDER BY day) AS so_far, count(close) OVER () AS everything,
  min(close) OVER (PARTITION BY symbol ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS lowest_before
FROM bars;

CREATE OR REFRESH MATERIALIZED VIEW newest AS
SELECT symbol, day, close, close - avg(close) OVER (PARTITION BY symbol) AS off FROM bars ;
