-- Silver: one row a bar, typed and with plain names.

-- Of the records of one bar the latest counts: all bars of a symbol are in one partition, so that is
-- the one with the highest offset.
CREATE OR REFRESH MATERIALIZED VIEW silver_weekly
COMMENT 'A week of a company in one row, as last reported'
AS SELECT symbol, week_ending, open, high, low, close, adjusted_close, volume, dividend
FROM (
  SELECT
    upper(trim(bar.symbol)) AS symbol,
    CAST(bar.exchange_time AS DATE) AS week_ending,
    bar.open, bar.high, bar.low, bar.close,
    bar.adjusted_close,                       -- as if all splits and dividends had been known
    CAST(bar.volume AS BIGINT) AS volume,
    bar.dividend_amount AS dividend,
    row_number() OVER (PARTITION BY bar.symbol, bar.exchange_time ORDER BY offset DESC) AS latest
  FROM (
    SELECT offset, from_json(
      CAST(value AS STRING),
      'symbol STRING, exchange_time STRING, open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE,
       adjusted_close DOUBLE, volume DOUBLE, dividend_amount DOUBLE') AS bar
    FROM bronze_weekly
  ) AS parsed
) AS numbered
WHERE latest = 1;

CREATE OR REFRESH MATERIALIZED VIEW silver_hours
COMMENT 'An hour of a company in one row, as last reported'
AS SELECT symbol, starts_at, trade_date, open, high, low, close, volume
FROM (
  SELECT
    upper(trim(bar.symbol)) AS symbol,
    bar.ts AS starts_at,                                                -- an instant, UTC
    CAST(substring(bar.exchange_time, 1, 10) AS DATE) AS trade_date,    -- the day in New York
    bar.open, bar.high, bar.low, bar.close,
    CAST(bar.volume AS BIGINT) AS volume,
    row_number() OVER (PARTITION BY bar.symbol, bar.ts ORDER BY offset DESC) AS latest
  FROM (
    SELECT offset, from_json(
      CAST(value AS STRING),
      'symbol STRING, ts TIMESTAMP, exchange_time STRING, open DOUBLE, high DOUBLE, low DOUBLE,
       close DOUBLE, volume DOUBLE') AS bar
    FROM bronze_hours
  ) AS parsed
) AS numbered
WHERE latest = 1;
