-- Silver: typed and checked. A row here is one that the tables of gold may trust.

-- Each CONSTRAINT is an expectation: how often it was met is counted, and a row that does not meet it
-- is dropped. With the quarantine property such a row is not lost: it goes to
-- silver_ticks__quarantine with its reason, beside payloads that could not be decoded at all.
-- Try: SELECT reason, count(*) FROM silver_ticks__quarantine GROUP BY reason
CREATE OR REFRESH STREAMING TABLE silver_ticks (
  CONSTRAINT has_symbol EXPECT (symbol IS NOT NULL) ON VIOLATION DROP ROW,
  CONSTRAINT has_time EXPECT (ts IS NOT NULL) ON VIOLATION DROP ROW,
  CONSTRAINT positive_price EXPECT (price > 0) ON VIOLATION DROP ROW,
  CONSTRAINT positive_size EXPECT (size > 0) ON VIOLATION DROP ROW
)
COMMENT 'Valid ticks'
TBLPROPERTIES ('ticklake.quarantine' = 'undecodable,errors,expectations')
AS SELECT
  upper(trim(tick.symbol)) AS symbol,
  tick.ts,
  tick.price,
  tick.size,
  tick.venue,
  tick.seq               -- the tick's number at its source: orders ticks of one instant
FROM (
  SELECT from_json(
    CAST(value AS STRING),
    'symbol STRING, ts TIMESTAMP, price DOUBLE, size BIGINT, venue STRING, seq BIGINT') AS tick
  FROM STREAM bronze_ticks
);

-- Daily bars. The three things that an expectation can do with a row that breaks it:
CREATE OR REFRESH STREAMING TABLE stocks (
  -- drop it (the quarantine has it then),
  CONSTRAINT has_key EXPECT (symbol IS NOT NULL AND trade_date IS NOT NULL) ON VIOLATION DROP ROW,
  -- without ON VIOLATION: keep it, and count it,
  CONSTRAINT prices_in_order EXPECT (low <= high),
  -- or stop before anything of it is written: what has such a row is no file of bars at all.
  CONSTRAINT volume_is_a_volume EXPECT (volume IS NULL OR volume >= 0) ON VIOLATION FAIL UPDATE
)
COMMENT 'Daily bars of shares, cleaned and typed'
TBLPROPERTIES ('ticklake.quarantine' = 'undecodable,errors,expectations')
AS SELECT
  upper(trim(bar.Ticker)) AS symbol,
  bar.Date AS trade_date,
  bar.Open AS open,
  bar.High AS high,
  bar.Low AS low,
  bar.Close AS close,
  bar.Volume AS volume,
  bar.`Adj Close` AS adjusted_close
FROM (
  SELECT from_json(
    CAST(value AS STRING),
    'Ticker STRING, Date DATE, Open DOUBLE, High DOUBLE, Low DOUBLE, Close DOUBLE, Volume BIGINT,
     `Adj Close` DOUBLE') AS bar
  FROM STREAM bronze_bars
);
