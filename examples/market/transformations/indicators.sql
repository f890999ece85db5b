-- Technical indicators, by the market functions (docs/market_functions.md has their definitions). Each
-- looks at the rows of its symbol in the order of time, and is NULL until it has seen enough of them.

CREATE OR REFRESH MATERIALIZED VIEW indicators
COMMENT 'Indicators of the daily bars'
AS SELECT
  symbol, trade_date, close,
  sma(close, 50) OVER by_day AS sma_50,
  ema(close, 20) OVER by_day AS ema_20,
  rsi(close, 14) OVER by_day AS rsi_14,
  macd(close, 12, 26, 9) OVER by_day AS macd,           -- macd.line, macd.signal, macd.histogram
  bollinger(close, 20, 2) OVER by_day AS bands,         -- bands.lower, bands.middle, bands.upper
  atr(high, low, close, 14) OVER by_day AS atr_14
FROM stocks
WINDOW by_day AS (PARTITION BY symbol ORDER BY trade_date);

-- The volume-weighted average price begins anew each day: the day is part of the partition.
CREATE OR REFRESH MATERIALIZED VIEW indicators_1m
COMMENT 'Indicators of the one-minute candles'
AS SELECT
  symbol, window_start, close,
  ema(close, 9) OVER by_minute AS ema_9,
  rsi(close, 14) OVER by_minute AS rsi_14,
  vwap((high + low + close) / 3, volume)
    OVER (PARTITION BY symbol, CAST(window_start AS DATE) ORDER BY window_start) AS vwap
FROM gold_candles_1m
WINDOW by_minute AS (PARTITION BY symbol ORDER BY window_start);
