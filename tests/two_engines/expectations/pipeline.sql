-- What expectations drop and keep, NULL among it: a row for which a condition is not true does not meet it.
CREATE OR REFRESH STREAMING TABLE raw AS SELECT * FROM STREAM read_files('in/t', format => 'json', schema => 'id INT, price DOUBLE, size INT, symbol STRING');

CREATE OR REFRESH STREAMING TABLE checked (
  CONSTRAINT priced EXPECT (price > 0) ON VIOLATION DROP ROW,
  CONSTRAINT sized EXPECT (size BETWEEN 1 AND 100),
  CONSTRAINT `named "so"` EXPECT (symbol IN ('IBM', 'HP') OR symbol LIKE 'A%') ON VIOLATION DROP ROW,
  CONSTRAINT known EXPECT (id IS NOT NULL) ON VIOLATION FAIL UPDATE
) AS SELECT id, price, size, upper(symbol) AS symbol FROM STREAM raw;

CREATE OR REFRESH MATERIALIZED VIEW sums (CONSTRAINT enough EXPECT (n > 1) ON VIOLATION DROP ROW, CONSTRAINT some EXPECT (volume > 50)) AS
SELECT symbol, count(*) AS n, sum(size) AS volume FROM raw GROUP BY symbol;
