-- Gold: what people look at.
CREATE OR REFRESH MATERIALIZED VIEW gold_weekly_years
COMMENT 'A year of a company in one row: its bar, dividends and gain'
AS SELECT
  symbol,
  year(week_ending) AS trade_year,
  min_by(open, week_ending) AS open,
  max(high) AS high,
  min(low) AS low,
  max_by(close, week_ending) AS close,
  sum(volume) AS volume,
  sum(dividend) AS dividends,
  round(100 * (max_by(adjusted_close, week_ending) / min_by(adjusted_close, week_ending) - 1), 2)
    AS gain_percent,          -- from the first week's close to the last one's, dividends included
  count(*) AS weeks
FROM silver_weekly
GROUP BY symbol, year(week_ending);

CREATE OR REFRESH MATERIALIZED VIEW gold_hours_days
COMMENT 'A day of a company in one row, made of its hours'
AS SELECT
  symbol,
  trade_date,
  min_by(open, starts_at) AS open,
  max(high) AS high,
  min(low) AS low,
  max_by(close, starts_at) AS close,
  sum(volume) AS volume,
  round(sum(close * volume) / sum(volume), 4) AS average_price,    -- weighted by volume
  count(*) AS hours
FROM silver_hours
GROUP BY symbol, trade_date;
