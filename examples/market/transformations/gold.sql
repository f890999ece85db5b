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

-- A day of these in one candle. A materialized view is worked out anew when its input has changed, so
-- today's candle grows.
CREATE OR REFRESH MATERIALIZED VIEW gold_candles_1d
COMMENT 'Daily candles of the live ticks'
AS SELECT
  symbol,
  CAST(window_start AS DATE) AS trade_date,
  min_by(open, window_start) AS open,
  max(high) AS high,
  min(low) AS low,
  max_by(close, window_start) AS close,
  sum(volume) AS volume,
  sum(trades) AS trades
FROM gold_candles_1m
GROUP BY symbol, CAST(window_start AS DATE);

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

-- The real bars by year.
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
FROM stocks
GROUP BY symbol, year(trade_date);

-- Closing prices as they held: a row from one close to the next one that differs, SCD type 2. Bars may
-- come late or twice (a corrected file, another source): the rows are the same. What they are made
-- from is in close_price__cdc.
CREATE OR REFRESH STREAMING TABLE close_price
COMMENT 'Closing prices and when they held';

CREATE FLOW close_price_flow AS AUTO CDC INTO close_price
FROM STREAM(stocks)
KEYS (symbol)
SEQUENCE BY trade_date
COLUMNS (symbol, close)
STORED AS SCD TYPE 2;

CREATE OR REFRESH MATERIALIZED VIEW current_close
COMMENT 'The newest closing price of each symbol'
AS SELECT symbol, close, __START_AT AS since
FROM close_price
WHERE __END_AT IS NULL;

-- A stream joined with a table: each bar is joined once, when it comes, with the price that holds then.
-- What current_close says later changes no row that is here.
CREATE OR REFRESH STREAMING TABLE stocks_close
COMMENT 'Daily bars with the closing price that held when they came'
AS SELECT
  s.symbol, s.trade_date, s.close, s.volume,
  c.close AS close_then,
  c.since AS close_since
FROM STREAM stocks s
LEFT JOIN current_close c ON s.symbol = c.symbol;

-- A join of tables, in a materialized view, is worked out anew: each bar beside the price that holds now.
CREATE OR REFRESH MATERIALIZED VIEW updated_stocks
COMMENT 'Daily bars, and what the share has gained since'
AS SELECT
  s.symbol, s.trade_date, s.open, s.high, s.low, s.close, s.volume,
  c.close AS current_close,
  c.since AS current_since,
  round(100 * (try_divide(c.close, s.close) - 1), 2) AS gain_percent
FROM stocks s
JOIN current_close c ON s.symbol = c.symbol;
