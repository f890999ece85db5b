-- GROUPING SETS, ROLLUP, CUBE, HAVING, FILTER, DISTINCT aggregates, PIVOT and UNPIVOT; grouped once more when rows come.
CREATE OR REFRESH STREAMING TABLE sales AS SELECT * FROM STREAM read_files('in/t', format => 'csv', header => true, schema => 'region STRING, product STRING, day DATE, n INT, price DECIMAL(8,2)');

CREATE OR REFRESH MATERIALIZED VIEW sets AS
SELECT region, product, grouping(region) AS gr, grouping_id(region, product) AS gid, count(*) AS rows, sum(n) AS n, sum(n * price) AS amount
FROM sales GROUP BY GROUPING SETS ((region, product), (region), ());

CREATE OR REFRESH MATERIALIZED VIEW rolled AS SELECT region, month(day) AS month, sum(n) AS n FROM sales GROUP BY ROLLUP (region, month(day));
CREATE OR REFRESH MATERIALIZED VIEW cubed AS SELECT region, product, count(n) AS n, count(DISTINCT day) AS days FROM sales GROUP BY CUBE (region, product);

CREATE OR REFRESH MATERIALIZED VIEW filtered AS
SELECT product, sum(n) FILTER (WHERE region = 'north') AS north, count(*) FILTER (WHERE n IS NULL) AS unknown, count_if(n > 3) AS above, avg(price) AS price, any_value(product) AS p, median(n) AS middle,
  percentile(n, 0.25) AS quarter, mode(n) AS common, stddev_pop(n) IS NOT NULL AS spread, bool_or(n > 4) AS some, approx_count_distinct(region) AS regions, array_sort(collect_set(region)) AS names
FROM sales GROUP BY product HAVING count(*) > 1;

CREATE OR REFRESH MATERIALIZED VIEW pivoted AS
SELECT * FROM (SELECT region, product, n FROM sales) PIVOT (sum(n) AS n, count(*) AS rows FOR product IN ('apple' AS apple, 'pear' AS pear));

CREATE OR REFRESH MATERIALIZED VIEW unpivoted AS
SELECT * FROM (SELECT region, product, n, CAST(price AS INT) AS price FROM sales) UNPIVOT (value FOR what IN (n, price AS cost));
