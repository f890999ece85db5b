-- Gold: what people look at.

-- One-minute candles. A window is written once, when the watermark has passed its end: the newest
-- tick of every partition is then at least 10 seconds later, so ticks up to 10 seconds late count.
-- struct(ts, seq) orders ticks of one instant: open and close are the same in every run.
CREATE OR REFRESH STREAMING TABLE gold_candles_1m
COMMENT 'One-minute candles'
AS SELECT
  symbol,
  window.start AS window_start,
  window.end AS window_end,
  min_by(price, struct(ts, seq)) AS open,
  max(price) AS high,
  min(price) AS low,
  max_by(price, struct(ts, seq)) AS close,
  sum(size) AS volume,
  count(*) AS trades
FROM STREAM silver_ticks WATERMARK ts DELAY OF INTERVAL 10 SECONDS
GROUP BY window(ts, '1 minute'), symbol;

-- A materialized view is worked out anew when its input has changed.
CREATE OR REFRESH MATERIALIZED VIEW gold_daily_volume
COMMENT 'Volume and average price a day and symbol, of the live ticks'
AS SELECT
  symbol,
  CAST(ts AS DATE) AS trade_date,
  sum(size) AS volume,
  avg(price) AS average_price,
  count(*) AS trades
FROM silver_ticks
GROUP BY symbol, CAST(ts AS DATE);

-- The same of the real bars, by year.
CREATE OR REFRESH MATERIALIZED VIEW gold_yearly_bars
COMMENT 'A year in one bar: volume and average close of the daily bars'
AS SELECT
  symbol,
  year(trade_date) AS trade_year,
  min_by(open, trade_date) AS open,
  max(high) AS high,
  min(low) AS low,
  max_by(close, trade_date) AS close,
  sum(volume) AS volume,
  avg(close) AS average_close,
  count(*) AS days
FROM silver_bars
GROUP BY symbol, year(trade_date);

-- Closing prices as they held: a row from one close to the next one that differs, SCD type 2. Bars may
-- come late or twice (a corrected file, another source): the rows are the same. What they are made
-- from is in close_price__cdc.
CREATE OR REFRESH STREAMING TABLE close_price
COMMENT 'Closing prices and when they held';

CREATE FLOW close_price_flow AS AUTO CDC INTO close_price
FROM STREAM(silver_bars)
KEYS (symbol)
SEQUENCE BY trade_date
COLUMNS (symbol, close)
STORED AS SCD TYPE 2;

CREATE OR REFRESH MATERIALIZED VIEW current_close
COMMENT 'The newest closing price of each symbol'
AS SELECT symbol, close, __START_AT AS since
FROM close_price
WHERE __END_AT IS NULL;
