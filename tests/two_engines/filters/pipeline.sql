-- WHERE, casts and expressions over NULLs and the ends of each type.
CREATE OR REFRESH STREAMING TABLE numbers AS
SELECT * FROM STREAM read_files('in/t', format => 'json',
  schema => 'id INT, b TINYINT, s SMALLINT, i INT, l BIGINT, f FLOAT, d DOUBLE, dec DECIMAL(12,3), ok BOOLEAN, t STRING, day DATE');

CREATE OR REFRESH STREAMING TABLE kept AS
SELECT id, i, t FROM STREAM numbers WHERE i > 0 OR t IS NULL;

CREATE OR REFRESH STREAMING TABLE unknown AS
SELECT id, i > 0 AS positive, NOT ok AS not_ok, ok AND i > 0 AS both, ok OR i > 0 AS one, i <=> 7 AS seven,
  coalesce(i, l, -1) AS first, nullif(t, '') AS text, i IN (1, 7, NULL) AS listed, t LIKE 'a%' AS begins_with_a,
  CASE WHEN d > 1 THEN 'big' WHEN d <= 1 THEN 'small' END AS size, if(isnan(d), 0D, d) AS number
FROM STREAM numbers;

CREATE OR REFRESH STREAMING TABLE casts AS
SELECT id, CAST(i AS STRING) AS i_text, CAST(l AS STRING) AS l_text, CAST(dec AS STRING) AS dec_text, CAST(d AS STRING) AS d_text,
  CAST(f AS STRING) AS f_text, CAST(ok AS INT) AS ok_number, try_cast(t AS INT) AS t_int, try_cast(t AS DOUBLE) AS t_double,
  try_cast(t AS DATE) AS t_date, try_cast(t AS TIMESTAMP) AS t_time, try_cast(t AS DECIMAL(6,2)) AS t_decimal, try_cast(t AS BOOLEAN) AS t_boolean,
  CAST(dec AS INT) AS dec_int, try_cast(d AS INT) AS d_int, try_cast(l AS INT) AS l_int, CAST(day AS TIMESTAMP) AS midnight, CAST(i AS DOUBLE) AS i_double
FROM STREAM numbers;

CREATE OR REFRESH MATERIALIZED VIEW summary AS
SELECT count(*) AS n, count(i) AS with_i, sum(b) AS sum_b, sum(i) AS sum_i, sum(dec) AS sum_dec, avg(dec) AS avg_dec, avg(i) AS avg_i,
  min(l) AS min_l, max(l) AS max_l, min(t) AS min_t, max(t) AS max_t, min(day) AS first_day, max(day) AS last_day, max(d) AS max_d,
  bool_and(ok) AS all_ok, bool_or(ok) AS any_ok, count(DISTINCT t) AS texts
FROM numbers;
