-- Instants and wall-clock times, time zones over the changes of the clock, parts, truncation, formats and arithmetic.
CREATE OR REFRESH STREAMING TABLE moments AS
SELECT id, ts, to_timestamp_ntz(text) AS wall, from_utc_timestamp(ts, 'America/New_York') AS new_york, to_utc_timestamp(ts, 'Europe/Berlin') AS from_berlin,
  convert_timezone('UTC', 'Asia/Kolkata', CAST(ts AS TIMESTAMP_NTZ)) AS kolkata, CAST(ts AS DATE) AS day, day AS given
FROM STREAM read_files('in/t', format => 'csv', header => true, schema => 'id INT, ts TIMESTAMP, text STRING, day DATE');

CREATE OR REFRESH MATERIALIZED VIEW parts AS
SELECT id, year(ts) AS y, quarter(ts) AS q, month(ts) AS m, day(ts) AS d, hour(ts) AS h, minute(ts) AS mi, second(ts) AS s, dayofweek(ts) AS dow,
  weekday(ts) AS wd, dayofyear(ts) AS doy, weekofyear(ts) AS w, extract(SECOND FROM ts) AS exact, date_part('YEAROFWEEK', ts) AS iso_year,
  date_trunc('WEEK', ts) AS week, date_trunc('QUARTER', ts) AS quarter, date_trunc('HOUR', new_york) AS local_hour, trunc(day, 'MM') AS month_begin, trunc(given, 'YEAR') AS year_begin,
  date_format(ts, 'yyyy-MM-dd HH:mm:ss.SSSSSS') AS text, date_format(new_york, 'EEE d MMM yyyy hh:mm a') AS spoken, unix_micros(ts) AS micros, unix_timestamp(ts) AS seconds,
  CAST(ts AS STRING) AS as_text, CAST(wall AS STRING) AS wall_text, CAST(CAST(ts AS BIGINT) AS TIMESTAMP) AS whole
FROM moments;

CREATE OR REFRESH MATERIALIZED VIEW sums AS
SELECT id, ts + INTERVAL 1 MONTH AS in_a_month, ts - INTERVAL '1 02:03:04.000005' DAY TO SECOND AS before, given + INTERVAL 1 YEAR AS in_a_year, add_months(given, -1) AS month_ago,
  date_add(given, 59) AS later, datediff(day, given) AS days, months_between(ts, CAST(given AS TIMESTAMP)) AS months, last_day(given) AS month_end, next_day(given, 'MON') AS monday,
  timestampadd(HOUR, 25, ts) AS tomorrow, timestampdiff(MINUTE, CAST(given AS TIMESTAMP), ts) AS minutes, ts > CAST(given AS TIMESTAMP) AS is_after, wall < TIMESTAMP_NTZ '2026-01-01 00:00:00' AS is_early,
  make_date(year(given), 2, 28) AS february, date_from_unix_date(id) AS counted
FROM moments;

CREATE OR REFRESH STREAMING TABLE trading_days AS
SELECT window.start AS start, window.end AS end, count(*) AS n, min(ts) AS first, max(ts) AS last
FROM STREAM moments WATERMARK new_york DELAY OF INTERVAL 20 DAYS
WHERE ts > TIMESTAMP '1970-01-02 00:00:00Z' -- Spark's watermark begins in 1970: what was before is late there
GROUP BY window(new_york, '1 day');
